import type { EntryBody } from '../entry-codec.js';
import type { ByteReader, ByteSink } from '../entry-bytes.js';
import type { Item } from '../store.js';

/**
 * One of the ways in which entries and the rows of the state table have been stored, by its number. A format never changes once a
 * release has written it, and never goes: logs are kept for good. The next one is a file of its own, at the end of the list of all.
 */
export interface Format {
  /** 1, 2, 3 …, at most 255: the first byte of an entry's body, and `rf` of a row unless it is the first. */
  readonly number: number;
  /** Writes what an entry's body holds, behind its version and flags. */
  writeBody(sink: ByteSink, body: EntryBody): void;
  /** Reads that again. Throws `EntryFormatError` for what {@link writeBody} cannot have written. */
  readBody(reader: ByteReader): EntryBody;
  /**
   * A row as this format stores it, from the shape that the program works with, in which absent attributes are their defaults.
   * Key, `z`, `gone` and `ttl` are the same in all formats: conditions compare them.
   */
  toStored(row: Item): Item;
  /** The shape that the program works with, from a row that {@link toStored} made. */
  fromStored(row: Item): Item;
}
