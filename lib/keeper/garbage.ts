/**
 * The sweep of blobs that nothing names. A blob is written before the entry that names it, so a writer that dies or is refused
 * leaves one behind. Which of the listed blobs that is, the log says:
 *
 * 1. Take blobs whose due time has come, days after they were written.
 * 2. Append a no-op. A put that was prepared before fails from now on, because its slot is filled (I4); a writer that
 *    prepares again finds its blob due and writes it anew under another name. So what no entry up to the no-op names, no
 *    entry will ever name.
 * 3. Read the log from where the writer stood up to the no-op. What an entry names is kept and taken off the list; the
 *    rest is deleted, chunks first, so that a crash leaves the row.
 *
 * The entries are what decides, not the records: the log is kept, and a view may be asked to read any of it. That is also
 * why nothing waits for the watermark.
 *
 * Where the log is trimmed, records decide. Trimming lists what the entry named (trim.ts) with the path of the znode that got it: each
 * blob has a name of its own, so no other transaction names it, and only that znode can have it still. The sweep looks at the znode at the
 * log's end. While it has the blob, the sweep looks again after weeks. Once it has not, it never will again; days later, when
 * no view is left that stands before the change and may read the blob, it is deleted.
 *
 * A trimmed entry no longer says what it named. So a blob on the list from before that is taken off and left where it is, for it may be one
 * that a znode has: sweeps would have to have failed for days, or the tables have been restored.
 */
import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { recordKey } from '../core/state.js';
import { NO_SESSION } from '../core/types.js';
import type { Zxid } from '../core/types.js';
import { itemSize } from '../log/item-size.js';
import type { Item, Key, Store } from '../log/store.js';
import { blobsOfEntry } from './blob-references.js';
import type { Keeper } from './keeper.js';
import {
  BLOB_GARBAGE_DUE_MS,
  BLOB_USED_DUE_MS,
  GARBAGE_BLOBS_MAX,
  GARBAGE_BYTES_MAX,
  GARBAGE_ENTRIES_MAX,
} from './limits.js';
import { readUnlessTrimmed } from './log-rows.js';
import { withRetries } from './retry.js';
import type { Garbage } from './rows.js';
import { garbageOfRow, garbageRow, garbageSortKey, stateKey } from './rows.js';

export interface GarbageOptions {
  readonly store: Store;
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly random: Random;
}

export interface GarbageReport {
  /** Blobs that no entry names. */
  readonly deleted: number;
  /** Blobs that turned out to be named, or of which that can no longer be told. */
  readonly kept: number;
  /** Blobs left to a later sweep: the next one goes on where this one stopped reading, and what nobody has any more waits for days. */
  readonly left: number;
}

/** How far one sweep has read, and what it came across. */
interface Scan {
  readonly named: ReadonlySet<string>;
  /** Everything up to here has been read: an entry's end. */
  readonly upTo: Zxid;
  /** The end of the last trimmed entry that was met: what those named is not known. */
  readonly trimmedTo: Zxid;
}

/** One bounded round; may run beside others and be repeated at any time. */
export async function sweepGarbage(options: GarbageOptions): Promise<GarbageReport> {
  const due = await dueBlobs(options);
  const unused = due.filter(({ isUnused }) => isUnused);
  const ofTrimmed = due.filter(({ path, isUnused }) => path !== undefined && !isUnused);
  const unconfirmed = due.filter(({ path, isUnused }) => path === undefined && !isUnused);
  await deleteAll(options, unused);
  const used = await lookAgain(options, ofTrimmed);
  const decided = await decide(options, unconfirmed);
  return {
    deleted: unused.length + decided.deleted,
    kept: used + decided.kept,
    left: ofTrimmed.length - used + decided.left,
  };
}

/** Blobs that trimmed entries gave to znodes. Returns how many the znodes still have. */
async function lookAgain(options: GarbageOptions, blobs: readonly Garbage[]): Promise<number> {
  if (blobs.length === 0) return 0;
  const { store, keeper, clock } = options;
  await keeper.sync();
  const used = await Promise.all(
    blobs.map(async (garbage) => {
      const isUsed = await hasBlob(keeper, garbage);
      const dueMs = clock.now() + (isUsed ? BLOB_USED_DUE_MS : BLOB_GARBAGE_DUE_MS);
      const next = { ...garbage, dueMs, ...(isUsed ? {} : { isUnused: true as const }) };
      const item = garbageRow(keeper.namespace, next);
      await withRetries(options, () => store.put({ table: 'state', item }));
      return isUsed;
    }),
  );
  await takeOff(options, blobs);
  return used.filter(Boolean).length;
}

