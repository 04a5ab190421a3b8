// SetWatches => relativeZxid:long dataWatches:vector<ustring> existWatches:vector<ustring> childWatches:vector<ustring>
// The xid is −8, or an ordinary one from some clients. The response has no body.
import type { Zxid } from '../../core/types.js';
import { OpCode } from '../constants.js';
import { readEmpty, writeEmpty, type Empty, type Operation } from '../operation.js';
import type { JuteReader } from '../reader.js';
import type { JuteWriter } from '../writer.js';

export interface SetWatchesRequest {
  /** The last zxid that the client has seen. */
  readonly relativeZxid: Zxid;
  readonly dataWatches: readonly string[];
  readonly existWatches: readonly string[];
  readonly childWatches: readonly string[];
}

export function readSetWatches(reader: JuteReader): SetWatchesRequest {
  return {
    relativeZxid: reader.readClampedInt64(),
    dataWatches: reader.readStrings(),
    existWatches: reader.readStrings(),
    childWatches: reader.readStrings(),
  };
}

export function writeSetWatches(writer: JuteWriter, request: SetWatchesRequest): void {
  writer.writeSafeInt64(request.relativeZxid);
  writer.writeStrings(request.dataWatches);
  writer.writeStrings(request.existWatches);
  writer.writeStrings(request.childWatches);
}

export const setWatches: Operation<SetWatchesRequest, Empty> = {
  name: 'setWatches',
  code: OpCode.setWatches,
  readRequest: readSetWatches,
  writeRequest: writeSetWatches,
  readResponse: readEmpty,
  writeResponse: writeEmpty,
};
