/**
 * The state machine's functions. Pure and synchronous: no I/O, no clock, no randomness.
 *
 *   needOfWrite / needOfRead → keys that must be known before prepare / answer. Asked again until the list is empty:
 *                              a key may lead to further ones (a session's ephemerals to their records).
 *   prepare                  → validates on the current state, resolves effects; may refuse.
 *   apply                    → changes state, never fails; returns watch triggers.
 *   resultOf                 → the answer of a write, from the state right after its effect was applied.
 *   answer                   → the answer of a read.
 *   keysTouched              → every key that apply changes.
 */
import { ErrorCode } from './errors.js';
import { attachOperation } from './ops/attach.js';
import { checkOperation } from './ops/check.js';
import { closeSessionOperation } from './ops/close-session.js';
import { createOperation } from './ops/create.js';
import { createSessionOperation, unknownSession } from './ops/create-session.js';
import { deleteOperation } from './ops/delete.js';
import { existsOperation } from './ops/exists.js';
import { getAclOperation } from './ops/get-acl.js';
import { getChildrenOperation } from './ops/get-children.js';
import { getDataOperation } from './ops/get-data.js';
import { multiOperation } from './ops/multi.js';
import { errorEffect, noopOperation } from './ops/noop.js';
import {
  known,
  refuse,
  type EffectOperation,
  type ReadOperation,
  type WriteOperation,
} from './ops/operation.js';
import { removeIdleOperation } from './ops/remove-idle.js';
import { setAclOperation } from './ops/set-acl.js';
import { setDataOperation } from './ops/set-data.js';
import { applyQuotas, quotaChanges, touchedByQuotas } from './quota.js';
import { recordKey, type RecordKey, type StateReader, type StateWriter } from './state.js';
import {
  NO_SESSION,
  type AuthId,
  type Effect,
  type Origin,
  type Position,
  type Prepared,
  type ReadAnswer,
  type ReadRequest,
  type Stat,
  type Txn,
  type WatchTrigger,
  type WriteRequest,
} from './types.js';

export { resultOf, type ResultInput } from './ops/result.js';

type SingleRequest = Exclude<WriteRequest, { kind: 'multi' }>;
type SingleEffect = Exclude<Effect, { type: 'multi' }>;

const WRITES: {
  readonly [K in SingleRequest['kind']]: WriteOperation<Extract<SingleRequest, { kind: K }>>;
} = {
  create: createOperation,
  delete: deleteOperation,
  setData: setDataOperation,
  setAcl: setAclOperation,
  check: checkOperation,
  createSession: createSessionOperation,
  attach: attachOperation,
  closeSession: closeSessionOperation,
  removeIdle: removeIdleOperation,
  noop: noopOperation,
};

const EFFECTS: {
  readonly [K in SingleEffect['type']]: EffectOperation<Extract<SingleEffect, { type: K }>>;
} = {
  create: createOperation,
  delete: deleteOperation,
  setData: setDataOperation,
  setAcl: setAclOperation,
  check: checkOperation,
  createSession: createSessionOperation,
  attach: attachOperation,
  closeSession: closeSessionOperation,
  noop: noopOperation,
  error: errorEffect,
};

const READS: { readonly [K in ReadRequest['kind']]: ReadOperation<Extract<ReadRequest, { kind: K }>> } = {
  exists: existsOperation,
  getData: getDataOperation,
  getAcl: getAclOperation,
  getChildren: getChildrenOperation,
};

// The keys of the tables are the discriminants, so what is found is the operation of the value's own type.
function writeOf(request: SingleRequest): WriteOperation<SingleRequest> {
  return WRITES[request.kind];
}

function effectOf(effect: SingleEffect): EffectOperation<SingleEffect> {
  return EFFECTS[effect.type];
}

function readOf(request: ReadRequest): ReadOperation<ReadRequest> {
  return READS[request.kind];
}

/** closeSession carries the epoch it believes in itself, and is no refusal when the session is gone already. */
function needsOpenSession(request: WriteRequest, origin: Origin): boolean {
  if (origin.session === NO_SESSION) return false;
  return request.kind !== 'closeSession' || request.session !== origin.session;
}

/**
 * Keys that `prepare` depends on and that `state` does not know. Empty: `prepare` may be called. Otherwise make them known
 * and ask again, for they may lead to more. Contents of blobs are never among them.
 */
