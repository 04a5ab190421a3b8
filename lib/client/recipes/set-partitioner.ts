import { BadArgumentsError, ErrorCode, type ZeroKeeperClient } from '../index.js';
import { Party } from './party.js';
import { AssignedItems, type Worker } from './support/assigned.js';
import { Membership } from './support/membership.js';
import { join } from './support/names.js';
import { warn } from './support/metrics.js';
import { checkName, RecipeContext, type RecipeOptions } from './support/recipe.js';
import { tellsOver, type WaitOptions } from './support/waiting.js';

export interface SetPartitionerOptions extends RecipeOptions {
  /** The parts. Every process has to say the same. */
  readonly partitions: readonly string[];
  /** Who this is, among the others. */
  readonly id: string;
  /** Works on a part that is this process's, until `held.signal` aborts. What it throws becomes a warning; the part is kept. */
  readonly work: Worker;
}

/**
 * Divides a set of parts among those who are there, and anew whenever somebody comes or goes.
 *
 * **Guarantees.** No two work on one part at a time: each part has a lock, and whoever is to have it waits until the one before
 * has let go. Who is there has as many parts as any other, or one more. When one dies, the others take its parts over.
 *
 * **Failure modes.** Between the end of one and the beginning of the next nobody works on a part. A worker that does not heed
 * `held.signal` keeps its part from the others. The parts of a process that is cut off wait until its session expires.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { SetPartitioner } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * await using partitioner = new SetPartitioner(client, '/partitions', {
 *   partitions: ['a', 'b', 'c'],
 *   id: 'host-1',
 *   work: async (part, { fencingToken }) => console.log('mine:', part, fencingToken),
 * });
 * await partitioner.join();
 * console.log(partitioner.partitions);
 * ```
 */
export class SetPartitioner implements AsyncDisposable {
  readonly #context: RecipeContext;
  readonly #party: Party;
  readonly #options: SetPartitionerOptions;
  readonly #membership: Membership;
  readonly #assigned: AssignedItems;
  readonly #leaving = new AbortController();
  #following: Promise<void> = Promise.resolve();

  constructor(client: ZeroKeeperClient, path: string, options: SetPartitionerOptions) {
    const { acl, onMetric, partitions, id, work } = options;
    const shared: RecipeOptions = { acl, onMetric };
    this.#context = new RecipeContext('SetPartitioner', client, { ...shared, path });
    checkName('a member', id);
    for (const partition of partitions) checkName('a part', partition);
    if (new Set(partitions).size < partitions.length) {
      const message = 'each part has to be there once';
      throw new BadArgumentsError({ code: ErrorCode.BadArguments, path, message });
    }
    this.#options = options;
    this.#party = new Party(client, join(path, 'members'), shared);
    this.#membership = new Membership(this.#party, id);
    this.#assigned = new AssignedItems(client, { directory: join(path, 'locks'), options: shared, work });
  }

  get path(): string {
    return this.#context.path;
  }

  /** The parts that this process has now. */
  get partitions(): readonly string[] {
    return this.#assigned.items;
  }

  /** Takes part from now on; resolves when the others know. */
  async join(options: WaitOptions = {}): Promise<void> {
    if (await this.#membership.join(options)) this.#following = this.#follow();
  }

  /** Lets go of everything; resolves when it has. */
  async close(): Promise<void> {
    this.#leaving.abort();
    await this.#following;
    await this.#assigned.stop();
    await this.#membership.leave();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #follow(): Promise<void> {
    const { partitions, id } = this.#options;
    try {
      for await (const members of this.#party.changes({ signal: this.#leaving.signal })) {
        this.#assigned.assign(shareOf(id, members, [...partitions].sort()));
      }
    } catch (error) {
      if (this.#leaving.signal.aborted || tellsOver(this.#context.client, error)) return;
      warn(`the partitioner of ${this.path} follows no more`, error);
    } finally {
      if (!this.#leaving.signal.aborted) this.#assigned.assign([]);
    }
  }
}

/** In turn: the first part for the first member, and so on. All of them come to the same result. */
function shareOf(id: string, members: readonly string[], partitions: readonly string[]): string[] {
  const at = members.indexOf(id);
  return at < 0 ? [] : partitions.filter((_, index) => index % members.length === at);
}
