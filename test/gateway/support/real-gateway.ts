import { afterEach } from 'vitest';

import { systemClock } from '../../../lib/base/clock.js';
import { silentLogger } from '../../../lib/base/logger.js';
import { systemRandom } from '../../../lib/base/random.js';
import { Gateway } from '../../../lib/gateway/gateway.js';
import { Keeper } from '../../../lib/keeper/keeper.js';
import { GatewaySessions } from '../../../lib/keeper/sessions.js';
import type { SimulatedStore } from '../../../lib/log/simulated-store.js';
import type { ConnectRequest } from '../../../lib/wire/index.js';
import { WireClient } from './wire-client.js';

const stops: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A real keeper with real sessions on a store in memory, behind a gateway. */
export async function startOn(store: SimulatedStore) {
  const shared = { store, clock: systemClock, random: systemRandom };
  const keeper = new Keeper({ ...shared, namespace: 'test', follow: true });
  await keeper.start();
  stops.push(() => keeper.stop());
  let address = '';
  const sessions = new GatewaySessions({ ...shared, keeper, address: () => address });
  const gateway = new Gateway({
    namespace: 'test',
    keeper,
    sessions,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    gateways: () => Promise.resolve([]),
  });
  const { address: at } = await gateway.listen({ host: '127.0.0.1', port: 0 });
  address = `127.0.0.1:${at.port}`;
  await sessions.start();
  stops.push(() => sessions.stop());
  stops.push(() => gateway.close());
  const open = async (request: Partial<ConnectRequest> = {}) => {
    const client = await WireClient.open(at.port, { timeoutMs: 20_000, ...request });
    stops.push(() => client.destroy());
    return client;
  };
  return { keeper, sessions, gateway, open };
}
