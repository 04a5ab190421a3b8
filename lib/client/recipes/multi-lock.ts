import { BadArgumentsError, ErrorCode } from '../index.js';
import type { Acquirable, Held } from './support/lock.js';
import { runHeld } from './support/lock.js';
import type { WaitOptions } from './support/waiting.js';

/**
 * Several locks as one: all of them or none.
 *
 * **Guarantees.** It is held when each of its locks is. They are acquired one after the other in the order of their paths,
 * whatever the order in which they were given, so multi-locks never wait for each other in a circle. When one cannot be
 * had, those before it are released.
 *
 * **Failure modes.** Those of its locks; as soon as one of them is lost the multi-lock's `signal` aborts, and the others stay
 * held until it is released.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { MultiLock, Mutex, ReadWriteLock } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const catalogue = new ReadWriteLock(client, '/locks/catalogue');
 * const both = new MultiLock([new Mutex(client, '/locks/stock'), catalogue.read]);
 * await using held = await both.acquire();
 * console.log('both are mine', held.fencingTokens);
 * ```
 */
export class MultiLock implements Acquirable<MultiHold> {
  readonly #locks: readonly Acquirable[];

  constructor(locks: readonly Acquirable[]) {
    if (locks.length === 0) {
      const message = 'a multi-lock needs at least one lock';
      throw new BadArgumentsError({ code: ErrorCode.BadArguments, message });
    }
    this.#locks = [...locks].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  }

  /** Of all its locks, in the order in which they are acquired. */
  get path(): string {
    return this.#locks.map(({ path }) => path).join(', ');
  }

  /** Waits for all. `timeoutMs` is for each of them. Rejects as the lock does that cannot be had. */
  async acquire(options: WaitOptions = {}): Promise<MultiHold> {
    const held: Held[] = [];
    try {
      for (const lock of this.#locks) held.push(await lock.acquire(options));
    } catch (error) {
      await releaseAll(held).catch((second: unknown) => {
        const message = 'a lock could not be had, and another not be released';
        throw new AggregateError([error, second], message, { cause: error });
      });
      throw error;
    }
    return new MultiHold(held, this.path);
  }

  /** Runs `work` while all are held and gives its result; what it throws is thrown after the release. */
  async run<Result>(
    work: (held: MultiHold) => Promise<Result> | Result,
    options: WaitOptions = {},
  ): Promise<Result> {
    return runHeld(await this.acquire(options), work);
  }
}

/** All the locks of a {@link MultiLock}. */
export class MultiHold implements Held {
  readonly path: string;
  /** Aborts with the first of them. */
  readonly signal: AbortSignal;
  readonly #held: readonly Held[];
  #releasing: Promise<void> | undefined;

  /** @internal */
  constructor(held: readonly Held[], path: string) {
    this.#held = held;
    this.path = path;
    this.signal = AbortSignal.any(held.map(({ signal }) => signal));
  }

  /** The highest of all, which rises for each of the paths. */
  get fencingToken(): number {
    return Math.max(...this.fencingTokens);
  }

  /** One a lock, in the order of their paths. */
  get fencingTokens(): readonly number[] {
    return this.#held.map(({ fencingToken }) => fencingToken);
  }

  get isHeld(): boolean {
    return this.#releasing === undefined && this.#held.every(({ isHeld }) => isHeld);
  }

  /** Releases all, also when one release fails: then it rejects with that error, or an AggregateError of several. */
  release(): Promise<void> {
    this.#releasing ??= releaseAll(this.#held);
    return this.#releasing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}

/** In reverse, as nested locks would be. */
async function releaseAll(held: readonly Held[]): Promise<void> {
  const outcomes = await Promise.allSettled([...held].reverse().map((one) => one.release()));
  const errors = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
  );
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} locks could not be released`);
}
