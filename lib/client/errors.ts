import { ErrorCode, errorName, errorOf } from '../core/errors.js';

/** What an error is made of. */
export interface ErrorInit {
  /** One of ZooKeeper's codes; 0 where ZooKeeper has none. */
  readonly code: number;
  readonly path?: string | undefined;
  readonly maybeApplied?: boolean | undefined;
  readonly cause?: unknown;
  /** Replaces the table's message. */
  readonly message?: string | undefined;
  /** Replaces the table's judgement. */
  readonly retriable?: boolean | undefined;
}

/**
 * A request that did not succeed. Every error of the client is one; its class tells which. As a string it is
 * `NoNode: there is no such znode: /a`.
 *
 * @example
 * ```ts
 * import { connect, NoNodeError } from 'zerokeeper';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * try {
 *   await client.get('/missing');
 * } catch (error) {
 *   if (!(error instanceof NoNodeError)) throw error;
 *   console.log(error.path, error.code, error.maybeApplied);
 * }
 * ```
 */
export class ZeroKeeperError extends Error {
  /** ZooKeeper's name of the code, e.g. `NoNode`; where ZooKeeper has no code, the class's name without `Error`. */
  override readonly name: string;
  /** ZooKeeper's code, e.g. −101; 0 for what ZooKeeper has no code for. */
  readonly code: number;
  /** The path that the failed operation named, as the application wrote it. */
  readonly path: string | undefined;
  /**
   * True when nobody can say whether the write happened, or whether it still will: it was sent and has no answer. False
   * when it certainly did not happen, and for reads.
   */
  readonly maybeApplied: boolean;
  /** Whether the same request may succeed when it is made again as it was. Look at {@link maybeApplied} first. */
  readonly retriable: boolean;
  /** What went wrong, without the path. */
  readonly detail: string;

  constructor(init: ErrorInit) {
    const detail = init.message ?? errorOf(init.code)?.message ?? `the server answered ${init.code}`;
    super(describe(detail, init), init.cause === undefined ? undefined : { cause: init.cause });
    this.detail = detail;
    this.name = init.code === 0 ? new.target.name.replace(/Error$/, '') : errorName(init.code);
    this.code = init.code;
    this.path = init.path;
    this.maybeApplied = init.maybeApplied ?? false;
    this.retriable = init.retriable ?? errorOf(init.code)?.retriable ?? false;
  }
}

function describe(detail: string, init: ErrorInit): string {
  const subject = init.path === undefined ? '' : `: ${init.path}`;
  const doubt = init.maybeApplied === true ? ' (the write may have been applied)' : '';
  return detail + subject + doubt;
}

// --- ZooKeeper's errors ----------------------------------------------------------------------------------------------

/** The znode, or the parent of one to be created, does not exist. */
export class NoNodeError extends ZeroKeeperError {}
/** The znode to be created exists already. */
export class NodeExistsError extends ZeroKeeperError {}
/** The znode has another version than the one that was named. */
export class BadVersionError extends ZeroKeeperError {}
/** The znode to be deleted has children. */
export class NotEmptyError extends ZeroKeeperError {}
/** The access control list does not allow this. */
export class NoAuthError extends ZeroKeeperError {}
/** The access control list is empty, names an unknown scheme, or an id that is none. */
export class InvalidAclError extends ZeroKeeperError {}
/** The credentials were refused; the session is over. */
export class AuthFailedError extends ZeroKeeperError {}
/** An ephemeral znode cannot have children. */
export class NoChildrenForEphemeralsError extends ZeroKeeperError {}
/** An argument is not valid: a path that is none, a number out of its range. */
export class BadArgumentsError extends ZeroKeeperError {}
/** The session has expired or was closed. Its ephemerals are gone; connect again. */
export class SessionExpiredError extends ZeroKeeperError {}
/** Somebody else attached the session. */
export class SessionMovedError extends ZeroKeeperError {}
/** The connection was lost, or there is none. `maybeApplied` tells whether a write was under way. */
export class ConnectionLossError extends ZeroKeeperError {}
/** The deadline passed. `maybeApplied` tells whether a write was under way. */
export class OperationTimeoutError extends ZeroKeeperError {}
/** The server has too many requests, or this client's queue is full. Nothing was done. */
export class ThrottledError extends ZeroKeeperError {}
/** A quota would be exceeded. */
export class QuotaExceededError extends ZeroKeeperError {}
/** There is no such watch. */
export class NoWatcherError extends ZeroKeeperError {}
/** The server only reads at the moment: nothing was done. */
export class NotReadOnlyError extends ZeroKeeperError {}
/** The server, or this transport, does not have the operation. */
export class UnsupportedError extends ZeroKeeperError {}
/** What was sent or received could not be read, or is too long. */
export class MarshallingError extends ZeroKeeperError {}

