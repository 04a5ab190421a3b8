// RemoveWatchesRequest => path:ustring type:int
// The response has no body; NoWatcher in the header when there is none.
import { OpCode } from '../constants.js';
import { readEmpty, writeEmpty, type Empty, type Operation } from '../operation.js';
import { readWatchesRequest, writeWatchesRequest, type WatchesRequest } from './check-watches.js';

export const removeWatches: Operation<WatchesRequest, Empty> = {
  name: 'removeWatches',
  code: OpCode.removeWatches,
  readRequest: readWatchesRequest,
  writeRequest: writeWatchesRequest,
  readResponse: readEmpty,
  writeResponse: writeEmpty,
};
