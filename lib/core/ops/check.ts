import { allows } from '../acl.js';
import { ErrorCode } from '../errors.js';
import { validatePath } from '../paths.js';
import type { StateReader } from '../state.js';
import { Perms, type CheckRequest, type CheckTxn, type Origin, type Prepared } from '../types.js';
import {
  accept,
  knownNode,
  refuse,
  unknownNode,
  type EffectOperation,
  type WriteOperation,
} from './operation.js';
import { versionMatches } from './version.js';

function prepare(request: CheckRequest, origin: Origin, state: StateReader): Prepared {
  const { path } = request;
  if (validatePath(path) !== undefined) return refuse(ErrorCode.BadArguments, path);
  const record = knownNode(path, state);
  if (record === null) return refuse(ErrorCode.NoNode, path);
  if (!allows(record.acl, Perms.read, origin.authIds)) return refuse(ErrorCode.NoAuth, path);
  if (!versionMatches(record.version, request.version)) return refuse(ErrorCode.BadVersion, path);
  return accept({ type: 'check', path });
}

export const checkOperation: WriteOperation<CheckRequest> & EffectOperation<CheckTxn> = {
  need: (request, state) => unknownNode(request.path, state),
  prepare,
  apply: () => undefined,
  touched: () => [],
};
