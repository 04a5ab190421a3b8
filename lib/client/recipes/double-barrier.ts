import { NodeExistsError, NoNodeError, type ZeroKeeperClient } from '../index.js';
import { remove } from './support/cleanup.js';
import { namesIn } from './support/line.js';
import { join, newGuid } from './support/names.js';
import { createDirectory } from './support/protected-node.js';
import { checkInteger, RecipeContext, type RecipeOptions } from './support/recipe.js';
import {
  abortedError,
  isThere,
  sessionOver,
  untilAnswered,
  untilTouched,
  withDeadline,
  type WaitOptions,
} from './support/waiting.js';

export interface DoubleBarrierOptions extends RecipeOptions {
  /** How many have to enter. Every process has to say the same. */
  readonly count: number;
}

/** As Curator and kazoo call it, so that theirs stand at the same barrier. */
const READY = 'ready';

/**
 * So many begin together and end together.
 *
 * **Guarantees.** {@link enter} resolves when so many have entered. {@link leave} resolves when all who entered have left, or
 * are gone with their sessions. Among those who leave, one is waited for by all others, so a departure wakes one.
 *
 * **Failure modes.** A participant that dies after it entered counts as one that has left. An enter that is given up takes its
 * own znode away; if the others have begun already, they go on without it.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { DoubleBarrier } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const barrier = new DoubleBarrier(client, '/barriers/round', { count: 1 });
 * await barrier.enter({ timeoutMs: 10_000 });
 * console.log('all are here');
 * await barrier.leave({ timeoutMs: 10_000 });
 * ```
 */
export class DoubleBarrier implements AsyncDisposable {
  readonly count: number;
  readonly #context: RecipeContext;
  readonly #ready: string;
  readonly #own: string;
  #enteredAtMs = 0;
  readonly #name: string;

  constructor(client: ZeroKeeperClient, path: string, options: DoubleBarrierOptions) {
    checkInteger('count', options.count, 1);
    this.count = options.count;
    this.#context = new RecipeContext('DoubleBarrier', client, { ...options, path });
    this.#name = newGuid(client.random);
    this.#ready = join(path, READY);
    this.#own = join(path, this.#name);
  }

  get path(): string {
    return this.#context.path;
  }

  /** Resolves when so many have entered. */
  async enter(options: WaitOptions = {}): Promise<void> {
    const { client, cleanup } = this.#context;
    try {
      await withDeadline(client, { ...options, path: this.path }, (signal) =>
        this.#context.waited(() => this.#enter(signal)),
      );
      this.#enteredAtMs = client.clock.monotonic();
    } catch (error) {
      cleanup.run(() => remove(client, this.#own));
      throw error;
    }
  }

  /** Resolves when all have left. Its own znode goes in any case, also when the wait is given up. */
  async leave(options: WaitOptions = {}): Promise<void> {
    const { client, cleanup } = this.#context;
    try {
      await withDeadline(client, { ...options, path: this.path }, (signal) => this.#leave(signal));
      this.#context.report({ name: 'released', durationMs: client.clock.monotonic() - this.#enteredAtMs });
    } catch (error) {
      cleanup.run(() => remove(client, this.#own));
      throw error;
    }
  }

  /** Goes without waiting for anybody: its own znode, if there is one, is gone when this resolves, or goes with the session. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { client, cleanup } = this.#context;
    cleanup.run(async () => {
      await remove(client, this.#own);
      if ((await this.#members(undefined)).length === 0) await this.#removeReady();
    });
    await cleanup.settled();
  }

  /** Resolves when nothing is left to tidy up behind what was given up. */
  settled(): Promise<void> {
    return this.#context.cleanup.settled();
  }

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    const { client } = this.#context;
    await using watch = await untilAnswered(client, { path: this.#ready, signal }, () =>
      client.watch(this.#ready, { type: 'exists', signal }),
    );
    await this.#createOwn(signal);
    const [isReady, members] = await Promise.all([
      isThere(client, this.#ready, signal),
      this.#members(signal),
    ]);
    if (isReady) return;
    if (members.length >= this.count) {
      await this.#createEphemeral(this.#ready, signal);
      return;
    }
    const { done } = await watch.next().catch((error: unknown) => {
      throw signal?.aborted === true ? abortedError(this.path, signal) : error;
    });
    if (done === true) throw sessionOver(this.path);
  }

  async #leave(signal: AbortSignal | undefined): Promise<void> {
    const { client } = this.#context;
    for (;;) {
      const members = (await this.#members(signal)).sort();
      const [first] = members;
      const last = members.at(-1);
      if (first === undefined || last === undefined) break;
      if (first === this.#name && last === this.#name) {
        await this.#removeReady();
        await remove(client, this.#own);
        return;
      }
      // The first one stays until all others have gone: it is whom they wait for.
      if (first !== this.#name) await remove(client, this.#own);
      await untilTouched(client, join(this.path, first === this.#name ? last : first), signal);
    }
    await this.#removeReady();
  }

  #removeReady(): Promise<void> {
    return remove(this.#context.client, this.#ready);
  }

  async #createOwn(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      try {
        await this.#createEphemeral(this.#own, signal);
        return;
      } catch (error) {
        if (!(error instanceof NoNodeError)) throw error;
        await createDirectory(this.#context, this.path, { signal });
      }
    }
  }

  /** If it is there already, that is fine: an answer was lost, or somebody else was faster. */
  async #createEphemeral(path: string, signal: AbortSignal | undefined): Promise<void> {
    const { client, acl } = this.#context;
    try {
      await untilAnswered(client, { path, signal }, () =>
        client.create(path, '', { ...acl, mode: 'ephemeral', signal }),
      );
    } catch (error) {
      if (!(error instanceof NodeExistsError)) throw error;
    }
  }

  async #members(signal: AbortSignal | undefined): Promise<string[]> {
    return (await namesIn(this.#context, this.path, signal)).filter((name) => name !== READY);
  }
}
