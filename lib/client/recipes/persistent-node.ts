import { NodeExistsError, NoNodeError, type CreateMode, type Data, type ZeroKeeperClient } from '../index.js';
import { remove } from './support/cleanup.js';
import { warn } from './support/metrics.js';
import { createDirectory } from './support/protected-node.js';
import { RecipeContext, type RecipeOptions } from './support/recipe.js';
import { parentOf } from './support/names.js';
import {
  isOver,
  tellsOver,
  untilAnswered,
  untilTouched,
  withDeadline,
  unlessAborted,
  type ChangeOptions,
  type WaitOptions,
} from './support/waiting.js';

export interface PersistentNodeOptions extends RecipeOptions {
  readonly data?: Data;
  /** Default `ephemeral`. */
  readonly mode?: Extract<CreateMode, 'ephemeral' | 'persistent'>;
}

/**
 * A znode that is there for as long as its keeper is, whoever deletes it.
 *
 * **Guarantees.** It is created, with missing parents, and created again with the present data whenever it is gone. When it is
 * closed the znode is deleted. An ephemeral one that is another session's (a ghost of the process before) is waited for.
 *
 * **Failure modes.** Between a deletion and the new creation it is missing. When the session is lost, so is an ephemeral znode,
 * for good: make a new one on a new client. A refusal (NoAuth, for example) ends it: {@link ended} rejects.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { PersistentNode } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * await using node = new PersistentNode(client, '/hosts/host-1', { data: 'up' });
 * await node.ready();
 * await node.setData('busy');
 * console.log(new TextDecoder().decode((await client.get('/hosts/host-1')).data));
 * ```
 */
export class PersistentNode implements AsyncDisposable {
  readonly #context: RecipeContext;
  readonly #mode: 'ephemeral' | 'persistent';
  readonly #closing = new AbortController();
  readonly #ended: Promise<void>;
  readonly #first: Promise<void>;
  #data: Data;
  /** It has been there: when it is made, that is because somebody deleted it. */
  #isMade = false;
  #isReady: () => void = () => undefined;

  constructor(client: ZeroKeeperClient, path: string, options: PersistentNodeOptions = {}) {
    this.#context = new RecipeContext('PersistentNode', client, { ...options, path });
    this.#mode = options.mode ?? 'ephemeral';
    this.#data = options.data ?? '';
    const first = new Promise<void>((resolve) => (this.#isReady = resolve));
    this.#ended = this.#run();
    this.#first = Promise.race([first, this.#ended]);
    // Told by `ended` and `ready` to who asks; a warning for who does not.
    this.#first.catch(() => undefined);
    this.#ended.catch((error: unknown) => {
      if (!tellsOver(client, error)) warn(`PersistentNode of ${path} has ended`, error);
    });
  }

  get path(): string {
    return this.#context.path;
  }

  /** Resolves when it was closed; rejects when nobody keeps it any more because of an error. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Resolves when the znode is there for the first time. */
  ready(options: WaitOptions = {}): Promise<void> {
    return withDeadline(this.#context.client, { ...options, path: this.path }, async (signal) => {
      await unlessAborted(this.path, this.#first, signal);
    });
  }

  /** Replaces the data, in the znode and for when it has to be created again. While nobody answers it waits, until `signal` aborts. */
  async setData(data: Data, { signal }: ChangeOptions = {}): Promise<void> {
    this.#data = data;
    const { client } = this.#context;
    try {
      await untilAnswered(client, { path: this.path, signal }, () => client.set(this.path, data, { signal }));
    } catch (error) {
      // It is about to be created with the new data.
      if (!(error instanceof NoNodeError)) throw error;
    }
  }

  /** Deletes the znode. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#ended.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(): Promise<void> {
    const { client } = this.#context;
    const { signal } = this.#closing;
    try {
      while (!signal.aborted) {
        if (await this.#isOwn(signal)) this.#isReady();
        await untilTouched(client, this.path, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    if (!isOver(client) && (this.#mode === 'persistent' || (await this.#isOurs()))) {
      await remove(client, this.path);
    }
  }

  /** Creates it if it is not there; whether it is this session's. */
  async #isOwn(signal: AbortSignal): Promise<boolean> {
    const { client, acl } = this.#context;
    for (;;) {
      try {
        const create = () => client.create(this.path, this.#data, { ...acl, mode: this.#mode, signal });
        await untilAnswered(client, { path: this.path, signal }, create);
        if (this.#isMade) this.#context.report({ name: 'rejoined' });
        this.#isMade = true;
        return true;
      } catch (error) {
        if (error instanceof NodeExistsError) {
          const isOwn = this.#mode === 'persistent' || (await this.#isOurs());
          this.#isMade ||= isOwn;
          return isOwn;
        }
        if (!(error instanceof NoNodeError)) throw error;
        await createDirectory(this.#context, parentOf(this.path), { signal });
      }
    }
  }

  async #isOurs(): Promise<boolean> {
    const { client, path } = this.#context;
    const stat = await untilAnswered(client, { path }, () =>
      client.exists(path, { consistency: 'linearizable' }),
    );
    return stat?.ephemeralOwner.toString(16) === client.session?.id;
  }
}
