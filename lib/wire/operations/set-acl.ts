// SetACLRequest  => path:ustring acl:vector<ACL> version:int
// SetACLResponse => Stat
import type { Acl } from '../../core/types.js';
import { readAcls, writeAcls } from '../acl.js';
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import { readStatResponse, writeStatResponse, type StatResponse } from './exists.js';

export interface WireSetAclRequest {
  readonly path: string;
  readonly acl: readonly Acl[];
  /** −1 matches any aversion. */
  readonly version: number;
}

export const setAcl: Operation<WireSetAclRequest, StatResponse> = {
  name: 'setACL',
  code: OpCode.setAcl,
  readRequest: (reader) => ({
    path: reader.readString(),
    acl: readAcls(reader),
    version: reader.readInt32(),
  }),
  writeRequest: (writer, request) => {
    writer.writeString(request.path);
    writeAcls(writer, request.acl);
    writer.writeInt32(request.version);
  },
  readResponse: readStatResponse,
  writeResponse: writeStatResponse,
};
