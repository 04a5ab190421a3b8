import { allows } from '../acl.js';
import { ErrorCode } from '../errors.js';
import { statOf } from '../stat.js';
import { recordKey, type RecordKey, type StateReader } from '../state.js';
import { Perms, type ReadRequest, type ZnodeData } from '../types.js';
import { known, knownNode, unknownNode, type ReadOperation } from './operation.js';

type GetDataRequest = Extract<ReadRequest, { kind: 'getData' }>;

function need(request: GetDataRequest, state: StateReader): RecordKey[] {
  const missing = unknownNode(request.path, state);
  if (missing.length > 0) return missing;
  const data = knownNode(request.path, state)?.data;
  if (data === undefined || data instanceof Uint8Array) return [];
  return state.blob(data.blob) === undefined ? [recordKey.blob(data)] : [];
}

function contentOf(data: ZnodeData, state: StateReader): Uint8Array {
  return data instanceof Uint8Array ? data : known(state.blob(data.blob), 'a blob');
}

export const getDataOperation: ReadOperation<GetDataRequest> = {
  need,
  answer(request, state, authIds) {
    const record = knownNode(request.path, state);
    if (record === null) return { ok: false, code: ErrorCode.NoNode };
    if (!allows(record.acl, Perms.read, authIds)) return { ok: false, code: ErrorCode.NoAuth };
    return {
      ok: true,
      result: { kind: 'getData', data: contentOf(record.data, state), stat: statOf(record) },
    };
  },
};
