import { BadVersionError, NodeExistsError, NoNodeError, type ZeroKeeperClient } from '../index.js';
import { ChildrenWatch, DataWatch } from './data-watch.js';
import { LeaderLatch } from './leader-latch.js';
import { Party } from './party.js';
import { AssignedItems, type Worker } from './support/assigned.js';
import { decodeJson } from './support/json.js';
import { Membership } from './support/membership.js';
import { join } from './support/names.js';
import { warn } from './support/metrics.js';
import { checkName, RecipeContext, type RecipeOptions } from './support/recipe.js';
import { remove } from './support/cleanup.js';
import { tellsOver, untilAnswered, type WaitOptions } from './support/waiting.js';
import type { Held } from './support/lock.js';

export interface WorkAssignmentOptions extends RecipeOptions {
  /** Who this is, among the others. */
  readonly id: string;
  /** Works on an item that is this process's, until `held.signal` aborts. What it throws becomes a warning; the item is kept. */
  readonly work: Worker;
}

/** Items by the member that has them. */
export type Assignment = Readonly<Record<string, readonly string[]>>;

/** What stands in the znode. */
interface Written {
  /** The fencing token of the leadership in which it was written. */
  readonly term: number;
  readonly shares: Assignment;
}

/** Somebody else was faster, or this one whose answer was lost. */
const WRITTEN_MEANWHILE = [BadVersionError, NoNodeError, NodeExistsError];

/**
 * Items of work that come and go, shared out by an elected leader among those who are there.
 *
 * **Guarantees.** No two work on one item at a time: each item has a lock. The leader keeps the shares equal to within one and
 * moves no item that need not move. When a worker dies the others get its items; when the leader does, the next one goes on.
 *
 * **Failure modes.** Those of {@link SetPartitioner} and {@link LeaderLatch}. While there is no leader the shares stay as they are.
 * A leader that has been replaced and does not know it yet cannot write over what the new one has written.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { WorkAssignment } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * const begun = new Promise<string>((resolve) => {
 *   void (async () => {
 *     const work = new WorkAssignment(client, '/crawler', { id: 'host-1', work: async (item) => resolve(item) });
 *     await work.join();
 *     await work.add('example.org');
 *   })();
 * });
 * console.log('mine:', await begun);
 * ```
 */
export class WorkAssignment implements AsyncDisposable {
  readonly #context: RecipeContext;
  readonly #id: string;
  readonly #items: string;
  readonly #shares: string;
  readonly #party: Party;
  readonly #membership: Membership;
  readonly #latch: LeaderLatch;
  readonly #assigned: AssignedItems;
  readonly #leaving = new AbortController();
  readonly #tasks: Promise<void>[] = [];

