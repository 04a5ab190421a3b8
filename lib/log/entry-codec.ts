import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { BlobReference, Txn, Zxid } from '../core/types.js';
import type { Counters, Entry } from './entry.js';
import { ByteReader, ByteWriter, EntryFormatError } from './entry-bytes.js';
import { itemSize, writeUnits, WRITE_UNIT_BYTES } from './item-size.js';
import type { Item } from './store.js';
import { FORMAT_UNSWITCHED } from './formats/all.js';
import { formatOf, knownFormat } from './formats/lookup.js';
import { readBlobReference, writeBlobReference } from './txn-codec.js';

export { EntryFormatError } from './entry-bytes.js';
export { encodedTxnSize } from './txn-codec.js';

/** Bytes of an entry's body at most. What is longer goes into a blob, so that the item stays under DynamoDB's 400 KB. */
export const ENTRY_BYTES_MAX = 350 * 1024;
/** Bytes of a body, uncompressed, at most: what a reader is ready to hold. */
export const BODY_BYTES_MAX = 64 * 1024 * 1024;
/** Upper bound of a body's bytes besides its transactions: version, flags, four counters, the number of transactions. */
export const BODY_OVERHEAD_BYTES = 2 + 5 * 8;

const FLAG_DEFLATED = 1;
const BATCH_ID_BYTES = 16;

/** An entry without what its body holds. */
export interface EntryHeader {
  readonly first: Zxid;
  readonly last: Zxid;
  readonly timeMs: number;
  readonly batchId: string;
}

/** What an entry's body holds. */
export interface EntryBody {
  readonly counters: Counters;
  readonly txns: readonly Txn[];
}

/** A row of the log as it was read. */
export type LogRow =
  | { readonly kind: 'entry'; readonly header: EntryHeader; readonly entry: Entry }
  /** The body lies in a blob: read it, then {@link decodeBody}, then {@link joinEntry}. */
  | { readonly kind: 'blob'; readonly header: EntryHeader; readonly bodyBlob: BlobReference }
  /** The body was trimmed (I4). */
  | { readonly kind: 'stub'; readonly header: EntryHeader };

/**
 * The log row of an entry: `ns`, `zxid` (its first), `last`, `t` (ms), `w` (writer-batch id) and `body`. The body is
 * compressed when that saves a write unit. `format` is the one that the namespace is written in.
 *
 * @throws EntryFormatError when the body exceeds {@link ENTRY_BYTES_MAX}; store it as a blob then
 *   ({@link encodeBody}, {@link encodeEntryWithBlob}).
 */
export function encodeEntry(namespace: string, entry: Entry, format = FORMAT_UNSWITCHED): Item {
  const row = headerAttributes(namespace, entry);
  const body = encodeBody(entry, { format, besidesBytes: itemSize(row) + 'body'.length });
  if (body.length > ENTRY_BYTES_MAX) {
    throw new EntryFormatError(`body of ${body.length} bytes, ${ENTRY_BYTES_MAX} are allowed`);
  }
  return { ...row, body };
}

/** The log row of an entry whose body lies in a blob (attribute `bb`). */
export function encodeEntryWithBlob(namespace: string, header: EntryHeader, bodyBlob: BlobReference): Item {
  const writer = new ByteWriter();
  writeBlobReference(writer, bodyBlob);
  return { ...headerAttributes(namespace, header), bb: writer.finish() };
}

/** What is left of an entry after a trim: it fills its slot and tells whose it was (I4). */
export function encodeStub(namespace: string, header: EntryHeader): Item {
  return headerAttributes(namespace, header);
}

/** @throws EntryFormatError for a row that is not an entry's, or is of a newer format. */
export function decodeRow(item: Item): LogRow {
  const header = decodeHeader(item);
  if (item['body'] instanceof Uint8Array) {
    return { kind: 'entry', header, entry: joinEntry(header, decodeBody(item['body'])) };
  }
  if (item['bb'] instanceof Uint8Array) {
    return { kind: 'blob', header, bodyBlob: readBlobReference(new ByteReader(item['bb'])) };
  }
  return { kind: 'stub', header };
}

