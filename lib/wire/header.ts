// RequestHeader => xid:int type:int
// ReplyHeader   => xid:int zxid:long err:int
//
// A reply whose err is not 0 is its header alone.
import type { JuteReader } from './reader.js';
import type { JuteWriter } from './writer.js';

export interface RequestHeader {
  readonly xid: number;
  readonly opcode: number;
}

export interface ReplyHeader {
  readonly xid: number;
  /** −1 where the server names none. */
  readonly zxid: number;
  readonly err: number;
}

export function readRequestHeader(reader: JuteReader): RequestHeader {
  return { xid: reader.readInt32(), opcode: reader.readInt32() };
}

export function writeRequestHeader(writer: JuteWriter, header: RequestHeader): void {
  writer.writeInt32(header.xid);
  writer.writeInt32(header.opcode);
}

export function readReplyHeader(reader: JuteReader): ReplyHeader {
  return { xid: reader.readInt32(), zxid: reader.readSafeInt64(), err: reader.readInt32() };
}

export function writeReplyHeader(writer: JuteWriter, header: ReplyHeader): void {
  writer.writeInt32(header.xid);
  writer.writeSafeInt64(header.zxid);
  writer.writeInt32(header.err);
}
