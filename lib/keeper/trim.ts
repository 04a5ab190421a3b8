/**
 * Trimming (I4). The log is the history, and kept for good unless a namespace says for how long. Then the bodies of entries that are
 * older are taken out, and what stays is a stub: it fills its slot, and tells whose it was. So however long a keeper, a packet or a
 * laptop has slept, a put into an old slot fails, and whoever won the slot can still find out.
 *
 * Nothing is trimmed that anybody has yet to read: rows are complete up to the watermark, marks up to notify's cursor. How far is
 * recorded first, so that nobody can find a stub and no word of it. Then what the entries name in blobs goes on the list of what may be
 * garbage (garbage.ts), because a stub does not tell. A trimmer may die at any point, and others may run beside it: what is listed twice is
 * looked at twice.
 */
import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { Zxid } from '../core/types.js';
import { decodeHeader, encodeStub } from '../log/entry-codec.js';
import type { Item, Key, Store } from '../log/store.js';
import { blobsGivenBy } from './blob-references.js';
import { Blobs } from './blobs.js';
import { BLOB_GARBAGE_DUE_MS, TRIM_ENTRIES_MAX, TRIM_PARALLEL_MAX } from './limits.js';
import { readUnlessTrimmed } from './log-rows.js';
import { withRetries } from './retry.js';
import { garbageRow, rowKey, stateKey, zxidOfRow, type Garbage } from './rows.js';
import { Semaphore } from './semaphore.js';
import { watchKey } from './watch-rows.js';

export interface TrimOptions {
  readonly store: Store;
  readonly namespace: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Entries that are younger are kept whole. */
  readonly retentionMs: number;
}

export interface TrimReport {
  /** Up to here the log consists of stubs: an entry's end, 0 when nothing was ever trimmed. */
  readonly trimmedTo: Zxid;
  /** Entries that this run made stubs of. */
  readonly entries: number;
}

/** Below this changes cannot be asked for, and outcomes cannot be found. */
export function trimmedTo(options: Omit<TrimOptions, 'retentionMs'>): Promise<Zxid> {
  return zxidAt(options, stateKey.trim(options.namespace, 'recorded'));
}

/** Trims what is due, or until `deadlineMs` of wall time: the next run goes on there. */
export async function trimLog(options: TrimOptions, deadlineMs = Infinity): Promise<TrimReport> {
  const limit = await readByAll(options);
  // What an earlier run recorded and did not finish is done again.
  let done = await zxidAt(options, stateKey.trim(options.namespace, 'done'));
  let entries = 0;
  while (done < limit && options.clock.now() < deadlineMs) {
    const rows = await dueRows(options, { from: done + 1, to: limit });
    const last = rows.at(-1);
    if (last === undefined) break;
    done = decodeHeader(last).last;
    entries += await makeStubs(options, rows, done);
  }
  return { trimmedTo: done, entries };
}

/** Up to here everybody who follows the log has read it. Where notify has never run, it may begin at the start: 0. */
async function readByAll(options: TrimOptions): Promise<Zxid> {
  const { namespace } = options;
  const keys = [stateKey.watermark(namespace), watchKey.cursor(namespace)];
  return Math.min(...(await Promise.all(keys.map((key) => zxidAt(options, key)))));
}

async function zxidAt(options: Omit<TrimOptions, 'retentionMs'>, key: Key): Promise<Zxid> {
  const row = await withRetries(options, () => options.store.get('state', key));
  return row === undefined ? 0 : zxidOfRow(row);
}

/** The next entries that are old enough, as far as everybody has read. Times never go back in the log. */
async function dueRows(options: TrimOptions, range: { from: Zxid; to: Zxid }): Promise<Item[]> {
  const { store, namespace, clock, retentionMs } = options;
  const page = await withRetries(options, () =>
    store.query({ table: 'log', partition: namespace, ...range, limit: TRIM_ENTRIES_MAX }),
  );
  const oldestKeptMs = clock.now() - retentionMs;
  return page.items.filter((row) => {
    const { last, timeMs } = decodeHeader(row);
    return last <= range.to && timeMs < oldestKeptMs;
  });
}

async function makeStubs(options: TrimOptions, rows: readonly Item[], end: Zxid): Promise<number> {
  await record(options, 'recorded', end);
  const parallel = new Semaphore(TRIM_PARALLEL_MAX);
  const blobs = new Blobs(options);
  const listed = await Promise.all(rows.map((row) => parallel.run(() => garbageOf(options, row, blobs))));
  const garbage = listed.flat();
  const items = garbage.map((blob) => garbageRow(options.namespace, blob));
  const put = (item: Item) => withRetries(options, () => options.store.put({ table: 'state', item }));
  await Promise.all(items.map((item) => parallel.run(() => put(item))));
  const made = await Promise.all(rows.map((row) => parallel.run(() => makeStub(options, row))));
  await record(options, 'done', end);
  return made.filter(Boolean).length;
}

/** The blobs of an entry: its body's own, which nobody has any more once it is trimmed, and what its transactions gave to znodes. */
async function garbageOf({ clock }: TrimOptions, row: Item, blobs: Blobs): Promise<Garbage[]> {
  const read = await readUnlessTrimmed(row, blobs);
  if (read === undefined) return [];
  const { entry, bodyBlob } = read;
  const common = { dueMs: clock.now() + BLOB_GARBAGE_DUE_MS, from: entry.last };
  const given = blobsGivenBy(entry).map((blob) => ({ ...common, ...blob }));
  return bodyBlob === undefined ? given : [...given, { ...common, reference: bodyBlob, isUnused: true }];
}

/** Only the entry that was read is replaced: it is the same one for good, whoever trims it. */
async function makeStub({ namespace, ...options }: TrimOptions, row: Item): Promise<boolean> {
  const header = decodeHeader(row);
  const item = encodeStub(namespace, header);
  const condition = [{ kind: 'exists' }, { kind: 'equals', attribute: 'w', value: item['w'] ?? '' }] as const;
  const outcome = await withRetries(options, () => options.store.put({ table: 'log', item, condition }));
  return outcome.ok;
}

/** Whoever is further already leaves nothing to be recorded. */
async function record(options: TrimOptions, what: 'recorded' | 'done', end: Zxid): Promise<void> {
  const { store, namespace } = options;
  const item = { ...rowKey(stateKey.trim(namespace, what)), z: end };
  const condition = [{ kind: 'absentOrLess', attribute: 'z', value: end }] as const;
  await withRetries(options, () => store.put({ table: 'state', item, condition }));
}
