// CreateRequest   => path:ustring data:buffer acl:vector<ACL> flags:int
// Create2Response => path:ustring Stat
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import { readCreateRequest, writeCreateRequest, type WireCreateRequest } from './create.js';
import { readCreate2Response, writeCreate2Response, type Create2Response } from './create2.js';

export const createContainer: Operation<WireCreateRequest, Create2Response> = {
  name: 'createContainer',
  code: OpCode.createContainer,
  readRequest: readCreateRequest,
  writeRequest: writeCreateRequest,
  readResponse: readCreate2Response,
  writeResponse: writeCreate2Response,
};
