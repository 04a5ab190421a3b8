import { afterEach } from 'vitest';

import type { SimulatedStore } from '../../../lib/log/simulated-store.js';
import type { ConnectRequest } from '../../../lib/wire/index.js';
import { gatewayOnStore } from '../../support/gateway-on-store.js';
import { WireClient } from './wire-client.js';

const stops: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A gateway that lives as long as its test, and clients of it. */
export async function startOn(store: SimulatedStore, options: Parameters<typeof gatewayOnStore>[1] = {}) {
  const { stop, ...running } = await gatewayOnStore(store, options);
  stops.push(stop);
  const open = async (request: Partial<ConnectRequest> = {}) => {
    const client = await WireClient.open(running.port, { timeoutMs: 20_000, ...request });
    stops.push(() => client.destroy());
    return client;
  };
  const dial = () => {
    const client = new WireClient(running.port);
    stops.push(() => client.destroy());
    return client;
  };
  return { ...running, open, dial };
}
