import { MultiError, NodeExistsError, NoNodeError, type Data, type ZeroKeeperClient } from '../index.js';
import { LockLostError } from './errors.js';
import { remove } from './support/cleanup.js';
import { entriesOf, putEntry, watchChildren, type PriorityOptions } from './support/entries.js';
import { HeldNode } from './support/held-node.js';
import { namesIn } from './support/line.js';
import { NodeHold } from './support/lock.js';
import { multiOnce } from './support/multi.js';
import { join, newGuid } from './support/names.js';
import { createDirectory } from './support/protected-node.js';
import { RecipeContext, type RecipeOptions } from './support/recipe.js';
import {
  isThere,
  sessionOver,
  tellsOver,
  untilAnswered,
  withDeadline,
  type WaitOptions,
} from './support/waiting.js';

/** Names taken from one listing, at most. */
const PAGE_ENTRIES_MAX = 100;

/**
 * A queue whose items are gone only after they were processed.
 *
 * **Guarantees.** An item is with one taker at a time, and stays in the queue until that taker says {@link QueueItem.complete}.
 * When the taker releases it, dies, or loses its session, the item is for the next one. So each item that was put is
 * completed exactly once, and processed at least once. The order is that of {@link Queue}; the layout is kazoo's.
 *
 * **Failure modes.** A taker that is cut off learns by `item.signal` that the item may be somebody else's; its `complete` is
 * then refused. What its processing did outside is for it to make repeatable, or for the resource to check by `fencingToken`.
 * An item that makes every taker fail comes back for ever: count its failures, and complete it.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { LockingQueue } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const queue = new LockingQueue(client, '/queues/orders');
 * await queue.put('order 1');
 * await using item = await queue.take({ timeoutMs: 10_000 });
 * console.log(new TextDecoder().decode(item.data), item.fencingToken);
 * await item.complete();
 * ```
 */
export class LockingQueue {
  readonly #context: RecipeContext;
  readonly #entries: string;
  readonly #taken: string;
  #page: string[] = [];

  constructor(client: ZeroKeeperClient, path: string, options: RecipeOptions = {}) {
    this.#context = new RecipeContext('LockingQueue', client, { ...options, path });
    this.#entries = join(path, 'entries');
    this.#taken = join(path, 'taken');
  }

  get path(): string {
    return this.#context.path;
  }

