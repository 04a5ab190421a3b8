import { systemClock, type Clock } from '../../lib/base/clock.js';
import { systemRandom, type Random } from '../../lib/base/random.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { Materializer } from '../../lib/keeper/materializer.js';
import { Reaper } from '../../lib/keeper/reaper.js';
import { createDynamoClient, silenceNodeVersionNotice } from '../../lib/log/dynamo-client.js';
import { DynamoStore } from '../../lib/log/dynamo-store.js';
import { ServerClock } from '../../lib/log/server-clock.js';
import type { Store } from '../../lib/log/store.js';
import type { ExpireWiring } from './expire.js';
import type { MaterializeWiring } from './materialize.js';

/** Namespaces whose materializer is kept warm between invocations; beyond it the oldest starts afresh. */
export const WARM_NAMESPACES_MAX = 64;

export interface WiringOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** False while the clock cannot be trusted: nothing is written then. */
  readonly isClockTrusted?: () => boolean;
  readonly namespaces: readonly string[];
}

export type FunctionWiring = MaterializeWiring & ExpireWiring;

/** What the functions work with, on a given store. */
export function createWiring(options: WiringOptions): FunctionWiring {
  const { store, clock, random, namespaces } = options;
  const materializers = new Map<string, Materializer>();
  return {
    namespaces,
    now: () => clock.now(),
    materializer(namespace) {
      const materializer =
        materializers.get(namespace) ?? new Materializer({ store, namespace, clock, random });
      materializers.delete(namespace);
      materializers.set(namespace, materializer);
      const [oldest] = materializers.keys();
      if (materializers.size > WARM_NAMESPACES_MAX && oldest !== undefined) materializers.delete(oldest);
      return materializer;
    },
    async withReaper(namespace, work) {
      const { isClockTrusted } = options;
      const keeper = new Keeper({
        store,
        namespace,
        clock,
        random,
        ...(isClockTrusted === undefined ? {} : { isClockTrusted }),
      });
      try {
        await keeper.start();
        await work(new Reaper({ store, keeper, clock, random }));
      } finally {
        await keeper.stop();
      }
    },
  };
}

/** Thrown when a function's environment lacks what it needs. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/**
 * The wiring of a deployed function, made at its first call:
 * - `ZEROKEEPER_TABLE_PREFIX`: the tables are called `prefix-log` and so on. Default `zerokeeper`.
 * - `ZEROKEEPER_NAMESPACES`: what scheduled events look after, separated by commas. Default `default`.
 * - `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL`: a DynamoDB other than AWS's own.
 */
export function wiringFromEnvironment(environment: NodeJS.ProcessEnv): () => FunctionWiring {
  let wiring: FunctionWiring | undefined;
  return () => (wiring ??= connect(environment));
}

function connect(environment: NodeJS.ProcessEnv): FunctionWiring {
  silenceNodeVersionNotice();
  const endpoint = environment['AWS_ENDPOINT_URL_DYNAMODB'] ?? environment['AWS_ENDPOINT_URL'];
  const clock = new ServerClock(systemClock);
  const store = new DynamoStore({
    client: createDynamoClient(endpoint === undefined ? {} : { endpoint }),
    tablePrefix: environment['ZEROKEEPER_TABLE_PREFIX'] ?? 'zerokeeper',
    observer: { onServerTime: (sample) => clock.observe(sample) },
  });
  const isClockTrusted = () => clock.trusted;
  return createWiring({
    store,
    clock,
    random: systemRandom,
    isClockTrusted,
    namespaces: namespacesIn(environment),
  });
}

function namespacesIn(environment: NodeJS.ProcessEnv): string[] {
  const namespaces = (environment['ZEROKEEPER_NAMESPACES'] ?? 'default')
    .split(',')
    .map((name) => name.trim());
  if (namespaces.some((name) => name === '' || name.includes('#'))) {
    throw new EnvironmentError('ZEROKEEPER_NAMESPACES has to be names without #, separated by commas');
  }
  return namespaces;
}
