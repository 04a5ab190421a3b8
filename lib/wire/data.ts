// data:buffer, where a length of −1 says null
import { NULL_DATA } from '../core/types.js';
import type { JuteReader } from './reader.js';
import type { JuteWriter } from './writer.js';

const NULL_LENGTH = -1;

/** A znode's data. Null is told from no bytes. */
export function readData(reader: JuteReader): Uint8Array {
  return reader.readNullableBuffer() ?? NULL_DATA;
}

export function writeData(writer: JuteWriter, data: Uint8Array): void {
  if (data === NULL_DATA) writer.writeInt32(NULL_LENGTH);
  else writer.writeBuffer(data);
}
