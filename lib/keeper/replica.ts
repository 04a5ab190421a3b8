import { assert } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { apply } from '../core/machine.js';
import { parseKey } from '../core/state.js';
import type { RecordKey } from '../core/state.js';
import type { Zxid } from '../core/types.js';
import { GENESIS_COUNTERS } from '../core/genesis.js';
import type { Counters, Entry } from '../log/entry.js';
import type { Item, Store } from '../log/store.js';
import { Allowance } from './allowance.js';
import { Blobs } from './blobs.js';
import { Hydrator } from './hydrator.js';
import type { Instant } from '../base/instant.js';
import { elapsedMs, instantOf, NEVER } from '../base/instant.js';
import { readEntry } from './log-rows.js';
import { withRetries } from './retry.js';
import type { Watermark } from './rows.js';
import { stateKey, watermarkOfRow } from './rows.js';
import type { Commit } from './types.js';
import { KeeperError } from './types.js';
import type { ViewLimits } from './view.js';
import { View } from './view.js';
import { Window } from './window.js';

export interface ReplicaOptions {
  readonly store: Store;
  readonly namespace: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly viewLimits?: ViewLimits;
  /** Whether writes of this keeper are refused that exceed a hard quota. ZooKeeper's option of the same name. Default: no. */
  readonly enforceQuota?: boolean;
}

export interface ReplicaListener {
  /** Called before the first transaction of an entry is applied. Must not throw. */
  beforeEntry?(entry: Entry): void;
  /** Called for every transaction when it has been applied and the next one has not, in log order. Must not throw. */
  onCommit(commit: Commit): void;
  /** Called when all listeners have been told of a transaction, before the next one is applied. Must not throw. */
  afterCommit?(commit: Commit): void;
  /** Called after all transactions of an entry were applied and reported. Must not throw. */
  onEntry(entry: Entry): void;
}

/** A replica that went on with a fresh view: what happened between the two zxids was told to nobody. */
export interface Leap {
  readonly from: Zxid;
  readonly to: Zxid;
}

/**
 * A follower of one namespace's log: a bounded view at `head`, the window of entries above the base, and the two ways to get
 * on: reading the tail, and hydrating records. Everything that applies entries goes through {@link Replica.advance}, which
 * is synchronous, so between two awaits the view stands at exactly one entry's end. Listeners see it at each transaction's end.
 */
export class Replica {
  readonly options: ReplicaOptions;
  readonly blobs: Blobs;
  readonly allowance: Allowance;
  readonly #view: View;
  readonly #hydrator: Hydrator;
  readonly #listeners = new Set<ReplicaListener>();
  readonly #leapListeners = new Set<(leap: Leap) => void>();
  #window = new Window(0);
  #head: Zxid = 0;
  #headTimeMs = 0;
  #counters: Counters = GENESIS_COUNTERS;
  #watermark: Zxid = 0;
  #started: Promise<void> | undefined;
  #tail: { readonly done: Promise<void> } | undefined;
  #nextTail: Promise<void> | undefined;
  #sequence = 0;
  #leaps = 0;
  #currentAsOf = 0;
  #tailReadAt = NEVER;
  #currentAt = NEVER;
  #unbroken = 0;
  #damage: unknown;

  constructor(options: ReplicaOptions) {
    this.options = options;
    this.#view = new View(options.viewLimits);
    this.blobs = new Blobs(options);
    this.allowance = new Allowance(options);
    this.#hydrator = new Hydrator(this);
  }

