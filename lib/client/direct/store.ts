import type { Clock } from '../../base/clock.js';
import { ServerClock } from '../../log/server-clock.js';
import type { Store } from '../../log/store.js';
import { TABLE_PREFIX_DEFAULT } from './limits.js';
import type { DirectStoreOptions } from './options.js';

/** The tables, and the time that is theirs. */
export interface OpenedStore {
  readonly store: Store;
  readonly clock: Clock;
  readonly isClockTrusted: () => boolean;
  /** Closes what was opened here, and nothing that the application brought. */
  readonly close: () => void;
}

/** Loads the AWS SDK only when it is needed: not by importing this file, and not for a store of the application's own. */
export async function openStore(options: DirectStoreOptions, clock: Clock): Promise<OpenedStore> {
  if (options.store !== undefined) {
    return { store: options.store, clock, isClockTrusted: () => true, close: () => undefined };
  }
  const [{ createDynamoClient }, { DynamoStore }] = await Promise.all([
    import('../../log/dynamo-client.js'),
    import('../../log/dynamo-store.js'),
  ]);
  const { endpoint, region, tablePrefix = TABLE_PREFIX_DEFAULT } = options;
  const own =
    options.client === undefined
      ? createDynamoClient({
          ...(endpoint !== undefined && { endpoint }),
          ...(region !== undefined && { region }),
        })
      : undefined;
  const client = options.client ?? own;
  if (client === undefined) throw new Error('there is a client of one or the other');
  const serverClock = new ServerClock(clock);
  const observer = { onServerTime: serverClock.observe.bind(serverClock) };
  return {
    store: new DynamoStore({ client, tablePrefix, observer, clock }),
    clock: serverClock,
    isClockTrusted: () => serverClock.trusted,
    close: () => own?.destroy(),
  };
}
