// MultiReadRequest  => { MultiHeader(type, false, −1) (GetDataRequest | GetChildrenRequest) } MultiHeader(−1, true, −1)
// MultiReadResponse => { MultiHeader(type, false, err) Result } MultiHeader(−1, true, −1)
// Result            => GetDataResponse | GetChildrenResponse | ErrorResponse
//
// Each read succeeds or fails for itself.
import type { Stat } from '../../core/types.js';
import { OpCode } from '../constants.js';
import { WireError } from '../error.js';
import type { Operation } from '../operation.js';
import type { JuteReader } from '../reader.js';
import type { JuteWriter } from '../writer.js';
import { readPathWatchRequest, writePathWatchRequest, type PathWatchRequest } from './exists.js';
import { readGetChildrenResponse, writeGetChildrenResponse } from './get-children.js';
import { readGetDataResponse, writeGetDataResponse } from './get-data.js';
import { readMultiList, writeMultiEnd, writeMultiHeader, type MultiHeader } from './multi-header.js';

export interface WireMultiReadOperation {
  readonly name: 'getData' | 'getChildren';
  readonly request: PathWatchRequest;
}

export interface WireMultiReadRequest {
  readonly operations: readonly WireMultiReadOperation[];
}

export type WireMultiReadResult =
  | { readonly name: 'getData'; readonly data: Uint8Array; readonly stat: Stat }
  | { readonly name: 'getChildren'; readonly children: readonly string[] }
  | { readonly name: 'error'; readonly err: number };

export interface WireMultiReadResponse {
  readonly results: readonly WireMultiReadResult[];
}

function readOperation(header: MultiHeader, reader: JuteReader): WireMultiReadOperation {
  switch (header.type) {
    case OpCode.getData:
      return { name: 'getData', request: readPathWatchRequest(reader) };
    case OpCode.getChildren:
      return { name: 'getChildren', request: readPathWatchRequest(reader) };
    default:
      throw new WireError(`no operation of a multiRead: ${header.type}`);
  }
}

function writeOperation(writer: JuteWriter, operation: WireMultiReadOperation): void {
  writeMultiHeader(writer, { type: OpCode[operation.name], done: false, err: -1 });
  writePathWatchRequest(writer, operation.request);
}

function readResult(header: MultiHeader, reader: JuteReader): WireMultiReadResult {
  switch (header.type) {
    case OpCode.getData:
      return { name: 'getData', ...readGetDataResponse(reader) };
    case OpCode.getChildren:
      return { name: 'getChildren', ...readGetChildrenResponse(reader) };
    case OpCode.error:
      return { name: 'error', err: reader.readInt32() };
    default:
      throw new WireError(`no result of a multiRead: ${header.type}`);
  }
}

function writeResult(writer: JuteWriter, result: WireMultiReadResult): void {
  const err = result.name === 'error' ? result.err : 0;
  writeMultiHeader(writer, { type: OpCode[result.name], done: false, err });
  switch (result.name) {
    case 'getData': {
      writeGetDataResponse(writer, result);
      return;
    }
    case 'getChildren': {
      writeGetChildrenResponse(writer, result);
      return;
    }
    case 'error': {
      writer.writeInt32(result.err);
      return;
    }
  }
}

export const multiRead: Operation<WireMultiReadRequest, WireMultiReadResponse> = {
  name: 'multiRead',
  code: OpCode.multiRead,
  readRequest: (reader) => ({ operations: readMultiList(reader, readOperation) }),
  writeRequest: (writer, request) => {
    for (const operation of request.operations) writeOperation(writer, operation);
    writeMultiEnd(writer);
  },
  readResponse: (reader) => ({ results: readMultiList(reader, readResult) }),
  writeResponse: (writer, response) => {
    for (const result of response.results) writeResult(writer, result);
    writeMultiEnd(writer);
  },
};
