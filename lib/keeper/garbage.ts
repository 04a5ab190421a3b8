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
 * why nothing waits for the watermark. A trimmed entry no longer says what it named: nothing is decided across one.
 */
import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { NO_SESSION } from '../core/types.js';
import type { Zxid } from '../core/types.js';
import { decodeRow } from '../log/entry-codec.js';
import { itemSize } from '../log/item-size.js';
import type { Item, Key, Store } from '../log/store.js';
import { blobsOfEntry } from './blob-references.js';
import type { Keeper } from './keeper.js';
import { GARBAGE_BLOBS_MAX, GARBAGE_BYTES_MAX, GARBAGE_ENTRIES_MAX } from './limits.js';
import { readEntry } from './log-rows.js';
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
  /** Blobs that turned out to be named. */
  readonly kept: number;
  /** Blobs left to the next sweep, which goes on where this one stopped reading. */
  readonly left: number;
}

/** How far one sweep has read, and what it came across. */
interface Scan {
  readonly named: ReadonlySet<string>;
  /** Everything up to here has been read: an entry's end. */
  readonly upTo: Zxid;
}

/** One bounded round; may run beside others and be repeated at any time. */
export async function sweepGarbage(options: GarbageOptions): Promise<GarbageReport> {
  const due = await dueBlobs(options);
  if (due.length === 0) return { deleted: 0, kept: 0, left: 0 };
  const end = await appendNoop(options.keeper);
  const scan = await readNames(options, { from: Math.min(...due.map(({ from }) => from)), end });
  const named = due.filter(({ reference }) => scan.named.has(reference.blob));
  const others = due.filter((garbage) => !named.includes(garbage));
  await takeOff(options, named);
  if (scan.upTo < end) {
    await moveOn(options, { others, upTo: scan.upTo });
    return { deleted: 0, kept: named.length, left: others.length };
  }
  await options.keeper.replica.blobs.delete(others.map(({ reference }) => reference));
  await takeOff(options, others);
  return { deleted: others.length, kept: named.length, left: 0 };
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
  let entries = 0;
  let bytes = 0;
  while (upTo < range.end) {
    const query = { table: 'log', partition: keeper.namespace, from: upTo + 1, to: range.end } as const;
    const page = await withRetries(options, () => store.query(query));
    for (const row of page.items) {
      if (entries >= GARBAGE_ENTRIES_MAX || bytes >= GARBAGE_BYTES_MAX) return { named, upTo };
      const names = await namesOf(row, keeper);
      if (names === undefined) return { named, upTo };
      for (const id of names) named.add(id);
      entries++;
      bytes += itemSize(row);
      upTo = row['last'] as number;
    }
    if (page.next === undefined) return { named, upTo };
  }
  return { named, upTo };
}

/** The blobs that an entry names, its body's own among them. `undefined` for a trimmed one. */
async function namesOf(row: Item, keeper: Keeper): Promise<string[] | undefined> {
  const decoded = decodeRow(row);
  if (decoded.kind === 'stub') return undefined;
  const { entry } = await readEntry(row, keeper.replica.blobs);
  const names = blobsOfEntry(entry).map(({ blob }) => blob);
  return decoded.kind === 'blob' ? [...names, decoded.bodyBlob.blob] : names;
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
        store.update({
          table: 'state',
          key: keyOf(keeper.namespace, blob),
          set: { from: upTo },
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
