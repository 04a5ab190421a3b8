import { connect as dial, type Socket } from 'node:net';

import { systemClock } from '../../../lib/base/clock.js';
import { systemRandom } from '../../../lib/base/random.js';
import { connect } from '../../../lib/client/index.js';
import { SimulatedStore } from '../../../lib/log/simulated-store.js';
import { gatewayOnStore } from '../../support/gateway-on-store.js';
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
  const { port, stop } = await gatewayOnStore(store);
  return tcpTarget(`127.0.0.1:${port}`, stop);
}