/** @throws EntryFormatError also for a stub, and for an entry whose body lies in a blob: see {@link decodeRow}. */
export function decodeEntry(item: Item): Entry {
  const row = decodeRow(item);
  if (row.kind === 'entry') return row.entry;
  throw new EntryFormatError(`entry ${row.header.first} has no body of its own (${row.kind})`);
}

/** An entry from its row and the body that lay in a blob. */
export function joinEntry(header: EntryHeader, body: EntryBody): Entry {
  if (body.txns.length !== header.last - header.first + 1) {
    throw new EntryFormatError(
      `entry ${header.first} … ${header.last} holds ${body.txns.length} transactions`,
    );
  }
  return { ...header, counters: body.counters, txns: body.txns };
}

/** How a body is to be written. */
export interface BodyOptions {
  /** The format that the namespace is written in. Default: {@link FORMAT_UNSWITCHED}. */
  readonly format?: number;
  /** Bytes of the item beside the body: it is compressed when that saves the item a write unit. */
  readonly besidesBytes?: number;
}

/** An entry's body. */
export function encodeBody(body: EntryBody, options: BodyOptions = {}): Uint8Array {
  const { format = FORMAT_UNSWITCHED, besidesBytes = 0 } = options;
  const writer = new ByteWriter();
  writer.byte(format);
  writer.byte(0);
  knownFormat(format).writeBody(writer, body);
  const plain = writer.finish();
  if (plain.length > BODY_BYTES_MAX) throw new EntryFormatError(`body of ${plain.length} bytes is too long`);
  if (besidesBytes + plain.length <= WRITE_UNIT_BYTES) return plain;
  const deflated = deflateRawSync(plain.subarray(2), { level: constants.Z_BEST_SPEED });
  const saves = writeUnits(besidesBytes + 2 + deflated.length) < writeUnits(besidesBytes + plain.length);
  return saves ? Buffer.concat([Uint8Array.of(format, FLAG_DEFLATED), deflated]) : plain;
}

/** @throws EntryFormatError for a format that this version does not know, and for damaged bytes. */
export function decodeBody(bytes: Uint8Array): EntryBody {
  const [version, flags] = bytes;
  const format = formatOf(version);
  if (format === undefined) throw new EntryFormatError(`unknown entry format ${version ?? 'of no bytes'}`);
  if (flags === undefined || flags > FLAG_DEFLATED)
    throw new EntryFormatError(`unknown entry flags ${flags ?? ''}`);
  const content = bytes.subarray(2);
  const reader = new ByteReader(flags === FLAG_DEFLATED ? inflate(content) : content);
  const body = format.readBody(reader);
  if (reader.remaining > 0)
    throw new EntryFormatError(`${reader.remaining} bytes behind the entry's last transaction`);
  return body;
}

function inflate(content: Uint8Array): Uint8Array {
  try {
    return inflateRawSync(content, { maxOutputLength: BODY_BYTES_MAX });
  } catch (error) {
    throw new EntryFormatError('the entry cannot be decompressed', { cause: error });
  }
}

function headerAttributes(namespace: string, header: EntryHeader): Item {
  return {
    ns: namespace,
    zxid: header.first,
    last: header.last,
    t: header.timeMs,
    w: encodeBatchId(header.batchId),
  };
}

function encodeBatchId(batchId: string): Uint8Array {
  const writer = new ByteWriter();
  writer.hex(batchId, BATCH_ID_BYTES);
  return writer.finish();
}

/** Everything of an entry but its body; reads stubs and projections too. */
export function decodeHeader(item: Item): EntryHeader {
  const { zxid: first, last, t: timeMs, w } = item;
  if (typeof first !== 'number' || typeof last !== 'number' || typeof timeMs !== 'number') {
    throw new EntryFormatError('a row of the log lacks zxid, last or t');
  }
  if (!(w instanceof Uint8Array) || w.length !== BATCH_ID_BYTES) {
    throw new EntryFormatError(`entry ${first} lacks its writer-batch id`);
  }
  if (last < first) throw new EntryFormatError(`entry ${first} ends at ${last}`);
  return { first, last, timeMs, batchId: Buffer.from(w).toString('hex') };
}
