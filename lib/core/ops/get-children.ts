import { allows } from '../acl.js';
import { ErrorCode } from '../errors.js';
import { validatePath } from '../paths.js';
import { statOf } from '../stat.js';
import { recordKey, type RecordKey, type StateReader } from '../state.js';
import { Perms, type ReadRequest } from '../types.js';
import { known, knownNode, unknownNode, type ReadOperation } from './operation.js';

type GetChildrenRequest = Extract<ReadRequest, { kind: 'getChildren' }>;

/** Asks for record and list at once, to save a round trip; a znode that is known to have no children needs no list. */
function need(request: GetChildrenRequest, state: StateReader): RecordKey[] {
  if (validatePath(request.path) !== undefined) return [];
  const record = state.node(request.path);
  if (record === null || record?.numChildren === 0) return [];
  const list = state.children(request.path) === undefined ? [recordKey.children(request.path)] : [];
  return [...unknownNode(request.path, state), ...list];
}

export const getChildrenOperation: ReadOperation<GetChildrenRequest> = {
  need,
  answer(request, state, authIds) {
    const record = knownNode(request.path, state);
    if (record === null) return { ok: false, code: ErrorCode.NoNode };
    if (!allows(record.acl, Perms.read, authIds)) return { ok: false, code: ErrorCode.NoAuth };
    const children =
      record.numChildren === 0 ? [] : [...known(state.children(request.path), 'a list of children')];
    return { ok: true, result: { kind: 'getChildren', children, stat: statOf(record) } };
  },
};
