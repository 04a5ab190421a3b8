/**
 * Makes one deployment again of tables that were copied at different instants, as point-in-time recovery gives them:
 *
 * 1. *The log decides.* Its longest prefix without a gap, whose blobs are all there, is what is restored; entries beyond are deleted.
 * 2. *Rows follow.* All rows of the state are made anew by replaying the log. Where the log begins with stubs, what they held is known from
 *    the rows alone: those have to be older than the log's end, and what is missing is replayed over them.
 * 3. *Zxids jump.* A stub fills the slots from the log's end to a zxid beyond any that was ever issued, so no fencing token and no
 *    zxid that a client has seen comes again, and who asks for changes across it is told that they cannot be told.
 * 4. *Sessions end*, with their ephemerals, in the log, as those do that expire: their clients were told things that are not so any more.
 *    Leases, timers' rows and watches go with them.
 *
 * Nothing else may use the tables meanwhile. It can be cut off and begun again: each run jumps anew.
 */
import { assert } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { GENESIS_COUNTERS } from '../core/genesis.js';
import { NO_SESSION, type BlobReference, type Zxid } from '../core/types.js';
import { blobsOfEntry } from '../keeper/blob-references.js';
import { Blobs } from '../keeper/blobs.js';
import { Keeper } from '../keeper/keeper.js';
import { BLOB_CHUNK_BYTES } from '../keeper/limits.js';
import { readEntry } from '../keeper/log-rows.js';
import { Materializer } from '../keeper/materializer.js';
import { queryAll } from '../keeper/query.js';
import {
  isTombstone,
  rowKey,
  SESSION_SHARDS,
  sessionOfRow,
  stateKey,
  text,
  watermarkOfRow,
  watermarkRow,
} from '../keeper/rows.js';
import { watchKey } from '../keeper/watch-rows.js';
import { decodeRow, encodeStub } from '../log/entry-codec.js';
import type { Item, Store, TableName } from '../log/store.js';
import { TABLES } from '../log/tables.js';

/** At a thousand writes a second it takes eleven days to issue as many. 2^53 has room for millions of restores. */
export const ZXID_JUMP_DEFAULT = 1_000_000_000;

export interface RestoreOptions {
  readonly store: Store;
  /** Everything that a table holds. Only restoring reads whole tables, so the store port has no such call. */
  readonly scan: (table: TableName) => AsyncIterable<Item>;
  readonly namespace: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Zxids go on by so much beyond the highest that is found anywhere. Has to be more than were issued since the copies were made. */
  readonly zxidJump?: number;
}

export interface RestoreReport {
  /** The history is restored up to here. */
  readonly restoredTo: Zxid;
  /** Ms since 1970: the time of the last transaction that was restored. */
  readonly restoredToMs: number;
  /** Entries that were dropped, because one before them or a blob of theirs is missing. */
  readonly entriesDropped: number;
  /** New transactions begin above it. */
  readonly jumpedTo: Zxid;
  readonly sessionsClosed: number;
}

/** The tables cannot be made one again; the message says what to do. Nothing was changed. */
export class RestoreError extends Error {
  override readonly name = 'RestoreError';
}

export async function restore(options: RestoreOptions): Promise<RestoreReport> {
  const log = await usableLog(options);
  const rows = await collect(options, 'state');
  if (log.isTrimmed) refuseNewerRows(options, rows, log.end);
  for (const row of log.dropped) await remove(options, 'log', row);
  for (const row of rows) {
    if (isDerived(options.namespace, row, log.isTrimmed)) await remove(options, 'state', row);
  }
  await materialize(options);
  const highest = highestOf([log.end, ...log.dropped.map(lastOf), ...rows.map(zxidIn)]);
  const jumpedTo = await jump(options, { end: log.end, highest });
  for (const table of ['leases', 'watches'] as const) {
    for (const row of await collect(options, table)) await remove(options, table, row);
  }
  const sessionsClosed = await closeSessions(options);
  await materialize(options);
  const { end: restoredTo, endMs: restoredToMs, dropped } = log;
  return { restoredTo, restoredToMs, entriesDropped: dropped.length, jumpedTo, sessionsClosed };
}

interface UsableLog {
  readonly end: Zxid;
  readonly endMs: number;
  /** Rows beyond the end. */
  readonly dropped: readonly Item[];
  /** It begins with stubs: earlier rows cannot be made from it. */
  readonly isTrimmed: boolean;
}

async function usableLog(options: RestoreOptions): Promise<UsableLog> {
  const { store, namespace } = options;
  const rows = await queryAll(options, { store, table: 'log', partition: namespace });
  const blobs = new Blobs(options);
  let used = 0;
  let end = 0;
  let endMs = 0;
  let isTrimmed = false;
  for (const row of rows) {
    const { header, kind } = decodeRow(row);
    if (header.first !== end + 1 || !(await hasBlobs(options, row, blobs))) break;
    isTrimmed ||= kind === 'stub';
    used++;
    end = header.last;
    endMs = header.timeMs;
  }
  return { end, endMs, dropped: rows.slice(used), isTrimmed };
}

