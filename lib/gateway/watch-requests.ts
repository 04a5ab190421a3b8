import { ErrorCode } from '../core/errors.js';
import { validatePath } from '../core/paths.js';
import type { Zxid } from '../core/types.js';
import type { WatchKind } from '../keeper/watches.js';
import { AddWatchMode, WatcherType, type RequestOf } from '../wire/index.js';
import { kindOf, missedEvent, namedWatches, type NamedWatch } from './catch-up.js';
import type { Lookup } from './lookup.js';
import type { SessionConnection } from './session-requests.js';

const KIND_OF_MODE: ReadonlyMap<number, WatchKind> = new Map([
  [AddWatchMode.persistent, 'persistent'],
  [AddWatchMode.persistentRecursive, 'persistentRecursive'],
]);

const KINDS_OF_TYPE: ReadonlyMap<number, readonly WatchKind[]> = new Map<number, readonly WatchKind[]>([
  [WatcherType.children, ['child']],
  [WatcherType.data, ['data']],
  [WatcherType.any, ['data', 'child', 'persistent', 'persistentRecursive']],
  [WatcherType.persistent, ['persistent']],
  [WatcherType.persistentRecursive, ['persistentRecursive']],
]);

/** Sets a watch, if the connection has room for it or has it already. */
export function setWatch(connection: SessionConnection, kind: WatchKind, path: string): boolean {
  const { watches } = connection;
  if (watches.has(connection, kind, path)) return true;
  if (watches.room(connection) <= 0) return false;
  watches.add(connection, kind, path);
  return true;
}

/** The path is taken as it is: ZooKeeper does not look whether a znode can have it. Returns the reply's code. */
export function addWatch(connection: SessionConnection, body: RequestOf<'addWatch'>): number {
  const kind = KIND_OF_MODE.get(body.mode);
  if (kind === undefined) return ErrorCode.MarshallingError;
  return setWatch(connection, kind, body.path) ? ErrorCode.Ok : ErrorCode.ThrottledOp;
}

/** Returns the reply's code: whether there is a watch of the type. */
export function checkWatches(connection: SessionConnection, body: RequestOf<'checkWatches'>): number {
  const kinds = KINDS_OF_TYPE.get(body.type);
  if (kinds === undefined) return ErrorCode.MarshallingError;
  const found = kinds.some((kind) => connection.watches.has(connection, kind, body.path));
  return found ? ErrorCode.Ok : ErrorCode.NoWatcher;
}

/**
 * Takes all watches of the type off. Returns the reply's code. No event goes out: that a watch was removed, the client
 * tells itself when it has the reply.
 */
export function removeWatches(connection: SessionConnection, body: RequestOf<'removeWatches'>): number {
  const kinds = KINDS_OF_TYPE.get(body.type);
  if (kinds === undefined) return ErrorCode.MarshallingError;
  const removed = kinds.filter((kind) => connection.watches.delete(connection, kind, body.path));
  return removed.length > 0 ? ErrorCode.Ok : ErrorCode.NoWatcher;
}

/** setWatches and setWatches2: each named watch is fired or set again. */
export function setWatchesLookup(
  connection: SessionConnection,
  body: RequestOf<'setWatches'> | RequestOf<'setWatches2'>,
): Lookup {
  const { keeper, limits } = connection;
  const named = namedWatches(body);
  const fits = named.length <= connection.watches.room(connection);
  let left: readonly NamedWatch[] = named;
  return {
    attempt() {
      if (!fits) return { err: ErrorCode.ThrottledOp };
      // In the order in which the client names them: so come the events of what it missed.
      const next = left.findIndex((watch) => !restoreWatch(connection, watch, body.relativeZxid));
      left = next === -1 ? [] : left.slice(next);
      return left.length > 0 ? undefined : { err: 0 };
    },
    hydrate() {
      const next = left.slice(0, limits.hydrationConcurrency);
      return Promise.all(next.map(({ path }) => keeper.hydrateFor({ kind: 'exists', path })));
    },
    // Every attempt settles at least one of them, or the view is too small for a single one.
    attemptsMax: limits.hydrationAttemptsMax + named.length,
    // Without its watches a client would wait for events that nobody sends.
    indispensable: true,
  };
}

/** Fires a named watch or sets it again; false when it takes its znode to decide, and that is not known yet. */
function restoreWatch(connection: SessionConnection, watch: NamedWatch, relativeZxid: Zxid): boolean {
  const { keeper, watches } = connection;
  if (watch.from === 'persistent' || watch.from === 'persistentRecursive') {
    watches.add(connection, watch.from, watch.path);
    return true;
  }
  const valid = validatePath(watch.path) === undefined;
  const node = valid ? keeper.tryWatchState(watch.path) : null;
  if (node === undefined) return false;
  const event = missedEvent(watch.from, node, relativeZxid);
  if (event !== undefined) connection.sendMissed({ event, path: watch.path });
  else watches.add(connection, kindOf(watch), watch.path);
  return true;
}
