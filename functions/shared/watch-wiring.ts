import { Connections } from '../../lib/api/watches/connections.js';
import { Notifier } from '../../lib/api/watches/notifier.js';
import type { Pusher } from '../../lib/api/watches/types.js';
import { systemClock, type Clock } from '../../lib/base/clock.js';
import type { Logger } from '../../lib/base/logger.js';
import { systemRandom, type Random } from '../../lib/base/random.js';
import { currentSession } from '../../lib/keeper/current-session.js';
import { Replica } from '../../lib/keeper/replica.js';
import { createDynamoClient, silenceNodeVersionNotice } from '../../lib/log/dynamo-client.js';
import { DynamoStore } from '../../lib/log/dynamo-store.js';
import { ServerClock } from '../../lib/log/server-clock.js';
import type { Store } from '../../lib/log/store.js';
import { isNamespace, type NamespaceAuthority } from './authority.js';
import type { ConnectWiring } from './connect.js';
import type { NotifyWiring } from './notify.js';
import { functionLogger } from './observability.js';
import { managementPusher } from './pusher.js';
import { EnvironmentError } from './wiring.js';

export interface WatchWiringOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly namespaces: readonly string[];
  readonly authority: NamespaceAuthority;
  /** Without one nothing is pushed, and clients find out when they ask. */
  readonly pusher?: Pusher;
}

export type WatchWiring = NotifyWiring & ConnectWiring;

/** What `notify` and `connect` work with, on a given store. They keep nothing between invocations. */
export function createWatchWiring(options: WatchWiringOptions): WatchWiring {
  const { clock, namespaces, authority } = options;
  return {
    namespaces,
    authority,
    now: () => clock.now(),
    notifier: (namespace) => new Notifier({ ...options, namespace }),
    connections: (namespace) => new Connections({ ...options, namespace }),
    session: async (namespace, session) => {
      const { store, random } = options;
      const replica = new Replica({ store, clock, random, namespace });
      await replica.start();
      return currentSession(replica, session);
    },
  };
}

/**
 * The wiring of a deployed function, made at its first call:
 * - `ZEROKEEPER_TABLE_PREFIX`, `ZEROKEEPER_NAMESPACES`, `ZEROKEEPER_NAMESPACE`, `ZEROKEEPER_NAMESPACE_IN_PAYLOAD` and
 *   `AWS_ENDPOINT_URL_DYNAMODB` as for the other functions.
 * - `ZEROKEEPER_PUSH_ENDPOINT`: the management endpoint of the WebSocket API. Without it nothing is pushed.
 */
export function watchWiringFromEnvironment(environment: NodeJS.ProcessEnv): () => WatchWiring {
  let wiring: WatchWiring | undefined;
  return () => (wiring ??= connect(environment));
}

function connect(environment: NodeJS.ProcessEnv): WatchWiring {
  silenceNodeVersionNotice();
  const endpoint = environment['AWS_ENDPOINT_URL_DYNAMODB'] ?? environment['AWS_ENDPOINT_URL'];
  const clock = new ServerClock(systemClock);
  const store = new DynamoStore({
    client: createDynamoClient(endpoint === undefined ? {} : { endpoint }),
    tablePrefix: environment['ZEROKEEPER_TABLE_PREFIX'] ?? 'zerokeeper',
    observer: { onServerTime: (sample) => clock.observe(sample) },
  });
  const namespaces = (environment['ZEROKEEPER_NAMESPACES'] ?? 'default')
    .split(',')
    .map((name) => name.trim());
  const namespace = environment['ZEROKEEPER_NAMESPACE'] ?? namespaces[0] ?? 'default';
  if (![...namespaces, namespace].every(isNamespace)) {
    throw new EnvironmentError('ZEROKEEPER_NAMESPACES and ZEROKEEPER_NAMESPACE have to name namespaces');
  }
  const payloadMayName = environment['ZEROKEEPER_NAMESPACE_IN_PAYLOAD'] === 'allow';
  const push = environment['ZEROKEEPER_PUSH_ENDPOINT'];
  return createWatchWiring({
    ...{ store, clock, random: systemRandom, logger: functionLogger(), namespaces },
    authority: { namespace, payloadMayName },
    ...(push === undefined ? {} : { pusher: managementPusher(push) }),
  });
}
