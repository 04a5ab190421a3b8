// GetACLRequest  => path:ustring
// GetACLResponse => acl:vector<ACL> Stat
import type { Acl, Stat } from '../../core/types.js';
import { readAcls, writeAcls } from '../acl.js';
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import type { JuteReader } from '../reader.js';
import { readStat, writeStat } from '../stat.js';
import type { JuteWriter } from '../writer.js';

export interface PathRequest {
  readonly path: string;
}

export interface GetAclResponse {
  readonly acl: readonly Acl[];
  readonly stat: Stat;
}

export function readPath(reader: JuteReader): PathRequest {
  return { path: reader.readString() };
}

export function writePath(writer: JuteWriter, request: PathRequest): void {
  writer.writeString(request.path);
}

export const getAcl: Operation<PathRequest, GetAclResponse> = {
  name: 'getACL',
  code: OpCode.getAcl,
  readRequest: readPath,
  writeRequest: writePath,
  readResponse: (reader) => ({ acl: readAcls(reader), stat: readStat(reader) }),
  writeResponse: (writer, response) => {
    writeAcls(writer, response.acl);
    writeStat(writer, response.stat);
  },
};
