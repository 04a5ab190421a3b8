import { ErrorCode } from '../core/errors.js';
import { parentOf } from '../core/paths.js';
import { ThrottledError, type ZeroKeeperError } from './errors.js';
import { WATCHES_MAX } from './limits.js';
import type { OneShotWatchType, TransportEvent, WatchEventType } from './transport.js';
import type { Watch, WatchType } from './watch.js';

/** Which one-shot watches an event fires, as in ZooKeeper. */
const FIRES: Readonly<Record<WatchEventType, readonly OneShotWatchType[]>> = {
  created: ['data', 'exists'],
  deleted: ['data', 'exists', 'children'],
  dataChanged: ['data', 'exists'],
  childrenChanged: ['children'],
};

/** The watches of a client that are armed, by the server's paths. */
export class WatchTable {
  readonly #watches: Readonly<Record<WatchType, Map<string, Set<Watch>>>> = {
    data: new Map(),
    children: new Map(),
    exists: new Map(),
    persistent: new Map(),
    persistentRecursive: new Map(),
  };
  /** Armings under way, and whether the last watch was closed beside them, by kind and path. */
  readonly #arming = new Map<string, { count: number; isClosed: boolean }>();
  #size = 0;
  #last = { zxid: 0, position: -1 };

  /** Throws ThrottledError when the client has too many watches. */
  checkRoom(): void {
    if (this.#size < WATCHES_MAX) return;
    throw new ThrottledError({ code: ErrorCode.ThrottledOp, message: `more than ${WATCHES_MAX} watches` });
  }

  add(watch: Watch): void {
    const watches = this.#watches[watch.type];
    const at = watches.get(watch.serverPath) ?? new Set();
    if (at.has(watch)) return;
    at.add(watch);
    watches.set(watch.serverPath, at);
    this.#size++;
  }

  /** A watch of this kind is about to be armed: until {@link endArming} the server's must not be taken off. */
  beginArming({ type, serverPath }: Watch): void {
    const key = `${type} ${serverPath}`;
    const arming = this.#arming.get(key) ?? { count: 0, isClosed: false };
    arming.count++;
    this.#arming.set(key, arming);
  }

  /** Returns whether the server may take off its watch, which {@link close} wanted to. */
  endArming({ type, serverPath }: Watch): boolean {
    const key = `${type} ${serverPath}`;
    const arming = this.#arming.get(key);
    if (arming === undefined || --arming.count > 0) return false;
    this.#arming.delete(key);
    return arming.isClosed && !this.#watches[type].has(serverPath);
  }

  /** Nobody listens to it any more. Returns whether the server may take off its own, because it was the last one. */
  close(watch: Watch): boolean {
    if (!this.#remove(watch)) return false;
    const arming = this.#arming.get(`${watch.type} ${watch.serverPath}`);
    if (arming === undefined) return true;
    arming.isClosed = true;
    return false;
  }

  /** Returns whether it was there and was the last of its kind at its path. */
  #remove(watch: Watch): boolean {
    const watches = this.#watches[watch.type];
    const at = watches.get(watch.serverPath);
    if (at?.delete(watch) !== true) return false;
    this.#size--;
    if (at.size > 0) return false;
    watches.delete(watch.serverPath);
    return true;
  }

  /** Whom the event is for, each once. One-shot watches that fire are gone. Duplicates are for nobody. */
  fire(event: TransportEvent): Watch[] {
    if (this.#isDuplicate(event)) return [];
    const fired: Watch[] = [];
    for (const type of FIRES[event.type]) {
      for (const watch of this.#watches[type].get(event.path) ?? []) fired.push(watch);
    }
    for (const watch of fired) this.#remove(watch);
    for (const watch of this.#watches.persistent.get(event.path) ?? []) fired.push(watch);
    if (event.type !== 'childrenChanged') this.#addRecursive(fired, event.path);
    return fired;
  }

  /** Ends all watches. */
  end(error: ZeroKeeperError | undefined): void {
    for (const byPath of Object.values(this.#watches)) {
      for (const watches of [...byPath.values()]) for (const watch of [...watches]) watch.end(error);
    }
  }

  #isDuplicate({ zxid, position }: TransportEvent): boolean {
    if (zxid === undefined || position === undefined) return false;
    const last = this.#last;
    if (zxid < last.zxid || (zxid === last.zxid && position <= last.position)) return true;
    this.#last = { zxid, position };
    return false;
  }

  #addRecursive(fired: Watch[], path: string): void {
    const watches = this.#watches.persistentRecursive;
    if (watches.size === 0) return;
    for (let at = path; ; at = parentOf(at)) {
      for (const watch of watches.get(at) ?? []) fired.push(watch);
      if (at === '/') return;
    }
  }
}
