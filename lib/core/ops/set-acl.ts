import { allows, fixUpAcl } from '../acl.js';
import { ErrorCode } from '../errors.js';
import { validatePath } from '../paths.js';
import { statOf } from '../stat.js';
import { recordKey, type StateReader } from '../state.js';
import {
  Perms,
  type Origin,
  type Prepared,
  type SetAclRequest,
  type SetAclTxn,
  type Stat,
} from '../types.js';
import {
  accept,
  knownNode,
  refuse,
  unknownNode,
  updateNode,
  type Change,
  type EffectOperation,
  type WriteOperation,
} from './operation.js';
import { nextVersion, versionMatches } from './version.js';

function prepare(request: SetAclRequest, origin: Origin, state: StateReader): Prepared {
  const { path } = request;
  if (validatePath(path) !== undefined) return refuse(ErrorCode.BadArguments, path);
  const acl = fixUpAcl(request.acl, origin.authIds);
  if (acl === undefined) return refuse(ErrorCode.InvalidACL, path);
  const record = knownNode(path, state);
  if (record === null) return refuse(ErrorCode.NoNode, path);
  if (!allows(record.acl, Perms.admin, origin.authIds)) return refuse(ErrorCode.NoAuth, path);
  if (!versionMatches(record.aversion, request.version)) return refuse(ErrorCode.BadVersion, path);
  return accept({ type: 'setAcl', path, acl, version: nextVersion(record.aversion) });
}

/** No watch tells of a new ACL. */
function apply(effect: SetAclTxn, change: Change): Stat | undefined {
  const updated = updateNode(effect.path, change, { acl: effect.acl, aversion: effect.version });
  return updated && statOf(updated);
}

export const setAclOperation: WriteOperation<SetAclRequest> & EffectOperation<SetAclTxn> = {
  need: (request, state) => unknownNode(request.path, state),
  prepare,
  apply,
  touched: (effect) => [recordKey.node(effect.path)],
};
