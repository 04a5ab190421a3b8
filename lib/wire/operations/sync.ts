// SyncRequest  => path:ustring
// SyncResponse => path:ustring
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import type { PathResponse } from './create.js';
import { readPath, writePath, type PathRequest } from './get-acl.js';

export const sync: Operation<PathRequest, PathResponse> = {
  name: 'sync',
  code: OpCode.sync,
  readRequest: readPath,
  writeRequest: writePath,
  readResponse: readPath,
  writeResponse: writePath,
};
