import { ErrorCode } from '../errors.js';
import { recordKey, type RecordKey, type StateReader } from '../state.js';
import {
  NO_SESSION,
  type CreateSessionRequest,
  type CreateSessionTxn,
  type Origin,
  type Prepared,
} from '../types.js';
import {
  accept,
  known,
  refuse,
  type Change,
  type EffectOperation,
  type WriteOperation,
} from './operation.js';

/** The key of a session that is not known. */
export function unknownSession(session: bigint, state: StateReader): RecordKey[] {
  return state.session(session) === undefined ? [recordKey.session(session)] : [];
}

/**
 * The same create once more is done already. An id that somebody else has taken is a SystemError: ids are random, so it is
 * the creator that is broken, and no client's request can be the cause.
 */
function prepare(request: CreateSessionRequest, _origin: Origin, state: StateReader): Prepared {
  if (request.session <= NO_SESSION) return refuse(ErrorCode.BadArguments);
  const record = known(state.session(request.session), 'a session');
  if (record !== null) {
    return record.attachId === request.attachId ? accept({ type: 'noop' }) : refuse(ErrorCode.SystemError);
  }
  const { session, owner, attachId, timeoutMs, passwordHash } = request;
  return accept({ type: 'createSession', session, owner, attachId, timeoutMs, passwordHash });
}

function apply(effect: CreateSessionTxn, { state, position }: Change): undefined {
  const { session, owner, attachId, timeoutMs, passwordHash } = effect;
  const { zxid } = position;
  state.setSession(session, { zxid, epoch: 1, owner, attachId, timeoutMs, passwordHash, cxid: 0 });
  return undefined;
}

export const createSessionOperation: WriteOperation<CreateSessionRequest> &
  EffectOperation<CreateSessionTxn> = {
  need: (request, state) => unknownSession(request.session, state),
  prepare,
  apply,
  touched: (effect) => [recordKey.session(effect.session), recordKey.ephemerals(effect.session)],
};
