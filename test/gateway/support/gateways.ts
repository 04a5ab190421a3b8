import { afterEach } from 'vitest';

import { ManualClock } from '../../../lib/base/clock.js';
import { silentLogger } from '../../../lib/base/logger.js';
import { seededRandom } from '../../../lib/base/random.js';
import { Gateway, type GatewayOptions } from '../../../lib/gateway/gateway.js';
import type { ConnectRequest, ConnectResponse } from '../../../lib/wire/index.js';
import { FakeKeeper } from './fake-keeper.js';
import { FakeSessions } from './fake-sessions.js';
import { WireClient } from './wire-client.js';

export interface Running {
  readonly gateway: Gateway;
  readonly keeper: FakeKeeper;
  readonly sessions: FakeSessions;
  readonly clock: ManualClock;
  readonly port: number;
  readonly open: (request?: Partial<ConnectRequest>) => Promise<WireClient & { response: ConnectResponse }>;
  /** A client that has not shaken hands. */
  readonly dial: () => WireClient;
}

const clients: WireClient[] = [];
const gateways: Gateway[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await Promise.all(gateways.splice(0).map((gateway) => gateway.close()));
});

/** A gateway on a fake keeper and a free port; it and its clients are gone when the test is over. */
export async function startGateway(options: Partial<GatewayOptions> = {}, at = 0): Promise<Running> {
  const running = await openGateway(options, at);
  gateways.push(running.gateway);
  return running;
}

/** The same, for whoever closes it. */
export async function openGateway(options: Partial<GatewayOptions> = {}, at = 0): Promise<Running> {
  const clock = new ManualClock();
  const keeper = new FakeKeeper(clock);
  const random = seededRandom(7);
  const sessions = new FakeSessions(keeper, random);
  const gateway = new Gateway({
    namespace: 'test',
    keeper,
    sessions,
    clock,
    random,
    logger: silentLogger,
    gateways: () => Promise.resolve([]),
    ...options,
  });
  const { address } = await gateway.listen({ host: '127.0.0.1', port: at });
  const { port } = address;
  const track = <T extends WireClient>(client: T): T => {
    clients.push(client);
    return client;
  };
  return {
    gateway,
    keeper,
    sessions,
    clock,
    port,
    open: async (request) => track(await WireClient.open(port, request)),
    dial: () => track(new WireClient(port)),
  };
}
