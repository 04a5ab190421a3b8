import { allows } from '../acl.js';
import { ErrorCode } from '../errors.js';
import { validatePath } from '../paths.js';
import { exceededQuota, unknownForQuota } from '../quota.js';
import { dataLength, statOf } from '../stat.js';
import { recordKey, type StateReader } from '../state.js';
import {
  Perms,
  type Origin,
  type Prepared,
  type SetDataRequest,
  type SetDataTxn,
  type Stat,
} from '../types.js';
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
import { nextVersion, versionMatches } from './version.js';

function prepare(request: SetDataRequest, origin: Origin, state: StateReader): Prepared {
  const { path } = request;
  if (validatePath(path) !== undefined) return refuse(ErrorCode.BadArguments, path);
  const record = knownNode(path, state);
  if (record === null) return refuse(ErrorCode.NoNode, path);
  if (!allows(record.acl, Perms.write, origin.authIds)) return refuse(ErrorCode.NoAuth, path);
  const change = { path, znodes: 0, bytes: dataLength(request.data) - dataLength(record.data) };
  const exceeded = origin.enforceQuota === true ? exceededQuota(change, state) : undefined;
  if (exceeded !== undefined) return refuse(ErrorCode.QuotaExceeded, exceeded);
  if (!versionMatches(record.version, request.version)) return refuse(ErrorCode.BadVersion, path);
  return accept({ type: 'setData', path, data: request.data, version: nextVersion(record.version) });
}

function apply(effect: SetDataTxn, change: Change): Stat | undefined {
  const { zxid, timeMs } = change.position;
  const { data, version } = effect;
  const updated = updateNode(effect.path, change, { data, version, mzxid: zxid, mtime: timeMs });
  trigger(change, { event: 'dataChanged', path: effect.path }, updated);
  return updated && statOf(updated);
}

export const setDataOperation: WriteOperation<SetDataRequest> & EffectOperation<SetDataTxn> = {
  need: (request, state) => [...unknownNode(request.path, state), ...unknownForQuota(request.path, state)],
  prepare,
  apply,
  touched: (effect) => [recordKey.node(effect.path)],
};
