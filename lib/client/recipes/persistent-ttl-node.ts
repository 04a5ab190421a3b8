import { NodeExistsError, NoNodeError, type Data, type ZeroKeeperClient } from '../index.js';
import { remove } from './support/cleanup.js';
import { warn } from './support/metrics.js';
import { parentOf } from './support/names.js';
import { createDirectory } from './support/protected-node.js';
import { checkInteger, RecipeContext, type RecipeOptions } from './support/recipe.js';
import {
  pause,
  tellsOver,
  unlessAborted,
  untilAnswered,
  withDeadline,
  type ChangeOptions,
  type WaitOptions,
} from './support/waiting.js';

export interface PersistentTtlNodeOptions extends RecipeOptions {
  /** How long the znode outlives its keeper, in ms. */
  readonly ttlMs: number;
  readonly data?: Data;
}

/** How often the znode is written in the time that it may go without. */
const TOUCHES_PER_TTL = 3;

/**
 * A znode that outlives its keeper's session, but not for long: it goes when nobody has written it for `ttlMs`.
 *
 * **Guarantees.** It is created, with missing parents, written again three times in each `ttlMs`, and created again when it is
 * gone. Another process that keeps the same path keeps the same znode.
 *
 * **Failure modes.** It stays for up to `ttlMs`, and as long as the server takes to look, after its keeper has died. A server
 * without TTL znodes (ZooKeeper, unless `extendedTypesEnabled` is set) refuses it with UnsupportedError.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { PersistentTtlNode } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * await using node = new PersistentTtlNode(client, '/seen/host-1', { ttlMs: 60_000, data: 'up' });
 * await node.ready();
 * console.log(await client.exists('/seen/host-1'));
 * ```
 */
export class PersistentTtlNode implements AsyncDisposable {
  readonly #context: RecipeContext;
  readonly #ttlMs: number;
  readonly #closing = new AbortController();
  readonly #ended: Promise<void>;
  readonly #first: Promise<void>;
  #data: Data;
  /** It has been there: when it is made, that is because somebody deleted it, or it was not touched in time. */
  #isMade = false;
  #isReady: () => void = () => undefined;

  constructor(client: ZeroKeeperClient, path: string, options: PersistentTtlNodeOptions) {
    checkInteger('ttlMs', options.ttlMs, TOUCHES_PER_TTL);
    this.#context = new RecipeContext('PersistentTtlNode', client, { ...options, path });
    this.#ttlMs = options.ttlMs;
    this.#data = options.data ?? '';
    const first = new Promise<void>((resolve) => (this.#isReady = resolve));
    this.#ended = this.#run();
    this.#first = Promise.race([first, this.#ended]);
    this.#first.catch((error: unknown) => {
      if (!tellsOver(client, error)) warn(`PersistentTtlNode of ${path} has ended`, error);
    });
  }

  get path(): string {
    return this.#context.path;
  }

  /** Resolves when the znode is there for the first time; rejects when it cannot be. */
  ready(options: WaitOptions = {}): Promise<void> {
    return withDeadline(this.#context.client, { ...options, path: this.path }, (signal) =>
      unlessAborted(this.path, this.#first, signal),
    );
  }

  /** Resolves when it was closed; rejects when nobody keeps it any more because of an error. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Replaces the data. */
  async setData(data: Data, { signal }: ChangeOptions = {}): Promise<void> {
    this.#data = data;
    await this.#touch(signal);
  }

  /** Deletes the znode. Who only wants to end leaves it to its time to live, and closes the client. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#ended.catch(() => undefined);
    if (!tellsOver(this.#context.client, undefined)) await remove(this.#context.client, this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(): Promise<void> {
    const { client, path } = this.#context;
    const { signal } = this.#closing;
    try {
      while (!signal.aborted) {
        await this.#touch(signal);
        this.#isReady();
        await pause(client, this.#ttlMs / TOUCHES_PER_TTL, { path, signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Writes it, or creates it; somebody may do either meanwhile. */
  async #touch(signal?: AbortSignal): Promise<void> {
    const { client, acl, path } = this.#context;
    const how = { path, signal };
    for (;;) {
      try {
        await untilAnswered(client, how, () => client.set(path, this.#data, { signal }));
        this.#isMade = true;
        return;
      } catch (error) {
        if (!(error instanceof NoNodeError)) throw error;
      }
      try {
        const options = { ...acl, mode: 'ttl', ttlMs: this.#ttlMs, signal } as const;
        await untilAnswered(client, how, () => client.create(path, this.#data, options));
        if (this.#isMade) this.#context.report({ name: 'rejoined' });
        this.#isMade = true;
        return;
      } catch (error) {
        if (error instanceof NoNodeError) await createDirectory(this.#context, parentOf(path), { signal });
        else if (!(error instanceof NodeExistsError)) throw error;
      }
    }
  }
}
