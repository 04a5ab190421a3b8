import { allows } from '../acl.js';
import { ErrorCode } from '../errors.js';
import { isReserved, nameOf, parentOf } from '../paths.js';
import { unknownForQuota } from '../quota.js';
import type { RecordKey, StateReader } from '../state.js';
import {
  NO_SESSION,
  Perms,
  type DeleteRequest,
  type DeleteTxn,
  type Origin,
  type Prepared,
} from '../types.js';
import { touchedByPath } from './create.js';
import {
  accept,
  knownNode,
  refuse,
  trigger,
  unknownNode,
  updateNode,
  type Change,
  type EffectOperation,
  type WriteOperation,
} from './operation.js';
import { versionMatches } from './version.js';

function need(request: DeleteRequest, state: StateReader): RecordKey[] {
  return needOfRemoval(request.path, state);
}

/** What it takes to remove a znode, whoever does it. */
export function needOfRemoval(path: string, state: StateReader): RecordKey[] {
  return [
    ...unknownNode(parentOf(path), state),
    ...unknownNode(path, state),
    ...unknownForQuota(path, state),
  ];
}

/** As in PrepRequestProcessor a malformed path is mostly just a znode that does not exist. */
function prepare(request: DeleteRequest, origin: Origin, state: StateReader): Prepared {
  const { path } = request;
  if (!path.includes('/') || path.includes('\0') || isReserved(path)) {
    return refuse(ErrorCode.BadArguments, path);
  }
  const parent = knownNode(parentOf(path), state);
  if (parent === null) return refuse(ErrorCode.NoNode, path);
  if (!allows(parent.acl, Perms.delete, origin.authIds)) return refuse(ErrorCode.NoAuth, path);
  const record = knownNode(path, state);
  if (record === null) return refuse(ErrorCode.NoNode, path);
  if (!versionMatches(record.version, request.version)) return refuse(ErrorCode.BadVersion, path);
  if (record.numChildren > 0) return refuse(ErrorCode.NotEmpty, path);
  return accept({ type: 'delete', path, ephemeralOwner: record.ephemeralOwner });
}

/** Also what closing a session does to each of its ephemerals. */
export function applyDelete(effect: Omit<DeleteTxn, 'type'>, change: Change): undefined {
  const { state, position } = change;
  const parentPath = parentOf(effect.path);
  const record = state.node(effect.path);
  state.setNode(effect.path, null);
  state.removeChild(parentPath, nameOf(effect.path));
  if (effect.ephemeralOwner !== NO_SESSION) state.removeEphemeral(effect.ephemeralOwner, effect.path);
  const parent = state.node(parentPath);
  if (parent !== undefined && parent !== null) {
    updateNode(parentPath, change, { numChildren: parent.numChildren - 1, pzxid: position.zxid });
  }
  trigger(change, { event: 'deleted', path: effect.path }, record);
  trigger(change, { event: 'childrenChanged', path: parentPath }, parent);
  return undefined;
}

export const deleteOperation: WriteOperation<DeleteRequest> & EffectOperation<DeleteTxn> = {
  need,
  prepare,
  apply: applyDelete,
  touched: touchedByPath,
};
