import { assert, unreachable } from '../base/assert.js';
import { GENESIS_CHILDREN, GENESIS_NODES } from '../core/genesis.js';
import { apply } from '../core/machine.js';
import { parseKey, recordKey } from '../core/state.js';
import type { ParsedKey, RecordKey } from '../core/state.js';
import type { SessionId, Zxid } from '../core/types.js';
import type { Item } from '../log/store.js';
import { HYDRATION_STALENESS_MS_MAX, HYDRATIONS_PARALLEL_MAX } from './limits.js';
import { queryAll } from './query.js';
import type { Replica } from './replica.js';
import { withRetries } from './retry.js';
import {
  isTombstone,
  nodeOfRow,
  pathOfEphemeralRow,
  sessionOfRow,
  stateKey,
  text,
  zxidOfRow,
} from './rows.js';
import { SingleRecord } from './single-record.js';
import { Semaphore } from './semaphore.js';
import { KeeperError } from './types.js';

/** What a row that is being read will be folded on. */
interface Basis {
  /** The window's base when the read was sent. */
  readonly base: Zxid;
  /** Of the replica, when the read was sent: after a leap the window has lost what belongs over the row. */
  readonly leaps: number;
}

/**
 * Hydration (I8): reads the row of a record, strongly consistent, and folds the window's newer transactions over it.
 *
 * Why this is exact: the window's base was at or below a watermark that had been read before the row's read was sent, and the
 * base does not move past that while the read is in flight (the basis). So the row shows at least everything up to the
 * hold's base, and the window has everything above. A row says by its zxid what is in it already; an absent row says
 * nothing, and the whole window is folded over nothing. What makes the latter safe is that rows do not vanish: a deleted
 * record leaves a tombstone for a day, and a view that has slept for long looks at the tail first.
 */
export class Hydrator {
  readonly #replica: Replica;
  readonly #running = new Map<RecordKey, Promise<void>>();
  readonly #parallel = new Semaphore(HYDRATIONS_PARALLEL_MAX);

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  async hydrate(keys: Iterable<RecordKey>): Promise<void> {
    await this.#replica.start();
    await Promise.all(Array.from(keys, (key) => this.#once(key)));
  }

  #once(key: RecordKey): Promise<void> {
    let running = this.#running.get(key);
    if (running === undefined) {
      running = this.#parallel.run(() => this.#bring(parseKey(key))).finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    return running;
  }

  async #bring(key: ParsedKey): Promise<void> {
    if (key.kind === 'blob') return this.#bringBlob(key.id, key.length);
    const { window, leaps } = this.#replica;
    const hold = window.hold();
    try {
      await this.#bringRecord(key, { base: hold.base, leaps });
    } finally {
      hold.release();
    }
  }

  async #bringBlob(id: string, length: number): Promise<void> {
    const replica = this.#replica;
    try {
      replica.view.setBlob(id, await replica.blobs.read({ blob: id, length }));
    } catch (error) {
      if (!(error instanceof KeeperError) || error.code !== 'Compacted') throw error;
      // No current view names a blob that is gone: one that slept for days finds out what took its place, and asks again.
      assert(this.#isStale(), `a znode has the blob ${id}, which is gone`);
      await replica.sync();
    }
  }

  async #bringRecord(key: Exclude<ParsedKey, { kind: 'blob' }>, basis: Basis): Promise<void> {
    switch (key.kind) {
      case 'node':
        return this.#bringNode(key.path, basis);
      case 'session':
        return this.#bringSession(key.session, basis);
      case 'children':
        return this.#bringChildren(key.path, basis);
      case 'ephemerals':
        return this.#bringEphemerals(key.session, basis);
      default:
        return unreachable(key);
    }
  }

  async #bringNode(path: string, basis: Basis): Promise<void> {
    const { store, namespace } = this.#replica.options;
    const row = await withRetries(this.#replica.options, () =>
      store.get('state', stateKey.node(namespace, path)),
    );
    await this.#catchUp(row === undefined ? [] : [row]);
    const view = this.#replica.view;
    if (view.node(path) !== undefined || this.#isOutdated(basis)) return;
    const state = new SingleRecord({ kind: 'node', path });
    state.setNode(path, row === undefined ? (GENESIS_NODES.get(path) ?? null) : nodeOfRow(row));
    this.#fold({ key: recordKey.node(path), above: row === undefined ? basis.base : zxidOfRow(row), state });
    view.setNode(path, state.node(path) ?? null);
  }

