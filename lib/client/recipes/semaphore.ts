import { BadArgumentsError, ErrorCode, type Data, type ZeroKeeperClient } from '../index.js';
import { HeldNode } from './support/held-node.js';
import { lineUp, namesIn, previous, type LineInit } from './support/line.js';
import { NodeHold, runHeld, type Acquirable, type Held } from './support/lock.js';
import { join, lineOf } from './support/names.js';
import { createProtected, type OwnNode } from './support/protected-node.js';
import { checkInteger, RecipeContext, type RecipeOptions } from './support/recipe.js';
import { remove } from './support/cleanup.js';
import { untilAnswered, sessionOver, withDeadline, type WaitOptions } from './support/waiting.js';

export interface SemaphoreOptions extends RecipeOptions {
  /** How many may hold it at a time. Every process has to say the same. */
  readonly leases: number;
  /** Written into the leases' znodes, for people who look: a host, a process. */
  readonly identifier?: Data;
}

/** Curator's names, so that its InterProcessSemaphoreV2 counts the same leases. */
const QUEUE = { directory: 'locks', prefix: 'lock-' };
const LEASES = { directory: 'leases', prefix: 'lease-' };

/**
 * At most so many at a time.
 *
 * **Guarantees.** At no time do more hold a lease than there are. It is fair, and who asks for several leases gets them
 * together. One waiter looks at the leases, the others wait in a line before it: a release wakes one. Later leases have
 * higher fencing tokens.
 *
 * **Failure modes.** Those of {@link Mutex}, for each lease by itself. Processes that disagree about the number of leases are
 * each right by their own count: the highest number is what holds.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { Semaphore } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const semaphore = new Semaphore(client, '/semaphores/database', { leases: 10 });
 * await using lease = await semaphore.acquire({ timeoutMs: 5_000 });
 * console.log('one of ten', lease.fencingToken, await semaphore.holders());
 * ```
 */
export class Semaphore implements Acquirable {
  readonly leases: number;
  readonly #context: RecipeContext;
  readonly #queue: LineInit;
  readonly #leases: { readonly directory: string; readonly prefix: string; readonly data: Data | undefined };

  constructor(client: ZeroKeeperClient, path: string, options: SemaphoreOptions) {
    checkInteger('leases', options.leases, 1);
    this.leases = options.leases;
    this.#context = new RecipeContext('Semaphore', client, { ...options, path });
    const { identifier: data } = options;
    this.#queue = { ...QUEUE, directory: join(path, QUEUE.directory), data, blocker: previous };
    this.#leases = { ...LEASES, directory: join(path, LEASES.directory), data };
  }

  get path(): string {
    return this.#context.path;
  }

  /** Waits for a lease. Rejects with AbortedError, OperationTimeoutError or SessionExpiredError. */
  async acquire(options: WaitOptions = {}): Promise<Held> {
    const [lease] = await this.acquireMany(1, options);
    if (lease === undefined) throw sessionOver(this.path);
    return lease;
  }

  /** Waits for so many leases and gets all of them or none; each is released by itself. */
  async acquireMany(count: number, options: WaitOptions = {}): Promise<readonly Held[]> {
    checkInteger('the number of leases', count, 1);
    if (count > this.leases) {
      const message = `${count} leases at once of a semaphore that has ${this.leases}`;
      throw new BadArgumentsError({ code: ErrorCode.BadArguments, path: this.path, message });
    }
    return withDeadline(this.#context.client, { ...options, path: this.path }, (signal) =>
      this.#acquire(count, signal),
    );
  }

  /** Runs `work` with a lease and gives its result; what it throws is thrown after the release. */
  async run<Result>(
    work: (lease: Held) => Promise<Result> | Result,
    options: WaitOptions = {},
  ): Promise<Result> {
    return runHeld(await this.acquire(options), work);
  }

  /** How many leases are taken. */
  async holders(): Promise<number> {
    await this.#context.client.sync(this.path);
    return lineOf(await namesIn(this.#context, this.#leases.directory)).length;
  }

  /** Resolves when nothing is left to tidy up behind acquisitions that were given up. */
  settled(): Promise<void> {
    return this.#context.cleanup.settled();
  }

  async #acquire(count: number, signal: AbortSignal | undefined): Promise<readonly Held[]> {
    const { cleanup, client } = this.#context;
    const turn = await lineUp(this.#context, this.#queue, { signal });
    const nodes: OwnNode[] = [];
    try {
      while (nodes.length < count) {
        const node = await createProtected(this.#context, { ...this.#leases, signal });
        nodes.push(node);
        await this.#waitForRoom(node, signal);
      }
    } catch (error) {
      for (const { path } of nodes) cleanup.run(() => remove(client, path));
      throw error;
    } finally {
      // Whoever is next need not wait for the answer, and neither need we.
      cleanup.run(() => remove(client, turn.path));
    }
    return nodes.map(({ path, czxid }) => {
      return new NodeHold(new HeldNode(this.#context, { path, fencingToken: czxid }));
    });
  }

  /** Only one at a time is here, so the leases only get fewer. */
  async #waitForRoom(node: OwnNode, signal: AbortSignal | undefined): Promise<void> {
    const { client } = this.#context;
    const { directory } = this.#leases;
    if (node.siblings.includes(node.name) && lineOf(node.siblings).length <= this.leases) return;
    for (;;) {
      await using watch = await untilAnswered(client, { path: directory, signal }, () =>
        client.watch(directory, { type: 'children', signal }),
      );
      if (lineOf(await namesIn(this.#context, directory, signal)).length <= this.leases) return;
      if ((await watch.next()).done === true) throw sessionOver(this.path);
    }
  }
}
