import { assert } from '../base/assert.js';
import { apply } from '../core/machine.js';
import { parseKey, recordKey } from '../core/state.js';
import { NO_SESSION } from '../core/types.js';
import type { Txn, WatchTrigger, Zxid } from '../core/types.js';
import type { Entry } from '../log/entry.js';
import type { QueryInput, Store } from '../log/store.js';
import type { Blobs } from './blobs.js';
import { readEntry, type SizedEntry } from './log-rows.js';
import type { Replica } from './replica.js';
import type { Pacing } from './retry.js';
import { withRetries } from './retry.js';
import { SingleRecord } from './single-record.js';
import type { WindowItem } from './window.js';

/** Bytes of log that one call of {@link readChanges} reads at most, give or take a page. */
export const CHANGES_BYTES_MAX = 16 * 1024 * 1024;

/** A thing that happened to a znode. */
export interface Change {
  readonly zxid: Zxid;
  /** Which of the transaction's changes, from 0: unique and ordered together with `zxid`; the same as a watch event's. */
  readonly position: number;
  readonly type: 'created' | 'deleted' | 'dataChanged' | 'childrenChanged' | 'aclChanged';
  readonly path: string;
  /** The entry's time, ms since 1970. */
  readonly timeMs: number;
}

export interface ChangesInput {
  readonly replica: Replica;
  readonly path: string;
  /**
   * False: what happened to the znode itself, `childrenChanged` among it. True: what happened to the znodes of its subtree, itself
   * included; `childrenChanged` is left out then, for the children's own changes tell it.
   */
  readonly recursive: boolean;
  /** Changes after this zxid. */
  readonly since: Zxid;
  /** Transactions of the log that are looked at, at most. */
  readonly transactionsMax: number;
}

export interface Changes {
  /** In order of (zxid, position). */
  readonly changes: readonly Change[];
  /** Everything up to here has been told: the next `since`. At most the replica's head. */
  readonly until: Zxid;
}

/**
 * What happened after `since`, up to the replica's head, in order, each change once, none left out: call it again with `until`
 * until that is the head. Answered from the window if that reaches back, else from the log.
 *
 * @throws KeeperError `Compacted` when the log was trimmed above `since`, `StoreUnavailable`.
 */
export async function readChanges(input: ChangesInput): Promise<Changes> {
  const { replica, since, transactionsMax } = input;
  const until = Math.min(replica.head, since + transactionsMax);
  if (until <= since) return { changes: [], until: since };
  if (replica.window.base <= since) {
    const items = windowItems(input).filter(({ position }) => position.zxid <= until);
    return { changes: items.flatMap((item) => matching(item, input)), until };
  }
  return changesOfLog(input, until);
}

async function changesOfLog(input: ChangesInput, end: Zxid): Promise<Changes> {
  const { replica, since } = input;
  const { store, namespace } = replica.options;
  const log = { ...replica.options, store, namespace, blobs: replica.blobs };
  const changes: Change[] = [];
  let until = since;
  let bytesLeft = CHANGES_BYTES_MAX;
  for await (const { entry, bytes } of readLog(log, since + 1)) {
    for (const item of itemsOf(entry)) {
      const { zxid } = item.position;
      if (zxid > since && zxid <= end) changes.push(...matching(item, input));
    }
    until = Math.min(end, entry.last);
    bytesLeft -= bytes;
    if (until === end || bytesLeft <= 0) break;
  }
  return { changes, until };
}

/**
 * The window's transactions that may have changed what is asked for, after `since`, in order, and whole: under a record's key the
 * window has only the part that touches the record.
 */
function windowItems({ replica, path, recursive, since }: ChangesInput): WindowItem[] {
  const { window } = replica;
  const found = new Set<Zxid>();
  const add = (key: string) => {
    for (const { position } of window.items(key)) if (position.zxid > since) found.add(position.zxid);
  };
  if (!recursive) {
    add(recordKey.node(path));
    add(recordKey.children(path));
  } else {
    for (const key of window.keys()) {
      const parsed = parseKey(key);
      if (parsed.kind === 'node' && isWithin(parsed.path, path)) add(key);
    }
  }
  return [...found].sort((a, b) => a - b).map((zxid) => window.transaction(zxid));
}

function matching(item: WindowItem, { path, recursive }: ChangesInput): Change[] {
  return changesOf(item).filter((change) =>
    recursive ? change.type !== 'childrenChanged' && isWithin(change.path, path) : change.path === path,
  );
}

function changesOf({ txn, position }: WindowItem): Change[] {
  const { effect } = txn;
  if (effect.type === 'setAcl') {
    return [{ ...position, position: 0, type: 'aclChanged', path: effect.path }];
  }
  return triggersOf(txn).map(({ event, path }, index) => ({
    ...position,
    position: index,
    type: event,
    path,
  }));
}

/** Whether a path is `root` or below it. */
export function isWithin(path: string, root: string): boolean {
  return path === root || root === '/' || path.startsWith(root + '/');
}

/** A transaction's watch triggers, in ZooKeeper's order. They follow from the transaction alone, whatever the state is. */
export function triggersOf(txn: Txn): readonly WatchTrigger[] {
  return apply(txn, NOWHERE, new SingleRecord({ kind: 'session', session: NO_SESSION }));
}
const NOWHERE = { zxid: 0, timeMs: 0 };

/** The transactions of an entry with their positions. */
export function itemsOf(entry: Entry): WindowItem[] {
  return entry.txns.map((txn, index) => ({
    txn,
    position: { zxid: entry.first + index, timeMs: entry.timeMs },
  }));
}

export interface LogOptions extends Pacing {
  readonly store: Store;
  readonly namespace: string;
  readonly blobs: Blobs;
}

/**
 * The entries of the log from the one that contains `from` on (I5), to the end that the log has when it gets there. Throws
 * `Compacted` when it meets a trimmed entry.
 */
export async function* readLog(log: LogOptions, from: Zxid): AsyncGenerator<SizedEntry> {
  yield* readPages(log, { from: await firstOfEntryWith(log, from) });
}

/** The same after an entry's end, where nothing has to be looked for, in pages of at most `limit` entries. */
export async function* readLogAfter(log: LogOptions, end: Zxid, limit: number): AsyncGenerator<SizedEntry> {
  let expected = end + 1;
  for await (const sized of readPages(log, { from: expected, limit })) {
    const { first, last } = sized.entry;
    assert(first === expected, `the entry ${first} … ${last} does not follow ${expected - 1}`);
    yield sized;
    expected = last + 1;
  }
}

async function* readPages(
  log: LogOptions,
  range: { readonly from: Zxid; readonly limit?: number },
): AsyncGenerator<SizedEntry> {
  let query: QueryInput = { table: 'log', partition: log.namespace, ...range };
  for (;;) {
    const page = await withRetries(log, () => log.store.query(query));
    for (const item of page.items) yield await readEntry(item, log.blobs);
    if (page.next === undefined) return;
    query = { ...query, after: page.next };
  }
}

/** The key of the entry that contains `zxid`; `zxid` itself when the log does not reach it. */
async function firstOfEntryWith(log: LogOptions, zxid: Zxid): Promise<Zxid> {
  const { store, namespace } = log;
  const page = await withRetries(log, () =>
    store.query({
      table: 'log',
      partition: namespace,
      to: zxid,
      descending: true,
      limit: 1,
      attributes: ['last'],
    }),
  );
  const [row] = page.items;
  return row === undefined || (row['last'] as number) < zxid ? zxid : (row['zxid'] as number);
}
