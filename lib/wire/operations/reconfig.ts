// ReconfigRequest => joiningServers:ustring leavingServers:ustring newMembers:ustring curConfigId:long
// GetDataResponse => data:buffer Stat
//
// The configuration itself is read with getData on /zookeeper/config.
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import { readGetDataResponse, writeGetDataResponse, type GetDataResponse } from './get-data.js';

export interface ReconfigRequest {
  readonly joiningServers: string;
  readonly leavingServers: string;
  readonly newMembers: string;
  /** −1 for any. */
  readonly currentConfigId: bigint;
}

export const reconfig: Operation<ReconfigRequest, GetDataResponse> = {
  name: 'reconfig',
  code: OpCode.reconfig,
  readRequest: (reader) => ({
    joiningServers: reader.readString(),
    leavingServers: reader.readString(),
    newMembers: reader.readString(),
    currentConfigId: reader.readInt64(),
  }),
  writeRequest: (writer, request) => {
    writer.writeString(request.joiningServers);
    writer.writeString(request.leavingServers);
    writer.writeString(request.newMembers);
    writer.writeInt64(request.currentConfigId);
  },
  readResponse: readGetDataResponse,
  writeResponse: writeGetDataResponse,
};
