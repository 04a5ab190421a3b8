// DeleteRequest => path:ustring version:int
// The response has no body.
import { OpCode } from '../constants.js';
import { readEmpty, writeEmpty, type Empty, type Operation } from '../operation.js';
import type { JuteReader } from '../reader.js';
import type { JuteWriter } from '../writer.js';

export interface PathVersionRequest {
  readonly path: string;
  /** −1 matches any version. */
  readonly version: number;
}

export function readPathVersionRequest(reader: JuteReader): PathVersionRequest {
  return { path: reader.readString(), version: reader.readInt32() };
}

export function writePathVersionRequest(writer: JuteWriter, request: PathVersionRequest): void {
  writer.writeString(request.path);
  writer.writeInt32(request.version);
}

export const deleteNode: Operation<PathVersionRequest, Empty> = {
  name: 'delete',
  code: OpCode.delete,
  readRequest: readPathVersionRequest,
  writeRequest: writePathVersionRequest,
  readResponse: readEmpty,
  writeResponse: writeEmpty,
};
