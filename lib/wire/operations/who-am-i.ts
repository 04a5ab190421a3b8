// The request has no body.
// WhoAmIResponse => clientInfo:vector<ClientInfo>
// ClientInfo     => authScheme:ustring user:ustring
import { OpCode } from '../constants.js';
import { readEmpty, writeEmpty, type Empty, type Operation } from '../operation.js';

const CLIENT_INFO_BYTES_MIN = 8;

export interface ClientInfo {
  readonly authScheme: string;
  readonly user: string;
}

export interface WhoAmIResponse {
  readonly clientInfo: readonly ClientInfo[];
}

export const whoAmI: Operation<Empty, WhoAmIResponse> = {
  name: 'whoAmI',
  code: OpCode.whoAmI,
  readRequest: readEmpty,
  writeRequest: writeEmpty,
  readResponse: (reader) => ({
    clientInfo: reader.readVector(CLIENT_INFO_BYTES_MIN, (from) => ({
      authScheme: from.readString(),
      user: from.readString(),
    })),
  }),
  writeResponse: (writer, response) =>
    writer.writeVector(response.clientInfo, (to, info) => {
      to.writeString(info.authScheme);
      to.writeString(info.user);
    }),
};
