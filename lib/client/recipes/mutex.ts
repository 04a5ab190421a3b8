import { AsyncLocalStorage } from 'node:async_hooks';
import type { Data, ZeroKeeperClient } from '../index.js';
import { HeldNode } from './support/held-node.js';
import { lineUp, lineUpIfFree, lineWithData, previous, type LineInit } from './support/line.js';
import { NodeHold, runHeld, type Acquirable, type Held } from './support/lock.js';
import { RecipeContext, type RecipeOptions } from './support/recipe.js';
import { abortedError, type WaitOptions } from './support/waiting.js';

export interface MutexOptions extends RecipeOptions {
  /** Written into the contenders' znodes, for people who look: a host, a process. */
  readonly identifier?: Data;
}

export interface MutexAcquireOptions extends WaitOptions {
  /**
   * Who acquires. An owner that holds the lock already gets it again at once (or LockLostError, when it has lost it), and it
   * is free when each acquisition has been released. Default: nobody in particular, so that every acquisition waits for all others.
   */
  readonly owner?: unknown;
}

/** Curator's names, so that its InterProcessMutex stands in the same line. */
const PREFIX = 'lock-';

/**
 * A lock that at most one holds at a time, whatever the number of processes.
 *
 * **Guarantees.** Among those whose sessions live, one holds it. It is fair: they get it in the order in which they came.
 * A release wakes one waiter, not all. Of two holders the later has the higher `fencingToken`. An acquisition that is
 * aborted, overdue, or whose answers get lost leaves no znode behind.
 *
 * **Failure modes.** The server takes a lock from a holder whose session expires; the holder's `signal` aborts before that,
 * by its own clock. A process that is paused at the wrong moment (a garbage collection, a suspended Lambda instance) may
 * still be in the middle of a write when others hold the lock: only a resource that checks fencing tokens is safe from that.
 * An operator who deletes the holder's znode frees the lock, and the holder is told. A waiter whose znode is deleted, or
 * whose parent is, joins again at the end. When the session is over while it waits, the acquisition rejects with
 * SessionExpiredError. A holder that waits for its own lock, by another owner, waits for ever: give a timeout.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { Mutex } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const mutex = new Mutex(client, '/locks/report');
 * {
 *   await using lock = await mutex.acquire({ signal: AbortSignal.timeout(10_000) });
 *   console.log('mine, with token', lock.fencingToken, 'unless', lock.signal.aborted);
 * }
 * await mutex.run(async (lock) => {
 *   lock.signal.throwIfAborted();
 *   await client.create('/reports', `written under ${lock.fencingToken}`);
 * });
 * ```
 */
export class Mutex implements Acquirable {
  readonly #context: RecipeContext;
  readonly #line: LineInit;
  readonly #owned = new Map<unknown, Promise<Owned>>();
  readonly #running = new AsyncLocalStorage<object>();

  constructor(client: ZeroKeeperClient, path: string, options: MutexOptions = {}) {
    this.#context = new RecipeContext('Mutex', client, { ...options, path });
    this.#line = { directory: path, prefix: PREFIX, data: options.identifier, blocker: previous };
  }

  get path(): string {
    return this.#context.path;
  }

  /** Waits for the lock. Rejects with AbortedError, OperationTimeoutError, SessionExpiredError or NoAuthError. */
  acquire(options: MutexAcquireOptions = {}): Promise<Held> {
    const { owner } = options;
    if (owner === undefined) return this.#enter(options).then((owned) => owned.enter());
    return this.#acquireAs(owner, options);
  }

  /** The lock if nobody else has it or waits for it; otherwise undefined, and nothing is left behind. */
  async tryAcquire(options: { readonly signal?: AbortSignal } = {}): Promise<Held | undefined> {
    const node = await lineUpIfFree(this.#context, this.#line, options.signal);
    if (node === undefined) return undefined;
    return new Owned(this.#hold(node), () => undefined).enter();
  }

  /**
   * Runs `work` under the lock and gives its result. What `work` calls may `run` again: within the same asynchronous context
   * the lock is held already. What `work` throws is thrown; when the release fails, too, an AggregateError of both.
   */
  async run<Result>(
    work: (lock: Held) => Promise<Result> | Result,
    options: WaitOptions = {},
  ): Promise<Result> {
    const owner = this.#running.getStore() ?? {};
    const lock = await this.acquire({ ...options, owner });
    return this.#running.run(owner, () => runHeld(lock, work));
  }

  /** Who holds the lock and who waits for it, in their order, each by what it wrote. */
  async contenders(): Promise<readonly { readonly name: string; readonly data: string }[]> {
    return lineWithData(this.#context, this.path);
  }

  /** Resolves when nothing is left to tidy up behind acquisitions that were given up. */
  settled(): Promise<void> {
    return this.#context.cleanup.settled();
  }

  async #acquireAs(owner: unknown, options: MutexAcquireOptions): Promise<Held> {
    for (let present; (present = this.#owned.get(owner)) !== undefined;) {
      const owned = await present.catch(() => undefined);
      if (options.signal?.aborted === true) throw abortedError(this.path, options.signal);
      if (owned?.isReleased === false) return owned.enter();
      if (this.#owned.get(owner) === present) this.#owned.delete(owner);
    }
    const forget = () => {
      if (this.#owned.get(owner) === entering) this.#owned.delete(owner);
    };
    const entering = this.#enter(options, forget);
    this.#owned.set(owner, entering);
    try {
      return (await entering).enter();
    } catch (error) {
      forget();
      throw error;
    }
  }

  async #enter(how: WaitOptions, onReleased: () => void = () => undefined): Promise<Owned> {
    return new Owned(this.#hold(await lineUp(this.#context, this.#line, how)), onReleased);
  }

  #hold({ path, czxid }: { readonly path: string; readonly czxid: number }): HeldNode {
    return new HeldNode(this.#context, { path, fencingToken: czxid });
  }
}

/** The lock in the hands of one owner, however often that has entered. */
class Owned {
  readonly #node: HeldNode;
  readonly #onReleased: () => void;
  #entries = 0;
  isReleased = false;

  constructor(node: HeldNode, onReleased: () => void) {
    this.#node = node;
    this.#onReleased = onReleased;
  }

  /** Throws LockLostError when it was lost: the owner has to let go of it first. */
  enter(): Held {
    if (this.#entries > 0) this.#node.throwIfLost();
    this.#entries++;
    return new NodeHold(this.#node, () => this.#leave());
  }

  #leave(): Promise<void> {
    if (--this.#entries > 0) return Promise.resolve();
    this.isReleased = true;
    this.#onReleased();
    return this.#node.release();
  }
}
