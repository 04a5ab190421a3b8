import { assert } from '../base/assert.js';
import type { BlobReference, NodeRecord, SessionId, SessionRecord } from './types.js';

/**
 * Names one record of the state: a znode (`n/a/b`), the list of its children (`c/a/b`), a session (`s` + hex), the
 * list of a session's ephemerals (`e` + hex), or a blob (`b` + id + `:` + length). Views, the window and hydration speak in keys.
 */
export type RecordKey = string;

export const recordKey = {
  node: (path: string): RecordKey => 'n' + path,
  children: (path: string): RecordKey => 'c' + path,
  session: (session: SessionId): RecordKey => 's' + session.toString(16),
  ephemerals: (session: SessionId): RecordKey => 'e' + session.toString(16),
  blob: (reference: BlobReference): RecordKey => `b${reference.blob}:${reference.length}`,
};

export type RecordKind = 'node' | 'children' | 'session' | 'ephemerals' | 'blob';

export type ParsedKey =
  | { readonly kind: 'node'; readonly path: string }
  | { readonly kind: 'children'; readonly path: string }
  | { readonly kind: 'session'; readonly session: SessionId }
  | { readonly kind: 'ephemerals'; readonly session: SessionId }
  | { readonly kind: 'blob'; readonly id: string; readonly length: number };

export function parseKey(key: RecordKey): ParsedKey {
  const rest = key.slice(1);
  switch (key.charAt(0)) {
    case 'n':
      return { kind: 'node', path: rest };
    case 'c':
      return { kind: 'children', path: rest };
    case 's':
      return { kind: 'session', session: BigInt('0x' + rest) };
    case 'e':
      return { kind: 'ephemerals', session: BigInt('0x' + rest) };
    default: {
      assert(key.startsWith('b'), `not a record key: ${key}`);
      const [id = '', length = ''] = rest.split(':');
      return { kind: 'blob', id, length: Number(length) };
    }
  }
}

/**
 * The state as far as it is known. `undefined` means *not known here* (it has to be hydrated first), `null` means *known
 * not to exist*. A list is known whole or not at all.
 */
export interface StateReader {
  node(path: string): NodeRecord | null | undefined;
  /** Names, in no particular order. A znode without children, or no znode, has the empty set. */
  children(path: string): ReadonlySet<string> | undefined;
  session(session: SessionId): SessionRecord | null | undefined;
  /** Full paths, in order of their creation. A session without ephemerals, or no session, has the empty set. */
  ephemerals(session: SessionId): ReadonlySet<string> | undefined;
  blob(id: string): Uint8Array | undefined;
}

/**
 * What `apply` writes to. A change to a list that is not known is dropped by the implementation; a znode or session that
 * is not known is left unknown by `apply` wherever the effect depends on the record before (only a create, and
 * createSession, give a full image from nothing).
 */
export interface StateWriter extends StateReader {
  setNode(path: string, record: NodeRecord | null): void;
  setSession(session: SessionId, record: SessionRecord | null): void;
  addChild(parent: string, name: string): void;
  removeChild(parent: string, name: string): void;
  addEphemeral(session: SessionId, path: string): void;
  removeEphemeral(session: SessionId, path: string): void;
}
