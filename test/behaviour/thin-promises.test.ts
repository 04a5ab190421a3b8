import { describe, expect, it } from 'vitest';
import { noMetrics } from '../../lib/api/metrics.js';
import { ThinService } from '../../lib/api/service.js';
import { StoredWatches } from '../../lib/api/watches/thin-watches.js';
import { systemClock } from '../../lib/base/clock.js';
import { silentLogger } from '../../lib/base/logger.js';
import { seededRandom, systemRandom } from '../../lib/base/random.js';
import type { ConnectOptions, Invoke, WatchEvent, ZeroKeeperClient } from '../../lib/client/index.js';
import { connect } from '../../lib/client/index.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { noTimers } from '../../lib/keeper/thin-timers.js';
import type { Faults } from '../../lib/log/simulated-store.js';
import { SimulatedStore } from '../../lib/log/simulated-store.js';

const INSTANCES = 3;
const CALL_MS_MAX = 20_000;

/** What a client's requests go through. */
interface Network {
  up: boolean;
  /** The next reply is lost, after the work was done. */
  loseNext: boolean;
}

/** Several instances of `api` over one store, and clients with a network of their own each. */
class ThinWorld {
  readonly #store = new SimulatedStore({ clock: systemClock, random: systemRandom });
  readonly #services: ThinService[];
  readonly #random = seededRandom(5);
  invocations = 0;
  lostReplies = 0;

  constructor(faults: Partial<Faults> = {}) {
    this.#services = Array.from({ length: INSTANCES }, (_, index) => {
      const store = this.#store.connect({ random: seededRandom(index + 1), faults });
      const shared = { store, clock: systemClock, random: systemRandom };
      const keeper = new Keeper({ ...shared, namespace: 'test' });
      const watches = new StoredWatches(keeper.replica);
      const ports = { timers: noTimers, logger: silentLogger, metrics: noMetrics };
      return new ThinService({ ...shared, ...ports, keeper, watches });
    });
  }

  /** A client, and a switch that cuts it off. */
  async client(
    options: { lossShare?: number } = {},
  ): Promise<{ client: ZeroKeeperClient; network: Network }> {
    const network: Network = { up: true, loseNext: false };
    const invoke = this.#invoke(network, options.lossShare ?? 0);
    const retry = { backoffMinMs: 1, backoffMaxMs: 5 };
    const connectOptions = { transport: 'lambda', functionName: 'api', invoke, pollMs: 10, retry } as const;
    const client = await connect(connectOptions satisfies ConnectOptions);
    return { client, network };
  }

  #invoke(network: Network, lossShare: number): Invoke {
    return async (payload) => {
      if (!network.up) throw new Error('the network is down');
      const service = this.#services[this.invocations++ % INSTANCES]!;
      const startedMs = systemClock.monotonic();
      const answer = await service.handle(JSON.parse(new TextDecoder().decode(payload)), {
        requestId: String(this.invocations),
        namespace: 'test',
        authIds: [],
        remainingMs: () => startedMs + CALL_MS_MAX - systemClock.monotonic(),
      });
      if (network.loseNext || this.#random.float() < lossShare) {
        network.loseNext = false;
        this.lostReplies++;
        throw new Error('the reply was lost');
      }
      return { payload: new TextEncoder().encode(JSON.stringify(answer)) };
    };
  }
}

/** Collects events until there are so many. */
function collector(): {
  events: WatchEvent[];
  add: (event: WatchEvent) => void;
  reached: (count: number) => Promise<void>;
} {
  const events: WatchEvent[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  return {
    events,
    add: (event) => {
      events.push(event);
      for (const { count, resolve } of waiting) if (events.length >= count) resolve();
    },
    reached: (count) =>
      new Promise((resolve) => {
        if (events.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
  };
}

describe('a thin client', () => {
  it('writes a thousand times exactly once through a store and an API that lose a third of their replies', async () => {
    const world = new ThinWorld({ lostReply: 1 / 3 });
    const { client } = await world.client({ lossShare: 1 / 3 });
    await client.create('/q');
    const paths: string[] = [];
    const versions: number[] = [];
    for (let round = 0; round < 50; round++) {
      const creates = Array.from({ length: 10 }, () =>
        client.create('/q/n-', '', { mode: 'persistentSequential' }),
      );
      const sets = Array.from({ length: 10 }, () => client.set('/q', String(round)));
      paths.push(...(await Promise.all(creates)).map(({ path }) => path));
      versions.push(...(await Promise.all(sets)).map(({ version }) => version));
    }
    // No gap that a retry left, none that was done twice, each told of its own.
    expect(paths).toEqual(Array.from({ length: 500 }, (_, n) => `/q/n-${String(n).padStart(10, '0')}`));
    expect(versions).toEqual(Array.from({ length: 500 }, (_, n) => n + 1));
    expect((await client.getChildren('/q')).children).toHaveLength(500);
    expect(world.lostReplies).toBeGreaterThan(world.invocations / 5);
    await client.close();
  }, 60_000);

  it('that was cut off for a hundred changes is told of each once, in order, and of none after its answer', async () => {
    const world = new ThinWorld();
    const [mine, other] = await Promise.all([world.client(), world.client()]);
    await other.client.create('/w');
    const told = collector();
    await mine.client.watch('/w', { type: 'persistent' }, told.add);
    mine.network.up = false;
    const zxids: number[] = [];
    for (let n = 0; n < 100; n++) zxids.push((await other.client.set('/w', String(n))).mzxid);
    mine.network.up = true;
    const read = await mine.client.get('/w');
    // The answer shows the last change, so every event was handed out before it.
    expect(Buffer.from(read.data).toString()).toBe('99');
    expect(told.events.map(({ zxid }) => zxid)).toEqual(zxids);
    expect(new Set(told.events.map(({ type, path }) => `${type} ${path}`))).toEqual(
      new Set(['dataChanged /w']),
    );
    await other.client.set('/w', 'more');
    await told.reached(101);
    expect(told.events).toHaveLength(101);
    await Promise.all([mine.client.close(), other.client.close()]);
  });

  it('is told once by a one-shot watch, however often the znode changes and however often it asks', async () => {
    const world = new ThinWorld();
    const [mine, other] = await Promise.all([world.client({ lossShare: 1 / 3 }), world.client()]);
    const { stat } = await other.client.create('/o');
    const told = collector();
    await mine.client.get('/o', { watch: told.add });
    mine.network.up = false;
    const first = await other.client.set('/o', '1', { version: stat.version });
    await other.client.set('/o', '2');
    mine.network.up = true;
    await told.reached(1);
    await other.client.set('/o', '3');
    for (let n = 0; n < 10; n++) await mine.client.get('/o');
    expect(told.events.map(({ zxid }) => zxid)).toEqual([first.mzxid]);
    await Promise.all([mine.client.close(), other.client.close()]);
  });

  it('reads what was there when it read, though the answer was lost and a later write of its own has been done since', async () => {
    const world = new ThinWorld();
    const { client, network } = await world.client();
    await client.create('/a', 'old');
    network.loseNext = true;
    const [read] = await Promise.all([client.get('/a'), client.set('/a', 'new')]);
    expect(Buffer.from(read.data).toString()).toBe('old');
    expect(Buffer.from((await client.get('/a')).data).toString()).toBe('new');
    await client.close();
  });
});
