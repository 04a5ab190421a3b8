import { recordKey } from '../core/state.js';
import type { SessionId } from '../core/types.js';
import type { KeeperApi } from '../keeper/types.js';
import type { Lookup } from './lookup.js';
import type { SessionConnection } from './session-requests.js';

/**
 * getEphemerals: those of the session itself. As in ZooKeeper the prefix is one of characters, not of names (/a is one of
 * /ab), and no permission is asked for.
 */
export function ephemeralsLookup(connection: SessionConnection, prefix: string): Lookup {
  const { keeper, session, readOnly } = connection;
  const all = ['', '/'].includes(prefix.trim());
  return {
    attempt() {
      const own = readOnly ? NONE : keeper.tryEphemerals(session);
      if (own === undefined) return undefined;
      const ephemerals = [...own].filter((path) => all || path.startsWith(prefix));
      return { err: 0, body: { name: 'getEphemerals', body: { ephemerals } } };
    },
    hydrate: () => keeper.hydrate([recordKey.ephemerals(session)]),
  };
}

/** Of a session that is in no log. */
const NONE: ReadonlySet<string> = new Set();

/** The ephemerals of sessions, of those that have any. Rejects with KeeperError when they have to be read and cannot be. */
export async function ephemeralsOf(
  keeper: KeeperApi,
  sessions: Iterable<{ readonly session: SessionId }>,
): Promise<ReadonlyMap<SessionId, readonly string[]>> {
  const ids = [...sessions].map(({ session }) => session);
  const missing = ids.filter((session) => keeper.tryEphemerals(session) === undefined);
  if (missing.length > 0) await keeper.hydrate(missing.map((session) => recordKey.ephemerals(session)));
  const owned = ids.map((session) => [session, [...(keeper.tryEphemerals(session) ?? [])]] as const);
  return new Map(owned.filter(([, paths]) => paths.length > 0));
}
