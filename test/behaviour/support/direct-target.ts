import { systemClock } from '../../../lib/base/clock.js';
import { systemRandom } from '../../../lib/base/random.js';
import { connect } from '../../../lib/client/index.js';
import { SimulatedStore } from '../../../lib/log/simulated-store.js';
import type { Target } from './target.js';

/** Embedded keepers over one store in memory; each client has a connection to it that can fail. */
export function directTarget(): Promise<Target> {
  const store = new SimulatedStore({ clock: systemClock, random: systemRandom });
  const stores: SimulatedStore[] = [];
  let lostReply = 0;
  const setFaults = (faults: { lostReply: number; lostRequest: number }) => {
    for (const connection of stores) Object.assign(connection.faults, faults);
  };
  return Promise.resolve({
    connect: (options = {}) => {
      const connection = store.connect({ faults: { lostReply } });
      stores.push(connection);
      return connect({ transport: 'direct', namespace: 'test', store: connection, reap: false, ...options });
    },
    interrupt: () => setFaults({ lostReply, lostRequest: 1 }),
    repair: () => setFaults({ lostReply, lostRequest: 0 }),
    loseReplies: (share) => {
      lostReply = share;
      setFaults({ lostReply, lostRequest: 0 });
    },
    stop: () => Promise.resolve(),
  });
}