  constructor(client: ZeroKeeperClient, path: string, options: WorkAssignmentOptions) {
    const { acl, onMetric, id, work } = options;
    const shared: RecipeOptions = { acl, onMetric };
    this.#context = new RecipeContext('WorkAssignment', client, { ...shared, path });
    checkName('a member', id);
    this.#id = id;
    this.#items = join(path, 'items');
    this.#shares = join(path, 'assignment');
    this.#party = new Party(client, join(path, 'members'), shared);
    this.#membership = new Membership(this.#party, id);
    this.#latch = new LeaderLatch(client, join(path, 'leader'), {
      ...shared,
      id,
      onChange: (leadership) => {
        if (leadership !== undefined) this.#keep(this.#lead(leadership));
      },
    });
    this.#assigned = new AssignedItems(client, { directory: join(path, 'locks'), options: shared, work });
  }

  get path(): string {
    return this.#context.path;
  }

  /** The items that this process works on now. */
  get items(): readonly string[] {
    return this.#assigned.items;
  }

  get isLeader(): boolean {
    return this.#latch.isLeader;
  }

  /** Takes part from now on; resolves when the others know. */
  async join(options: WaitOptions = {}): Promise<void> {
    if (!(await this.#membership.join(options))) return;
    this.#latch.start();
    this.#keep(this.#follow());
  }

  /** Adds an item of work; if there is one of that name, that is fine. */
  async add(item: string): Promise<void> {
    checkName('an item', item);
    const { client, acl } = this.#context;
    const path = join(this.#items, item);
    try {
      await untilAnswered(client, { path }, () => client.create(path, '', { ...acl, parents: true }));
    } catch (error) {
      if (!(error instanceof NodeExistsError)) throw error;
    }
  }

  /** Takes an item off; who works on it is told to end. */
  async remove(item: string): Promise<void> {
    checkName('an item', item);
    await remove(this.#context.client, join(this.#items, item));
  }

  /** Who has what, as the leader has written it. */
  async assignment(): Promise<Assignment> {
    return (await this.#written())?.shares ?? {};
  }

  async #written(): Promise<(Written & { readonly version: number }) | undefined> {
    const { client } = this.#context;
    const path = this.#shares;
    try {
      const get = () => client.get(path, { consistency: 'linearizable' });
      const { data, stat } = await untilAnswered(client, { path }, get);
      return { ...decodeJson(data, { path, schema: toWritten }), version: stat.version };
    } catch (error) {
      if (error instanceof NoNodeError) return undefined;
      throw error;
    }
  }

  /** Lets go of everything; resolves when it has. */
  async close(): Promise<void> {
    this.#leaving.abort();
    await this.#latch.close();
    await Promise.all(this.#tasks);
    await this.#assigned.stop();
    await this.#membership.leave();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #keep(task: Promise<void>): void {
    this.#tasks.push(
      task.catch((error: unknown) => {
        if (this.#leaving.signal.aborted || tellsOver(this.#context.client, error)) return;
        warn(`the work assignment of ${this.path} does not go on`, error);
      }),
    );
  }

  /** Does what the leader has written. */
  async #follow(): Promise<void> {
    const { client } = this.#context;
    try {
      for await (const state of new DataWatch(client, this.#shares, { signal: this.#leaving.signal })) {
        const written =
          state === undefined ? undefined : decodeJson(state.data, { path: this.#shares, schema: toWritten });
        this.#assigned.assign(written?.shares[this.#id] ?? []);
      }
    } finally {
      this.#assigned.assign([]);
    }
  }

  /** Shares out anew whenever members or items have changed. */
  async #lead(leadership: Held): Promise<void> {
    const { client } = this.#context;
    const stop = new AbortController();
    const signal = AbortSignal.any([leadership.signal, this.#leaving.signal, stop.signal]);
    let members: readonly string[] | undefined;
    let items: readonly string[] | undefined;
    const term = leadership.fencingToken;
    const share = async () => {
      if (members !== undefined && items !== undefined) await this.#share({ term, members, items });
    };
    const followMembers = async () => {
      for await (members of this.#party.changes({ signal })) await share();
    };
    const followItems = async () => {
      for await (const names of new ChildrenWatch(client, this.#items, { signal })) {
        items = names ?? [];
        await share();
      }
    };
    const following = [followMembers(), followItems()];
    try {
      await Promise.all(following);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      stop.abort();
      await Promise.allSettled(following);
    }
  }

  /** Writes the shares unless a later leader has: each write names the version that was read, and the term of who writes. */
  async #share(now: {
    readonly term: number;
    readonly members: readonly string[];
    readonly items: readonly string[];
  }): Promise<void> {
    const { client, acl } = this.#context;
    const { term, members, items } = now;
    const path = this.#shares;
    for (;;) {
      const before = await this.#written();
      if (before !== undefined && before.term > term) return;

      const next: Written = { term, shares: balance(before?.shares ?? {}, members, items) };
      const write = () =>
        before === undefined
          ? client.createJson(path, next, { ...acl, parents: true })
          : client.setJson(path, next, { version: before.version });
      try {
        await untilAnswered<unknown>(client, { path }, write);
        return;
      } catch (error) {
        if (!WRITTEN_MEANWHILE.some((kind) => error instanceof kind)) throw error;
      }
    }
  }
}

/** Equal shares to within one; items stay where they are as far as that allows. */
function balance(before: Assignment, members: readonly string[], items: readonly string[]): Assignment {
  const left = new Set(items);
  const shares = new Map<string, string[]>(members.map((member) => [member, []]));
  const fullMax = Math.ceil(items.length / Math.max(1, members.length));
  let mayBeFull = items.length - members.length * (fullMax - 1);
  for (const [member, share] of shares) {
    const kept = (before[member] ?? []).filter((item) => left.has(item));
    const sizeMax = kept.length >= fullMax && mayBeFull > 0 ? fullMax : Math.min(fullMax - 1, kept.length);
    if (sizeMax === fullMax) mayBeFull--;
    share.push(...kept.slice(0, sizeMax));
    for (const item of share) left.delete(item);
  }
  for (const item of left) smallest(shares)?.push(item);
  return Object.fromEntries([...shares].map(([member, share]) => [member, share.sort()]));
}

function smallest(shares: ReadonlyMap<string, string[]>): string[] | undefined {
  let best: string[] | undefined;
  for (const share of shares.values()) if (best === undefined || share.length < best.length) best = share;
  return best;
}

function toWritten(value: unknown): Written {
  const { term, shares } = value as { readonly term?: unknown; readonly shares?: unknown };
  if (typeof term !== 'number' || typeof shares !== 'object' || shares === null) {
    throw new TypeError('an assignment has a term and shares');
  }
  for (const [member, items] of Object.entries(shares)) {
    if (!Array.isArray(items) || !items.every((item) => typeof item === 'string')) {
      throw new TypeError(`the items of ${member} are no list of names`);
    }
  }
  return { term, shares: shares as Assignment };
}
