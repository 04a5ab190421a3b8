import type { WaitOptions } from './waiting.js';
import type { HeldNode } from './held-node.js';

/**
 * Something that is held: a lock, a lease of a semaphore, a leadership. Release it, or declare it with `await using`.
 *
 * {@link signal} is how its holder hears that it is held no longer. Whatever the signal cannot be in time for (a paused
 * process, a request that is under way) is for the {@link fencingToken}: hand it on with every write, and let the resource
 * refuse those with a lower token than it has seen.
 */
export interface Held extends AsyncDisposable {
  readonly path: string;
  /** The zxid at which its znode was created: of two that were held one after the other, the later has the higher one. */
  readonly fencingToken: number;
  /**
   * Aborts the moment it is held no longer: the session was lost or closed, nobody has answered for so long that it may be
   * over (by this process's own clock, on the safe side), or somebody deleted the znode. The reason is a LockLostError.
   * It does not abort by a release.
   */
  readonly signal: AbortSignal;
  /** Looks at the clock, so it tells the truth also in the first moment after a pause. */
  readonly isHeld: boolean;
  /**
   * Gives it back; resolves when that is known to have happened. Waits for as long as nobody answers, since others wait for
   * the znode; at the latest the end of the session takes it away. Calling it again gives the same promise.
   */
  release(): Promise<void>;
}

/** A hold that is a znode of its own. */
export class NodeHold implements Held {
  readonly #node: HeldNode;
  readonly #leave: () => Promise<void>;
  #left: Promise<void> | undefined;

  constructor(node: HeldNode, leave: () => Promise<void> = () => node.release()) {
    this.#node = node;
    this.#leave = leave;
  }

  get path(): string {
    return this.#node.path;
  }

  get fencingToken(): number {
    return this.#node.fencingToken;
  }

  get signal(): AbortSignal {
    return this.#node.signal;
  }

  get isHeld(): boolean {
    return this.#left === undefined && this.#node.isHeld;
  }

  release(): Promise<void> {
    this.#left ??= this.#leave();
    return this.#left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}

/** What can be acquired: every lock here, and what {@link MultiLock} takes. */
export interface Acquirable<Hold extends Held = Held> {
  readonly path: string;
  acquire(options?: WaitOptions): Promise<Hold>;
}

/**
 * Runs `work` while it is held. What `work` throws is thrown; when the release fails, too, an AggregateError of both whose
 * `cause` is the first.
 */
export async function runHeld<Hold extends Held, Result>(
  held: Hold,
  work: (held: Hold) => Promise<Result> | Result,
): Promise<Result> {
  let result: Result;
  try {
    result = await work(held);
  } catch (error) {
    await held.release().catch((second: unknown) => {
      const message = 'what was done under the lock failed, and so did its release';
      throw new AggregateError([error, second], message, { cause: error });
    });
    throw error;
  }
  await held.release();
  return result;
}
