import { recordKey } from '../core/state.js';
import type { Lookup } from './lookup.js';
import type { SessionConnection } from './session-requests.js';

/**
 * getEphemerals: those of the session itself. As in ZooKeeper the prefix is one of characters, not of names (/a is one of
 * /ab), and no permission is asked for.
 */
export function ephemeralsLookup(connection: SessionConnection, prefix: string): Lookup {
  const { keeper, session } = connection;
  const all = ['', '/'].includes(prefix.trim());
  return {
    attempt() {
      const own = keeper.tryEphemerals(session);
      if (own === undefined) return undefined;
      const ephemerals = [...own].filter((path) => all || path.startsWith(prefix));
      return { err: 0, body: { name: 'getEphemerals', body: { ephemerals } } };
    },
    hydrate: () => keeper.hydrate([recordKey.ephemerals(session)]),
  };
}
