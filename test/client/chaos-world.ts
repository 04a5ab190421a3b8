import { StoredWatches } from '../../lib/api/watches/thin-watches.js';
import { Notifier } from '../../lib/api/watches/notifier.js';
import { noMetrics } from '../../lib/api/metrics.js';
import { ThinService } from '../../lib/api/service.js';
import { sleep } from '../../lib/base/clock.js';
import { silentLogger } from '../../lib/base/logger.js';
import { seededRandom } from '../../lib/base/random.js';
import { connect } from '../../lib/client/index.js';
import type { InvokeAnswer, ZeroKeeperClient } from '../../lib/client/index.js';
import { noTimers } from '../../lib/keeper/thin-timers.js';
import type { Faults } from '../../lib/log/simulated-store.js';
import { NAMESPACE, World } from '../keeper/world.js';

const STORE_FAULTS: Partial<Faults> = {
  lostReply: 0.02,
  lostRequest: 0.02,
  throttle: 0.02,
  delayedWrite: 0.02,
  delayMinMs: 1,
  delayMaxMs: 800,
  latencyMinMs: 0,
  latencyMaxMs: 20,
};
const INSTANCES = 3;
const TRUSTED = [{ scheme: 'super', id: '' }];

/** The function `api` as Lambda runs it, on a bad day: several instances, new ones at any time, and a network in front of them. */
export class ChaosWorld extends World {
  readonly #instances: ThinService[] = [];
  /** Copies of requests, and requests whose answers nobody waits for. */
  readonly stray: Promise<unknown>[] = [];
  isCalm = false;

  #instance(): ThinService {
    const keeper = this.keeper({ faults: this.isCalm ? {} : STORE_FAULTS });
    const { store } = keeper.replica.options;
    const { clock, random } = this;
    const watches = new StoredWatches(keeper.replica);
    const quiet = { logger: silentLogger, metrics: noMetrics, timers: noTimers };
    return new ThinService({ store, keeper, clock, random, watches, ...quiet });
  }

  /** One of the warm instances; now and then a cold one takes its place. */
  #pickInstance(): ThinService {
    const at = this.int(INSTANCES);
    const known = this.#instances[at];
    if (known !== undefined && this.random.float() > 0.05) return known;
    const made = this.#instance();
    this.#instances[at] = made;
    return made;
  }

  /** What is warm is forgotten: nobody that comes now meets a faulty store. */
  calm(): void {
    this.isCalm = true;
    this.#instances.length = 0;
  }

  async #run(payload: Uint8Array): Promise<InvokeAnswer> {
    const timeMs = !this.isCalm && this.random.float() < 0.1 ? 1_020 + this.int(100) : 20_000;
    const endMs = this.clock.monotonic() + timeMs;
    const answer = await this.#pickInstance().handle(JSON.parse(new TextDecoder().decode(payload)), {
      requestId: 'r',
      namespace: NAMESPACE,
      authIds: TRUSTED,
      remainingMs: () => endMs - this.clock.monotonic(),
    });
    return { payload: new TextEncoder().encode(JSON.stringify(answer)) };
  }

  async #later(payload: Uint8Array, delayMs: number): Promise<void> {
    await sleep(this.clock, delayMs);
    await this.#run(payload);
  }

  async invoke(payload: Uint8Array): Promise<InvokeAnswer> {
    await sleep(this.clock, this.int(15));
    let dice = this.isCalm ? 1 : this.random.float();
    const isNow = (probability: number) => (dice -= probability) < 0;
    if (isNow(0.05)) throw new Error('socket hang up');
    if (isNow(0.04)) throw Object.assign(new Error('slow down'), { name: 'TooManyRequestsException' });
    if (isNow(0.03)) return { payload: new Uint8Array(), functionError: 'Unhandled' };
    if (isNow(0.06)) {
      // The request arrives, if late, and its answer does not.
      this.stray.push(this.#later(payload, this.int(300)));
      throw new Error('socket hang up');
    }
    if (isNow(0.06)) this.stray.push(this.#later(payload, this.int(4_000)));
    const answer = await this.#run(payload);
    if (isNow(0.08)) throw new Error('the answer was lost');
    if (isNow(0.02)) return { payload: new Uint8Array(), functionError: 'Unhandled' };
    return answer;
  }

  async client(seed: number): Promise<ZeroKeeperClient> {
    const connecting = connect({
      transport: 'lambda',
      functionName: 'api',
      invoke: (payload) => this.invoke(payload),
      sessionTimeoutMs: 60_000,
      connectTimeoutMs: 60_000,
      invokeTimeoutMs: 3_000,
      pollMs: 200,
      clock: this.clock,
      random: seededRandom(seed),
    });
    return this.until(connecting);
  }

  /** What the other functions do meanwhile. */
  async background(stop: () => boolean): Promise<void> {
    const { store, clock, random } = this;
    while (!stop()) {
      await new Notifier({ store, namespace: NAMESPACE, clock, random }).run();
      if (random.float() < 0.5) await this.materializer().run();
      await sleep(clock, this.int(400));
    }
  }
}
