import { beforeEach, describe, expect, it } from 'vitest';
import { noMetrics } from '../../lib/api/metrics.js';
import { ThinService } from '../../lib/api/service.js';
import { Notifier } from '../../lib/api/watches/notifier.js';
import { StoredWatches } from '../../lib/api/watches/thin-watches.js';
import { systemClock } from '../../lib/base/clock.js';
import { silentLogger } from '../../lib/base/logger.js';
import { systemRandom } from '../../lib/base/random.js';
import { connect, type ZeroKeeperClient } from '../../lib/client/index.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { noTimers } from '../../lib/keeper/thin-timers.js';
import type { StoreObserver } from '../../lib/log/store.js';
import { useEngine } from '../support/engine.js';

/** What the calls of a thin client cost, counted from the engine's ReturnConsumedCapacity; the numbers of docs/COSTS.md. */
const engine = useEngine();

describe('the capacity that a call of a thin client consumes', () => {
  let calls: string[] = [];
  let client: ZeroKeeperClient;
  let notifier: Notifier;

  beforeEach(async () => {
    const onCall: NonNullable<StoreObserver['onCall']> = ({ table, operation, capacityUnits }) =>
      calls.push(`${table} ${operation} ${capacityUnits}`);
    const store = await engine.freshStore({ observer: { onCall } });
    const shared = { store, clock: systemClock, random: systemRandom };
    const keeper = new Keeper({ ...shared, namespace: 'app' });
    const watches = new StoredWatches(keeper.replica);
    const ports = { timers: noTimers, logger: silentLogger, metrics: noMetrics };
    const service = new ThinService({ ...shared, ...ports, keeper, watches });
    const caller = { requestId: 'r', namespace: 'app', authIds: [], remainingMs: () => 20_000 };
    const invoke = async (payload: Uint8Array) => {
      const answer = await service.handle(JSON.parse(new TextDecoder().decode(payload)), caller);
      return { payload: new TextEncoder().encode(JSON.stringify(answer)) };
    };
    notifier = new Notifier({ ...shared, namespace: 'app' });
    client = await connect({ transport: 'lambda', functionName: 'api', invoke, pollMs: 60_000 });
    await client.create('/znode', new Uint8Array(100));
    calls = [];
  });

  async function counted(work: () => Promise<unknown>): Promise<string[]> {
    calls = [];
    await work();
    return [...calls].sort();
  }

  it('is one put for a warm write, one look at the tail for a linearizable read, nothing for a session read', async () => {
    expect(await counted(() => client.set('/znode', new Uint8Array(100)))).toEqual(['log put 1']);
    expect(await counted(() => client.get('/znode'))).toEqual(['log query 1']);
    expect(await counted(() => client.get('/znode', { consistency: 'session' }))).toEqual([]);
    await client.close();
  });

  it('is two reads more once the session has had a watch: its rows, and how far notify has marked', async () => {
    await client.get('/znode', { watch: () => undefined });
    const more = ['state get 1', 'watches query 1'];
    expect(await counted(() => client.set('/znode', 'x'))).toEqual(['log put 1', ...more].sort());
    await counted(() => client.get('/znode'));
    expect(await counted(() => client.get('/znode'))).toEqual(['log query 1', ...more].sort());
    await client.close();
  });

  it('is, of notify, what looking for watches of a changed path takes, and two reads when another call has been there before', async () => {
    await client.get('/znode', { watch: () => undefined });
    await notifier.run();
    await client.create('/other');
    await notifier.run();
    await client.set('/other', 'x');
    const none = ['log query 1', 'state get 1'];
    const looking = ['state put 1', 'watches query 1', 'watches query 1'];
    expect(await counted(() => notifier.run())).toEqual([...none, ...looking].sort());
    expect(await counted(() => notifier.run())).toEqual(none);
    await client.close();
  });
});
