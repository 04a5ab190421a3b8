// GetSASLRequest  => token:buffer
// SetSASLResponse => token:buffer
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import type { JuteReader } from '../reader.js';
import type { JuteWriter } from '../writer.js';

export interface SaslToken {
  readonly token: Uint8Array;
}

export interface SaslResponse {
  /** `undefined` is null on the wire, the answer of a server that has no SASL. It reads as an empty token. */
  readonly token: Uint8Array | undefined;
}

const NULL_LENGTH = -1;

const readToken = (reader: JuteReader): SaslToken => ({ token: reader.readBuffer() });
const writeToken = (writer: JuteWriter, { token }: SaslResponse): void => {
  if (token === undefined) writer.writeInt32(NULL_LENGTH);
  else writer.writeBuffer(token);
};

export const sasl: Operation<SaslToken, SaslResponse> = {
  name: 'sasl',
  code: OpCode.sasl,
  readRequest: readToken,
  writeRequest: writeToken,
  readResponse: readToken,
  writeResponse: writeToken,
};
