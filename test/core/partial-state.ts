import { FullState } from '../../lib/core/full-state.js';
import {
  parseKey,
  recordKey,
  type RecordKey,
  type StateReader,
  type StateWriter,
} from '../../lib/core/state.js';
import type { NodeRecord, SessionId, SessionRecord } from '../../lib/core/types.js';

/** Knows some keys only, as a keeper's view does: a change to an unknown list is dropped, a full image becomes known. */
export class PartialState implements StateWriter {
  readonly #known = new Set<RecordKey>();
  readonly #nodes = new Map<string, NodeRecord | null>();
  readonly #sessions = new Map<SessionId, SessionRecord | null>();
  readonly #children = new Map<string, Set<string>>();
  readonly #ephemerals = new Map<SessionId, Set<string>>();

  /** Makes a key known, with what the source has. */
  learn(key: RecordKey, source: StateReader): void {
    this.#known.add(key);
    const parsed = parseKey(key);
    if (parsed.kind === 'node') this.#nodes.set(parsed.path, source.node(parsed.path) ?? null);
    if (parsed.kind === 'session') this.#sessions.set(parsed.session, source.session(parsed.session) ?? null);
    if (parsed.kind === 'children') this.#children.set(parsed.path, new Set(source.children(parsed.path)));
    if (parsed.kind === 'ephemerals') {
      this.#ephemerals.set(parsed.session, new Set(source.ephemerals(parsed.session)));
    }
  }

  get keys(): ReadonlySet<RecordKey> {
    return this.#known;
  }

  node(path: string) {
    return this.#nodes.get(path);
  }
  children(path: string) {
    return this.#children.get(path);
  }
  session(session: SessionId) {
    return this.#sessions.get(session);
  }
  ephemerals(session: SessionId) {
    return this.#ephemerals.get(session);
  }
  blob() {
    return undefined;
  }
  setNode(path: string, record: NodeRecord | null) {
    this.#known.add(recordKey.node(path));
    this.#nodes.set(path, record);
  }
  setSession(session: SessionId, record: SessionRecord | null) {
    this.#known.add(recordKey.session(session));
    this.#sessions.set(session, record);
  }
  addChild(parent: string, name: string) {
    this.#children.get(parent)?.add(name);
  }
  removeChild(parent: string, name: string) {
    this.#children.get(parent)?.delete(name);
  }
  addEphemeral(session: SessionId, path: string) {
    this.#ephemerals.get(session)?.add(path);
  }
  removeEphemeral(session: SessionId, path: string) {
    this.#ephemerals.get(session)?.delete(path);
  }
}

/** What a state says about a key, for comparison. Lists keep their order. */
export function valueAt(key: RecordKey, state: StateReader): unknown {
  const parsed = parseKey(key);
  if (parsed.kind === 'node') return state.node(parsed.path);
  if (parsed.kind === 'session') return state.session(parsed.session);
  if (parsed.kind === 'children') return listOf(state.children(parsed.path));
  if (parsed.kind === 'ephemerals') return listOf(state.ephemerals(parsed.session));
  throw new Error(`no list is kept of ${key}`);
}

function listOf(list: ReadonlySet<string> | undefined): string[] | undefined {
  return list && [...list];
}

export const GENESIS: StateReader = new FullState();
