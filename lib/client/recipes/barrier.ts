import type { ZeroKeeperClient } from '../index.js';
import { remove } from './support/cleanup.js';
import { createDirectory } from './support/protected-node.js';
import { RecipeContext, type RecipeOptions } from './support/recipe.js';
import { isThere, untilTouched, withDeadline, type WaitOptions } from './support/waiting.js';

/**
 * Holds everybody up for as long as it is there.
 *
 * **Guarantees.** Who waits goes on when the barrier is lifted, and at once when there is none. Lifting wakes all who wait.
 *
 * **Failure modes.** The barrier outlives whoever put it up: it has to be lifted by somebody. A barrier that is lifted and put
 * up again at once may be both before a waiter looks: it then goes on waiting.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { Barrier } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const barrier = new Barrier(client, '/barriers/migration');
 * await barrier.put();
 * const waiting = barrier.wait({ timeoutMs: 60_000 });
 * await barrier.lift();
 * await waiting;
 * console.log('the migration is done');
 * ```
 */
export class Barrier {
  readonly #context: RecipeContext;

  constructor(client: ZeroKeeperClient, path: string, options: RecipeOptions = {}) {
    this.#context = new RecipeContext('Barrier', client, { ...options, path });
  }

  get path(): string {
    return this.#context.path;
  }

  /** Puts it up; if it is there already, that is fine. */
  put(): Promise<void> {
    return createDirectory(this.#context, this.path);
  }

  /** Lifts it; if there is none, that is fine. */
  lift(): Promise<void> {
    return remove(this.#context.client, this.path);
  }

  /** Resolves when there is no barrier. */
  wait(options: WaitOptions = {}): Promise<void> {
    const { client } = this.#context;
    const wait = async (signal: AbortSignal) => {
      while (await isThere(client, this.path, signal)) await untilTouched(client, this.path, signal);
    };
    return withDeadline(client, { ...options, path: this.path }, (signal) =>
      this.#context.waited(() => wait(signal)),
    );
  }
}