/** Whether the znode has the blob at the head. */
async function hasBlob({ replica }: Keeper, { path = '/', reference }: Garbage): Promise<boolean> {
  for (;;) {
    const record = replica.view.node(path);
    if (record === null) return false;
    if (record !== undefined) return 'blob' in record.data && record.data.blob === reference.blob;
    await replica.hydrate([recordKey.node(path)]);
  }
}

/** Blobs of which nobody has told yet that an entry names them. */
async function decide(options: GarbageOptions, due: readonly Garbage[]): Promise<GarbageReport> {
  if (due.length === 0) return { deleted: 0, kept: 0, left: 0 };
  const end = await appendNoop(options.keeper);
  const scan = await readNames(options, { from: Math.min(...due.map(({ from }) => from)), end });
  const named = due.filter(({ reference, from }) => scan.named.has(reference.blob) || from < scan.trimmedTo);
  const others = due.filter((garbage) => !named.includes(garbage));
  await takeOff(options, named);
  if (scan.upTo < end) {
    await moveOn(options, { others, upTo: scan.upTo });
    return { deleted: 0, kept: named.length, left: others.length };
  }
  await deleteAll(options, others);
  return { deleted: others.length, kept: named.length, left: 0 };
}

/** Chunks first, so that a crash leaves the row. */
async function deleteAll(options: GarbageOptions, garbage: readonly Garbage[]): Promise<void> {
  await options.keeper.replica.blobs.delete(garbage.map(({ reference }) => reference));
  await takeOff(options, garbage);
}

async function dueBlobs(options: GarbageOptions): Promise<Garbage[]> {
  const { store, keeper, clock } = options;
  const page = await withRetries(options, () =>
    store.query({
      table: 'state',
      partition: stateKey.garbage(keeper.namespace),
      to: garbageSortKey(clock.now()),
      limit: GARBAGE_BLOBS_MAX,
    }),
  );
  return page.items.map(garbageOfRow);
}

async function appendNoop(keeper: Keeper): Promise<Zxid> {
  const outcome = await keeper.write({ kind: 'noop' }, { session: NO_SESSION, epoch: 0, authIds: [] });
  return outcome.zxid;
}

/** Reads the entries in (from, end], as far as one sweep's bounds go. */
async function readNames(
  options: GarbageOptions,
  range: { readonly from: Zxid; readonly end: Zxid },
): Promise<Scan> {
  const { store, keeper } = options;
  const named = new Set<string>();
  let upTo = range.from;
  let trimmedTo = 0;
  let entries = 0;
  let bytes = 0;
  while (upTo < range.end) {
    const query = { table: 'log', partition: keeper.namespace, from: upTo + 1, to: range.end } as const;
    const page = await withRetries(options, () => store.query(query));
    for (const row of page.items) {
      if (entries >= GARBAGE_ENTRIES_MAX || bytes >= GARBAGE_BYTES_MAX) return { named, upTo, trimmedTo };
      const names = await namesOf(row, keeper);
      for (const id of names ?? []) named.add(id);
      entries++;
      bytes += itemSize(row);
      upTo = row['last'] as number;
      if (names === undefined) trimmedTo = upTo;
    }
    if (page.next === undefined) return { named, upTo, trimmedTo };
  }
  return { named, upTo, trimmedTo };
}

/** The blobs that an entry names, its body's own among them. `undefined` for a trimmed one. */
async function namesOf(row: Item, keeper: Keeper): Promise<string[] | undefined> {
  const read = await readUnlessTrimmed(row, keeper.replica.blobs);
  if (read === undefined) return undefined;
  const names = blobsOfEntry(read.entry).map(({ blob }) => blob);
  return read.bodyBlob === undefined ? names : [...names, read.bodyBlob.blob];
}

async function takeOff(options: GarbageOptions, garbage: readonly Garbage[]): Promise<void> {
  const { store, keeper } = options;
  await Promise.all(
    garbage.map((blob) => {
      const key = keyOf(keeper.namespace, blob);
      return withRetries(options, () => store.delete({ table: 'state', key }));
    }),
  );
}

/** Notes how far has been read, unless another sweep has come to an end with the blob. */
async function moveOn(
  options: GarbageOptions,
  { others, upTo }: { readonly others: readonly Garbage[]; readonly upTo: Zxid },
): Promise<void> {
  const { store, keeper } = options;
  await Promise.all(
    others.map((blob) =>
      withRetries(options, () =>
        store.put({
          table: 'state',
          item: garbageRow(keeper.namespace, { ...blob, from: upTo }),
          condition: [{ kind: 'exists' }, { kind: 'less', attribute: 'from', value: upTo }],
        }),
      ),
    ),
  );
}

function keyOf(namespace: string, garbage: Garbage): Key {
  const row = garbageRow(namespace, garbage);
  return { partition: row['pk'] as string, sort: row['sk'] as string };
}
