// MultiHeader => type:int done:boolean err:int
//
// One stands before each operation and each result; (−1, true, −1) ends the list.
import type { JuteReader } from '../reader.js';
import type { JuteWriter } from '../writer.js';

export interface MultiHeader {
  readonly type: number;
  readonly done: boolean;
  readonly err: number;
}

const END: MultiHeader = { type: -1, done: true, err: -1 };

export function readMultiHeader(reader: JuteReader): MultiHeader {
  return { type: reader.readInt32(), done: reader.readBoolean(), err: reader.readInt32() };
}

export function writeMultiHeader(writer: JuteWriter, header: MultiHeader): void {
  writer.writeInt32(header.type);
  writer.writeBoolean(header.done);
  writer.writeInt32(header.err);
}

/** What stands between the headers, up to the one that ends the list. The frame's end bounds it. */
export function readMultiList<T>(
  reader: JuteReader,
  readItem: (header: MultiHeader, reader: JuteReader) => T,
): T[] {
  const items: T[] = [];
  for (let header = readMultiHeader(reader); !header.done; header = readMultiHeader(reader)) {
    items.push(readItem(header, reader));
  }
  return items;
}

export function writeMultiEnd(writer: JuteWriter): void {
  writeMultiHeader(writer, END);
}
