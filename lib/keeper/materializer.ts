import { assert, InvariantError } from '../base/assert.js';
import { apply } from '../core/machine.js';
import type { ParsedKey, RecordKey } from '../core/state.js';
import { parseKey } from '../core/state.js';
import type { Zxid } from '../core/types.js';
import type { Item } from '../log/store.js';
import type { Instant } from '../base/instant.js';
import { elapsedMs, instantOf } from '../base/instant.js';
import { dueOf, idleRow } from './idle-markers.js';
import {
  MATERIALIZE_ENTRIES_MAX,
  MATERIALIZE_PARALLEL_MAX,
  MATERIALIZE_WRITE_MS_MAX,
  TOMBSTONE_SECONDS,
} from './limits.js';
import type { ReplicaOptions } from './replica.js';
import { Replica } from './replica.js';
import { withRetries } from './retry.js';
import type { Watermark } from './rows.js';
import {
  ephemeralRow,
  nodeRow,
  rowKey,
  sessionRow,
  stateKey,
  tombstone,
  toStored,
  watermarkRow,
  zxidOfRow,
} from './rows.js';
import { Semaphore } from './semaphore.js';
import { SingleRecord } from './single-record.js';
import type { Commit } from './types.js';
import { KeeperError } from './types.js';
import type { WindowItem } from './window.js';

export interface MaterializerOptions extends ReplicaOptions {
  /** Rows written at the same time. Fewer for a store that has one writer, where appends wait behind them. */
  readonly parallelPuts?: number;
  /**
   * Awaited with every transaction of the log, in order and at least once, before the watermark moves past it: for what has to
   * follow from the log even if this run is cut off.
   */
  readonly beforeWatermark?: (commits: readonly Commit[]) => Promise<void>;
  /** The same for the due times, ms since 1970, of znodes that go by themselves. */
  readonly onIdle?: (dueTimesMs: readonly number[]) => Promise<void>;
}

export interface MaterializeReport {
  /** The watermark after the run. */
  readonly watermark: Zxid;
  readonly transactions: number;
  /** Rows written, the watermark not counted. */
  readonly rows: number;
  /** How old the first entry above the watermark was, at its worst in this run, ms. */
  readonly lagMs: number;
  /** True when the run ended before the log's end, because of its deadline. */
  readonly more: boolean;
}

/**
 * Writes the state after each entry into rows that can be read by key (I9). It reads the log from the watermark itself, so
 * that nothing depends on who calls it, how often, or with what: calls may be late, doubled, or run side by side.
 *
 * A row is written as a full image with the zxid of the last transaction in it, on the condition that the stored zxid is
 * lower. When all rows of a batch are written, the watermark moves to the batch's end, which is always an entry's end.
 */
export class Materializer {
  readonly #options: MaterializerOptions;
  #replica: Replica | undefined;
  /** What the replica has read and `beforeWatermark` has not been told. */
  #untold: Commit[] = [];

  constructor(options: MaterializerOptions) {
    this.#options = options;
  }

  /** Materializes up to the log's end, or until `deadlineMs` of wall time or the signal. Batches that were done stay done. */
  async run(options: { deadlineMs?: number; signal?: AbortSignal } = {}): Promise<MaterializeReport> {
    const { clock } = this.#options;
    let report: MaterializeReport = { watermark: 0, transactions: 0, rows: 0, lagMs: 0, more: false };
    for (;;) {
      const step = await this.#step();
      report = {
        watermark: step.watermark,
        transactions: report.transactions + step.transactions,
        rows: report.rows + step.rows,
        lagMs: Math.max(report.lagMs, step.lagMs),
        more: step.more,
      };
      if (!step.more) return report;
      if (options.signal?.aborted === true || clock.now() >= (options.deadlineMs ?? Infinity)) return report;
    }
  }

