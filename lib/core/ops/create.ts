import { allows, fixUpAcl } from '../acl.js';
import { ErrorCode } from '../errors.js';
import { hasTtl, isEphemeral, isSequential, ttlRefusal } from '../modes.js';
import { nameOf, parentOf, sequenceSuffix, validatePath } from '../paths.js';
import { exceededQuota, unknownForQuota, unknownQuotaRoot } from '../quota.js';
import { unknownForUsage, usageData } from '../quota-usage.js';
import { addInt32, dataLength, statOf } from '../stat.js';
import { recordKey, type RecordKey, type StateReader } from '../state.js';
import {
  NO_SESSION,
  Perms,
  type CreateRequest,
  type CreateTxn,
  type Lifetime,
  type NodeRecord,
  type Origin,
  type Position,
  type Prepared,
  type Stat,
} from '../types.js';
import {
  accept,
  knownNode,
  refuse,
  unknownNode,
  trigger,
  updateNode,
  type Change,
  type EffectOperation,
  type WriteOperation,
} from './operation.js';

function lifetimeOf({ mode, ttlMs }: CreateRequest): { readonly lifetime?: Lifetime } {
  if (mode === 'container') return { lifetime: 'container' };
  return hasTtl(mode) && ttlMs !== undefined ? { lifetime: { ttlMs } } : {};
}

function finalPathOf(request: CreateRequest, parent: NodeRecord): string {
  return isSequential(request.mode) ? request.path + sequenceSuffix(parent.creates) : request.path;
}

function need(request: CreateRequest, state: StateReader): RecordKey[] {
  const parentPath = parentOf(request.path);
  const missing = unknownNode(parentPath, state);
  if (!isSequential(request.mode)) return [...missing, ...needAt(request.path, state)];
  if (missing.length > 0) return [...missing, ...unknownQuotaRoot(state)];
  const parent = knownNode(parentPath, state);
  return parent === null ? [] : needAt(finalPathOf(request, parent), state);
}

function needAt(path: string, state: StateReader): RecordKey[] {
  return [...unknownNode(path, state), ...unknownForQuota(path, state), ...unknownForUsage(path, state)];
}

/** The order of the checks is PrepRequestProcessor's: the path itself is looked at after its parent. */
function prepare(request: CreateRequest, origin: Origin, state: StateReader): Prepared {
  const { path } = request;
  if (!path.includes('/') || path.includes('\0')) return refuse(ErrorCode.BadArguments, path);
  // ZooKeeper has no requests without a session. SessionExpired would make a client replace a session it never had.
  if (isEphemeral(request.mode) && origin.session === NO_SESSION) return refuse(ErrorCode.BadArguments, path);
  if (ttlRefusal(request.mode, request.ttlMs) !== undefined) return refuse(ErrorCode.BadArguments, path);
  const acl = fixUpAcl(request.acl, origin.authIds);
  if (acl === undefined) return refuse(ErrorCode.InvalidACL, path);
  const parent = knownNode(parentOf(path), state);
  if (parent === null) return refuse(ErrorCode.NoNode, path);
  if (!allows(parent.acl, Perms.create, origin.authIds)) return refuse(ErrorCode.NoAuth, path);
  const finalPath = finalPathOf(request, parent);
  if (validatePath(finalPath) !== undefined) return refuse(ErrorCode.BadArguments, path);
  if (knownNode(finalPath, state) !== null) return refuse(ErrorCode.NodeExists, finalPath);
  if (parent.ephemeralOwner !== NO_SESSION) return refuse(ErrorCode.NoChildrenForEphemerals, path);
  const change = { path: finalPath, znodes: 1, bytes: dataLength(request.data) };
  const exceeded = origin.enforceQuota === true ? exceededQuota(change, state) : undefined;
  if (exceeded !== undefined) return refuse(ErrorCode.QuotaExceeded, exceeded);
  const usage = usageData(finalPath, state);
  if (usage === 'too many') return refuse(ErrorCode.ThrottledOp, path);
  const ephemeralOwner = isEphemeral(request.mode) ? origin.session : NO_SESSION;
  const data = usage ?? request.data;
  return accept({ type: 'create', path: finalPath, data, acl, ephemeralOwner, ...lifetimeOf(request) });
}

/**
 * What a create would do if nothing stood against it, as far as that can be said yet. A multi looks ahead with it: without
 * it, a thousand sequential creates would need a thousand rounds of hydration.
 */
export function presumedCreate(request: CreateRequest, state: StateReader): CreateTxn | undefined {
  const parentPath = parentOf(request.path);
  if (unknownNode(parentPath, state).length > 0) return undefined;
  const parent = knownNode(parentPath, state);
  if (parent === null) return undefined;
  const path = finalPathOf(request, parent);
  if (path === '/' || validatePath(path) !== undefined) return undefined;
  return { type: 'create', path, data: request.data, acl: request.acl, ephemeralOwner: NO_SESSION };
}

/** A new znode: nothing in it depends on what was there before. */
export function recordOfCreate(effect: CreateTxn, position: Position): NodeRecord {
  const { zxid, timeMs } = position;
  return {
    ...{ zxid, czxid: zxid, mzxid: zxid, pzxid: zxid },
    ...{ ctime: timeMs, mtime: timeMs },
    ...{ version: 0, creates: 0, aversion: 0, numChildren: 0 },
    ephemeralOwner: effect.ephemeralOwner,
    ...(effect.lifetime === undefined ? {} : { lifetime: effect.lifetime }),
    acl: effect.acl,
    data: effect.data,
  };
}

function apply(effect: CreateTxn, change: Change): Stat {
  const { state, position } = change;
  const parentPath = parentOf(effect.path);
  const record = recordOfCreate(effect, position);
  state.setNode(effect.path, record);
  state.addChild(parentPath, nameOf(effect.path));
  if (effect.ephemeralOwner !== NO_SESSION) state.addEphemeral(effect.ephemeralOwner, effect.path);
  const parent = state.node(parentPath);
  if (parent !== undefined && parent !== null) {
    const creates = addInt32(parent.creates, 1);
    updateNode(parentPath, change, { creates, numChildren: parent.numChildren + 1, pzxid: position.zxid });
  }
  trigger(change, { event: 'created', path: effect.path }, record);
  trigger(change, { event: 'childrenChanged', path: parentPath }, parent);
  return statOf(record);
}

/** A create and a delete change the same records. */
export function touchedByPath(effect: {
  readonly path: string;
  readonly ephemeralOwner: bigint;
}): RecordKey[] {
  const parentPath = parentOf(effect.path);
  const keys = [
    recordKey.node(effect.path),
    recordKey.children(effect.path),
    recordKey.node(parentPath),
    recordKey.children(parentPath),
  ];
  if (effect.ephemeralOwner !== NO_SESSION) keys.push(recordKey.ephemerals(effect.ephemeralOwner));
  return keys;
}

export const createOperation: WriteOperation<CreateRequest> & EffectOperation<CreateTxn> = {
  need,
  prepare,
  apply,
  touched: touchedByPath,
};
