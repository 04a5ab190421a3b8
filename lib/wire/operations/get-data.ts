// GetDataRequest  => path:ustring watch:boolean
// GetDataResponse => data:buffer Stat
import type { Stat } from '../../core/types.js';
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import { readData, writeData } from '../data.js';
import type { JuteReader } from '../reader.js';
import { readStat, writeStat } from '../stat.js';
import type { JuteWriter } from '../writer.js';
import { readPathWatchRequest, writePathWatchRequest, type PathWatchRequest } from './exists.js';

export interface GetDataResponse {
  readonly data: Uint8Array;
  readonly stat: Stat;
}

export function readGetDataResponse(reader: JuteReader): GetDataResponse {
  return { data: readData(reader), stat: readStat(reader) };
}

export function writeGetDataResponse(writer: JuteWriter, response: GetDataResponse): void {
  writeData(writer, response.data);
  writeStat(writer, response.stat);
}

export const getData: Operation<PathWatchRequest, GetDataResponse> = {
  name: 'getData',
  code: OpCode.getData,
  readRequest: readPathWatchRequest,
  writeRequest: writePathWatchRequest,
  readResponse: readGetDataResponse,
  writeResponse: writeGetDataResponse,
};
