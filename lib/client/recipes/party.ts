import { NoNodeError, type Data, type ZeroKeeperClient } from '../index.js';
import { ChildrenWatch } from './data-watch.js';
import { PersistentNode } from './persistent-node.js';
import { namesIn } from './support/line.js';
import { join } from './support/names.js';
import { checkName, RecipeContext, type RecipeOptions } from './support/recipe.js';
import type { WaitOptions } from './support/waiting.js';

export interface PartyOptions extends RecipeOptions {
  /** What the others see: an address, as JSON for example. */
  readonly data?: Data;
}

/** A member of a party, by the id that it joined with. */
export interface Member {
  readonly id: string;
  readonly data: Uint8Array;
}

/**
 * Who is there: a group of processes, each of which is a member for as long as its session lives.
 *
 * **Guarantees.** A member is listed until it leaves or its session ends, and listed again when somebody deletes its znode.
 * Two with the same id are never members at once: the second waits until the first is gone.
 *
 * **Failure modes.** A member that dies is listed until its session expires.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { Party } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const party = new Party(client, '/workers');
 * await using membership = await party.join('host-1', { data: 'up' });
 * for await (const ids of party.changes()) {
 *   console.log(ids, await party.members());
 *   break;
 * }
 * ```
 */
export class Party {
  readonly #context: RecipeContext;
  readonly #options: RecipeOptions;

  constructor(client: ZeroKeeperClient, path: string, options: RecipeOptions = {}) {
    this.#context = new RecipeContext('Party', client, { ...options, path });
    this.#options = options;
  }

  get path(): string {
    return this.#context.path;
  }

  /** Resolves when this process is a member. Closing what it gives leaves the party. */
  async join(id: string, options: { readonly data?: Data } & WaitOptions = {}): Promise<PersistentNode> {
    checkName('a member', id);
    const { data, ...wait } = options;
    const node = new PersistentNode(this.#context.client, join(this.path, id), {
      ...this.#options,
      ...(data !== undefined && { data }),
    });
    try {
      await node.ready(wait);
      return node;
    } catch (error) {
      await node.close();
      throw error;
    }
  }

  /** Who is there now. */
  async members(): Promise<readonly Member[]> {
    const { client } = this.#context;
    await client.sync(this.path);
    const read = [...(await namesIn(this.#context, this.path))].sort().map(async (id) => {
      try {
        return [{ id, data: (await client.get(join(this.path, id))).data }];
      } catch (error) {
        // Gone since it was listed.
        if (error instanceof NoNodeError) return [];
        throw error;
      }
    });
    return (await Promise.all(read)).flat();
  }

  /** The ids of those who are there, sorted: now, then after each change. */
  async *changes(
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<readonly string[], undefined> {
    for await (const names of new ChildrenWatch(this.#context.client, this.path, options)) {
      this.#context.report({ name: 'updated' });
      yield names ?? [];
    }
    return undefined;
  }
}