  /** Throws `Internal` once an entry could be applied in part only: nothing is answered from a state that is none. */
  get view(): View {
    if (this.#damage === undefined) return this.#view;
    throw new KeeperError('Internal', 'an entry of the log could not be applied', { cause: this.#damage });
  }

  get head(): Zxid {
    return this.#head;
  }

  get headTimeMs(): number {
    return this.#headTimeMs;
  }

  get counters(): Counters {
    return this.#counters;
  }

  get watermark(): Zxid {
    return this.#watermark;
  }

  get window(): Window {
    return this.#window;
  }

  listen(listener: ReplicaListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * With a listener, a replica that meets a trimmed entry goes on with a fresh view at the watermark, and tells how far it
   * leapt. Without one, whoever asked gets `Compacted`: who depends on every transaction has to begin anew itself.
   */
  onLeap(listener: (leap: Leap) => void): () => void {
    this.#leapListeners.add(listener);
    return () => this.#leapListeners.delete(listener);
  }

  /** How often the view was replaced by a fresh one: what was read for another view must not be put into this one. */
  get leaps(): number {
    return this.#leaps;
  }

  /** Reads the watermark and begins there; the tail is left to {@link sync}. Does nothing the second time. */
  start(): Promise<void> {
    this.#started ??= this.#begin().catch((error: unknown) => {
      this.#started = undefined;
      throw error;
    });
    return this.#started;
  }

  async #begin(): Promise<void> {
    const [watermark] = await Promise.all([this.readWatermark(), this.allowance.load()]);
    assert(this.#head === 0, 'a replica begins once');
    this.#standAt(watermark);
  }

  #standAt(watermark: Watermark): void {
    this.#head = watermark.zxid;
    this.#headTimeMs = watermark.timeMs;
    this.#counters = watermark.counters;
    this.#window = new Window(watermark.zxid);
    this.#watermark = watermark.zxid;
  }

  /** The log was trimmed above the head: all that is known is of the past, and what led from there to the present is gone. */
  async #leap(cause: unknown): Promise<void> {
    if (this.#leapListeners.size === 0) throw cause;
    const from = this.#head;
    const watermark = await this.readWatermark();
    // Somebody else was faster meanwhile: with a leap, or with an entry that came by another way.
    if (this.#head !== from) return;
    // Only what is materialized is trimmed: without a watermark beyond, the log is damaged.
    if (watermark.zxid <= from) throw cause;
    this.#leapTo(watermark);
  }

  #leapTo(watermark: Watermark): void {
    const from = this.#head;
    this.view.clear();
    this.#standAt(watermark);
    this.#leaps++;
    for (const listener of this.#leapListeners) listener({ from, to: watermark.zxid });
  }

  /** Reads how far the state tables are complete, strongly consistent. */
  async readWatermark(): Promise<Watermark> {
    const { store, namespace } = this.options;
    const row = await withRetries(this.options, () => store.get('state', stateKey.watermark(namespace)));
    return row === undefined ? { zxid: 0, timeMs: 0, counters: GENESIS_COUNTERS } : watermarkOfRow(row);
  }

  /** Reads the watermark and lets the window go up to it. */
  async refreshWatermark(): Promise<Watermark> {
    const watermark = await this.readWatermark();
    this.#watermark = Math.max(this.#watermark, watermark.zxid);
    this.#window.trimTo(Math.min(this.#watermark, this.#head));
    return watermark;
  }

  /**
   * Goes on at the watermark with an empty view, instead of reading all that was missed. Listeners miss it as well: for keepers
   * whose listeners can do without. Does nothing while somebody hydrates, or needs the log {@link unbroken}. No append may be
   * in flight.
   */
  async startAfresh(): Promise<void> {
    const watermark = await this.readWatermark();
    if (watermark.zxid <= this.#head || this.#window.isHeld || this.#unbroken > 0) return;
    this.#leapTo(watermark);
  }

  /** Until the returned function is called (once), every transaction is told to the listeners. */
  unbroken(): () => void {
    this.#unbroken++;
    return () => {
      this.#unbroken--;
    };
  }

  /** A number that grows: what was true of the log after `mark()` is covered by a tail read that begins later. */
  mark(): number {
    return ++this.#sequence;
  }

  /** True when the view stood at the log's end at some moment after `mark` was taken. */
  isCurrentSince(mark: number): boolean {
    return this.#currentAsOf > mark;
  }

  /** A put into the slot after `head`, begun at `mark`, succeeded: nothing else had come in between. */
  confirmCurrent(mark: number, beganAt: Instant): void {
    this.#currentAsOf = Math.max(this.#currentAsOf, mark);
    this.#currentAt = beganAt;
  }

  /** Ms since the view was last known to stand at the log's end, by a look at the tail or by a slot that was won. */
  get currentAgeMs(): number {
    return elapsedMs(this.#currentAt, instantOf(this.options.clock));
  }

  /** Reads the tail to its end in a read that begins after this call; concurrent calls share one read. */
  async sync(): Promise<Zxid> {
    await this.start();
    if (this.#tail === undefined) await this.#beginTail();
    else {
      this.#nextTail ??= this.#tail.done.catch(() => undefined).then(() => this.#beginTail());
      await this.#nextTail;
    }
    return this.#head;
  }

  /** Makes sure that `head` ≥ `zxid`. False when the log does not reach that far. */
  async reach(zxid: Zxid): Promise<boolean> {
    await this.start();
    if (this.#head < zxid) await this.settleTail();
    if (this.#head < zxid) await this.sync();
    return this.#head >= zxid;
  }

  /**
   * Waits for the tail read in flight, if any. Whoever only needs a later head, not a read that begins now, saves a round
   * trip with it. A failure is not told: the head has not moved, then.
   */
  async settleTail(): Promise<void> {
    await this.#tail?.done.catch(() => undefined);
  }

  /** The tail read that a row newer than the head calls for, or an absent row after a long sleep. */
  async reachForRow(zxid: Zxid): Promise<void> {
    if (await this.reach(zxid)) return;
    throw new KeeperError(
      'Compacted',
      `a row at zxid ${zxid} is ahead of the log, which ends at ${this.#head}`,
    );
  }

  /** Ms since the start of the last look at the log, by the wall or the monotonic clock, whichever says more. */
  get stalenessMs(): number {
    return elapsedMs(this.#tailReadAt, instantOf(this.options.clock));
  }

  /** Brings records into the view (I8). Unknown keys of the list may be asked again when the view is small. */
  hydrate(keys: Iterable<RecordKey>): Promise<void> {
    return this.#hydrator.hydrate(keys);
  }

  #beginTail(): Promise<void> {
    this.#nextTail = undefined;
    const done = this.#readTail().finally(() => {
      this.#tail = undefined;
    });
    this.#tail = { done };
    return done;
  }

  async #readTail(): Promise<void> {
    while (await this.readPage()) {
      // Until the log's end.
    }
  }

  /** Reads one page of the log above the head, of at most `entriesMax` entries. True when there may be more. */
  async readPage(entriesMax?: number): Promise<boolean> {
    const { store, namespace, clock } = this.options;
    const mark = this.mark();
    const startedAt = instantOf(clock);
    const query = { table: 'log', partition: namespace, from: this.#head + 1 } as const;
    const page = await withRetries(this.options, () =>
      store.query(entriesMax === undefined ? query : { ...query, limit: entriesMax }),
    );
    for (const item of page.items) await this.advanceByRow(item);
    this.#tailReadAt = startedAt;
    if (page.next !== undefined) return true;
    this.confirmCurrent(mark, startedAt);
    return false;
  }

  /** Whether a record is in the view. */
  isKnown(recordKey: RecordKey): boolean {
    const key = parseKey(recordKey);
    switch (key.kind) {
      case 'node':
        return this.view.node(key.path) !== undefined;
      case 'children':
        return this.view.children(key.path) !== undefined;
      case 'session':
        return this.view.session(key.session) !== undefined;
      case 'ephemerals':
        return this.view.ephemerals(key.session) !== undefined;
      case 'blob':
        return this.view.blob(key.id) !== undefined;
    }
  }

  /** Applies an entry as it stands in the log; a trimmed one makes the replica leap over it. */
  async advanceByRow(item: Item): Promise<void> {
    if ((item['last'] as number) <= this.#head) return;
    try {
      const { entry, bytes } = await readEntry(item, this.blobs);
      this.advance(entry, bytes);
    } catch (error) {
      if (!(error instanceof KeeperError) || error.code !== 'Compacted') throw error;
      await this.#leap(error);
    }
  }

  /** Applies the entry after `head`; one that is applied already is passed over, a gap is a broken log. */
  advance(entry: Entry, bytes: number): void {
    if (entry.last <= this.#head) return;
    assert(
      entry.first === this.#head + 1,
      `entry ${entry.first}…${entry.last} does not follow ${this.#head}`,
    );
    assert(entry.last - entry.first + 1 === entry.txns.length, `entry ${entry.first} has holes`);
    try {
      this.#apply(entry, bytes);
    } catch (error) {
      this.#damage = error;
      throw error;
    }
  }

  #apply(entry: Entry, bytes: number): void {
    this.#window.push(entry, bytes);
    for (const listener of this.#listeners) listener.beforeEntry?.(entry);
    this.#headTimeMs = entry.timeMs;
    for (const [index, txn] of entry.txns.entries()) {
      const position = { zxid: entry.first + index, timeMs: entry.timeMs };
      const triggers = apply(txn, position, this.#view);
      this.#head = position.zxid;
      const commit = { position, txn, triggers };
      for (const listener of this.#listeners) listener.onCommit(commit);
      for (const listener of this.#listeners) listener.afterCommit?.(commit);
    }
    this.#counters = entry.counters;
    for (const listener of this.#listeners) listener.onEntry(entry);
  }
}
