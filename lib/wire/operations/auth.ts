// AuthPacket => type:int scheme:ustring auth:buffer
// The xid is −4. The response has no body; its header says 0 or AuthFailed.
import { OpCode } from '../constants.js';
import { readEmpty, writeEmpty, type Empty, type Operation } from '../operation.js';

export interface AuthRequest {
  /** Unused; 0. */
  readonly type: number;
  readonly scheme: string;
  readonly auth: Uint8Array;
}

export const auth: Operation<AuthRequest, Empty> = {
  name: 'auth',
  code: OpCode.auth,
  readRequest: (reader) => ({
    type: reader.readInt32(),
    scheme: reader.readString(),
    auth: reader.readBuffer(),
  }),
  writeRequest: (writer, request) => {
    writer.writeInt32(request.type);
    writer.writeString(request.scheme);
    writer.writeBuffer(request.auth);
  },
  readResponse: readEmpty,
  writeResponse: writeEmpty,
};
