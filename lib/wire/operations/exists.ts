// ExistsRequest  => path:ustring watch:boolean
// ExistsResponse => Stat
import type { Stat } from '../../core/types.js';
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import type { JuteReader } from '../reader.js';
import { readStat, writeStat } from '../stat.js';
import type { JuteWriter } from '../writer.js';

export interface PathWatchRequest {
  readonly path: string;
  readonly watch: boolean;
}

export interface StatResponse {
  readonly stat: Stat;
}

export function readPathWatchRequest(reader: JuteReader): PathWatchRequest {
  return { path: reader.readString(), watch: reader.readBoolean() };
}

export function writePathWatchRequest(writer: JuteWriter, request: PathWatchRequest): void {
  writer.writeString(request.path);
  writer.writeBoolean(request.watch);
}

export function readStatResponse(reader: JuteReader): StatResponse {
  return { stat: readStat(reader) };
}

export function writeStatResponse(writer: JuteWriter, response: StatResponse): void {
  writeStat(writer, response.stat);
}

export const exists: Operation<PathWatchRequest, StatResponse> = {
  name: 'exists',
  code: OpCode.exists,
  readRequest: readPathWatchRequest,
  writeRequest: writePathWatchRequest,
  readResponse: readStatResponse,
  writeResponse: writeStatResponse,
};
