import { ListDelta } from './list-delta.js';
import type { StateReader, StateWriter } from './state.js';
import { dataLength } from './stat.js';
import type { NodeRecord, SessionId, SessionRecord } from './types.js';

/** By how much the running totals of a namespace change. */
export interface CounterDelta {
  readonly znodes: number;
  readonly sessions: number;
  /** Sessions with a lease of their own, that is without an owning gateway. */
  readonly thinSessions: number;
  /** Bytes of znode data. */
  readonly bytes: number;
}

/**
 * A speculative overlay: reads fall through to the state below, writes stay here, and dropping the layer undoes them.
 * Layers may be put on layers. The state below must not change while the layer is in use, but for things that were
 * unknown becoming known: changes to an unknown list are kept and show as soon as the list below is known.
 *
 * Blobs are immutable and only read through.
 */
export class Layer implements StateWriter {
  readonly #below: StateReader;
  readonly #nodes = new Map<string, NodeRecord | null>();
  readonly #sessions = new Map<SessionId, SessionRecord | null>();
  readonly #children = new Map<string, ListDelta>();
  readonly #ephemerals = new Map<SessionId, ListDelta>();
  #znodes = 0;
  #openSessions = 0;
  #thinSessions = 0;
  #bytes = 0;

  constructor(below: StateReader) {
    this.#below = below;
  }

  /**
   * What this layer changes in the running totals. Exact when every record was known before it was changed, as it is
   * after `prepare`; a record that was not known counts as absent.
   */
  get delta(): CounterDelta {
    return {
      znodes: this.#znodes,
      sessions: this.#openSessions,
      thinSessions: this.#thinSessions,
      bytes: this.#bytes,
    };
  }

  node(path: string): NodeRecord | null | undefined {
    const record = this.#nodes.get(path);
    return record === undefined ? this.#below.node(path) : record;
  }

  session(session: SessionId): SessionRecord | null | undefined {
    const record = this.#sessions.get(session);
    return record === undefined ? this.#below.session(session) : record;
  }

  children(path: string): ReadonlySet<string> | undefined {
    return changed(this.#below.children(path), this.#children.get(path));
  }

  ephemerals(session: SessionId): ReadonlySet<string> | undefined {
    return changed(this.#below.ephemerals(session), this.#ephemerals.get(session));
  }

  blob(id: string): Uint8Array | undefined {
    return this.#below.blob(id);
  }

  setNode(path: string, record: NodeRecord | null): void {
    const before = this.node(path) ?? null;
    this.#znodes += one(record) - one(before);
    this.#bytes += bytesOf(record) - bytesOf(before);
    this.#nodes.set(path, record);
  }

  setSession(session: SessionId, record: SessionRecord | null): void {
    const before = this.session(session) ?? null;
    this.#openSessions += one(record) - one(before);
    this.#thinSessions += thin(record) - thin(before);
    this.#sessions.set(session, record);
  }

  addChild(parent: string, name: string): void {
    deltaOf(this.#children, parent).add(name);
  }

  removeChild(parent: string, name: string): void {
    deltaOf(this.#children, parent).remove(name);
  }

  addEphemeral(session: SessionId, path: string): void {
    deltaOf(this.#ephemerals, session).add(path);
  }

  removeEphemeral(session: SessionId, path: string): void {
    deltaOf(this.#ephemerals, session).remove(path);
  }
}

function changed(
  list: ReadonlySet<string> | undefined,
  delta: ListDelta | undefined,
): ReadonlySet<string> | undefined {
  return list === undefined || delta === undefined ? list : delta.over(list);
}

function deltaOf<K>(deltas: Map<K, ListDelta>, key: K): ListDelta {
  let delta = deltas.get(key);
  if (delta === undefined) deltas.set(key, (delta = new ListDelta()));
  return delta;
}

function one(record: unknown): number {
  return record === null ? 0 : 1;
}

function thin(record: SessionRecord | null): number {
  return record?.owner === '' ? 1 : 0;
}

function bytesOf(record: NodeRecord | null): number {
  return record === null ? 0 : dataLength(record.data);
}
