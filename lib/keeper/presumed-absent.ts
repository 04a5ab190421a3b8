import { recordKey } from '../core/state.js';
import type { RecordKey, StateReader } from '../core/state.js';
import type { NodeRecord, SessionId, SessionRecord } from '../core/types.js';

const NONE: ReadonlySet<string> = new Set();

/**
 * A state that takes what is not known to be absent, and remembers that it did. What is prepared on it only serves to find
 * out which records a batch leads to: the path of a sequential znode comes out when the creates before it have taken effect.
 */
export class PresumedAbsent implements StateReader {
  readonly presumed = new Set<RecordKey>();
  readonly #below: StateReader;

  constructor(below: StateReader) {
    this.#below = below;
  }

  node(path: string): NodeRecord | null {
    return this.#known(this.#below.node(path), recordKey.node(path)) ?? null;
  }

  children(path: string): ReadonlySet<string> {
    return this.#known(this.#below.children(path), recordKey.children(path)) ?? NONE;
  }

  session(session: SessionId): SessionRecord | null {
    return this.#known(this.#below.session(session), recordKey.session(session)) ?? null;
  }

  ephemerals(session: SessionId): ReadonlySet<string> {
    return this.#known(this.#below.ephemerals(session), recordKey.ephemerals(session)) ?? NONE;
  }

  blob(id: string): Uint8Array | undefined {
    return this.#below.blob(id);
  }

  #known<T>(value: T | undefined, key: RecordKey): T | undefined {
    if (value === undefined) this.presumed.add(key);
    return value;
  }
}
