// SetDataRequest  => path:ustring data:buffer version:int
// SetDataResponse => Stat
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import { readData, writeData } from '../data.js';
import type { JuteReader } from '../reader.js';
import type { JuteWriter } from '../writer.js';
import { readStatResponse, writeStatResponse, type StatResponse } from './exists.js';

export interface WireSetDataRequest {
  readonly path: string;
  readonly data: Uint8Array;
  /** −1 matches any version. */
  readonly version: number;
}

export function readSetDataRequest(reader: JuteReader): WireSetDataRequest {
  return { path: reader.readString(), data: readData(reader), version: reader.readInt32() };
}

export function writeSetDataRequest(writer: JuteWriter, request: WireSetDataRequest): void {
  writer.writeString(request.path);
  writeData(writer, request.data);
  writer.writeInt32(request.version);
}

export const setData: Operation<WireSetDataRequest, StatResponse> = {
  name: 'setData',
  code: OpCode.setData,
  readRequest: readSetDataRequest,
  writeRequest: writeSetDataRequest,
  readResponse: readStatResponse,
  writeResponse: writeStatResponse,
};
