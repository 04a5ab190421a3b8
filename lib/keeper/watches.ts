import { assert } from '../base/assert.js';
import { parentOf } from '../core/paths.js';
import type { WatchTrigger } from '../core/types.js';

/**
 * What a watch waits for.
 *
 * - `data` and `child` fire once. A `data` watch is left by getData and exists, a `child` watch by getChildren. A data watch
 *   on a znode that is not there yet waits for its creation.
 * - `persistent` stays, and is told everything that happens to its znode, changes of its children included.
 * - `persistentRecursive` stays, and is told what happens to its znode and everything below, but not `childrenChanged`: the
 *   children's own events say that.
 */
export type WatchKind = 'data' | 'child' | 'persistent' | 'persistentRecursive';

const BIT: Readonly<Record<WatchKind, number>> = { data: 1, child: 2, persistent: 4, persistentRecursive: 8 };
const KINDS = Object.keys(BIT) as readonly WatchKind[];

/** Which one-shot watches an event fires. */
const FIRES: Readonly<Record<WatchTrigger['event'], readonly WatchKind[]>> = {
  created: ['data'],
  dataChanged: ['data'],
  childrenChanged: ['child'],
  deleted: ['data', 'child'],
};

/** What `wchs` and `mntr` tell. */
export interface WatchSummary {
  readonly watchers: number;
  readonly paths: number;
  readonly watches: number;
}

/**
 * The watches of a keeper's clients, indexed both by path, to fire, and by watcher, to forget a client in time
 * proportional to its own watches.
 *
 * A one-shot watch is gone the moment it fires. Adding one that is there already changes nothing, so a znode is watched at
 * most once per kind and watcher; different kinds live side by side. A watcher holds at most `perWatcherMax` watches:
 * {@link has} and {@link room} tell before.
 */
export class WatchTable<Watcher extends object> {
  readonly #byPath: Readonly<Record<WatchKind, Map<string, Set<Watcher>>>> = {
    data: new Map(),
    child: new Map(),
    persistent: new Map(),
    persistentRecursive: new Map(),
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
   * Takes out the one-shot watches that a trigger fires and returns who is to be told, each watcher once: a deletion takes a
   * watcher's data and child watches together and is told in one event, to a watcher that has persistent watches there, too.
   */
  fire(trigger: WatchTrigger): Iterable<Watcher> {
    const { event, path } = trigger;
    const told = FIRES[event].map((kind) => this.#take(kind, path)).filter((watchers) => watchers.size > 0);
    const persistent = this.#byPath.persistent.get(path);
    if (persistent !== undefined) told.push(persistent);
    if (event !== 'childrenChanged') told.push(...this.#recursiveAbove(path));
    const [only = NOBODY, ...others] = told;
    // A copy: whoever is told may take a persistent watch off.
    if (others.length === 0) return only === persistent ? new Set(only) : only;
    return new Set(told.flatMap((watchers) => [...watchers]));
  }

  /** Takes one watch off. False when it is not there. */
  delete(watcher: Watcher, kind: WatchKind, path: string): boolean {
    if (!this.has(watcher, kind, path)) return false;
    this.#unlink(watcher, kind, path);
    this.#forget(watcher, kind, path);
    return true;
  }

  /** Forgets a watcher and everything that it watches. */
  remove(watcher: Watcher): void {
    const own = this.#byWatcher.get(watcher);
    if (own === undefined) return;
    for (const [path, kinds] of own.kinds) {
      for (const kind of KINDS) if (kinds & BIT[kind]) this.#unlink(watcher, kind, path);
    }
    this.#total -= own.count;
    this.#byWatcher.delete(watcher);
  }

  get total(): number {
    return this.#total;
  }

  /** Costs time proportional to the number of watched paths. */
  summary(): WatchSummary {
    const paths = new Set(KINDS.flatMap((kind) => [...this.#byPath[kind].keys()])).size;
    return { watchers: this.#byWatcher.size, paths, watches: this.#total };
  }

  /** Every watched path with its watcher, once whatever the kinds. Costs time proportional to the number of watches. */
  *entries(): Generator<readonly [Watcher, string]> {
    for (const [watcher, { kinds }] of this.#byWatcher)
      for (const path of kinds.keys()) yield [watcher, path];
  }

  /** Those who watch the path, or one above it, recursively. */
  #recursiveAbove(path: string): ReadonlySet<Watcher>[] {
    const recursive = this.#byPath.persistentRecursive;
    const found: ReadonlySet<Watcher>[] = [];
    if (recursive.size === 0) return found;
    for (let at = path; ; at = parentOf(at)) {
      const watchers = recursive.get(at);
      if (watchers !== undefined) found.push(new Set(watchers));
      if (at === '/') return found;
    }
  }

  #take(kind: WatchKind, path: string): ReadonlySet<Watcher> {
    const watchers = this.#byPath[kind].get(path);
    if (watchers === undefined) return NOBODY;
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

const NOBODY: ReadonlySet<never> = new Set<never>();
