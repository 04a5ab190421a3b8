// Header only in both directions. The server closes the connection after its reply.
import { OpCode } from '../constants.js';
import { readEmpty, writeEmpty, type Empty, type Operation } from '../operation.js';

export const closeSession: Operation<Empty, Empty> = {
  name: 'closeSession',
  code: OpCode.closeSession,
  readRequest: readEmpty,
  writeRequest: writeEmpty,
  readResponse: readEmpty,
  writeResponse: writeEmpty,
};
