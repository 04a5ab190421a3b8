// GetSASLRequest  => token:buffer
// SetSASLResponse => token:buffer
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import type { JuteReader } from '../reader.js';
import type { JuteWriter } from '../writer.js';

export interface SaslToken {
  readonly token: Uint8Array;
}

const readToken = (reader: JuteReader): SaslToken => ({ token: reader.readBuffer() });
const writeToken = (writer: JuteWriter, body: SaslToken): void => writer.writeBuffer(body.token);

export const sasl: Operation<SaslToken, SaslToken> = {
  name: 'sasl',
  code: OpCode.sasl,
  readRequest: readToken,
  writeRequest: writeToken,
  readResponse: readToken,
  writeResponse: writeToken,
};
