import { GENESIS_CHILDREN, GENESIS_NODES } from './genesis.js';
import type { StateWriter } from './state.js';
import type { NodeRecord, SessionId, SessionRecord } from './types.js';

const NONE: ReadonlySet<string> = new Set();

/**
 * The whole state in memory, beginning at zxid 0: everything is known, what is absent does not exist. For replays, tests
 * and tools. Blobs are known once they were put.
 */
export class FullState implements StateWriter {
  readonly #nodes = new Map<string, NodeRecord>(GENESIS_NODES);
  readonly #children = new Map([...GENESIS_CHILDREN].map(([path, names]) => [path, new Set(names)]));
  readonly #sessions = new Map<SessionId, SessionRecord>();
  readonly #ephemerals = new Map<SessionId, Set<string>>();
  readonly #blobs = new Map<string, Uint8Array>();

  node(path: string): NodeRecord | null {
    return this.#nodes.get(path) ?? null;
  }

  children(path: string): ReadonlySet<string> {
    return this.#children.get(path) ?? NONE;
  }

  session(session: SessionId): SessionRecord | null {
    return this.#sessions.get(session) ?? null;
  }

  ephemerals(session: SessionId): ReadonlySet<string> {
    return this.#ephemerals.get(session) ?? NONE;
  }

  blob(id: string): Uint8Array | undefined {
    return this.#blobs.get(id);
  }

  setNode(path: string, record: NodeRecord | null): void {
    if (record === null) this.#nodes.delete(path);
    else this.#nodes.set(path, record);
  }

  setSession(session: SessionId, record: SessionRecord | null): void {
    if (record === null) this.#sessions.delete(session);
    else this.#sessions.set(session, record);
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

  putBlob(id: string, content: Uint8Array): void {
    this.#blobs.set(id, content);
  }

  /** The paths of all znodes. */
  paths(): IterableIterator<string> {
    return this.#nodes.keys();
  }

  /** All open sessions. */
  sessions(): IterableIterator<SessionId> {
    return this.#sessions.keys();
  }
}

function addTo<K>(lists: Map<K, Set<string>>, key: K, name: string): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, new Set([name]));
  else list.add(name);
}

function removeFrom<K>(lists: Map<K, Set<string>>, key: K, name: string): void {
  const list = lists.get(key);
  list?.delete(name);
  if (list?.size === 0) lists.delete(key);
}
