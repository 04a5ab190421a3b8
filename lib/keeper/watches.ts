import { assert } from '../base/assert.js';
import type { WatchTrigger } from '../core/types.js';

/**
 * What a one-shot watch waits for. A `data` watch is left by getData and exists, a `child` watch by getChildren. A data
 * watch on a znode that is not there yet waits for its creation.
 */
export type WatchKind = 'data' | 'child';

const BIT: Readonly<Record<WatchKind, number>> = { data: 1, child: 2 };

/** What `wchs` and `mntr` tell. */
export interface WatchSummary {
  readonly watchers: number;
  readonly paths: number;
  readonly watches: number;
}

/**
 * The one-shot watches of a keeper's clients, indexed both by path, to fire, and by watcher, to forget a client
 * in time proportional to its own watches.
 *
 * A watch is gone the moment it fires. Adding one that is there already changes nothing, so a znode is watched at most
 * once per kind and watcher. A watcher holds at most `perWatcherMax` watches: {@link has} and {@link room} tell before.
 */
export class WatchTable<Watcher extends object> {
  readonly #byPath: Readonly<Record<WatchKind, Map<string, Set<Watcher>>>> = {
    data: new Map(),
    child: new Map(),
  };
  /** The kinds that a watcher has set on a path, as a set of bits. */
  readonly #byWatcher = new Map<Watcher, { readonly kinds: Map<string, number>; count: number }>();
  readonly #perWatcherMax: number;
  #total = 0;

  constructor(perWatcherMax: number) {
    this.#perWatcherMax = perWatcherMax;
  }

  has(watcher: Watcher, kind: WatchKind, path: string): boolean {
    return this.#byPath[kind].get(path)?.has(watcher) ?? false;
  }

  /** How many more watches the watcher may set. */
  room(watcher: Watcher): number {
    return this.#perWatcherMax - (this.#byWatcher.get(watcher)?.count ?? 0);
  }

  add(watcher: Watcher, kind: WatchKind, path: string): void {
    if (this.has(watcher, kind, path)) return;
    assert(this.room(watcher) > 0, 'a watch is added only where there is room');
    let own = this.#byWatcher.get(watcher);
    if (own === undefined) this.#byWatcher.set(watcher, (own = { kinds: new Map(), count: 0 }));
    own.kinds.set(path, (own.kinds.get(path) ?? 0) | BIT[kind]);
    own.count += 1;
    this.#total += 1;
    const watchers = this.#byPath[kind].get(path);
    if (watchers === undefined) this.#byPath[kind].set(path, new Set([watcher]));
    else watchers.add(watcher);
  }

  /**
   * Takes out what a trigger fires and returns who is to be told, each watcher once: a deletion takes a watcher's data
   * and child watches together and is told in one event.
   */
  fire(trigger: WatchTrigger): Iterable<Watcher> {
    switch (trigger.event) {
      case 'created':
      case 'dataChanged':
        return this.#take('data', trigger.path);
      case 'childrenChanged':
        return this.#take('child', trigger.path);
      case 'deleted': {
        const data = this.#take('data', trigger.path);
        const child = this.#take('child', trigger.path);
        if (child.size === 0) return data;
        if (data.size === 0) return child;
        return new Set([...data, ...child]);
      }
    }
  }

  /** Forgets a watcher and everything that it watches. */
  remove(watcher: Watcher): void {
    const own = this.#byWatcher.get(watcher);
    if (own === undefined) return;
    for (const [path, kinds] of own.kinds) {
      if (kinds & BIT.data) this.#unlink(watcher, 'data', path);
      if (kinds & BIT.child) this.#unlink(watcher, 'child', path);
    }
    this.#total -= own.count;
    this.#byWatcher.delete(watcher);
  }

  get total(): number {
    return this.#total;
  }

  /** Costs time proportional to the number of watched paths. */
  summary(): WatchSummary {
    let paths = this.#byPath.data.size;
    for (const path of this.#byPath.child.keys()) if (!this.#byPath.data.has(path)) paths += 1;
    return { watchers: this.#byWatcher.size, paths, watches: this.#total };
  }

  #take(kind: WatchKind, path: string): ReadonlySet<Watcher> {
    const watchers = this.#byPath[kind].get(path);
    if (watchers === undefined) return new Set();
    this.#byPath[kind].delete(path);
    for (const watcher of watchers) this.#forget(watcher, kind, path);
    return watchers;
  }

  #forget(watcher: Watcher, kind: WatchKind, path: string): void {
    const own = this.#byWatcher.get(watcher);
    assert(own !== undefined, 'both directions of the watch table agree');
    const left = (own.kinds.get(path) ?? 0) & ~BIT[kind];
    if (left === 0) own.kinds.delete(path);
    else own.kinds.set(path, left);
    own.count -= 1;
    this.#total -= 1;
    if (own.count === 0) this.#byWatcher.delete(watcher);
  }

  #unlink(watcher: Watcher, kind: WatchKind, path: string): void {
    const watchers = this.#byPath[kind].get(path);
    assert(watchers !== undefined, 'both directions of the watch table agree');
    watchers.delete(watcher);
    if (watchers.size === 0) this.#byPath[kind].delete(path);
  }
}
