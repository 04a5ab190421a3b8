// CreateRequest   => path:ustring data:buffer acl:vector<ACL> flags:int
// Create2Response => path:ustring Stat
import type { Stat } from '../../core/types.js';
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import type { JuteReader } from '../reader.js';
import { readStat, writeStat } from '../stat.js';
import type { JuteWriter } from '../writer.js';
import { readCreateRequest, writeCreateRequest, type WireCreateRequest } from './create.js';

export interface Create2Response {
  readonly path: string;
  readonly stat: Stat;
}

export function readCreate2Response(reader: JuteReader): Create2Response {
  return { path: reader.readString(), stat: readStat(reader) };
}

export function writeCreate2Response(writer: JuteWriter, response: Create2Response): void {
  writer.writeString(response.path);
  writeStat(writer, response.stat);
}

export const create2: Operation<WireCreateRequest, Create2Response> = {
  name: 'create2',
  code: OpCode.create2,
  readRequest: readCreateRequest,
  writeRequest: writeCreateRequest,
  readResponse: readCreate2Response,
  writeResponse: writeCreate2Response,
};
