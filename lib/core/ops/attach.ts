import { ErrorCode } from '../errors.js';
import { recordKey, type StateReader } from '../state.js';
import type { AttachRequest, AttachTxn, Origin, Prepared } from '../types.js';
import { unknownSession } from './create-session.js';
import {
  accept,
  known,
  refuse,
  type Change,
  type EffectOperation,
  type WriteOperation,
} from './operation.js';

/** Of two that replace the same epoch one wins; the loser is told SessionMoved, a repetition finds itself done. */
function prepare(request: AttachRequest, _origin: Origin, state: StateReader): Prepared {
  const record = known(state.session(request.session), 'a session');
  if (record === null) return refuse(ErrorCode.SessionExpired);
  const { session, owner, attachId, timeoutMs } = request;
  const epoch = request.replacesEpoch + 1;
  if (record.epoch === request.replacesEpoch) {
    return accept({ type: 'attach', session, epoch, owner, attachId, timeoutMs });
  }
  const isOwn = record.epoch === epoch && record.attachId === attachId;
  return isOwn ? accept({ type: 'noop' }) : refuse(ErrorCode.SessionMoved);
}

function apply(effect: AttachTxn, { state, position }: Change): undefined {
  const record = state.session(effect.session);
  if (record === undefined || record === null) return undefined;
  const { epoch, owner, attachId, timeoutMs } = effect;
  state.setSession(effect.session, { ...record, zxid: position.zxid, epoch, owner, attachId, timeoutMs });
  return undefined;
}

export const attachOperation: WriteOperation<AttachRequest> & EffectOperation<AttachTxn> = {
  need: (request, state) => unknownSession(request.session, state),
  prepare,
  apply,
  touched: (effect) => [recordKey.session(effect.session)],
};
