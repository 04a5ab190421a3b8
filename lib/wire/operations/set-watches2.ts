// SetWatches2 => SetWatches persistentWatches:vector<ustring> persistentRecursiveWatches:vector<ustring>
// The xid is −8. The response has no body.
import { OpCode } from '../constants.js';
import { readEmpty, writeEmpty, type Empty, type Operation } from '../operation.js';
import { readSetWatches, writeSetWatches, type SetWatchesRequest } from './set-watches.js';

export interface SetWatches2Request extends SetWatchesRequest {
  readonly persistentWatches: readonly string[];
  readonly persistentRecursiveWatches: readonly string[];
}

export const setWatches2: Operation<SetWatches2Request, Empty> = {
  name: 'setWatches2',
  code: OpCode.setWatches2,
  readRequest: (reader) => {
    const oneShot = readSetWatches(reader);
    return {
      ...oneShot,
      persistentWatches: reader.readStrings(),
      persistentRecursiveWatches: reader.readStrings(),
    };
  },
  writeRequest: (writer, request) => {
    writeSetWatches(writer, request);
    writer.writeStrings(request.persistentWatches);
    writer.writeStrings(request.persistentRecursiveWatches);
  },
  readResponse: readEmpty,
  writeResponse: writeEmpty,
};
