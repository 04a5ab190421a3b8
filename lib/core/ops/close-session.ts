import { ErrorCode } from '../errors.js';
import { unknownQuotaRoot } from '../quota.js';
import { recordKey, type RecordKey, type StateReader } from '../state.js';
import type { CloseSessionRequest, CloseSessionTxn, Origin, Prepared } from '../types.js';
import { touchedByPath } from './create.js';
import { unknownSession } from './create-session.js';
import { applyDelete, needOfRemoval } from './delete.js';
import {
  accept,
  known,
  refuse,
  type Change,
  type EffectOperation,
  type WriteOperation,
} from './operation.js';

function need(request: CloseSessionRequest, state: StateReader): RecordKey[] {
  const { session } = request;
  const record = state.session(session);
  if (record === null || (record !== undefined && record.epoch !== request.epoch)) return [];
  const ephemerals = state.ephemerals(session);
  const missing = new Set([...unknownSession(session, state), ...unknownQuotaRoot(state)]);
  if (ephemerals === undefined) missing.add(recordKey.ephemerals(session));
  for (const path of ephemerals ?? []) {
    for (const key of needOfRemoval(path, state)) missing.add(key);
  }
  return [...missing];
}

/** Closing what is closed already changes nothing; another epoch means that somebody else owns the session by now. */
function prepare(request: CloseSessionRequest, _origin: Origin, state: StateReader): Prepared {
  const { session } = request;
  const record = known(state.session(session), 'a session');
  if (record === null) return accept({ type: 'noop' });
  if (record.epoch !== request.epoch) return refuse(ErrorCode.SessionMoved);
  const ephemerals = [...known(state.ephemerals(session), "a session's ephemerals")];
  return accept({ type: 'closeSession', session, ephemerals });
}

function apply(effect: CloseSessionTxn, change: Change): undefined {
  for (const path of effect.ephemerals) applyDelete({ path, ephemeralOwner: effect.session }, change);
  change.state.setSession(effect.session, null);
  return undefined;
}

function touched(effect: CloseSessionTxn): RecordKey[] {
  const keys = new Set([recordKey.session(effect.session), recordKey.ephemerals(effect.session)]);
  for (const path of effect.ephemerals) {
    for (const key of touchedByPath({ path, ephemeralOwner: effect.session })) keys.add(key);
  }
  return [...keys];
}

export const closeSessionOperation: WriteOperation<CloseSessionRequest> & EffectOperation<CloseSessionTxn> = {
  need,
  prepare,
  apply,
  touched,
};
