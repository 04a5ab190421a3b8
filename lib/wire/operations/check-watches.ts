// CheckWatchesRequest => path:ustring type:int
// The response has no body; NoWatcher in the header when there is none.
import { OpCode } from '../constants.js';
import { readEmpty, writeEmpty, type Empty, type Operation } from '../operation.js';
import type { JuteReader } from '../reader.js';
import type { JuteWriter } from '../writer.js';

export interface WatchesRequest {
  readonly path: string;
  /** One of WatcherType, unchecked. */
  readonly type: number;
}

export function readWatchesRequest(reader: JuteReader): WatchesRequest {
  return { path: reader.readString(), type: reader.readInt32() };
}

export function writeWatchesRequest(writer: JuteWriter, request: WatchesRequest): void {
  writer.writeString(request.path);
  writer.writeInt32(request.type);
}

export const checkWatches: Operation<WatchesRequest, Empty> = {
  name: 'checkWatches',
  code: OpCode.checkWatches,
  readRequest: readWatchesRequest,
  writeRequest: writeWatchesRequest,
  readResponse: readEmpty,
  writeResponse: writeEmpty,
};
