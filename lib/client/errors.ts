import { ErrorCode, errorName, errorOf } from '../core/errors.js';

/** What a {@link ZooKeeperError} is made of. */
export interface ZooKeeperErrorInit {
  /** One of ErrorCode. */
  readonly code: number;
  readonly path?: string | undefined;
  readonly maybeApplied?: boolean | undefined;
  readonly cause?: unknown;
}

/**
 * A request that did not succeed. As a string it is `NoNode: there is no such znode: /a`.
 *
 * `maybeApplied` is true when nobody can say whether the write happened: it was sent and the connection was lost
 * before its answer. It is false when the write certainly did not happen, and for reads.
 */
export class ZooKeeperError extends Error {
  /** ZooKeeper's name of the code, e.g. `NoNode`. */
  override readonly name: string;
  readonly code: number;
  readonly path: string | undefined;
  readonly maybeApplied: boolean;

  constructor(init: ZooKeeperErrorInit) {
    super(describe(init), init.cause === undefined ? undefined : { cause: init.cause });
    this.name = errorName(init.code);
    this.code = init.code;
    this.path = init.path;
    this.maybeApplied = init.maybeApplied ?? false;
  }
}

/** A multi that was refused: nothing of it was applied. `code` and `path` are those of the operation that failed. */
export class MultiError extends ZooKeeperError {
  /** One code per operation: 0 before the one that failed, its own, then RuntimeInconsistency. */
  readonly operations: readonly number[];

  constructor(init: ZooKeeperErrorInit & { readonly operations: readonly number[] }) {
    super(init);
    this.operations = init.operations;
  }
}

function describe(init: ZooKeeperErrorInit): string {
  const message = messageOf(init.code);
  const subject = init.path === undefined ? '' : `: ${init.path}`;
  const doubt = init.maybeApplied === true ? ' (the write may have been applied)' : '';
  return message + subject + doubt;
}

function messageOf(code: number): string {
  // The table's own text says that the request may have been carried out; here `maybeApplied` knows better.
  if (code === ErrorCode.ConnectionLoss) return 'the connection was lost';
  return errorOf(code)?.message ?? `the server answered ${code}`;
}