  /** One batch. A failure leaves the replica behind: the next step begins with a fresh one. */
  async #step(): Promise<MaterializeReport> {
    const replica = this.#replica ?? this.#begin();
    const isWarm = this.#replica !== undefined;
    this.#replica = undefined;
    await replica.start();
    const more = await readOn(replica);
    // One that slept for long finds what it had not read trimmed, because others have materialized it: the next begins there.
    if (more === undefined && isWarm) return this.#step();
    if (more === undefined) throw new KeeperError('Compacted', 'the log was trimmed above the watermark');
    // Another run may have moved the watermark: what it covers needs no writing by this one. What is left in the window
    // above it is the batch. It begins before the watermark is asked for: whoever is frozen while the answer is on its way
    // holds an old watermark when it thaws.
    const began = instantOf(this.#options.clock);
    replica.allowance.refresh();
    await replica.refreshWatermark();
    const batch = new Batch({
      replica,
      began,
      parallelPuts: this.#options.parallelPuts ?? MATERIALIZE_PARALLEL_MAX,
      onIdle: this.#options.onIdle ?? (() => Promise.resolve()),
    });
    const { oldestTimeMs } = replica.window;
    const lagMs = oldestTimeMs === undefined ? 0 : Math.max(0, this.#options.clock.now() - oldestTimeMs);
    await this.#tell();
    const rows = await batch.write();
    this.#replica = replica;
    return { watermark: replica.watermark, transactions: batch.transactions, rows, lagMs, more };
  }

  #begin(): Replica {
    const replica = new Replica(this.#options);
    const untold: Commit[] = [];
    this.#untold = untold;
    if (this.#options.beforeWatermark !== undefined) {
      replica.listen({ onCommit: (commit) => untold.push(commit), onEntry: () => undefined });
    }
    return replica;
  }

  async #tell(): Promise<void> {
    const commits = this.#untold.splice(0);
    if (commits.length > 0) await this.#options.beforeWatermark?.(commits);
  }
}

interface BatchInit {
  readonly replica: Replica;
  readonly began: Instant;
  readonly parallelPuts: number;
  readonly onIdle: NonNullable<MaterializerOptions['onIdle']>;
}

/** One page of the log. True when there may be more, `undefined` when it is trimmed. */
async function readOn(replica: Replica): Promise<boolean | undefined> {
  try {
    return await replica.readPage(MATERIALIZE_ENTRIES_MAX);
  } catch (error) {
    if (error instanceof KeeperError && error.code === 'Compacted') return undefined;
    throw error;
  }
}

/** The window of a replica at one moment, to be written out. */
class Batch {
  readonly #replica: Replica;
  readonly #end: Watermark;
  readonly #base: Zxid;
  readonly #began: Instant;
  readonly #changes: readonly KeyChanges[];
  readonly #parallel: Semaphore;
  readonly #onIdle: BatchInit['onIdle'];
  readonly #idle: number[] = [];
  /** What the namespace is written in. */
  readonly #format: number;

