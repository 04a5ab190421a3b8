import type { Zxid } from '../../core/types.js';
import { AddWatchMode, EventType, type SetWatches2Request, type WatcherEvent } from '../../wire/index.js';

/** The kinds of event that a watch can see. */
export type WatchEventKind = 'created' | 'deleted' | 'dataChanged' | 'childrenChanged';

export interface WatchEvent {
  readonly kind: WatchEventKind;
  readonly path: string;
  /** The transaction that fired the watch, from servers that tell it. */
  readonly zxid?: Zxid;
}

/** Called once per event, in the order of the updates and of the answers to requests. */
export type WatchListener = (event: WatchEvent) => void;

/** One-shot kinds by what sets them: getData, exists of a znode that is not there, getChildren. */
export type OneShotKind = 'data' | 'exist' | 'child';
type Kind = OneShotKind | 'persistent' | 'persistentRecursive';

const KINDS: Readonly<Record<number, WatchEventKind>> = {
  [EventType.created]: 'created',
  [EventType.deleted]: 'deleted',
  [EventType.dataChanged]: 'dataChanged',
  [EventType.childrenChanged]: 'childrenChanged',
};

const FIRED_BY: Readonly<Record<WatchEventKind, readonly OneShotKind[]>> = {
  created: ['data', 'exist'],
  deleted: ['data', 'exist', 'child'],
  dataChanged: ['data', 'exist'],
  childrenChanged: ['child'],
};

/** An event and whom it is for. */
export interface Fired {
  readonly kind: WatchEventKind;
  readonly path: string;
  readonly listeners: ReadonlySet<WatchListener>;
}

/** Bytes of paths in one setWatches, so that many watches do not make a frame that the server refuses. */
const SET_WATCHES_BYTES_MAX = 128 * 1024;

/** The watches that the server holds for this session, and whom they are for. Paths are the server's. */
export class WatchRegistry {
  readonly #watches: Readonly<Record<Kind, Map<string, Set<WatchListener>>>> = {
    data: new Map(),
    exist: new Map(),
    child: new Map(),
    persistent: new Map(),
    persistentRecursive: new Map(),
  };

  add(kind: OneShotKind, path: string, listener: WatchListener): void {
    this.#add(kind, path, listener);
  }

  addPersistent(watch: { path: string; mode: number; listener: WatchListener }): void {
    this.#add(persistentKind(watch.mode), watch.path, watch.listener);
  }

  /** Forgets every watch at `path`. */
  remove(path: string): void {
    for (const watches of Object.values(this.#watches)) watches.delete(path);
  }

  /** Forgets the persistent watch of one type at `path`. */
  removePersistent(path: string, type: string): void {
    if (type === 'persistent' || type === 'persistentRecursive') this.#watches[type].delete(path);
  }

  /** Forgets everything: the session is over. */
  clear(): void {
    for (const watches of Object.values(this.#watches)) watches.clear();
  }

  /** The event that the server sent and whom it is for, each once. One-shot watches that fire are gone. */
  fire(event: WatcherEvent): Fired | undefined {
    const kind = KINDS[event.type];
    if (kind === undefined) return undefined;
    const listeners = new Set<WatchListener>();
    for (const oneShot of FIRED_BY[kind]) {
      addAll(listeners, this.#watches[oneShot].get(event.path));
      this.#watches[oneShot].delete(event.path);
    }
    addAll(listeners, this.#watches.persistent.get(event.path));
    if (kind !== 'childrenChanged') this.#addRecursive(listeners, event.path);
    return { kind, path: event.path, listeners };
  }

  /** The requests that give all watches back to a server after a reconnect. */
  restore(relativeZxid: Zxid): SetWatches2Request[] {
    const requests: SetWatches2Request[] = [];
    let batch = emptyBatch();
    let bytes = 0;
    for (const kind of Object.keys(this.#watches) as Kind[]) {
      for (const path of this.#watches[kind].keys()) {
        if (bytes > SET_WATCHES_BYTES_MAX) {
          requests.push(asRequest(relativeZxid, batch));
          batch = emptyBatch();
          bytes = 0;
        }
        batch[kind].push(path);
        bytes += path.length * 3 + 4;
      }
    }
    if (bytes > 0) requests.push(asRequest(relativeZxid, batch));
    return requests;
  }

  #add(kind: Kind, path: string, listener: WatchListener): void {
    const listeners = this.#watches[kind].get(path);
    if (listeners === undefined) this.#watches[kind].set(path, new Set([listener]));
    else listeners.add(listener);
  }

  #addRecursive(listeners: Set<WatchListener>, path: string): void {
    const watches = this.#watches.persistentRecursive;
    if (watches.size === 0) return;
    for (let at = path; ; at = parentOf(at)) {
      addAll(listeners, watches.get(at));
      if (at === '/') return;
    }
  }
}

type Batch = Record<Kind, string[]>;

function emptyBatch(): Batch {
  return { data: [], exist: [], child: [], persistent: [], persistentRecursive: [] };
}

function asRequest(relativeZxid: Zxid, batch: Batch): SetWatches2Request {
  return {
    relativeZxid,
    dataWatches: batch.data,
    existWatches: batch.exist,
    childWatches: batch.child,
    persistentWatches: batch.persistent,
    persistentRecursiveWatches: batch.persistentRecursive,
  };
}

function persistentKind(mode: number): Kind {
  return mode === AddWatchMode.persistentRecursive ? 'persistentRecursive' : 'persistent';
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

function addAll(to: Set<WatchListener>, from: ReadonlySet<WatchListener> | undefined): void {
  if (from !== undefined) for (const listener of from) to.add(listener);
}
