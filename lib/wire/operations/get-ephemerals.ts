// GetEphemeralsRequest  => prefixPath:ustring
// GetEphemeralsResponse => ephemerals:vector<ustring>
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';

export interface GetEphemeralsRequest {
  readonly prefixPath: string;
}

export interface GetEphemeralsResponse {
  readonly ephemerals: readonly string[];
}

export const getEphemerals: Operation<GetEphemeralsRequest, GetEphemeralsResponse> = {
  name: 'getEphemerals',
  code: OpCode.getEphemerals,
  readRequest: (reader) => ({ prefixPath: reader.readString() }),
  writeRequest: (writer, request) => writer.writeString(request.prefixPath),
  readResponse: (reader) => ({ ephemerals: reader.readStrings() }),
  writeResponse: (writer, response) => writer.writeStrings(response.ephemerals),
};
