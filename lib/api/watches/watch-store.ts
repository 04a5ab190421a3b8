import type { Clock } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { SessionId, Zxid } from '../../core/types.js';
import { queryAll } from '../../keeper/query.js';
import { withRetries } from '../../keeper/retry.js';
import { number, rowKey } from '../../keeper/rows.js';
import { Semaphore } from '../../keeper/semaphore.js';
import { KeeperError } from '../../keeper/types.js';
import type { Mark, WatchIdentity, WatchPathRow, WatchRow } from '../../keeper/watch-rows.js';
import {
  isOneShot,
  watchKey,
  watchOfPathRow,
  watchOfRow,
  watchPathRow,
  watchRow,
} from '../../keeper/watch-rows.js';
import type { Condition, Item, Key, Store } from '../../log/store.js';
import { GARBAGE_SECONDS, MARK_ATTEMPTS_MAX, ROWS_PARALLEL_MAX } from './limits.js';

const NONCE_BYTES = 8;

export interface WatchStoreOptions {
  readonly store: Store;
  readonly namespace: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a mark did. */
export type Marked =
  /** The row says so now, or said so before. */
  | 'marked'
  /** The row says that it fired earlier, or was armed later. */
  | 'not'
  /** There is no row. */
  | 'absent';

/**
 * Reads and writes of the rows of watches. Every write here may be done twice, late, and in any order: what it says stays true
 * of the row that it names, and its condition keeps it from the others.
 */
export class WatchStore {
  readonly options: WatchStoreOptions;

  constructor(options: WatchStoreOptions) {
    this.options = options;
  }

  /** Up to here all marks are written. 0 when notify has never run. */
  async cursor(): Promise<Zxid> {
    const row = await this.#retry((store) => store.get('state', watchKey.cursor(this.options.namespace)));
    return row === undefined ? 0 : number(row, 'z');
  }

  /** Moves the cursor on; one that is there already, or beyond, stays. */
  async moveCursor(zxid: Zxid): Promise<void> {
    const item = { ...rowKey(watchKey.cursor(this.options.namespace)), z: zxid };
    const condition = [{ kind: 'absentOrLess', attribute: 'z', value: zxid }] as const;
    await this.#retry((store) => store.put({ table: 'state', item, condition }));
  }

  async ofSession(session: SessionId): Promise<WatchRow[]> {
    const rows = await this.#all(watchKey.session(this.options.namespace, session));
    return rows.map((row) => watchOfRow(row, session));
  }

  async ofPath(path: string): Promise<WatchPathRow[]> {
    return (await this.#all(watchKey.path(this.options.namespace, path))).map(watchOfPathRow);
  }

  async recursive(): Promise<WatchPathRow[]> {
    return (await this.#all(watchKey.recursive(this.options.namespace))).map(watchOfPathRow);
  }

  /** Writes both rows of a watch. A row that is there stays as it is, but for a persistent watch that is armed earlier now. */
  async add(watch: WatchIdentity): Promise<void> {
    const { namespace, clock, random } = this.options;
    const nonce = Buffer.from(random.bytes(NONCE_BYTES)).toString('hex');
    const pathRow = watchPathRow(namespace, watch, { nonce, timeMs: clock.now() });
    await Promise.all([
      this.#addBySession(watch, nonce),
      this.#retry((store) => store.put({ table: 'watches', item: pathRow })),
    ]);
  }

  async #addBySession(watch: WatchIdentity, nonce: string): Promise<void> {
    const item = watchRow(this.options.namespace, watch, nonce);
    const condition = [{ kind: 'absent' }] as const;
    const outcome = await this.#retry((store) => store.put({ table: 'watches', item, condition }));
    if (outcome.ok || isOneShot(watch.kind)) return;
    const key = watchKey.bySession(this.options.namespace, watch);
    await this.#retry((store) =>
      store.update({
        table: 'watches',
        key,
        set: { a: watch.armed },
        condition: [{ kind: 'greater', attribute: 'a', value: watch.armed }],
      }),
    );
  }

