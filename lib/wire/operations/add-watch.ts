// AddWatchRequest => path:ustring mode:int
// ErrorResponse   => err:int
//
// The reply has a body although it says nothing: some clients fail without it.
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';

export interface AddWatchRequest {
  readonly path: string;
  /** One of AddWatchMode, unchecked. */
  readonly mode: number;
}

export interface ErrorResponse {
  readonly err: number;
}

export const addWatch: Operation<AddWatchRequest, ErrorResponse> = {
  name: 'addWatch',
  code: OpCode.addWatch,
  readRequest: (reader) => ({ path: reader.readString(), mode: reader.readInt32() }),
  writeRequest: (writer, request) => {
    writer.writeString(request.path);
    writer.writeInt32(request.mode);
  },
  readResponse: (reader) => ({ err: reader.readInt32() }),
  writeResponse: (writer, response) => writer.writeInt32(response.err),
};
