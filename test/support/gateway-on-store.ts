import { systemClock, type Clock } from '../../lib/base/clock.js';
import { silentLogger, type Logger } from '../../lib/base/logger.js';
import { systemRandom } from '../../lib/base/random.js';
import { Gateway } from '../../lib/gateway/gateway.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { GatewaySessions } from '../../lib/keeper/sessions.js';
import type { SimulatedStore } from '../../lib/log/simulated-store.js';

/** A gateway over a real keeper with real sessions, on a store in memory. */
export async function gatewayOnStore(
  store: SimulatedStore,
  {
    clock = systemClock,
    readOnlyMode = false,
    logger = silentLogger,
  }: { clock?: Clock; readOnlyMode?: boolean; logger?: Logger } = {},
) {
  const shared = { store, clock, random: systemRandom };
  const keeper = new Keeper({ ...shared, namespace: 'test', follow: true });
  await keeper.start();
  let address = '';
  const sessions = new GatewaySessions({ ...shared, keeper, address: () => address });
  const gateway = new Gateway({
    ...{ namespace: 'test', keeper, sessions, logger },
    ...{ clock, random: systemRandom, readOnlyMode },
    gateways: () => Promise.resolve([]),
  });
  const { address: at } = await gateway.listen({ host: '127.0.0.1', port: 0 });
  address = `127.0.0.1:${at.port}`;
  await sessions.start();
  const stop = async () => {
    await gateway.close();
    await sessions.stop();
    await keeper.stop();
  };
  return { keeper, sessions, gateway, port: at.port, stop };
}
