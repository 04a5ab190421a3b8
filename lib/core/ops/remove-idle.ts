import { ErrorCode } from '../errors.js';
import type { StateReader } from '../state.js';
import type { Origin, Prepared, RemoveIdleRequest } from '../types.js';
import { needOfRemoval } from './delete.js';
import { accept, knownNode, refuse, type WriteOperation } from './operation.js';

/**
 * Whoever found the znode due did so on an earlier state. It goes only as the znode that it was then: a write or a child
 * in between, also one that has gone again, has moved mzxid or pzxid, and its time begins anew.
 */
function prepare(request: RemoveIdleRequest, _origin: Origin, state: StateReader): Prepared {
  const { path } = request;
  const record = knownNode(path, state);
  if (record === null) return refuse(ErrorCode.NoNode, path);
  if (record.numChildren > 0) return refuse(ErrorCode.NotEmpty, path);
  const isSame = record.mzxid === request.mzxid && record.pzxid === request.pzxid;
  if (record.lifetime === undefined || !isSame) return refuse(ErrorCode.BadVersion, path);
  return accept({ type: 'delete', path, ephemeralOwner: record.ephemeralOwner });
}

/** Its effect is that of a delete. */
export const removeIdleOperation: WriteOperation<RemoveIdleRequest> = {
  need: (request, state) => needOfRemoval(request.path, state),
  prepare,
};