export function needOfWrite(request: WriteRequest, origin: Origin, state: StateReader): RecordKey[] {
  const session = needsOpenSession(request, origin) ? unknownSession(origin.session, state) : [];
  const own =
    request.kind === 'multi'
      ? multiOperation.need(request, origin, state)
      : writeOf(request).need(request, state);
  if (session.length === 0 && own.length === 0) return own;
  return [...new Set([...session, ...own])];
}

/** Keys that `answer` depends on and that `state` does not know; asked again until it is empty. */
export function needOfRead(request: ReadRequest, state: StateReader): RecordKey[] {
  return readOf(request).need(request, state);
}

export interface PrepareInput {
  readonly request: WriteRequest;
  readonly origin: Origin;
  /** Everything that {@link needOfWrite} names is known. */
  readonly state: StateReader;
  /** The time that the entry will have. No check depends on it so far. */
  readonly timeMs: number;
}

/**
 * Validates a write on the current state, in the order of ZooKeeper's checks, and resolves its effect. The session comes
 * first: SessionExpired when it is not open, SessionMoved when the sender's epoch is not the current one; such a refusal
 * of a multi has no codes of single operations.
 */
export function prepare({ request, origin, state }: PrepareInput): Prepared {
  if (needsOpenSession(request, origin)) {
    const session = known(state.session(origin.session), 'a session');
    if (session === null) return refuse(ErrorCode.SessionExpired);
    if (session.epoch !== origin.epoch) return refuse(ErrorCode.SessionMoved);
  }
  if (request.kind === 'multi') return multiOperation.prepare(request, origin, state);
  const prepared = writeOf(request).prepare(request, origin, state);
  if (!prepared.ok) return prepared;
  const quotas = quotaChanges(prepared.effect, state);
  return quotas.length === 0 ? prepared : { ...prepared, quotas };
}

/** What {@link applyWithStats} returns. */
export interface Applied {
  readonly triggers: WatchTrigger[];
  /** One for a single effect, one an operation for a multi; each as it was right after its own operation. */
  readonly stats: readonly (Stat | undefined)[];
}

/**
 * Carries a transaction out and keeps the Stats that its answer needs. Never fails: what is not known, or does not exist,
 * is left alone, but for what a create gives a full image of.
 */
export function applyWithStats(txn: Txn, position: Position, state: StateWriter): Applied {
  const { effect } = txn;
  const triggers: WatchTrigger[] = [];
  const change = { position, state, triggers };
  const stats =
    effect.type === 'multi' ? multiOperation.apply(effect, change) : [effectOf(effect).apply(effect, change)];
  if (txn.quotas !== undefined) applyQuotas(txn.quotas, change);
  raiseCxid(txn, position, state);
  return { triggers, stats };
}

/** {@link applyWithStats} for those who only follow: returns the watch triggers, in ZooKeeper's order. */
export function apply(txn: Txn, position: Position, state: StateWriter): WatchTrigger[] {
  return applyWithStats(txn, position, state).triggers;
}

function hasCxid(txn: Txn): boolean {
  return txn.session !== NO_SESSION && txn.cxid > 0;
}

function raiseCxid(txn: Txn, { zxid }: Position, state: StateWriter): void {
  if (!hasCxid(txn)) return;
  const session = state.session(txn.session);
  if (session === undefined || session === null) return;
  state.setSession(txn.session, { ...session, zxid, cxid: Math.max(session.cxid, txn.cxid) });
}

/** Every key that applying the effect, or the transaction with its sender's cxid and quotas, changes. */
export function keysTouched(change: Effect | Txn): RecordKey[] {
  if (!('effect' in change)) {
    return change.type === 'multi' ? multiOperation.touched(change) : effectOf(change).touched(change);
  }
  const keys = new Set(keysTouched(change.effect));
  for (const key of touchedByQuotas(change.quotas ?? [])) keys.add(key);
  if (hasCxid(change)) keys.add(recordKey.session(change.session));
  return [...keys];
}

/** Answers a read. Everything that {@link needOfRead} names is known. */
export function answer(request: ReadRequest, state: StateReader, authIds: readonly AuthId[]): ReadAnswer {
  return readOf(request).answer(request, state, authIds);
}