  /** Adds an item at the end of those of its priority. */
  put(item: Data, options: PriorityOptions = {}): Promise<void> {
    return putEntry(this.#context, this.#entries, { item, ...options });
  }

  /** Waits for an item that nobody else has. */
  take(options: WaitOptions = {}): Promise<QueueItem> {
    const wait = async (signal: AbortSignal) => {
      for (;;) {
        const item = await this.#takeFirst(signal);
        if (item !== undefined) return item;
        await this.#untilChanged(signal);
      }
    };
    return withDeadline(this.#context.client, { ...options, path: this.path }, (signal) =>
      this.#context.waited(() => wait(signal)),
    );
  }

  /**
   * Takes items and completes each after `process` has resolved, until `signal` aborts; then it resolves. An item whose
   * processing throws is released for others, and this rejects with the error.
   */
  async consume(
    process: (item: QueueItem) => Promise<unknown>,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    for (let item; (item = await this.#takeUnless(signal)) !== undefined;) {
      await using taken = item;
      await process(taken);
      await taken.complete();
    }
    await this.settled();
  }

  /** How many items there are, taken ones included. */
  async size(): Promise<number> {
    await this.#context.client.sync(this.path);
    return entriesOf(await namesIn(this.#context, this.#entries)).length;
  }

  /** Resolves when nothing is left to tidy up behind what was given up. */
  settled(): Promise<void> {
    return this.#context.cleanup.settled();
  }

  async #takeUnless(signal: AbortSignal | undefined): Promise<QueueItem | undefined> {
    if (signal?.aborted === true) return undefined;
    try {
      return await this.take({ signal });
    } catch (error) {
      if (isAborted(signal)) return undefined;
      throw error;
    }
  }

  async #takeFirst(signal: AbortSignal | undefined): Promise<QueueItem | undefined> {
    if (this.#page.length === 0) this.#page = await this.#free(signal);
    for (let name; (name = this.#page.shift()) !== undefined;) {
      const item = await this.#takeOne(name, signal);
      if (item !== undefined) return item;
    }
    return undefined;
  }

  async #free(signal: AbortSignal | undefined): Promise<string[]> {
    const [entries, taken] = await Promise.all([
      namesIn(this.#context, this.#entries, signal),
      namesIn(this.#context, this.#taken, signal),
    ]);
    const others = new Set(taken);
    return entriesOf(entries)
      .filter((name) => !others.has(name))
      .slice(0, PAGE_ENTRIES_MAX);
  }

  /** Both are watched before the last look. */
  async #untilChanged(signal: AbortSignal | undefined): Promise<void> {
    await using entries = await watchChildren(this.#context, this.#entries, signal);
    await using taken = await watchChildren(this.#context, this.#taken, signal);
    this.#page = await this.#free(signal);
    if (this.#page.length > 0) return;
    const { done } = await Promise.race([entries.next(), taken.next()]);
    if (done === true) throw sessionOver(this.path);
  }

  async #takeOne(name: string, signal: AbortSignal | undefined): Promise<QueueItem | undefined> {
    const { client, cleanup } = this.#context;
    const path = join(this.#taken, name);
    const fencingToken = await this.#mark(path, signal);
    if (fencingToken === undefined) return undefined;
    const entry = join(this.#entries, name);
    try {
      const { data } = await untilAnswered(client, { path: entry, signal }, () =>
        client.get(entry, { signal }),
      );
      const node = new HeldNode(this.#context, { path, fencingToken });
      return new QueueItem(this.#context, node, { data, entry });
    } catch (error) {
      cleanup.run(() => remove(client, path));
      // Completed since it was listed.
      if (error instanceof NoNodeError) return undefined;
      throw error;
    }
  }

  /** The zxid at which the item became ours; undefined when it is somebody else's. */
  async #mark(path: string, signal: AbortSignal | undefined): Promise<number | undefined> {
    const { client, acl } = this.#context;
    // By which we know our own mark again after a lost answer.
    const nonce = newGuid(client.random);
    for (;;) {
      try {
        const create = () => client.create(path, nonce, { ...acl, mode: 'ephemeral', signal });
        return (await untilAnswered(client, { path, signal }, create)).stat.czxid;
      } catch (error) {
        if (error instanceof NodeExistsError) {
          // Where every write is done once it is somebody else's for certain.
          return client.capabilities.exactlyOnce ? undefined : await this.#ownMark(path, nonce);
        }
        if (!(error instanceof NoNodeError)) {
          this.#context.cleanup.run(() => this.#removeMark(path, nonce));
          throw error;
        }
        await createDirectory(this.#context, this.#taken, { signal });
      }
    }
  }

  async #ownMark(path: string, nonce: string): Promise<number | undefined> {
    const { client } = this.#context;
    try {
      const read = () => client.get(path, { consistency: 'linearizable' });
      const { data, stat } = await untilAnswered(client, { path }, read);
      return new TextDecoder().decode(data) === nonce ? stat.czxid : undefined;
    } catch (error) {
      if (error instanceof NoNodeError) return undefined;
      throw error;
    }
  }

  async #removeMark(path: string, nonce: string): Promise<void> {
    const { client } = this.#context;
    if (tellsOver(client, undefined)) return;
    if ((await this.#ownMark(path, nonce)) !== undefined) await remove(client, path);
  }
}

/** Read anew: the signal changes while others are awaited. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** An item in the hands of its taker. When it is released without having been completed, it is for the next one. */
export class QueueItem extends NodeHold {
  readonly data: Uint8Array;
  readonly #context: RecipeContext;
  readonly #node: HeldNode;
  readonly #entry: string;
  #completing: Promise<void> | undefined;

  /** @internal */
  constructor(
    context: RecipeContext,
    node: HeldNode,
    item: { readonly data: Uint8Array; readonly entry: string },
  ) {
    super(node);
    this.#context = context;
    this.#node = node;
    this.data = item.data;
    this.#entry = item.entry;
  }

  /** It has been processed: takes it off the queue. Rejects with LockLostError when it may be somebody else's by now. */
  complete(): Promise<void> {
    this.#completing ??= this.#complete();
    return this.#completing;
  }

  override async release(): Promise<void> {
    const isCompleted = await this.#completing?.then(
      () => true,
      () => false,
    );
    if (isCompleted !== true) await super.release();
  }

  async #complete(): Promise<void> {
    this.#node.throwIfLost();
    const { client } = this.#context;
    const inputs = [
      { op: 'delete', path: this.#entry },
      { op: 'delete', path: this.#node.path },
    ] as const;
    const how = { path: this.#entry, happened: async () => !(await isThere(client, this.#entry)) };
    try {
      await this.#node.replace(() => multiOnce(client, inputs, how));
    } catch (cause) {
      if (!(cause instanceof MultiError)) throw cause;
      const message = 'the item is in the hands of its taker no longer';
      throw new LockLostError({ code: 0, path: this.#node.path, message, cause });
    }
    this.#context.report({ name: 'processed', durationMs: this.#node.heldMs });
  }
}
