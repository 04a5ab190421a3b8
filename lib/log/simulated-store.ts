import type { Clock } from '../base/clock.js';
import { sleep } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { checkKey, checkQuery } from './input-checks.js';
import { SimulatedTables, checkWrite } from './simulated-tables.js';
import type { Costed, StoreChange, WriteCall } from './simulated-tables.js';
import { StoreError } from './store.js';
import type { DeleteInput, Item, Key, Page, PutInput, QueryInput, Store, StoreObserver } from './store.js';
import type { TableName, UpdateInput, WriteOutcome } from './store.js';

export type { StoreChange, WriteCall } from './simulated-tables.js';

/** What can go wrong with one call. */
export type Fault =
  /** The call is done, its answer never arrives: `Unavailable`. */
  | 'lostReply'
  /** The call never arrives: `Unavailable`. */
  | 'lostRequest'
  /** The call is refused for capacity: `Throttled`. */
  | 'throttle'
  /** A write that is held up: `Unavailable` now, and done (with its condition) after a delay. A read is lost. */
  | 'delayedWrite';

/** Probabilities per call (0 … 1), and times in ms of the store's clock. May be changed at any time. */
export interface Faults {
  lostReply: number;
  lostRequest: number;
  throttle: number;
  delayedWrite: number;
  /** How long a delayed write is held up. With 0 it is done in a microtask, without a timer. */
  delayMinMs: number;
  delayMaxMs: number;
  /** How long a call takes, half of it before its effect and half after. With 0 the effect is there when the call returns. */
  latencyMinMs: number;
  latencyMaxMs: number;
  /** Forces pages of at most so many items. */
  pageItemsMax: number;
}

export const NO_FAULTS: Readonly<Faults> = {
  lostReply: 0,
  lostRequest: 0,
  throttle: 0,
  delayedWrite: 0,
  delayMinMs: 0,
  delayMaxMs: 0,
  latencyMinMs: 0,
  latencyMaxMs: 0,
  pageItemsMax: Infinity,
};

/** A call as it is about to be made. */
export type StoreCall =
  | WriteCall
  | { readonly operation: 'get'; readonly table: TableName; readonly key: Key }
  | { readonly operation: 'query'; readonly table: TableName; readonly input: QueryInput };

/** Decides the fate of a call. A promise holds the call back until it resolves, before its effect. */
export type Intercept = (call: StoreCall) => Fault | undefined | Promise<Fault | undefined>;

export interface ScriptedFault {
  /** Any operation, or table, when left out. */
  readonly operation?: StoreCall['operation'];
  readonly table?: TableName;
  readonly fault: Fault;
}

export interface SimulatedStoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly faults?: Partial<Faults>;
  readonly observer?: StoreObserver;
  /** Tables that are shared with other stores; own ones by default. */
  readonly tables?: SimulatedTables;
  /** The tables' own clock, for samples of server time. By default `clock`. */
  readonly serverClock?: Clock;
}

/**
 * DynamoDB in memory, behind a network with faults. With the same seed, clock and calls it does the same again.
 *
 * One store is one caller's connection. Several callers with faults and clocks of their own share tables by
 * {@link SimulatedStore.connect}.
 */
export class SimulatedStore implements Store {
  readonly tables: SimulatedTables;
  readonly faults: Faults;
  /** Decides before scripted and random faults do. */
  intercept: Intercept | undefined;
  readonly #clock: Clock;
  readonly #serverClock: Clock;
  readonly #random: Random;
  readonly #observer: StoreObserver | undefined;
  readonly #scripted: ScriptedFault[] = [];
  readonly #held = new Set<() => void>();

  constructor(options: SimulatedStoreOptions) {
    this.#clock = options.clock;
    this.#serverClock = options.serverClock ?? options.clock;
    this.#random = options.random;
    this.#observer = options.observer;
    this.faults = { ...NO_FAULTS, ...options.faults };
    this.tables = options.tables ?? new SimulatedTables();
  }

  /** Another caller's store on the same tables, without faults unless they are given. */
  connect(options: Partial<Omit<SimulatedStoreOptions, 'tables' | 'serverClock'>> = {}): SimulatedStore {
    return new SimulatedStore({
      clock: this.#clock,
      random: this.#random,
      ...options,
      tables: this.tables,
      serverClock: this.#serverClock,
    });
  }

  async get(table: TableName, key: Key): Promise<Item | undefined> {
    checkKey(table, key);
    return this.#call({ operation: 'get', table, key }, () => this.tables.get(table, key));
  }

  async put(input: PutInput): Promise<WriteOutcome> {
    return this.#write({ operation: 'put', table: input.table, input });
  }

  async update(input: UpdateInput): Promise<WriteOutcome> {
    return this.#write({ operation: 'update', table: input.table, input });
  }

  async delete(input: DeleteInput): Promise<WriteOutcome> {
    return this.#write({ operation: 'delete', table: input.table, input });
  }

