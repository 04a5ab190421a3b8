import type { BlobReference } from '../core/types.js';
import type { Entry } from '../log/entry.js';
import {
  decodeBody,
  decodeRow,
  encodeBody,
  encodeEntry,
  encodeEntryWithBlob,
  encodedTxnSize,
  ENTRY_BYTES_MAX,
  EntryFormatError,
  BODY_OVERHEAD_BYTES,
  joinEntry,
} from '../log/entry-codec.js';
import { itemSize } from '../log/item-size.js';
import type { Item } from '../log/store.js';
import type { Blobs } from './blobs.js';
import { KeeperError } from './types.js';

/** An entry with the bytes that it takes in the log. */
export interface SizedEntry {
  readonly entry: Entry;
  readonly bytes: number;
  /** Where its body lies when it is too long for a row. */
  readonly bodyBlob?: BlobReference;
}

/**
 * Decodes a row of the log; a body that lies in a blob is read. A row whose body was trimmed is `Compacted`; one that this version
 * cannot read is `Unreadable`, for nobody may guess what it says and go on.
 */
export async function readEntry(item: Item, blobs: Blobs): Promise<SizedEntry> {
  const sized = await readUnlessTrimmed(item, blobs);
  if (sized !== undefined) return sized;
  throw new KeeperError('Compacted', `the log was trimmed at zxid ${String(item['zxid'])}`);
}

/** {@link readEntry}, or `undefined` for a row whose body was trimmed. */
export async function readUnlessTrimmed(item: Item, blobs: Blobs): Promise<SizedEntry | undefined> {
  try {
    return await decodeEntry(item, blobs);
  } catch (error) {
    if (!(error instanceof EntryFormatError)) throw error;
    throw new KeeperError(
      'Unreadable',
      `the log cannot be read from zxid ${String(item['zxid'])} on: ${error.message}`,
      {
        cause: error,
      },
    );
  }
}

async function decodeEntry(item: Item, blobs: Blobs): Promise<SizedEntry | undefined> {
  const row = decodeRow(item);
  switch (row.kind) {
    case 'entry':
      return { entry: row.entry, bytes: itemSize(item) };
    case 'blob': {
      const { bodyBlob } = row;
      const body = await blobs.read(bodyBlob);
      return { entry: joinEntry(row.header, decodeBody(body)), bytes: body.length, bodyBlob };
    }
    case 'stub':
      return undefined;
  }
}

/** The row of an entry. A body that is too long for a row is written as a blob first. */
export async function writeEntry(input: {
  entry: Entry;
  namespace: string;
  blobs: Blobs;
  /** The one that the namespace is written in. */
  format: number;
}): Promise<{ item: Item; bytes: number; bodyBlob?: string }> {
  const { entry, namespace, blobs, format } = input;
  const longest = entry.txns.reduce((sum, txn) => sum + encodedTxnSize(txn), BODY_OVERHEAD_BYTES);
  if (longest <= ENTRY_BYTES_MAX) {
    const item = encodeEntry(namespace, entry, format);
    return { item, bytes: itemSize(item) };
  }
  const body = encodeBody(entry, { format });
  const reference = await blobs.write(body, entry.first - 1);
  const item = encodeEntryWithBlob(namespace, entry, reference);
  return { item, bytes: body.length, bodyBlob: reference.blob };
}