  async #bringSession(session: SessionId, basis: Basis): Promise<void> {
    const { store, namespace } = this.#replica.options;
    const row = await withRetries(this.#replica.options, () =>
      store.get('state', stateKey.session(namespace, session)),
    );
    await this.#catchUp(row === undefined ? [] : [row]);
    const view = this.#replica.view;
    if (view.session(session) !== undefined || this.#isOutdated(basis)) return;
    const state = new SingleRecord({ kind: 'session', session });
    state.setSession(session, row === undefined ? null : sessionOfRow(row));
    const above = row === undefined ? basis.base : zxidOfRow(row);
    this.#fold({ key: recordKey.session(session), above, state });
    view.setSession(session, state.session(session) ?? null);
  }

  /** Whoever asked for the record finds it missing, and asks again. */
  #isOutdated({ leaps }: Basis): boolean {
    return this.#replica.leaps !== leaps;
  }

  #fold(input: { key: RecordKey; above: Zxid; state: SingleRecord }): void {
    for (const { txn, position } of this.#replica.window.items(input.key)) {
      if (position.zxid > input.above) apply(txn, position, input.state);
    }
  }

  async #bringChildren(path: string, basis: Basis): Promise<void> {
    const rows = await this.#list(stateKey.children(this.#replica.options.namespace, path));
    await this.#catchUp(rows);
    if (this.#replica.view.children(path) !== undefined || this.#isOutdated(basis)) return;
    const names = new FoldedList(basis.base, GENESIS_CHILDREN.get(path) ?? []);
    for (const row of rows) names.row(text(row, 'sk'), row);
    for (const { txn, position } of this.#replica.window.items(recordKey.children(path))) {
      const state = new SingleRecord({ kind: 'children', path });
      state.onName = (name, present) => names.change({ name, present, zxid: position.zxid });
      apply(txn, position, state);
    }
    this.#replica.view.setChildren(path, names.present());
  }

  async #bringEphemerals(session: SessionId, basis: Basis): Promise<void> {
    const rows = await this.#list(stateKey.ephemerals(this.#replica.options.namespace, session));
    await this.#catchUp(rows);
    if (this.#replica.view.ephemerals(session) !== undefined || this.#isOutdated(basis)) return;
    const paths = new FoldedList(basis.base, []);
    const inOrder = [...rows].sort((a, b) => zxidOfRow(a) - zxidOfRow(b));
    for (const row of inOrder) paths.row(pathOfEphemeralRow(row), row);
    for (const { txn, position } of this.#replica.window.items(recordKey.ephemerals(session))) {
      const state = new SingleRecord({ kind: 'ephemerals', session });
      state.onName = (path, present) => paths.change({ name: path, present, zxid: position.zxid });
      apply(txn, position, state);
    }
    this.#replica.view.setEphemerals(session, paths.present());
  }

  #list(partition: string): Promise<Item[]> {
    const { store } = this.#replica.options;
    return queryAll(this.#replica.options, { store, table: 'state', partition });
  }

  /** Rows may be ahead of the view; and a view that slept may be so far behind that a tombstone has gone meanwhile. */
  async #catchUp(rows: readonly Item[]): Promise<void> {
    let newest = 0;
    for (const row of rows) newest = Math.max(newest, zxidOfRow(row));
    if (newest > this.#replica.head) await this.#replica.reachForRow(newest);
    // A cold keeper reads the tail and the rows at the same time: the look at the tail that is under way will do.
    if (this.#isStale()) await this.#replica.settleTail();
    if (this.#isStale()) await this.#replica.sync();
  }

  #isStale(): boolean {
    return this.#replica.stalenessMs > HYDRATION_STALENESS_MS_MAX;
  }
}

/** Names with the zxid that each is known up to; a name without row is known up to the window's base. */
class FoldedList {
  readonly #base: Zxid;
  readonly #names = new Map<string, { present: boolean; zxid: Zxid }>();

  constructor(base: Zxid, initial: Iterable<string>) {
    this.#base = base;
    for (const name of initial) this.#names.set(name, { present: true, zxid: 0 });
  }

  row(name: string, row: Item): void {
    this.#names.set(name, { present: !isTombstone(row), zxid: zxidOfRow(row) });
  }

  change(change: { name: string; present: boolean; zxid: Zxid }): void {
    const known = this.#names.get(change.name);
    // Two changes of one multi share their zxid, so equal is newer; a row of that zxid holds the last of them already, and
    // then repeating all of them ends in the same state.
    if (change.zxid < (known?.zxid ?? this.#base)) return;
    this.#names.delete(change.name);
    this.#names.set(change.name, { present: change.present, zxid: change.zxid });
  }

  present(): Set<string> {
    const names = new Set<string>();
    for (const [name, { present }] of this.#names) if (present) names.add(name);
    return names;
  }
}