  /** Deletes the rows of watches that are never armed again under the same name: those that fired, and those of sessions that are over. */
  async forget(watches: readonly WatchIdentity[]): Promise<void> {
    const { namespace } = this.options;
    const keys = watches.flatMap((watch) => [
      watchKey.byPath(namespace, watch),
      watchKey.bySession(namespace, watch),
    ]);
    await this.#each(keys, async (key) => {
      await this.#retry((store) => store.delete({ table: 'watches', key }));
    });
  }

  /**
   * Deletes the rows of watches that may be armed again under the same name: a delete that was held up must not take the new
   * rows, so it names the nonces of the old ones.
   */
  async remove(watches: readonly WatchRow[]): Promise<void> {
    const { namespace } = this.options;
    for (const watch of watches) {
      const key = watchKey.byPath(namespace, watch);
      const item = await this.#retry((store) => store.get('watches', key));
      if (item !== undefined) await this.#removeMade(key, watchOfPathRow(item).nonce);
      await this.#removeMade(watch.key, watch.nonce);
    }
  }

  async #removeMade(key: Key, nonce: string): Promise<void> {
    const condition = [{ kind: 'equals', attribute: 'n', value: nonce }] as const;
    await this.#retry((store) => store.delete({ table: 'watches', key, condition }));
  }

  /** Says that a one-shot watch fired at `mark`, unless an earlier trigger is known: the first one wins, in whatever order they come. */
  async mark(watch: WatchIdentity, mark: Mark): Promise<Marked> {
    const key = watchKey.bySession(this.options.namespace, watch);
    const outcome = await this.#retry((store) =>
      store.update({
        table: 'watches',
        key,
        set: { m: mark.zxid, mp: mark.position, mt: mark.type },
        condition: [
          { kind: 'less', attribute: 'a', value: mark.zxid },
          { kind: 'greater', attribute: 'm', value: mark.zxid },
        ],
      }),
    );
    if (outcome.ok) return 'marked';
    if (outcome.existing === undefined) return 'absent';
    return outcome.existing['m'] === mark.zxid ? 'marked' : 'not';
  }

  /**
   * Says that a persistent watch fired at the given zxids, those after its arming. Without `again`, what is not beyond the last
   * one recorded is taken for recorded.
   */
  async recordFired(
    watch: WatchIdentity,
    zxids: readonly Zxid[],
    options: { again?: boolean } = {},
  ): Promise<Marked> {
    const key = watchKey.bySession(this.options.namespace, watch);
    for (let attempt = 0; attempt < MARK_ATTEMPTS_MAX; attempt++) {
      const item = await this.#retry((store) => store.get('watches', key));
      if (item === undefined) return 'absent';
      const row = watchOfRow(item, watch.session);
      const after = options.again === true ? row.armed : Math.max(row.armed, row.lastFired);
      const fresh = zxids.filter((zxid) => zxid > after);
      if (fresh.length === 0) return zxids.some((zxid) => zxid > row.armed) ? 'marked' : 'not';
      const firstFired = Math.min(row.firstFired, ...fresh);
      const lastFired = Math.max(row.lastFired, ...fresh);
      if (firstFired === row.firstFired && lastFired === row.lastFired) return 'marked';
      if (await this.replaceFired(row, { firstFired, lastFired })) return 'marked';
    }
    throw new KeeperError('StoreUnavailable', `the row of a watch on ${watch.path} changes all the time`);
  }

  /** Writes what a persistent watch has fired if it is armed and has fired as `row` says. */
  async replaceFired(row: WatchRow, fired: { firstFired: Zxid; lastFired: Zxid }): Promise<boolean> {
    const outcome = await this.#retry((store) =>
      store.update({
        table: 'watches',
        key: row.key,
        set: { f: fired.firstFired, l: fired.lastFired },
        condition: [
          { kind: 'equals', attribute: 'a', value: row.armed },
          { kind: 'equals', attribute: 'f', value: row.firstFired },
          { kind: 'equals', attribute: 'l', value: row.lastFired },
        ],
      }),
    );
    return outcome.ok;
  }

  /** Leaves a row by path to time to live, unless it has been written again. */
  async expireOrphan(row: WatchPathRow): Promise<void> {
    await this.#expire(row.key, [{ kind: 'equals', attribute: 'n', value: row.nonce }]);
  }

  /** Leaves everything that a session watches to time to live. For sessions that are over. */
  async expireSession(session: SessionId): Promise<void> {
    const { namespace } = this.options;
    const rows = await this.ofSession(session);
    const keys = rows.flatMap((row) => [row.key, watchKey.byPath(namespace, row)]);
    await this.#each(keys, (key) => this.#expire(key, [{ kind: 'exists' }]));
  }

  async #expire(key: Key, condition: Condition): Promise<void> {
    const ttl = Math.floor(this.options.clock.now() / 1000) + GARBAGE_SECONDS;
    await this.#retry((store) => store.update({ table: 'watches', key, set: { ttl }, condition }));
  }

  async #each(keys: readonly Key[], work: (key: Key) => Promise<void>): Promise<void> {
    const parallel = new Semaphore(ROWS_PARALLEL_MAX);
    await Promise.all(keys.map((key) => parallel.run(() => work(key))));
  }

  #all(partition: string): Promise<Item[]> {
    return queryAll(this.options, { store: this.options.store, table: 'watches', partition });
  }

  #retry<T>(call: (store: Store) => Promise<T>): Promise<T> {
    return withRetries(this.options, () => call(this.options.store));
  }
}
