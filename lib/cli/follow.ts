import type { WatchEvent, WatchEventKind, ZooKeeperConnection } from '../client/tcp/index.js';
import { ErrorCode } from '../core/errors.js';
import type { Stat } from '../core/types.js';
import { childPath, unless } from './tree.js';

/** Who is told, and how far down it looks. */
export interface FollowOptions {
  readonly recursive: boolean;
  readonly onEvent: (event: WatchEvent) => void;
  /** Told when following has failed; nothing comes after it. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Follows a znode by one-shot watches, for servers without addWatch. A watch that fires says only where to look; what is
 * told is the difference between what was there and what is there now. So changes that follow each other quickly may
 * be told as one, but the last state is never missed: each look sets its watch in the same request.
 */
export class Follower {
  readonly #client: ZooKeeperConnection;
  readonly #root: string;
  readonly #options: FollowOptions;
  /** The stat of every znode that was there at the last look. */
  readonly #known = new Map<string, Stat>();
  readonly #dirty = new Set<string>();
  #looking = false;
  #announcing = false;

  constructor(client: ZooKeeperConnection, root: string, options: FollowOptions) {
    this.#client = client;
    this.#root = root;
    this.#options = options;
  }

  /** Resolves when all watches are set. What is there already is not told. */
  async start(): Promise<void> {
    this.#dirty.add(this.#root);
    await this.#lookAround();
    this.#announcing = true;
  }

  // One and the same function for all watches, so that the client calls it once for an event.
  readonly #wake = (event: WatchEvent): void => {
    this.#dirty.add(event.path);
    if (this.#looking) return;
    this.#lookAround().catch(this.#options.onFailure);
  };

  async #lookAround(): Promise<void> {
    this.#looking = true;
    try {
      for (const path of this.#dirty) {
        this.#dirty.delete(path);
        await this.#look(path);
      }
    } finally {
      this.#looking = false;
    }
  }

  async #look(path: string): Promise<void> {
    const before = this.#known.get(path);
    const now = await this.#client.exists(path, { watch: this.#wake });
    if (now === undefined) {
      this.#forget(path);
      return;
    }
    const recreated = before !== undefined && before.czxid !== now.czxid;
    if (recreated) this.#forget(path);
    this.#known.set(path, now);
    if (before === undefined || recreated) this.#announce('created', path);
    else if (before.mzxid !== now.mzxid) this.#announce('dataChanged', path);
    await this.#lookAtChildren(path, recreated ? undefined : before);
  }

  async #lookAtChildren(path: string, before: Stat | undefined): Promise<void> {
    const listing = this.#client.getChildren2(path, { watch: this.#wake });
    const found = await unless<Awaited<typeof listing> | undefined>(listing, ErrorCode.NoNode, undefined);
    if (found === undefined) {
      // Deleted since: the watch that exists() set fires, or has fired.
      this.#dirty.add(path);
      return;
    }
    if (!this.#options.recursive) {
      const known = this.#known.get(path) ?? found.stat;
      this.#known.set(path, { ...known, pzxid: found.stat.pzxid });
      if (before !== undefined && before.pzxid !== found.stat.pzxid) this.#announce('childrenChanged', path);
      return;
    }
    for (const name of found.children) {
      const child = childPath(path, name);
      if (!this.#known.has(child)) this.#dirty.add(child);
    }
  }

  /** Children go before their parents. */
  #forget(path: string): void {
    const prefix = path === '/' ? '/' : `${path}/`;
    const gone = [...this.#known.keys()].filter((known) => known === path || known.startsWith(prefix));
    for (const known of gone.sort().reverse()) {
      this.#known.delete(known);
      this.#announce('deleted', known);
    }
  }

  #announce(kind: WatchEventKind, path: string): void {
    if (this.#announcing) this.#options.onEvent({ kind, path });
  }
}
