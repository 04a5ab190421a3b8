// Header only in both directions; the xid is −2.
import { OpCode } from '../constants.js';
import { readEmpty, writeEmpty, type Empty, type Operation } from '../operation.js';

export const ping: Operation<Empty, Empty> = {
  name: 'ping',
  code: OpCode.ping,
  readRequest: readEmpty,
  writeRequest: writeEmpty,
  readResponse: readEmpty,
  writeResponse: writeEmpty,
};
