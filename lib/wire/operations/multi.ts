// MultiRequest  => { MultiHeader(type, false, −1) Request } MultiHeader(−1, true, −1)
// Request       => CreateRequest | CreateTTLRequest | DeleteRequest | SetDataRequest | CheckVersionRequest
// MultiResponse => { MultiHeader(type, false, err) Result } MultiHeader(−1, true, −1)
// Result        => CreateResponse | Create2Response | SetDataResponse | nothing (delete, check) | ErrorResponse
//
// When one operation fails every result has the type −1 and an ErrorResponse: 0 before the one that failed, its code,
// then −2 (RuntimeInconsistency).
import type { Stat } from '../../core/types.js';
import { OpCode } from '../constants.js';
import { WireError } from '../error.js';
import type { Operation } from '../operation.js';
import type { JuteReader } from '../reader.js';
import { readStat, writeStat } from '../stat.js';
import type { JuteWriter } from '../writer.js';
import { readCreateRequest, writeCreateRequest, type WireCreateRequest } from './create.js';
import { readCreateTtlRequest, writeCreateTtlRequest, type CreateTtlRequest } from './create-ttl.js';
import { readCreate2Response, writeCreate2Response } from './create2.js';
import { readPathVersionRequest, writePathVersionRequest, type PathVersionRequest } from './delete.js';
import { readMultiList, writeMultiEnd, writeMultiHeader, type MultiHeader } from './multi-header.js';
import { readSetDataRequest, writeSetDataRequest, type WireSetDataRequest } from './set-data.js';

export type WireMultiOperation =
  | { readonly name: 'create' | 'create2' | 'createContainer'; readonly request: WireCreateRequest }
  | { readonly name: 'createTtl'; readonly request: CreateTtlRequest }
  | { readonly name: 'delete' | 'check'; readonly request: PathVersionRequest }
  | { readonly name: 'setData'; readonly request: WireSetDataRequest };

export interface WireMultiRequest {
  readonly operations: readonly WireMultiOperation[];
}

export type WireMultiResult =
  | { readonly name: 'create'; readonly path: string }
  | { readonly name: 'create2' | 'createContainer' | 'createTtl'; readonly path: string; readonly stat: Stat }
  | { readonly name: 'delete' | 'check' }
  | { readonly name: 'setData'; readonly stat: Stat }
  | { readonly name: 'error'; readonly err: number };

export interface WireMultiResponse {
  readonly results: readonly WireMultiResult[];
}

function readOperation(header: MultiHeader, reader: JuteReader): WireMultiOperation {
  switch (header.type) {
    case OpCode.create:
      return { name: 'create', request: readCreateRequest(reader) };
    case OpCode.create2:
      return { name: 'create2', request: readCreateRequest(reader) };
    case OpCode.createContainer:
      return { name: 'createContainer', request: readCreateRequest(reader) };
    case OpCode.createTtl:
      return { name: 'createTtl', request: readCreateTtlRequest(reader) };
    case OpCode.delete:
      return { name: 'delete', request: readPathVersionRequest(reader) };
    case OpCode.check:
      return { name: 'check', request: readPathVersionRequest(reader) };
    case OpCode.setData:
      return { name: 'setData', request: readSetDataRequest(reader) };
    default:
      throw new WireError(`no operation of a multi: ${header.type}`);
  }
}

function writeOperation(writer: JuteWriter, operation: WireMultiOperation): void {
  writeMultiHeader(writer, { type: OpCode[operation.name], done: false, err: -1 });
  switch (operation.name) {
    case 'createTtl': {
      writeCreateTtlRequest(writer, operation.request);
      return;
    }
    case 'delete':
    case 'check': {
      writePathVersionRequest(writer, operation.request);
      return;
    }
    case 'setData': {
      writeSetDataRequest(writer, operation.request);
      return;
    }
    case 'create':
    case 'create2':
    case 'createContainer': {
      writeCreateRequest(writer, operation.request);
      return;
    }
  }
}

function readResult(header: MultiHeader, reader: JuteReader): WireMultiResult {
  switch (header.type) {
    case OpCode.create:
      return { name: 'create', path: reader.readString() };
    case OpCode.create2:
      return { name: 'create2', ...readCreate2Response(reader) };
    case OpCode.createContainer:
      return { name: 'createContainer', ...readCreate2Response(reader) };
    case OpCode.createTtl:
      return { name: 'createTtl', ...readCreate2Response(reader) };
    case OpCode.delete:
      return { name: 'delete' };
    case OpCode.check:
      return { name: 'check' };
    case OpCode.setData:
      return { name: 'setData', stat: readStat(reader) };
    case OpCode.error:
      return { name: 'error', err: reader.readInt32() };
    default:
      throw new WireError(`no result of a multi: ${header.type}`);
  }
}

function writeResult(writer: JuteWriter, result: WireMultiResult): void {
  const err = result.name === 'error' ? result.err : 0;
  writeMultiHeader(writer, { type: OpCode[result.name], done: false, err });
  switch (result.name) {
    case 'create': {
      writer.writeString(result.path);
      return;
    }
    case 'create2':
    case 'createContainer':
    case 'createTtl': {
      writeCreate2Response(writer, result);
      return;
    }
    case 'setData': {
      writeStat(writer, result.stat);
      return;
    }
    case 'error': {
      writer.writeInt32(result.err);
      return;
    }
    case 'delete':
    case 'check':
      return;
  }
}

export const multi: Operation<WireMultiRequest, WireMultiResponse> = {
  name: 'multi',
  code: OpCode.multi,
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
