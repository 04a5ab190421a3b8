// CheckVersionRequest => path:ustring version:int
// The response has no body. Servers take it inside a multi only.
import { OpCode } from '../constants.js';
import { readEmpty, writeEmpty, type Empty, type Operation } from '../operation.js';
import { readPathVersionRequest, writePathVersionRequest, type PathVersionRequest } from './delete.js';

export const check: Operation<PathVersionRequest, Empty> = {
  name: 'check',
  code: OpCode.check,
  readRequest: readPathVersionRequest,
  writeRequest: writePathVersionRequest,
  readResponse: readEmpty,
  writeResponse: writeEmpty,
};
