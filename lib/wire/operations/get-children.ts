// GetChildrenRequest  => path:ustring watch:boolean
// GetChildrenResponse => children:vector<ustring>
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import type { JuteReader } from '../reader.js';
import type { JuteWriter } from '../writer.js';
import { readPathWatchRequest, writePathWatchRequest, type PathWatchRequest } from './exists.js';

export interface GetChildrenResponse {
  readonly children: readonly string[];
}

export function readGetChildrenResponse(reader: JuteReader): GetChildrenResponse {
  return { children: reader.readStrings() };
}

export function writeGetChildrenResponse(writer: JuteWriter, response: GetChildrenResponse): void {
  writer.writeStrings(response.children);
}

export const getChildren: Operation<PathWatchRequest, GetChildrenResponse> = {
  name: 'getChildren',
  code: OpCode.getChildren,
  readRequest: readPathWatchRequest,
  writeRequest: writePathWatchRequest,
  readResponse: readGetChildrenResponse,
  writeResponse: writeGetChildrenResponse,
};
