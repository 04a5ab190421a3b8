import { connect as dial, type Socket } from 'node:net';

import { systemClock } from '../../../lib/base/clock.js';
import { silentLogger } from '../../../lib/base/logger.js';
import { systemRandom } from '../../../lib/base/random.js';
import { connect } from '../../../lib/client/index.js';
import { Gateway } from '../../../lib/gateway/gateway.js';
import { Keeper } from '../../../lib/keeper/keeper.js';
import { GatewaySessions } from '../../../lib/keeper/sessions.js';
import { SimulatedStore } from '../../../lib/log/simulated-store.js';
import type { Target } from './target.js';

/** A client's way to `servers`, whose connections can be cut. */
export function tcpTarget(servers: string, stop: () => Promise<void>): Target {
  const sockets = new Set<Socket>();
  return {
    connect: (options = {}) =>
      connect({
        transport: 'tcp',
        servers,
        ...options,
        dial: ({ host, port }) => {
          const socket = dial({ host, port });
          sockets.add(socket);
          socket.once('close', () => sockets.delete(socket));
          return socket;
        },
      }),
    interrupt: () => {
      for (const socket of sockets) socket.destroy();
    },
    repair: () => undefined,
    loseReplies: () => {
      throw new Error('a connection does not lose single replies');
    },
    stop,
  };
}

/** A gateway over a real keeper on a store in memory. */
export async function gatewayTarget(): Promise<Target> {
  const store = new SimulatedStore({ clock: systemClock, random: systemRandom });
  const shared = { store, clock: systemClock, random: systemRandom };
  const keeper = new Keeper({ ...shared, namespace: 'test', follow: true });
  await keeper.start();
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
  return tcpTarget(address, async () => {
    await gateway.close();
    await sessions.stop();
    await keeper.stop();
  });
}
