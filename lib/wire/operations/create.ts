// CreateRequest  => path:ustring data:buffer acl:vector<ACL> flags:int
// CreateResponse => path:ustring
import type { Acl } from '../../core/types.js';
import { readAcls, writeAcls } from '../acl.js';
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import { readData, writeData } from '../data.js';
import type { JuteReader } from '../reader.js';
import type { JuteWriter } from '../writer.js';

export interface WireCreateRequest {
  readonly path: string;
  readonly data: Uint8Array;
  readonly acl: readonly Acl[];
  /** One of CreateFlags, unchecked. */
  readonly flags: number;
}

export interface PathResponse {
  readonly path: string;
}

export function readCreateRequest(reader: JuteReader): WireCreateRequest {
  return {
    path: reader.readString(),
    data: readData(reader),
    acl: readAcls(reader),
    flags: reader.readInt32(),
  };
}

export function writeCreateRequest(writer: JuteWriter, request: WireCreateRequest): void {
  writer.writeString(request.path);
  writeData(writer, request.data);
  writeAcls(writer, request.acl);
  writer.writeInt32(request.flags);
}

export const create: Operation<WireCreateRequest, PathResponse> = {
  name: 'create',
  code: OpCode.create,
  readRequest: readCreateRequest,
  writeRequest: writeCreateRequest,
  readResponse: (reader) => ({ path: reader.readString() }),
  writeResponse: (writer, response) => writer.writeString(response.path),
};
