import { ErrorCode } from '../../core/errors.js';
import type { Refusal } from '../../core/types.js';
import { KeeperError } from '../../keeper/types.js';
import { StoreError } from '../../log/store.js';
import {
  CompactedError,
  errorFrom,
  MaybeAppliedError,
  MultiError,
  OutOfOrderError,
  UnavailableError,
  ZeroKeeperError,
  type ErrorClass,
} from '../errors.js';
import type { TransportOperation } from '../transport.js';

/** What the state machine refused. */
export function refusalError(refusal: Refusal, operation: TransportOperation): ZeroKeeperError {
  const { code, path, operations } = refusal;
  if (operation.kind !== 'multi' || operations === undefined) return errorFrom({ code, path });
  const failedAt = operations.indexOf(code);
  const failed = failedAt < 0 ? undefined : operation.operations[failedAt];
  return new MultiError({ code, path: path ?? failed?.path, operations });
}

/** What stopped the keeper from answering. `maybeApplied` may be known better than the keeper knows it. */
export function keeperError(error: KeeperError, maybeApplied = error.maybeApplied): ZeroKeeperError {
  const init = { code: 0, message: error.message, cause: error, maybeApplied };
  switch (error.code) {
    case 'Stopped':
      return sessionOver(maybeApplied);
    case 'StoreUnavailable':
      return new UnavailableError({ ...init, retriable: isRetriable(error) });
    case 'Overdue':
    case 'Unreadable':
      return new UnavailableError({ ...init, retriable: false });
    case 'Overloaded':
    case 'Lagging':
      return new UnavailableError({ ...init, retriable: true });
    case 'Compacted':
      return new CompactedError(init);
    case 'OutOfOrder':
    case 'CxidReused':
      return new OutOfOrderError(init);
    case 'Internal':
      return errorFrom({ code: ErrorCode.SystemError, cause: error, maybeApplied });
    case 'MaybeApplied':
      return new MaybeAppliedError({ ...init, maybeApplied: true });
  }
}

/** False when the store said that the call itself is wrong: a table or a permission is missing. */
export function isRetriable(error: KeeperError): boolean {
  return !(error.cause instanceof StoreError) || error.cause.retriable;
}

/** An operating error as the application sees it; anything else is a bug and is told as one, not hidden. */
export function errorOfFailure(error: unknown): ZeroKeeperError {
  if (error instanceof ZeroKeeperError) return error;
  if (error instanceof KeeperError) return keeperError(error);
  return errorFrom({ code: ErrorCode.SystemError, cause: error });
}

export function sessionOver(maybeApplied = false): ZeroKeeperError {
  return errorFrom({ code: ErrorCode.SessionExpired, maybeApplied });
}

/** The same error for another operation, of which may be more known. */
export function again(error: ZeroKeeperError, maybeApplied: boolean): ZeroKeeperError {
  const { code, detail: message, cause, retriable } = error;
  const Class = error.constructor as ErrorClass;
  return new Class({ code, message, cause, retriable, maybeApplied });
}