/** Blobs are in another table, which may have been copied before they were written. */
async function hasBlobs(options: RestoreOptions, row: Item, blobs: Blobs): Promise<boolean> {
  const decoded = decodeRow(row);
  if (decoded.kind === 'stub') return true;
  if (decoded.kind === 'blob' && !(await isThere(options, decoded.bodyBlob))) return false;
  const { entry } = await readEntry(row, blobs);
  for (const reference of blobsOfEntry(entry)) {
    if (!(await isThere(options, reference))) return false;
  }
  return true;
}

async function isThere({ store, namespace }: RestoreOptions, reference: BlobReference): Promise<boolean> {
  for (let chunk = 0; chunk * BLOB_CHUNK_BYTES < reference.length; chunk++) {
    const row = await store.get('state', stateKey.blobChunk(namespace, reference.blob, chunk));
    if (row === undefined) return false;
  }
  return true;
}

function refuseNewerRows({ namespace }: RestoreOptions, rows: readonly Item[], end: Zxid): void {
  const records = rows.filter((row) => RECORDS.some((kind) => isOfKind(namespace, row, kind)));
  const newest = highestOf(records.map(zxidIn));
  if (newest <= end) return;
  throw new RestoreError(
    `the log was trimmed, and the state table (up to zxid ${newest}) is newer than the log (up to ${end}): ` +
      'restore the table state to an earlier time than the table log, and run this again',
  );
}

const RECORDS = ['node', 'children', 'sessions', 'ephemerals'];

/** Rows that follow from the log. Where it is trimmed they are kept, and only how far followers have got begins anew. */
function isDerived(namespace: string, row: Item, isTrimmed: boolean): boolean {
  const kinds = isTrimmed ? ['cursor'] : [...RECORDS, 'watermark', 'cursor', 'trim'];
  return kinds.some((kind) => isOfKind(namespace, row, kind));
}

function isOfKind(namespace: string, row: Item, kind: string): boolean {
  return `${text(row, 'pk')}#`.startsWith(`${namespace}#${kind}#`);
}

async function materialize(options: RestoreOptions): Promise<void> {
  const report = await new Materializer(options).run();
  assert(!report.more, 'a materializer without a deadline reaches the end');
}

/** A stub from the log's end to far beyond; everybody who follows the log begins there. */
async function jump(options: RestoreOptions, { end, highest }: { end: Zxid; highest: Zxid }): Promise<Zxid> {
  const { store, namespace, random, zxidJump = ZXID_JUMP_DEFAULT } = options;
  const row = await store.get('state', stateKey.watermark(namespace));
  const watermark =
    row === undefined ? { zxid: 0, timeMs: 0, counters: GENESIS_COUNTERS } : watermarkOfRow(row);
  const last = highest + zxidJump;
  if (!Number.isSafeInteger(last)) throw new RestoreError(`there is no zxid ${last}: choose a smaller jump`);
  const followers = [
    watchKey.cursor(namespace),
    stateKey.trim(namespace, 'recorded'),
    stateKey.trim(namespace, 'done'),
  ];
  for (const key of followers) await store.put({ table: 'state', item: { ...rowKey(key), z: last } });
  await store.put({ table: 'state', item: watermarkRow(namespace, { ...watermark, zxid: last }) });
  // Last, so that a run that is cut off before has changed nothing in the log that the next could not go over.
  const batchId = Buffer.from(random.bytes(16)).toString('hex');
  const header = { first: end + 1, last, timeMs: watermark.timeMs, batchId };
  await store.put({ table: 'log', item: encodeStub(namespace, header) });
  return last;
}

async function closeSessions(options: RestoreOptions): Promise<number> {
  const { store, namespace } = options;
  const keeper = new Keeper(options);
  await keeper.start();
  let closed = 0;
  for (const shard of SESSION_SHARDS) {
    const partition = stateKey.sessions(namespace, shard);
    for (const row of await queryAll(options, { store, table: 'state', partition })) {
      const record = isTombstone(row) ? null : sessionOfRow(row);
      if (record === null) continue;
      const session = BigInt(`0x${text(row, 'sk')}`);
      await keeper.write({ kind: 'closeSession', session, epoch: record.epoch }, NOBODY);
      closed++;
    }
  }
  await keeper.stop();
  return closed;
}

const NOBODY = { session: NO_SESSION, epoch: 0, authIds: [] };

/** The rows of the namespace. */
async function collect({ scan, namespace }: RestoreOptions, table: TableName): Promise<Item[]> {
  const rows: Item[] = [];
  for await (const row of scan(table)) {
    if (text(row, TABLES[table].partitionKey.name).startsWith(`${namespace}#`)) rows.push(row);
  }
  return rows;
}

async function remove({ store }: RestoreOptions, table: TableName, row: Item): Promise<void> {
  const { partitionKey, sortKey } = TABLES[table];
  const sort = row[sortKey.name];
  assert(typeof sort === 'string' || typeof sort === 'number', 'a row without a sort key');
  await store.delete({ table, key: { partition: text(row, partitionKey.name), sort } });
}

function lastOf(row: Item): Zxid {
  return decodeRow(row).header.last;
}

function zxidIn(row: Item): Zxid {
  return typeof row['z'] === 'number' ? row['z'] : 0;
}

function highestOf(zxids: readonly Zxid[]): Zxid {
  return zxids.reduce((highest, zxid) => Math.max(highest, zxid), 0);
}
