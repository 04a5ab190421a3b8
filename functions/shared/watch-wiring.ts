import { Connections } from '../../lib/api/watches/connections.js';
import { Notifier } from '../../lib/api/watches/notifier.js';
import type { Pusher } from '../../lib/api/watches/types.js';
import { systemClock, type Clock } from '../../lib/base/clock.js';
import type { Logger } from '../../lib/base/logger.js';
import { systemRandom, type Random } from '../../lib/base/random.js';
import { currentSession } from '../../lib/keeper/current-session.js';
import { NamespaceRegistry } from '../../lib/keeper/registry.js';
import { Replica } from '../../lib/keeper/replica.js';
import { createDynamoClient, silenceNodeVersionNotice } from '../../lib/log/dynamo-client.js';
import { DynamoStore } from '../../lib/log/dynamo-store.js';
import { ServerClock } from '../../lib/log/server-clock.js';
import type { Store } from '../../lib/log/store.js';
import type { ConnectWiring } from './connect.js';
import { readEnvironment, watchEnvironment, type WatchEnvironment } from './environment.js';
import { scheduledNamespaces } from './namespaces.js';
import type { NotifyWiring } from './notify.js';
import { functionLogger, functionMetrics, type FunctionMetrics } from './observability.js';
import { managementPushers } from './pusher.js';

export interface WatchWiringOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly namespaces: readonly string[];
  /** Who pushes for a namespace. Without it nothing is pushed, and clients find out when they ask. */
  readonly pusherOf?: (namespace: string) => Pusher;
  readonly metrics?: Pick<FunctionMetrics, 'health'>;
}

export type WatchWiring = NotifyWiring & ConnectWiring;

/** What `notify` and `connect` work with, on a given store. They keep nothing between invocations. */
export function createWatchWiring(options: WatchWiringOptions): WatchWiring {
  const { clock, namespaces, pusherOf } = options;
  const registry = new NamespaceRegistry(options);
  return {
    namespaces: () => scheduledNamespaces(registry, namespaces),
    now: () => clock.now(),
    health: (name, value) => options.metrics?.health(name, value),
    notifier: (namespace) => {
      const pusher = pusherOf === undefined ? {} : { pusher: pusherOf(namespace) };
      return new Notifier({ ...options, ...pusher, namespace });
    },
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
 * The wiring of a deployed function, made at its first call; its environment is read at once. Throws `EnvironmentError` when a value
 * cannot be:
 * - `ZEROKEEPER_TABLE_PREFIX`, `ZEROKEEPER_NAMESPACES` and `AWS_ENDPOINT_URL_DYNAMODB` as for the other functions.
 * - `ZEROKEEPER_PUSH_ENDPOINT`: the management endpoint of the WebSocket API, without a stage. Without it nothing is pushed.
 */
export function watchWiringFromEnvironment(environment: NodeJS.ProcessEnv): () => WatchWiring {
  const settings = readEnvironment(watchEnvironment, environment);
  let wiring: WatchWiring | undefined;
  return () => (wiring ??= connect(settings));
}

function connect(settings: WatchEnvironment): WatchWiring {
  silenceNodeVersionNotice();
  const endpoint = settings.AWS_ENDPOINT_URL_DYNAMODB ?? settings.AWS_ENDPOINT_URL;
  const clock = new ServerClock(systemClock);
  const tablePrefix = settings.ZEROKEEPER_TABLE_PREFIX;
  const store = new DynamoStore({
    client: createDynamoClient(endpoint === undefined ? {} : { endpoint }),
    tablePrefix,
    observer: { onServerTime: (sample) => clock.observe(sample) },
  });
  const push = settings.ZEROKEEPER_PUSH_ENDPOINT;
  return createWatchWiring({
    ...{ store, clock, random: systemRandom, logger: functionLogger() },
    namespaces: settings.ZEROKEEPER_NAMESPACES,
    metrics: functionMetrics(tablePrefix),
    ...(push === undefined ? {} : { pusherOf: managementPushers(push) }),
  });
}