  constructor({ replica, began, parallelPuts, onIdle }: BatchInit) {
    this.#replica = replica;
    this.#onIdle = onIdle;
    this.#parallel = new Semaphore(parallelPuts);
    this.#end = { zxid: replica.head, timeMs: replica.headTimeMs, counters: replica.counters };
    this.#base = replica.window.base;
    this.#format = replica.allowance.format;
    this.#began = began;
    this.#changes = Array.from(replica.window.keys(), (key) => ({
      key: parseKey(key),
      recordKey: key,
      items: [...replica.window.items(key)],
    }));
  }

  get transactions(): number {
    return this.#end.zxid - this.#base;
  }

  /** Writes all rows, then the watermark. Returns the number of rows. */
  async write(): Promise<number> {
    if (this.transactions === 0) return 0;
    const rows = await this.#rows();
    await Promise.all(rows.map((row) => this.#parallel.run(() => this.#put(row))));
    if (this.#idle.length > 0) await this.#onIdle(this.#idle);
    await this.#put(toStored(watermarkRow(this.#replica.options.namespace, this.#end), this.#format));
    await this.#replica.refreshWatermark();
    return rows.length;
  }

  async #put(item: Item): Promise<void> {
    const { store } = this.#replica.options;
    const condition = [{ kind: 'absentOrLess', attribute: 'z', value: zxidOfRow(item) }] as const;
    // A failed condition is as good as success: the row holds this or a later image.
    await withRetries(this.#replica.options, () => {
      this.#refuseWhenLate();
      return store.put({ table: 'state', item, condition });
    });
  }

  /** A frozen instance that thaws must not write what a tombstone, gone after a day, no longer keeps out. */
  #refuseWhenLate(): void {
    const { clock } = this.#replica.options;
    const ageMs = elapsedMs(this.#began, instantOf(clock));
    if (ageMs <= MATERIALIZE_WRITE_MS_MAX) return;
    throw new KeeperError(
      'Stopped',
      `the batch began ${Math.round(ageMs)} ms ago: too late to write its rows`,
    );
  }

  async #rows(): Promise<Item[]> {
    const records = this.#changes.filter(({ key }) => key.kind === 'node' || key.kind === 'session');
    const keys = records.map(({ recordKey }) => recordKey);
    const unpin = this.#replica.view.pin(keys);
    try {
      await this.#replica.hydrate(keys.filter((key) => !this.#replica.isKnown(key)));
      return this.#changes.flatMap((change) => [
        ...this.#rowsOf(change).map((row) => toStored(row, this.#format)),
        ...this.#markersOf(change),
      ]);
    } finally {
      unpin();
    }
  }

  /**
   * The zxid that a record's absence is true of. Rows of another run, ahead of this one, may have made the view read on beyond
   * the batch, so a tombstone's zxid comes from where the view stands now: with the batch's it would hide the record from
   * views that stand in between.
   */
  #newest(change: KeyChanges): Zxid {
    const last = this.#replica.window.items(change.recordKey).at(-1)?.position.zxid;
    assert(last !== undefined, 'a key of the window without transactions');
    return last;
  }

  /** A znode that goes by itself is marked whenever it may have become one without children: as it is made, and as it loses one. */
  #markersOf({ key }: KeyChanges): Item[] {
    const record = key.kind === 'node' ? this.#replica.view.node(key.path) : undefined;
    if (key.kind !== 'node' || record === undefined || record === null) return [];
    const dueMs = dueOf(record, this.#end.timeMs);
    if (dueMs === undefined || record.pzxid <= this.#base) return [];
    this.#idle.push(dueMs);
    return [idleRow(this.#replica.options.namespace, { path: key.path, dueMs, since: record.pzxid })];
  }

  #rowsOf(change: KeyChanges): Item[] {
    const { namespace, clock } = this.#replica.options;
    const { view } = this.#replica;
    const { key } = change;
    const ttl = Math.floor(clock.now() / 1000) + TOMBSTONE_SECONDS;
    switch (key.kind) {
      case 'node': {
        const record = view.node(key.path);
        assert(record !== undefined, `znode ${key.path} is not hydrated`);
        const at = stateKey.node(namespace, key.path);
        if (record === null) return [tombstone(at, this.#newest(change), ttl)];
        return [nodeRow(namespace, key.path, record)];
      }
      case 'session': {
        const record = view.session(key.session);
        assert(record !== undefined, `session ${key.session} is not hydrated`);
        const at = stateKey.session(namespace, key.session);
        return [
          record === null
            ? tombstone(at, this.#newest(change), ttl)
            : sessionRow(namespace, key.session, record),
        ];
      }
      case 'children':
        return lastOfEachName(change).map(({ name, present, zxid }) => {
          const at = stateKey.child(namespace, key.path, name);
          return present ? { ...rowKey(at), z: zxid } : tombstone(at, zxid, ttl);
        });
      case 'ephemerals':
        return lastOfEachName(change).map(({ name: path, present, zxid }) => {
          const row = ephemeralRow({ namespace, session: key.session, path, zxid });
          return present ? row : { ...row, gone: true, ttl };
        });
      case 'blob':
        throw new InvariantError('a blob is no record');
    }
  }
}

/** Everything that happened to one record within a batch. */
interface KeyChanges {
  readonly key: ParsedKey;
  readonly recordKey: RecordKey;
  readonly items: readonly WindowItem[];
}

/** What became of each name of a list: rows of one key are written once a batch. */
function lastOfEachName(change: KeyChanges): { name: string; present: boolean; zxid: Zxid }[] {
  const names = new Map<string, { name: string; present: boolean; zxid: Zxid }>();
  const { key, items } = change;
  assert(key.kind === 'children' || key.kind === 'ephemerals', 'only lists have names');
  for (const { txn, position } of items) {
    const state = new SingleRecord(key);
    state.onName = (name, present) => names.set(name, { name, present, zxid: position.zxid });
    apply(txn, position, state);
  }
  return [...names.values()];
}
