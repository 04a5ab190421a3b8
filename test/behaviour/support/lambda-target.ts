import { noMetrics } from '../../../lib/api/metrics.js';
import { ThinService } from '../../../lib/api/service.js';
import { StoredWatches } from '../../../lib/api/watches/thin-watches.js';
import { systemClock } from '../../../lib/base/clock.js';
import { silentLogger } from '../../../lib/base/logger.js';
import { systemRandom } from '../../../lib/base/random.js';
import { connect, type Invoke } from '../../../lib/client/index.js';
import { Keeper } from '../../../lib/keeper/keeper.js';
import { noTimers } from '../../../lib/keeper/thin-timers.js';
import { SimulatedStore } from '../../../lib/log/simulated-store.js';
import type { Target } from './target.js';

/** How many instances of the function there are: requests of one session go to any of them. */
const INSTANCES = 2;
const CALL_MS_MAX = 20_000;

/** The function `api` in this process: several instances over one store in memory. */
export function lambdaTarget(): Promise<Target> {
  const store = new SimulatedStore({ clock: systemClock, random: systemRandom });
  const shared = { store, clock: systemClock, random: systemRandom };
  const instances = Array.from({ length: INSTANCES }, () => {
    const keeper = new Keeper({ ...shared, namespace: 'test' });
    const watches = new StoredWatches(keeper.replica);
    const service = new ThinService({
      ...shared,
      keeper,
      watches,
      timers: noTimers,
      logger: silentLogger,
      metrics: noMetrics,
    });
    return { keeper, service };
  });
  let calls = 0;
  let isBroken = false;
  let lostShare = 0;
  let luck = 0;
  const invoke: Invoke = async (payload) => {
    if (isBroken) throw new Error('the network is down');
    const instance = instances[calls++ % INSTANCES]!;
    const startedMs = systemClock.monotonic();
    const caller = {
      requestId: String(calls),
      namespace: 'test',
      authIds: [],
      remainingMs: () => startedMs + CALL_MS_MAX - systemClock.monotonic(),
    };
    const answer = await instance.service.handle(JSON.parse(new TextDecoder().decode(payload)), caller);
    // Evenly, so that the share is exact and a run repeats itself.
    luck += lostShare;
    if (luck >= 1) {
      luck -= 1;
      throw new Error('the reply was lost');
    }
    return { payload: new TextEncoder().encode(JSON.stringify(answer)) };
  };
  return Promise.resolve({
    connect: (options = {}) =>
      connect({ transport: 'lambda', functionName: 'api', invoke, pollMs: 20, ...options }),
    interrupt: () => {
      isBroken = true;
    },
    repair: () => {
      isBroken = false;
    },
    loseReplies: (share) => {
      lostShare = share;
    },
    stop: async () => {
      for (const { keeper } of instances) await keeper.stop();
    },
  });
}
