import type { Item } from '../../lib/log/store.js';
import { TABLES } from '../../lib/log/tables.js';
import { type EventImage, parseEvent, type StreamRecord } from './events.js';
import { forEachNamespace, itemOfImage, namespaceOfPartition, namespacesOf, textOf } from './namespaces.js';

/** What expire needs of `Reaper`. */
export interface ExpireReaper {
  sweep(): Promise<unknown>;
  onLeaseRemoved(oldImage: Item): Promise<unknown>;
}

export interface ExpireWiring {
  /** Namespaces that a scheduled event looks after. */
  readonly namespaces: readonly string[];
  /** Calls `work` with a reaper that is ready, and lets go of what it took when `work` has ended. */
  readonly withReaper: (namespace: string, work: (reaper: ExpireReaper) => Promise<void>) => Promise<void>;
}

/** Ends the sessions of leases that are gone; on a schedule, of all sessions that have neither lease nor living owner. */
export function expireHandler(wiring: () => ExpireWiring) {
  return async (event: unknown): Promise<void> => {
    const { namespaces, withReaper } = wiring();
    const parsed = parseEvent(event);
    if (parsed.kind !== 'records') {
      const named = namespacesOf(parsed, namespaces, namespaceOfLease);
      await forEachNamespace(named, (namespace) =>
        withReaper(namespace, async (reaper) => {
          await reaper.sweep();
        }),
      );
      return;
    }
    const removed = removedByNamespace(parsed.records);
    await forEachNamespace([...removed.keys()], (namespace) =>
      withReaper(namespace, async (reaper) => {
        for (const image of removed.get(namespace) ?? []) await reaper.onLeaseRemoved(image);
      }),
    );
  };
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
