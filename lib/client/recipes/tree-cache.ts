import {
  ErrorCode,
  NoNodeError,
  ThrottledError,
  type Stat,
  type WatchEvent,
  type ZeroKeeperClient,
} from '../index.js';
import { join } from './support/names.js';
import { warn } from './support/metrics.js';
import { RecipeContext, type RecipeOptions } from './support/recipe.js';
import {
  abortedError,
  isOver,
  sessionOver,
  tellsOver,
  untilAnswered,
  withDeadline,
  type WaitOptions,
} from './support/waiting.js';

/** A znode as the mirror shows it. */
export interface TreeNode {
  readonly path: string;
  readonly data: Uint8Array;
  readonly stat: Stat;
}

/** What one state of the mirror has that the one before had not. */
export interface TreeEvent {
  readonly type: 'added' | 'updated' | 'removed';
  readonly path: string;
  /** As it is; of one that was removed, as it was. */
  readonly node: TreeNode;
}

/** One state of the mirror. */
export interface TreeState {
  /** All of it is as it was at this zxid. */
  readonly zxid: number;
  /** By their paths. */
  readonly nodes: ReadonlyMap<string, TreeNode>;
  readonly events: readonly TreeEvent[];
}

export interface TreeCacheOptions extends RecipeOptions {
  /** Told each state, the first one with all znodes as `added`. What it throws becomes a warning of the process. */
  readonly onState?: (state: TreeState) => void;
  /** Znodes at most; with more it ends. Default 100 000. */
  readonly nodesMax?: number;
}

const NODES_MAX_DEFAULT = 100_000;
/** Reads under way at a time. */
const READS_MAX = 32;

/**
 * A mirror of a subtree in this process.
 *
 * **Guarantees.** Each state is the subtree as it was at one zxid, never a mixture, and states only go forward. Changes that come
 * faster than they can be read are told together. Across a disconnect it catches up, and tells what is different then.
 *
 * **Failure modes.** It is behind by the time that events and reads take. While changes never pause it shows no new state. When
 * the session is lost, when it may not read a znode, or when there are too many, it ends: {@link ended} rejects and
 * {@link current} stays as it was. It needs persistent recursive watches: ZooKeeper 3.6 or newer.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { TreeCache } from 'zerokeeper/recipes';
 *
 * await using client = await connect({ transport: 'tcp', servers: '127.0.0.1:2181' });
 * await client.create('/config/color', 'green', { parents: true });
 * await using cache = new TreeCache(client, '/config');
 * const { zxid, nodes } = await cache.ready();
 * console.log(zxid, [...nodes.keys()]);
 * ```
 */
export class TreeCache implements AsyncDisposable {
  readonly #context: RecipeContext;
  readonly #options: TreeCacheOptions;
  readonly #closing = new AbortController();
  readonly #nodes = new Map<string, TreeNode>();
  readonly #dirty = new Set<string>();
  readonly #ended: Promise<void>;
  readonly #unlisten: () => void;
  #state: TreeState | undefined;
  #isStale = true;
  #wake: () => void = () => undefined;
  #told: (() => void)[] = [];

