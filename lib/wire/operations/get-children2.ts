// GetChildren2Request  => path:ustring watch:boolean
// GetChildren2Response => children:vector<ustring> Stat
import type { Stat } from '../../core/types.js';
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import { readStat, writeStat } from '../stat.js';
import { readPathWatchRequest, writePathWatchRequest, type PathWatchRequest } from './exists.js';

export interface GetChildren2Response {
  readonly children: readonly string[];
  readonly stat: Stat;
}

export const getChildren2: Operation<PathWatchRequest, GetChildren2Response> = {
  name: 'getChildren2',
  code: OpCode.getChildren2,
  readRequest: readPathWatchRequest,
  writeRequest: writePathWatchRequest,
  readResponse: (reader) => ({ children: reader.readStrings(), stat: readStat(reader) }),
  writeResponse: (writer, response) => {
    writer.writeStrings(response.children);
    writeStat(writer, response.stat);
  },
};
