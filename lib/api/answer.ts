import { ErrorCode } from '../core/errors.js';
import type { ThinRefusal } from '../keeper/thin-sessions.js';
import { KeeperError } from '../keeper/types.js';
import type { KeeperErrorCode } from '../keeper/types.js';
import type { ThinAnswer, ThinReason, ThinResult } from '../wire/thin-protocol.js';
import { THIN_PAYLOAD_BYTES_MAX, THIN_PROTOCOL_VERSION } from '../wire/thin-protocol.js';
import { BadRequestError } from './schema.js';
import { bytesOfJson } from './translate.js';

export type ThinErrorAnswer = Extract<ThinAnswer, { readonly type: 'error' }>;

/** The session of a request is not the sender's any more: the whole request is refused. */
export class SessionRefusedError extends Error {
  override readonly name = 'SessionRefusedError';
  readonly reason: ThinRefusal;
  /** A write of the request stands in the log. */
  readonly maybeApplied: boolean;

  constructor(reason: ThinRefusal, maybeApplied: boolean) {
    super(reason === 'SessionExpired' ? 'the session is over' : 'another holder has the session');
    this.reason = reason;
    this.maybeApplied = maybeApplied;
  }
}

const REASONS: Readonly<Record<KeeperErrorCode, ThinReason>> = {
  Stopped: 'StoreUnavailable',
  StoreUnavailable: 'StoreUnavailable',
  Overloaded: 'Overloaded',
  Lagging: 'Lagging',
  Compacted: 'Compacted',
  Unreadable: 'StoreUnavailable',
  OutOfOrder: 'OutOfOrder',
  CxidReused: 'CxidReused',
  MaybeApplied: 'MaybeApplied',
  Overdue: 'StoreUnavailable',
  Internal: 'StoreUnavailable',
};

export function reasonOf(error: KeeperError): ThinReason {
  return REASONS[error.code];
}

/** Errors that are about one write, and leave the others as they are. */
const OF_ONE_WRITE: ReadonlySet<KeeperErrorCode> = new Set(['OutOfOrder', 'CxidReused', 'MaybeApplied']);

export function isOfOneWrite(error: KeeperError): boolean {
  return OF_ONE_WRITE.has(error.code);
}

/**
 * What a request is answered that an error stopped; `undefined` for an error that is a bug. Everything a client can send
 * is idempotent, but for writes without a session, whose doubts are told write by write: so what is retriable may
 * be sent again as it was even if it `maybeApplied`.
 */
export function errorAnswer(error: unknown): ThinErrorAnswer | undefined {
  if (error instanceof BadRequestError)
    return answer({ code: 0, reason: 'BadRequest', message: error.message });
  if (error instanceof SessionRefusedError) {
    const { reason, message, maybeApplied } = error;
    return answer({ code: ErrorCode[reason], reason, message, maybeApplied });
  }
  if (!(error instanceof KeeperError) || error.code === 'Internal') return undefined;
  const { message, maybeApplied } = error;
  return answer({ code: 0, reason: reasonOf(error), message, maybeApplied, retriable: !isOfOneWrite(error) });
}

function answer(input: {
  code: number;
  reason: ThinReason;
  message: string;
  maybeApplied?: boolean;
  retriable?: boolean;
}): ThinErrorAnswer {
  const { maybeApplied = false, retriable = false, ...rest } = input;
  return {
    v: THIN_PROTOCOL_VERSION,
    type: 'error',
    ...rest,
    retriable,
    ...(maybeApplied ? { maybeApplied } : {}),
  };
}

/** The results of a batch as they come in, and how much of the answer is left for more. */
export class Results {
  readonly list: ThinResult[] = [];
  #bytes = 0;

  /** Of JSON. */
  get bytesLeft(): number {
    return THIN_PAYLOAD_BYTES_MAX - this.#bytes;
  }

  /** Whether so much fits. The first result always does: an answer without any gets nobody further. */
  fits(bytes: number): boolean {
    return this.list.length === 0 || bytes <= this.bytesLeft;
  }

  /** Takes what {@link fits}. */
  add(result: ThinResult): void {
    this.list.push(result);
    this.#bytes += bytesOfJson(result) + 1;
  }
}
