import type { Item } from '../../lib/log/store.js';
import { TABLES } from '../../lib/log/tables.js';
import type { Timer } from '../../lib/keeper/thin-timers.js';
import {
  type BatchResponse,
  type EventImage,
  type FunctionEvent,
  parseEvent,
  type QueueRecord,
  type StreamRecord,
} from './events.js';
import { parseTimer } from './timer-messages.js';
import { forEachNamespace, itemOfImage, namespaceOfPartition, namespacesOf, textOf } from './namespaces.js';

/** What expire needs of `Reaper`. */
export interface ExpireReaper {
  sweep(): Promise<unknown>;
  onLeaseRemoved(oldImage: Item): Promise<unknown>;
}

/** What the timers' queue needs. `deliveryId` is the same each time the same message is delivered. */
export interface TimerWiring {
  readonly onTimer: (timer: Timer, deliveryId: string) => Promise<void>;
  readonly onTimerProblem: (messageId: string, error: unknown) => void;
}

/** Messages of the timers' queue that one invocation works on at the same time. */
export const TIMERS_PARALLEL_MAX = 8;

/** How long one scheduled event trims logs; the next goes on there. */
export const TRIM_MS_MAX = 20_000;

export interface ExpireWiring {
  /** Namespaces that a scheduled event looks after. */
  readonly namespaces: () => Promise<readonly string[]>;
  /** Calls `work` with a reaper that is ready, and lets go of what it took when `work` has ended. */
  readonly withReaper: (namespace: string, work: (reaper: ExpireReaper) => Promise<void>) => Promise<void>;
  /** Trims a namespace's log as far as it is old enough, if that is wanted; stops at the deadline. */
  readonly trim: (namespace: string, deadlineMs: number) => Promise<void>;
  /** Wall time, ms. */
  readonly now: () => number;
}

/** Everything that `expire` is woken by: timers, leases that were removed, the schedule. All of it ends in the same places. */
export function expireFunction(wiring: () => ExpireWiring & TimerWiring) {
  const expire = expireHandler(wiring);
  return async (event: unknown): Promise<BatchResponse | undefined> => {
    const parsed = parseEvent(event);
    if (parsed.kind === 'messages') return onMessages(wiring(), parsed.messages);
    await expire(event);
    return undefined;
  };
}

/** Ends the sessions of leases that are gone; on a schedule, of all sessions that have neither lease nor living owner. */
export function expireHandler(wiring: () => ExpireWiring) {
  return async (event: unknown): Promise<void> => {
    const parsed = parseEvent(event);
    if (parsed.kind === 'records') return onRecords(wiring().withReaper, parsed.records);
    await onSchedule(wiring(), parsed);
  };
}

async function onSchedule(wiring: ExpireWiring, event: FunctionEvent): Promise<void> {
  const named = await namespacesOf(event, wiring.namespaces, namespaceOfLease);
  const deadlineMs = wiring.now() + TRIM_MS_MAX;
  await forEachNamespace(named, async (namespace) => {
    await wiring.withReaper(namespace, async (reaper) => {
      await reaper.sweep();
    });
    await wiring.trim(namespace, deadlineMs);
  });
}

async function onRecords(
  withReaper: ExpireWiring['withReaper'],
  records: readonly StreamRecord[],
): Promise<void> {
  const removed = removedByNamespace(records);
  await forEachNamespace([...removed.keys()], (namespace) =>
    withReaper(namespace, async (reaper) => {
      for (const image of removed.get(namespace) ?? []) await reaper.onLeaseRemoved(image);
    }),
  );
}

/** A message that fails comes again, and after some attempts goes to the queue for dead letters; the others do not wait for it. */
async function onMessages(wiring: TimerWiring, messages: readonly QueueRecord[]): Promise<BatchResponse> {
  const waiting = [...messages];
  const failed: string[] = [];
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { messageId, body } = next;
      try {
        await wiring.onTimer(parseTimer(body), messageId);
      } catch (error) {
        wiring.onTimerProblem(messageId, error);
        failed.push(messageId);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(TIMERS_PARALLEL_MAX, messages.length) }, lane));
  return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
}

function removedByNamespace(records: readonly StreamRecord[]): Map<string, Item[]> {
  const removed = new Map<string, Item[]>();
  for (const { eventName, dynamodb } of records) {
    if (eventName !== 'REMOVE' || dynamodb.OldImage === undefined) continue;
    const namespace = namespaceOfLease(dynamodb.Keys);
    const images = removed.get(namespace) ?? [];
    images.push(itemOfImage(dynamodb.OldImage));
    removed.set(namespace, images);
  }
  return removed;
}

function namespaceOfLease(keys: EventImage): string {
  return namespaceOfPartition(textOf(keys, TABLES.leases.partitionKey.name));
}
