import type { ThinCaller } from '../../lib/api/caller.js';
import { noMetrics } from '../../lib/api/metrics.js';
import { ThinService } from '../../lib/api/service.js';
import type { ThinServiceOptions } from '../../lib/api/service.js';
import type { EventsInput, ThinEvents, ThinWatches, ThinWatchSubject } from '../../lib/api/watches/types.js';
import { assert } from '../../lib/base/assert.js';
import { silentLogger } from '../../lib/base/logger.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
import { Reaper } from '../../lib/keeper/reaper.js';
import type { Timer, Timers } from '../../lib/keeper/thin-timers.js';
import type { StoreCall } from '../../lib/log/simulated-store.js';
import { SimulatedStore } from '../../lib/log/simulated-store.js';
import type {
  ThinAnswer,
  ThinOperation,
  ThinRequest,
  ThinResult,
  ThinSessionReference,
} from '../../lib/wire/thin-protocol.js';
import { NAMESPACE, World } from '../keeper/world.js';

export const TRUSTED = [{ scheme: 'super', id: '' }];

/** A queue whose messages come when the test says so, as often as it says. */
export class ManualTimers implements Timers {
  readonly sent: { readonly timer: Timer; readonly dueMs: number; readonly messageId: string }[] = [];
  /** Messages that a test has let through. */
  readonly delivered = new Set<string>();
  failing = false;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  schedule(timer: Timer, delayMs: number): Promise<void> {
    if (this.failing) return Promise.reject(new Error('the queue does not answer'));
    const messageId = `m${this.sent.length + 1}`;
    this.sent.push({ timer, dueMs: this.#now() + delayMs, messageId });
    return Promise.resolve();
  }
}

/** Remembers what it was asked, and tells no events. */
export class NoWatches implements ThinWatches {
  readonly armed: (ThinWatchSubject & { readonly zxid: number })[] = [];
  readonly closed: bigint[] = [];
  events: (head: number) => ThinEvents = (head) => ({ events: [], until: head });

  arm(input: ThinWatchSubject & { readonly zxid: number }): Promise<void> {
    this.armed.push(input);
    return Promise.resolve();
  }

  remove({ kind, path }: ThinWatchSubject): Promise<boolean> {
    return Promise.resolve(this.armed.some((armed) => armed.kind === kind && armed.path === path));
  }

  async eventsFor(input: EventsInput) {
    return (await this.eventsUpTo(input)).events;
  }

  async eventsUpTo({ head }: EventsInput): Promise<ThinEvents> {
    return this.events(await head);
  }

  closeSession(session: bigint): Promise<void> {
    this.closed.push(session);
    return Promise.resolve();
  }
}

/** One instance of the function: a store connection, a keeper and a service of its own. */
export interface Instance {
  readonly store: SimulatedStore;
  readonly keeper: Keeper;
  readonly service: ThinService;
  readonly reaper: Reaper;
  readonly watches: NoWatches;
  readonly calls: StoreCall[];
}

export class ThinWorld extends World {
  readonly timers = new ManualTimers(() => this.clock.now());

  instance(options: Partial<ThinServiceOptions> = {}): Instance {
    const keeper = this.keeper();
    const { store } = keeper.replica.options;
    assert(store instanceof SimulatedStore, 'a world has simulated stores');
    const calls: StoreCall[] = [];
    store.intercept = (call) => {
      calls.push(call);
      return undefined;
    };
    const { clock, random, timers } = this;
    const watches = new NoWatches();
    const common = { store, keeper, clock, random, timers };
    const service = new ThinService({
      ...common,
      watches,
      logger: silentLogger,
      metrics: noMetrics,
      ...options,
    });
    return { store, keeper, service, reaper: new Reaper(common), watches, calls };
  }

  caller(options: Partial<ThinCaller> = {}): ThinCaller {
    const endMs = this.clock.monotonic() + 60_000;
    return {
      requestId: 'r1',
      namespace: NAMESPACE,
      authIds: TRUSTED,
      remainingMs: () => endMs - this.clock.monotonic(),
      ...options,
    };
  }

  ask(instance: Instance, request: unknown, caller = this.caller()): Promise<ThinAnswer> {
    return this.until(instance.service.handle(request, caller));
  }

  async open(instance: Instance, seed = 1, timeoutMs = 10_000): Promise<ThinSessionReference & Opened> {
    const answer = await this.ask(instance, openRequest(seed, timeoutMs));
    if (answer.type !== 'opened') throw new Error(`not opened: ${JSON.stringify(answer)}`);
    return { id: answer.session, ...answer };
  }

  /** The results of a batch; throws when the answer is none. */
  async batch(instance: Instance, request: Partial<BatchRequest>): Promise<readonly ThinResult[]> {
    const answer = await this.ask(instance, batchRequest(request));
    if (answer.type !== 'batch') throw new Error(`refused: ${JSON.stringify(answer)}`);
    return answer.results;
  }

  /** The sessions' closeSession entries in the log. */
  async closes(): Promise<bigint[]> {
    const { entries } = await this.log();
    return entries.flatMap(({ txns }) =>
      txns.flatMap(({ effect }) => (effect.type === 'closeSession' ? [effect.session] : [])),
    );
  }
}

export type Opened = Extract<ThinAnswer, { type: 'opened' }>;
export type BatchRequest = Extract<ThinRequest, { type: 'batch' }>;

export function openRequest(seed = 1, timeoutMs = 10_000): ThinRequest {
  return { v: 1, type: 'open', timeoutMs, openId: bytes16(seed) };
}

export function bytes16(seed: number): string {
  return Buffer.alloc(16, seed).toString('base64');
}

export function batchRequest(request: Partial<BatchRequest>): ThinRequest {
  return { v: 1, type: 'batch', seen: 0, operations: [], ...request };
}

export function reference({ id, epoch }: ThinSessionReference): ThinSessionReference {
  return { id, epoch };
}

const OPEN = [{ perms: 31, scheme: 'world', id: 'anyone' }];

export function create(
  path: string,
  cxid?: number,
  mode: 'persistent' | 'ephemeral' | 'persistentSequential' = 'persistent',
) {
  const operation = { op: 'create', path, data: base64('x'), acl: OPEN, mode } as const;
  return (cxid === undefined ? operation : { ...operation, cxid }) satisfies ThinOperation;
}

export function setData(path: string, data: string, cxid?: number) {
  const operation = { op: 'setData', path, data: base64(data), version: -1 } as const;
  return (cxid === undefined ? operation : { ...operation, cxid }) satisfies ThinOperation;
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
