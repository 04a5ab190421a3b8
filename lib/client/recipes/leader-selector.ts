import type { Data, ZeroKeeperClient } from '../index.js';
import { Mutex } from './mutex.js';
import type { Held } from './support/lock.js';
import type { Participant } from './leader-latch.js';
import type { RecipeOptions } from './support/recipe.js';

export interface LeaderSelectorOptions extends RecipeOptions {
  /** What others see of this participant: a host, a process. */
  readonly id?: Data;
  /** Whether it stands again after it has led. Default true. */
  readonly requeue?: boolean;
}

/**
 * Runs a function in one process at a time: whoever's turn it is leads for as long as its function runs.
 *
 * **Guarantees.** Among those whose sessions live, the function runs in one. Turns go round in the order in which the
 * participants came. Each turn has a higher `fencingToken` than those before.
 *
 * **Failure modes.** A function that does not heed `leadership.signal` runs on while somebody else leads. What the function
 * throws ends {@link run} after the leadership was given back. When the leadership is lost, the function's own return or
 * throw counts, and it stands again if it is to.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { LeaderSelector } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const selector = new LeaderSelector(client, '/leaders/cleaner', { id: 'host-1', requeue: false });
 * await selector.run(async (leadership) => {
 *   console.log('I lead, in term', leadership.fencingToken, await selector.participants());
 * });
 * ```
 */
export class LeaderSelector {
  readonly #mutex: Mutex;
  readonly #requeue: boolean;

  constructor(client: ZeroKeeperClient, path: string, options: LeaderSelectorOptions = {}) {
    const { id, requeue = true, ...shared } = options;
    // As Curator's LeaderSelector does, so that it takes part in the same election.
    this.#mutex = new Mutex(client, path, { ...shared, ...(id !== undefined && { identifier: id }) });
    this.#requeue = requeue;
  }

  get path(): string {
    return this.#mutex.path;
  }

  /**
   * Stands for election and leads, again and again until `signal` aborts; then it resolves. A turn that runs is not cut
   * short by that: `leadership` carries what tells it to end, and `signal` may, too.
   */
  async run(
    lead: (leadership: Held) => Promise<unknown>,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    do {
      const leadership = await this.#stand(signal);
      if (leadership === undefined) return;
      await using turn = leadership;
      await lead(turn);
    } while (this.#requeue && signal?.aborted !== true);
  }

  /** Who stands for election, the leader first. */
  async participants(): Promise<readonly Participant[]> {
    const line = await this.#mutex.contenders();
    return line.map(({ data }, position) => ({ id: data, isLeader: position === 0 }));
  }

  async #stand(signal: AbortSignal | undefined): Promise<Held | undefined> {
    try {
      return await this.#mutex.acquire(signal === undefined ? {} : { signal });
    } catch (error) {
      if (signal?.aborted !== true) throw error;
      await this.#mutex.settled();
      return undefined;
    }
  }
}