  async query(input: QueryInput): Promise<Page> {
    checkQuery(input);
    return this.#call({ operation: 'query', table: input.table, input }, () =>
      this.tables.query(input, this.faults.pageItemsMax),
    );
  }

  /** The next call that matches meets this fault. Several wait in the order they were given. */
  failNext(fault: ScriptedFault): void {
    this.#scripted.push(fault);
  }

  /** Writes that are held up and not done yet. */
  get delayedWrites(): number {
    return this.#held.size;
  }

  /** Lets all writes that are held up happen now, in the order in which they were sent. */
  releaseDelayedWrites(): void {
    for (const release of [...this.#held]) release();
  }

  /** All items of a table, ordered by key. */
  dump(table: TableName): Item[] {
    return this.tables.dump(table);
  }

  /** Removes what has outlived its time to live. See {@link SimulatedTables.deleteExpired}. */
  deleteExpired(nowMs: number): { readonly table: TableName; readonly item: Item }[] {
    return this.tables.deleteExpired(nowMs);
  }

  /** Called synchronously for every change of the tables, whoever made it. */
  onChange(listener: (change: StoreChange) => void): () => void {
    return this.tables.onChange(listener);
  }

  async #write(call: WriteCall): Promise<WriteOutcome> {
    checkWrite(call);
    const sent = structuredClone(call);
    return this.#call(call, () => this.tables.write(sent));
  }

  async #call<Result>(call: StoreCall, effect: () => Costed<Result>): Promise<Result> {
    const sentMs = this.#clock.now();
    const sentMonotonicMs = this.#clock.monotonic();
    const intercepted = this.intercept?.(call);
    const fault =
      (intercepted instanceof Promise ? await intercepted : intercepted) ??
      this.#scriptedFault(call) ??
      this.#randomFault();
    const latencyMs = this.#between(this.faults.latencyMinMs, this.faults.latencyMaxMs);
    if (latencyMs > 0) await sleep(this.#clock, latencyMs / 2);
    if (fault === 'throttle') throw new StoreError('Throttled', `simulated: ${describe(call)} throttled`);
    if (fault === 'delayedWrite') this.#holdUp(call, effect);
    const done = fault === undefined || fault === 'lostReply' ? this.#perform(call, effect) : undefined;
    const serverMs = Math.floor(this.#serverClock.now() / 1000) * 1000;
    if (latencyMs > 0) await sleep(this.#clock, latencyMs / 2);
    if (fault !== undefined || done === undefined) {
      throw new StoreError('Unavailable', `simulated: no answer to ${describe(call)} (${fault ?? ''})`);
    }
    this.#observer?.onServerTime?.({
      serverMs,
      sentMs,
      receivedMs: this.#clock.now(),
      roundTripMonotonicMs: this.#clock.monotonic() - sentMonotonicMs,
    });
    return done.result;
  }

  #perform<Result>(call: StoreCall, effect: () => Costed<Result>): Costed<Result> {
    const done = effect();
    const { result, capacityUnits } = done;
    const conditionFailed =
      typeof result === 'object' && result !== null && 'ok' in result && result.ok === false;
    this.#observer?.onCall?.({
      operation: call.operation,
      table: call.table,
      capacityUnits,
      conditionFailed,
    });
    return done;
  }

  #holdUp(call: StoreCall, effect: () => Costed<unknown>): void {
    if (call.operation === 'get' || call.operation === 'query') return;
    const release = () => {
      if (!this.#held.delete(release)) return;
      try {
        this.#perform(call, effect);
      } catch (error) {
        // Nobody waits for the answer of a write that was held up, so a refusal has no one to go to.
        if (!(error instanceof StoreError)) throw error;
      }
    };
    this.#held.add(release);
    const delayMs = this.#between(this.faults.delayMinMs, this.faults.delayMaxMs);
    if (delayMs > 0) this.#clock.after(delayMs, release);
    else queueMicrotask(release);
  }

  #scriptedFault(call: StoreCall): Fault | undefined {
    const index = this.#scripted.findIndex(
      ({ operation, table }) =>
        (operation ?? call.operation) === call.operation && (table ?? call.table) === call.table,
    );
    return index < 0 ? undefined : this.#scripted.splice(index, 1)[0]?.fault;
  }

  #randomFault(): Fault | undefined {
    const { lostReply, lostRequest, throttle, delayedWrite } = this.faults;
    if (lostReply + lostRequest + throttle + delayedWrite === 0) return undefined;
    let dice = this.#random.float();
    if ((dice -= lostReply) < 0) return 'lostReply';
    if ((dice -= lostRequest) < 0) return 'lostRequest';
    if ((dice -= throttle) < 0) return 'throttle';
    return dice < delayedWrite ? 'delayedWrite' : undefined;
  }

  #between(minMs: number, maxMs: number): number {
    return maxMs <= minMs ? minMs : minMs + this.#random.float() * (maxMs - minMs);
  }
}

function describe(call: StoreCall): string {
  return `${call.operation} on ${call.table}`;
}
