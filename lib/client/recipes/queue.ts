import { NoNodeError, ZeroKeeperError, type Data, type ZeroKeeperClient } from '../index.js';
import { namesIn } from './support/line.js';
import { join } from './support/names.js';
import { EntryPages, putEntry, type PriorityOptions } from './support/entries.js';
import { RecipeContext, type RecipeOptions } from './support/recipe.js';
import {
  backoff,
  isOver,
  isTransient,
  untilAnswered,
  withDeadline,
  type WaitOptions,
} from './support/waiting.js';

/**
 * First in, first out; each item for one taker.
 *
 * **Guarantees.** Items are taken in the order in which they were put, the lower priority number first where there is one (as
 * kazoo's Queue, which can share the path). Each is handed to one taker. A long queue is listed once for many items.
 *
 * **Failure modes.** An item is gone when it is handed out: it is lost when its taker dies before it is done with it. Where that
 * matters take {@link LockingQueue}. Over `tcp`, where an answer may be lost, a `put` then rejects with `maybeApplied`, and a
 * `take` hands the item out, which in that one case somebody else may have got as well.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { Queue } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const queue = new Queue(client, '/queues/mail');
 * await queue.put('to: somebody');
 * const item = await queue.take({ timeoutMs: 10_000 });
 * console.log(new TextDecoder().decode(item));
 * ```
 */
export class Queue {
  readonly #context: RecipeContext;
  readonly #pages: EntryPages;

  constructor(client: ZeroKeeperClient, path: string, options: RecipeOptions = {}) {
    this.#context = new RecipeContext('Queue', client, { ...options, path });
    this.#pages = new EntryPages(this.#context, path);
  }

  get path(): string {
    return this.#context.path;
  }

  /** Adds an item at the end of those of its priority. */
  put(item: Data, options: PriorityOptions = {}): Promise<void> {
    return putEntry(this.#context, this.path, { item, ...options });
  }

  /** Waits for an item and takes it off the queue. */
  take(options: WaitOptions = {}): Promise<Uint8Array> {
    return withDeadline(this.#context.client, { ...options, path: this.path }, (signal) =>
      this.#context.waited(() => this.#takeFirst(signal)),
    );
  }

  /** How many items wait. */
  async size(): Promise<number> {
    await this.#context.client.sync(this.path);
    return (await namesIn(this.#context, this.path)).length;
  }

  async #takeFirst(signal: AbortSignal): Promise<Uint8Array> {
    for (;;) {
      const item = await this.#takeOne(await this.#pages.next(signal), signal);
      if (item !== undefined) return item;
    }
  }

  async #takeOne(name: string, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const { client } = this.#context;
    const path = join(this.path, name);
    try {
      const { data } = await untilAnswered(client, { path, signal }, () => client.get(path, { signal }));
      await this.#delete(path);
      return data;
    } catch (error) {
      // Somebody else was faster.
      if (error instanceof NoNodeError) return undefined;
      throw error;
    }
  }

  /** Rejects with NoNodeError when somebody else has deleted it, as far as can be told. */
  async #delete(path: string): Promise<void> {
    const { client } = this.#context;
    for (let failures = 1, isInDoubt = false; ; failures++) {
      try {
        await client.delete(path);
        return;
      } catch (error) {
        if (error instanceof NoNodeError && isInDoubt) return;
        if (!isTransient(error) || isOver(client)) throw error;
        isInDoubt ||= error instanceof ZeroKeeperError && error.maybeApplied;
      }
      await backoff(client, failures, { path });
    }
  }
}

/**
 * A {@link Queue} whose items have priorities: the lowest number first, and among equals the first that came.
 *
 * **Guarantees and failure modes.** Those of {@link Queue}.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { PriorityQueue } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const queue = new PriorityQueue(client, '/queues/alerts');
 * await queue.put('a disk is nearly full', 500);
 * await queue.put('a disk is full', 1);
 * console.log(new TextDecoder().decode(await queue.take()));
 * ```
 */
export class PriorityQueue {
  readonly #queue: Queue;

  constructor(client: ZeroKeeperClient, path: string, options: RecipeOptions = {}) {
    this.#queue = new Queue(client, path, options);
  }

  get path(): string {
    return this.#queue.path;
  }

  /** Adds an item; `priority` is an integer from 0, the most urgent, to 999. */
  put(item: Data, priority: number): Promise<void> {
    return this.#queue.put(item, { priority });
  }

  /** Waits for an item and takes the most urgent one off the queue. */
  take(options: WaitOptions = {}): Promise<Uint8Array> {
    return this.#queue.take(options);
  }

  /** How many items wait. */
  size(): Promise<number> {
    return this.#queue.size();
  }
}
