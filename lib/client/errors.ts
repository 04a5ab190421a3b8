import { errorName, errorOf } from '../core/errors.js';

/** What a {@link ZooKeeperError} is made of. */
export interface ZooKeeperErrorInit {
  /** One of ErrorCode. */
  readonly code: number;
  readonly path?: string | undefined;
  readonly maybeApplied?: boolean | undefined;
  readonly cause?: unknown;
}

/**
 * A request that did not succeed. `message` is `NoNode: /a`, fit to be shown.
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
    const name = errorName(init.code);
    const cause = init.cause === undefined ? undefined : { cause: init.cause };
    super(describe(name, init), cause);
    this.name = name;
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

function describe(name: string, init: ZooKeeperErrorInit): string {
  const doubt = init.maybeApplied === true ? ' (the write may have been applied)' : '';
  const subject = init.path ?? errorOf(init.code)?.message ?? '';
  return `${name}: ${subject}${doubt}`;
}
