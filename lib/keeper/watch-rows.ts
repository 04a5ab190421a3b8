/**
 * The rows of the `watches` table, and notify's cursor. Every watch has a row by session, which says what became of it, and a row
 * by path, from which notify finds the first.
 *
 *   watches  ns#session#SESSION   kind#ZXID#path    a one-shot watch armed at ZXID, and its mark
 *                                 kind#path         a persistent watch, and since when it has fired
 *            ns#path#/a/b         SESSION#kind#ZXID a one-shot watch on /a/b
 *                                 SESSION#kind      a persistent watch on /a/b
 *            ns#recursive         SESSION#path      a recursive watch
 *            ns#connections#SESSION  connection id  a WebSocket connection of the session
 *            ns#connection#ID     -                 whose connection it is
 *   state    ns#cursor#notify     -                 z: all marks up to here are written
 *
 * Each arming of a one-shot watch is a row of its own: what becomes of one (its first trigger, its acknowledgement, a write
 * that was held up) touches no other. Numbers that mean "not yet" are {@link OPEN}, because conditions compare numbers.
 */
import { createHash } from 'node:crypto';
import type { SessionId, Zxid } from '../core/types.js';
import type { Item, Key } from '../log/store.js';
import { number, rowKey, text } from './rows.js';

/** Above every zxid: a watch that has not fired. */
export const OPEN = Number.MAX_SAFE_INTEGER;

export type OneShotKind = 'data' | 'exists' | 'children';
export type PersistentKind = 'persistent' | 'persistentRecursive';
export type WatchKind = OneShotKind | PersistentKind;

export type WatchEventType = 'created' | 'deleted' | 'dataChanged' | 'childrenChanged';

const ONE_SHOT: ReadonlySet<string> = new Set<OneShotKind>(['data', 'exists', 'children']);

export function isOneShot(kind: WatchKind): kind is OneShotKind {
  return ONE_SHOT.has(kind);
}

/** Sort keys end at 1 024 bytes and hold more than the path. */
const PATH_SORT_KEY_BYTES_MAX = 900;
const ZXID_DIGITS = 16;

/** What names a watch; of a one-shot watch, one arming of it. */
export interface WatchIdentity {
  readonly session: SessionId;
  readonly kind: WatchKind;
  readonly path: string;
  /** The zxid that it was armed at. Not part of a persistent watch's name. */
  readonly armed: Zxid;
}

/** The first trigger of a one-shot watch after its arming. */
export interface Mark {
  readonly zxid: Zxid;
  readonly position: number;
  readonly type: WatchEventType;
}

/** A row by session. */
export interface WatchRow extends WatchIdentity {
  readonly key: Key;
  /** Of the put that made the row: a row of the same name that is made again has another one. */
  readonly nonce: string;
  /** Of one-shot watches. */
  readonly mark: Mark | undefined;
  /** Of persistent watches: every trigger that is recorded and not acknowledged is at or above it. {@link OPEN} when there is none. */
  readonly firstFired: Zxid;
  /** Of persistent watches: the last trigger that is recorded. 0 before the first. */
  readonly lastFired: Zxid;
}

/** A row by path. */
export interface WatchPathRow extends WatchIdentity {
  readonly key: Key;
  readonly nonce: string;
  /** When it was written, ms since 1970. */
  readonly timeMs: number;
}

export const watchKey = {
  session: (namespace: string, session: SessionId) => `${namespace}#session#${session.toString(16)}`,
  path: (namespace: string, path: string) => `${namespace}#path#${path}`,
  recursive: (namespace: string) => `${namespace}#recursive`,

  bySession: (namespace: string, watch: WatchIdentity): Key => ({
    partition: watchKey.session(namespace, watch.session),
    sort: isOneShot(watch.kind)
      ? `${watch.kind}#${digits(watch.armed)}#${sortPath(watch.path)}`
      : `${watch.kind}#${sortPath(watch.path)}`,
  }),
  byPath: (namespace: string, watch: WatchIdentity): Key => {
    const hex = watch.session.toString(16);
    if (watch.kind === 'persistentRecursive') {
      return { partition: watchKey.recursive(namespace), sort: `${hex}#${sortPath(watch.path)}` };
    }
    const arming = isOneShot(watch.kind) ? `#${digits(watch.armed)}` : '';
    return { partition: watchKey.path(namespace, watch.path), sort: `${hex}#${watch.kind}${arming}` };
  },

  connections: (namespace: string, session: SessionId) => `${namespace}#connections#${session.toString(16)}`,
  ofSession: (namespace: string, session: SessionId, connectionId: string): Key => ({
    partition: watchKey.connections(namespace, session),
    sort: connectionId,
  }),
  connection: (namespace: string, connectionId: string): Key => ({
    partition: `${namespace}#connection#${connectionId}`,
    sort: '-',
  }),

  /** In the table `state`. */
  cursor: (namespace: string): Key => ({ partition: `${namespace}#cursor#notify`, sort: '-' }),
};

function digits(zxid: Zxid): string {
  return String(zxid).padStart(ZXID_DIGITS, '0');
}

/** A path that is too long for a sort key stands in the attribute `p` and is keyed by its hash. */
function sortPath(path: string): string {
  if (Buffer.byteLength(path) <= PATH_SORT_KEY_BYTES_MAX) return path;
  return '#' + createHash('sha256').update(path).digest('hex');
}

/** A watch that has not fired, by session. */
export function watchRow(namespace: string, watch: WatchIdentity, nonce: string): Item {
  const key = rowKey(watchKey.bySession(namespace, watch));
  const row = { ...key, p: watch.path, k: watch.kind, a: watch.armed, n: nonce };
  return isOneShot(watch.kind) ? { ...row, m: OPEN } : { ...row, f: OPEN, l: 0 };
}

export function watchPathRow(
  namespace: string,
  watch: WatchIdentity,
  made: { nonce: string; timeMs: number },
): Item {
  return {
    ...rowKey(watchKey.byPath(namespace, watch)),
    p: watch.path,
    k: watch.kind,
    s: watch.session.toString(16),
    a: watch.armed,
    t: Math.floor(made.timeMs),
    n: made.nonce,
  };
}

export function watchOfRow(row: Item, session: SessionId): WatchRow {
  const kind = text(row, 'k') as WatchKind;
  return {
    key: { partition: text(row, 'pk'), sort: text(row, 'sk') },
    nonce: text(row, 'n'),
    session,
    kind,
    path: text(row, 'p'),
    armed: number(row, 'a'),
    mark: isOneShot(kind) ? markOfRow(row) : undefined,
    firstFired: isOneShot(kind) ? OPEN : number(row, 'f'),
    lastFired: isOneShot(kind) ? 0 : number(row, 'l'),
  };
}

function markOfRow(row: Item): Mark | undefined {
  const zxid = number(row, 'm');
  if (zxid === OPEN) return undefined;
  return { zxid, position: number(row, 'mp'), type: text(row, 'mt') as WatchEventType };
}

export function watchOfPathRow(row: Item): WatchPathRow {
  return {
    key: { partition: text(row, 'pk'), sort: text(row, 'sk') },
    nonce: text(row, 'n'),
    session: BigInt('0x' + text(row, 's')),
    kind: text(row, 'k') as WatchKind,
    path: text(row, 'p'),
    armed: number(row, 'a'),
    timeMs: number(row, 't'),
  };
}