// --- Errors that ZooKeeper has no code for ---------------------------------------------------------------------------

/** The application's signal aborted; `cause` is its reason. `maybeApplied` tells whether a write was under way. */
export class AbortedError extends ZeroKeeperError {}
/** Nobody has answered for so long that the session may be over by now. It may also live on. */
export class LeaseLapsedError extends ZeroKeeperError {}
/** The log no longer reaches back to the zxid that changes were asked from: read anew, then follow from there. */
export class CompactedError extends ZeroKeeperError {}
/** The application took events more slowly than they came, and the queue's bound was reached. The watch has ended. */
export class WatchOverflowError extends ZeroKeeperError {}
/** Whether the write ended in the log cannot be found out any more. Always `maybeApplied`. */
export class MaybeAppliedError extends ZeroKeeperError {}
/** A write's number was spent on another request: two clients use one session. Nothing was done. */
export class OutOfOrderError extends ZeroKeeperError {}
/** The store does not answer, or asks to slow down. */
export class UnavailableError extends ZeroKeeperError {}
/** JSON data that is none, or that the schema refuses; `cause` tells why. */
export class InvalidJsonError extends ZeroKeeperError {}

/** A multi that was refused: nothing of it was applied. `code`, `name` and `path` are those of the operation that failed. */
export class MultiError extends ZeroKeeperError {
  /** One code per operation: 0 before the one that failed, its own, then RuntimeInconsistency (−2). */
  readonly operations: readonly number[];

  constructor(init: ErrorInit & { readonly operations: readonly number[] }) {
    super(init);
    this.operations = init.operations;
  }
}

export type ErrorClass = new (init: ErrorInit) => ZeroKeeperError;

/** Which class a code of ZooKeeper's makes. Codes that are not here make a plain {@link ZeroKeeperError}. */
export const ERROR_CLASSES: ReadonlyMap<number, ErrorClass> = new Map<number, ErrorClass>([
  [ErrorCode.NoNode, NoNodeError],
  [ErrorCode.NodeExists, NodeExistsError],
  [ErrorCode.BadVersion, BadVersionError],
  [ErrorCode.NotEmpty, NotEmptyError],
  [ErrorCode.NoAuth, NoAuthError],
  [ErrorCode.InvalidACL, InvalidAclError],
  [ErrorCode.AuthFailed, AuthFailedError],
  [ErrorCode.NoChildrenForEphemerals, NoChildrenForEphemeralsError],
  [ErrorCode.BadArguments, BadArgumentsError],
  [ErrorCode.SessionExpired, SessionExpiredError],
  [ErrorCode.SessionMoved, SessionMovedError],
  [ErrorCode.ConnectionLoss, ConnectionLossError],
  [ErrorCode.OperationTimeout, OperationTimeoutError],
  [ErrorCode.RequestTimeout, OperationTimeoutError],
  [ErrorCode.ThrottledOp, ThrottledError],
  [ErrorCode.QuotaExceeded, QuotaExceededError],
  [ErrorCode.NoWatcher, NoWatcherError],
  [ErrorCode.NotReadOnly, NotReadOnlyError],
  [ErrorCode.Unimplemented, UnsupportedError],
  [ErrorCode.MarshallingError, MarshallingError],
]);

/** The error of a code, of the class that belongs to it. */
export function errorFrom(init: ErrorInit): ZeroKeeperError {
  const Class = ERROR_CLASSES.get(init.code) ?? ZeroKeeperError;
  return new Class(init);
}

/** The same error with something else said of it. */
export function variant(
  error: ZeroKeeperError,
  change: Pick<ErrorInit, 'path' | 'maybeApplied' | 'retriable'>,
): ZeroKeeperError {
  const { code, path, maybeApplied, retriable, detail: message, cause } = error;
  const init = { code, path, maybeApplied, retriable, message, cause, ...change };
  if (error instanceof MultiError) return new MultiError({ ...init, operations: error.operations });
  const Class = error.constructor as ErrorClass;
  return new Class(init);
}