  constructor(client: ZeroKeeperClient, path: string, options: TreeCacheOptions = {}) {
    this.#context = new RecipeContext('TreeCache', client, { ...options, path });
    this.#options = options;
    // A persistent watch over tcp misses what happens while there is no connection.
    this.#unlisten = client.on('suspended', () => {
      this.#isStale = true;
      this.#wake();
    });
    this.#ended = this.#run().finally(() => {
      this.#unlisten();
      this.#tellWaiting();
    });
    this.#ended.catch((error: unknown) => {
      if (!tellsOver(client, error)) warn(`TreeCache of ${path} has ended`, error);
    });
  }

  get path(): string {
    return this.#context.path;
  }

  /** The newest state; undefined before the first. */
  get current(): TreeState | undefined {
    return this.#state;
  }

  /** Resolves when it was closed; rejects when it mirrors no more because of an error. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** The newest state, as soon as there is one that is no older than `zxid`. */
  ready(options: WaitOptions & { readonly zxid?: number } = {}): Promise<TreeState> {
    const { zxid = 0, ...wait } = options;
    return withDeadline(this.#context.client, { ...wait, path: this.path }, async (signal) => {
      for (;;) {
        if (this.#state !== undefined && this.#state.zxid >= zxid) return this.#state;
        if (this.#closing.signal.aborted || isOver(this.#context.client)) {
          await this.#ended;
          throw sessionOver(this.path);
        }
        await this.#nextState(signal);
      }
    });
  }

  /** Mirrors no more. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#wake();
    await this.#ended.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #nextState(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(abortedError(this.path, signal));
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#told.push(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
      this.#ended.catch(reject);
    });
  }

  async #run(): Promise<void> {
    const { client, path } = this.#context;
    const { signal } = this.#closing;
    const onEvent = (event: WatchEvent) => this.#changed(event);
    const watch = await untilAnswered(client, { path, signal }, () =>
      client.watch(path, { type: 'persistentRecursive', signal, onEnd: () => this.#wake() }, onEvent),
    );
    try {
      while (!signal.aborted && !isOver(client)) {
        const sleeping = new Promise<void>((resolve) => (this.#wake = resolve));
        if (!(await this.#catchUp(signal))) await sleeping;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      watch.close();
    }
    if (client.state === 'lost') throw sessionOver(path);
  }

  #changed({ path }: WatchEvent): void {
    this.#dirty.add(path);
    this.#wake();
  }

  /**
   * Reads what has changed. When nothing is left to read, the mirror is the subtree at the newest zxid that the client has
   * seen: an event comes before any answer that shows its change or a later one. Whether there was something to read.
   */
  async #catchUp(signal: AbortSignal): Promise<boolean> {
    if (this.#isStale) {
      this.#isStale = false;
      this.#dirty.add(this.path);
      for (const path of this.#nodes.keys()) this.#dirty.add(path);
      await this.#readAll(signal, true);
    } else if (this.#dirty.size > 0) await this.#readAll(signal, false);
    else return false;
    // Read anew: a disconnect may have come meanwhile.
    if (this.#dirty.size === 0 && !this.#wasCutOff()) this.#publish();
    return true;
  }

  #wasCutOff(): boolean {
    return this.#isStale;
  }

  async #readAll(signal: AbortSignal, deep: boolean): Promise<void> {
    while (this.#dirty.size > 0) {
      const paths = [...this.#dirty].slice(0, READS_MAX);
      for (const path of paths) this.#dirty.delete(path);
      await Promise.all(paths.map((path) => this.#read(path, { signal, deep })));
    }
  }

  async #read(path: string, how: { readonly signal: AbortSignal; readonly deep: boolean }): Promise<void> {
    const { client } = this.#context;
    const { signal, deep } = how;
    try {
      const options = { consistency: 'session', signal } as const;
      const { data, stat } = await untilAnswered(client, { path, signal }, () => client.get(path, options));
      this.#nodes.set(path, { path, data, stat });
      this.#checkSize();
      if (!deep || stat.numChildren === 0) return;
      const { children } = await untilAnswered(client, { path, signal }, () =>
        client.getChildren(path, options),
      );
      for (const name of children) if (!this.#nodes.has(join(path, name))) this.#dirty.add(join(path, name));
    } catch (error) {
      if (!(error instanceof NoNodeError)) throw error;
      this.#nodes.delete(path);
    }
  }

  #checkSize(): void {
    const { nodesMax = NODES_MAX_DEFAULT } = this.#options;
    if (this.#nodes.size <= nodesMax) return;
    const message = `the subtree has more than ${nodesMax} znodes`;
    throw new ThrottledError({ code: ErrorCode.ThrottledOp, path: this.path, message, retriable: false });
  }

  #publish(): void {
    const before = this.#state?.nodes ?? new Map<string, TreeNode>();
    const nodes = new Map([...this.#nodes].sort(([a], [b]) => (a < b ? -1 : 1)));
    const events = differences(before, nodes);
    const isFirst = this.#state === undefined;
    this.#state = { zxid: this.#context.client.zxid, nodes, events };
    if (isFirst || events.length > 0) {
      this.#context.report({ name: 'updated' });
      this.#tell(this.#state);
    }
    this.#tellWaiting();
  }

  #tell(state: TreeState): void {
    try {
      this.#options.onState?.(state);
    } catch (error) {
      warn('a listener of a TreeCache failed', error);
    }
  }

  #tellWaiting(): void {
    for (const told of this.#told.splice(0)) told();
  }
}

function differences(
  before: ReadonlyMap<string, TreeNode>,
  after: ReadonlyMap<string, TreeNode>,
): TreeEvent[] {
  const events: TreeEvent[] = [];
  for (const [path, node] of after) {
    const old = before.get(path);
    if (old === undefined) events.push({ type: 'added', path, node });
    else if (old.stat.czxid !== node.stat.czxid || old.stat.mzxid !== node.stat.mzxid) {
      events.push({ type: 'updated', path, node });
    }
  }
  for (const [path, node] of before) if (!after.has(path)) events.push({ type: 'removed', path, node });
  return events;
}
