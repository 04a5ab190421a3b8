import { nameOf, parentOf } from '../core/paths.js';
import type { RecordKey, StateWriter } from '../core/state.js';
import { recordKey } from '../core/state.js';
import type { NodeRecord, SessionId, SessionRecord } from '../core/types.js';
import { ClockCache } from './clock-cache.js';
import {
  VIEW_BLOBS_BYTES_MAX,
  VIEW_LISTS_BYTES_MAX,
  VIEW_NODES_BYTES_MAX,
  VIEW_SESSIONS_BYTES_MAX,
} from './limits.js';

/** Bounds of a view in approximate bytes. */
export interface ViewLimits {
  readonly nodesBytes: number;
  /** Lists of children and of ephemerals. */
  readonly listsBytes: number;
  readonly sessionsBytes: number;
  readonly blobsBytes: number;
}

export const DEFAULT_VIEW_LIMITS: ViewLimits = {
  nodesBytes: VIEW_NODES_BYTES_MAX,
  listsBytes: VIEW_LISTS_BYTES_MAX,
  sessionsBytes: VIEW_SESSIONS_BYTES_MAX,
  blobsBytes: VIEW_BLOBS_BYTES_MAX,
};

// What a record costs beside its strings and bytes: the object, its map slot, its list's share.
const NODE_OVERHEAD_BYTES = 320;
const LIST_OVERHEAD_BYTES = 200;
const NAME_OVERHEAD_BYTES = 56;
const SESSION_OVERHEAD_BYTES = 480;

/**
 * The state of some znodes and sessions at exactly one zxid (which its owner keeps). What is not here is not known: it may
 * have been evicted, or was never asked for.
 */
export class View implements StateWriter {
  readonly #nodes: ClockCache<string, NodeRecord | null>;
  readonly #children: ClockCache<string, Set<string>>;
  readonly #sessions: ClockCache<SessionId, SessionRecord | null>;
  readonly #ephemerals: ClockCache<SessionId, Set<string>>;
  readonly #blobs: ClockCache<string, Uint8Array>;
  readonly #pins = new Map<RecordKey, number>();

  constructor(limits: ViewLimits = DEFAULT_VIEW_LIMITS) {
    const pinned = (key: RecordKey) => this.#pins.has(key);
    this.#nodes = new ClockCache(limits.nodesBytes, (path) => pinned(recordKey.node(path)));
    this.#children = new ClockCache(limits.listsBytes, (path) => pinned(recordKey.children(path)));
    this.#sessions = new ClockCache(limits.sessionsBytes, (id) => pinned(recordKey.session(id)));
    this.#ephemerals = new ClockCache(limits.listsBytes, (id) => pinned(recordKey.ephemerals(id)));
    this.#blobs = new ClockCache(limits.blobsBytes, () => false);
  }

  /** Records held now, and records evicted since the start. */
  get statistics(): { records: number; bytes: number; evictions: number } {
    const caches = [this.#nodes, this.#children, this.#sessions, this.#ephemerals, this.#blobs];
    return {
      records: caches.reduce((sum, cache) => sum + cache.size, 0),
      bytes: caches.reduce((sum, cache) => sum + cache.weight, 0),
      evictions: caches.reduce((sum, cache) => sum + cache.evictions, 0),
    };
  }

  /** Keeps `keys` from being evicted until the returned function is called. */
  pin(keys: Iterable<RecordKey>): () => void {
    const pinned = [...keys];
    for (const key of pinned) this.#pins.set(key, (this.#pins.get(key) ?? 0) + 1);
    return () => {
      for (const key of pinned.splice(0)) {
        const count = this.#pins.get(key) ?? 0;
        if (count > 1) this.#pins.set(key, count - 1);
        else this.#pins.delete(key);
      }
    };
  }

  clear(): void {
    for (const cache of [this.#nodes, this.#children, this.#sessions, this.#ephemerals, this.#blobs]) {
      cache.clear();
    }
  }

  /** A znode whose parent's list is known, and does not name it, is known to be absent. */
  node(path: string): NodeRecord | null | undefined {
    const record = this.#nodes.get(path);
    if (record !== undefined || path === '/') return record;
    const siblings = this.#children.get(parentOf(path));
    return siblings === undefined || siblings.has(nameOf(path)) ? undefined : null;
  }

  children(path: string): ReadonlySet<string> | undefined {
    return this.#children.get(path);
  }

  session(session: SessionId): SessionRecord | null | undefined {
    return this.#sessions.get(session);
  }

  ephemerals(session: SessionId): ReadonlySet<string> | undefined {
    return this.#ephemerals.get(session);
  }

  blob(id: string): Uint8Array | undefined {
    return this.#blobs.get(id);
  }

  setNode(path: string, record: NodeRecord | null): void {
    const dataBytes = record?.data instanceof Uint8Array ? record.data.length : 0;
    this.#nodes.set(path, record, NODE_OVERHEAD_BYTES + path.length * 2 + dataBytes);
  }

  setSession(session: SessionId, record: SessionRecord | null): void {
    this.#sessions.set(session, record, SESSION_OVERHEAD_BYTES);
  }

  setBlob(id: string, content: Uint8Array): void {
    this.#blobs.set(id, content, LIST_OVERHEAD_BYTES + content.length);
  }

  setChildren(path: string, names: Set<string>): void {
    this.#children.set(path, names, listWeight(names));
  }

  setEphemerals(session: SessionId, paths: Set<string>): void {
    this.#ephemerals.set(session, paths, listWeight(paths));
  }

  addChild(parent: string, name: string): void {
    addTo(this.#children, parent, name);
  }

  removeChild(parent: string, name: string): void {
    removeFrom(this.#children, parent, name);
  }

  addEphemeral(session: SessionId, path: string): void {
    addTo(this.#ephemerals, session, path);
  }

  removeEphemeral(session: SessionId, path: string): void {
    removeFrom(this.#ephemerals, session, path);
  }
}

function nameWeight(name: string): number {
  return NAME_OVERHEAD_BYTES + name.length * 2;
}

function listWeight(names: ReadonlySet<string>): number {
  let weight = LIST_OVERHEAD_BYTES;
  for (const name of names) weight += nameWeight(name);
  return weight;
}

function addTo<K>(cache: ClockCache<K, Set<string>>, key: K, name: string): void {
  const names = cache.get(key);
  if (names === undefined || names.has(name)) return;
  names.add(name);
  cache.reweigh(key, nameWeight(name));
}

function removeFrom<K>(cache: ClockCache<K, Set<string>>, key: K, name: string): void {
  if (cache.get(key)?.delete(name) === true) cache.reweigh(key, -nameWeight(name));
}
