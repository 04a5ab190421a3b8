import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/base/clock.js';
import { seededRandom } from '../../lib/base/random.js';
import { SimulatedStore, type Faults, type StoreChange } from '../../lib/log/simulated-store.js';
import type { StoreErrorCode, StoreObserver } from '../../lib/log/store.js';
import { runStoreContract } from './store-contract.js';

const clock = new ManualClock();

function makeStore(faults: Partial<Faults> = {}, observer?: StoreObserver): SimulatedStore {
  return new SimulatedStore({ clock, random: seededRandom(1), faults, ...(observer && { observer }) });
}

runStoreContract('SimulatedStore', () => Promise.resolve(makeStore()));

const PUT = {
  table: 'log',
  item: { ns: 'ns', zxid: 1, by: 'first' },
  condition: [{ kind: 'absent' }],
} as const;
const SLOT = { partition: 'ns', sort: 1 };

async function expectError(call: Promise<unknown>, code: StoreErrorCode): Promise<void> {
  await expect(call).rejects.toMatchObject({ name: 'StoreError', code });
}

describe('the faults of the simulated store', () => {
  it('lose the reply of a write that happened', async () => {
    const store = makeStore({ lostReply: 1 });
    await expectError(store.put(PUT), 'Unavailable');
    expect(store.dump('log')).toEqual([PUT.item]);
  });

  it('lose the request, so that nothing happens', async () => {
    const store = makeStore({ lostRequest: 1 });
    await expectError(store.put(PUT), 'Unavailable');
    await expectError(store.get('log', SLOT), 'Unavailable');
    expect(store.dump('log')).toEqual([]);
  });

  it('throttle, so that nothing happens', async () => {
    const store = makeStore({ throttle: 1 });
    await expectError(store.put(PUT), 'Throttled');
    await expectError(store.query({ table: 'log', partition: 'ns' }), 'Throttled');
    expect(store.dump('log')).toEqual([]);
  });

  it('hold a write up, with its condition, as long as they were told', async () => {
    const store = makeStore({ delayMinMs: 100, delayMaxMs: 100 });
    store.failNext({ fault: 'delayedWrite' });
    await expectError(store.put(PUT), 'Unavailable');
    expect(store.delayedWrites).toBe(1);
    await clock.advance(99);
    expect(store.dump('log')).toEqual([]);
    await clock.advance(1);
    expect(store.dump('log')).toEqual([PUT.item]);
    expect(store.delayedWrites).toBe(0);
  });

  it('hold a write up that then fails its condition', async () => {
    const store = makeStore({ delayMinMs: 100, delayMaxMs: 100 });
    store.failNext({ fault: 'delayedWrite' });
    await expectError(store.put(PUT), 'Unavailable');
    const second = { ...PUT, item: { ...PUT.item, by: 'second' } };
    expect(await store.put(second)).toEqual({ ok: true });
    store.releaseDelayedWrites();
    expect(store.dump('log')).toEqual([second.item]);
  });

  it('hold back what was sent, not what the caller made of it since', async () => {
    const store = makeStore({ delayMinMs: 100, delayMaxMs: 100 });
    store.failNext({ fault: 'delayedWrite' });
    const body = Uint8Array.of(1);
    await expectError(store.put({ table: 'log', item: { ns: 'ns', zxid: 1, body } }), 'Unavailable');
    body[0] = 2;
    store.releaseDelayedWrites();
    expect(store.dump('log')[0]?.['body']).toEqual(Uint8Array.of(1));
  });

  it('follow a script by operation and table', async () => {
    const store = makeStore();
    store.failNext({ operation: 'put', table: 'state', fault: 'throttle' });
    expect(await store.put(PUT)).toEqual({ ok: true });
    expect(await store.get('state', { partition: 'p', sort: 's' })).toBeUndefined();
    const put = { table: 'state', item: { pk: 'p', sk: 's' } } as const;
    await expectError(store.put(put), 'Throttled');
    expect(await store.put(put)).toEqual({ ok: true });
  });

  it('let a test hold a call back until something else has happened', async () => {
    const store = makeStore();
    let release: () => void = () => undefined;
    const slow = store.connect();
    slow.intercept = (call) =>
      call.operation === 'put' ? new Promise((resolve) => (release = () => resolve(undefined))) : undefined;
    const late = slow.put({ ...PUT, item: { ...PUT.item, by: 'late' } });
    expect(await store.put(PUT)).toEqual({ ok: true });
    release();
    expect(await late).toEqual({ ok: false, existing: PUT.item });
  });

  it('take the time they are told, the effect being halfway', async () => {
    const store = makeStore({ latencyMinMs: 10, latencyMaxMs: 10 });
    const put = store.put(PUT);
    await clock.advance(4);
    expect(store.dump('log')).toEqual([]);
    await clock.advance(2);
    expect(store.dump('log')).toEqual([PUT.item]);
    await clock.advance(4);
    expect(await put).toEqual({ ok: true });
  });

  it('are the same again with the same seed', async () => {
    const run = async (seed: number) => {
      const faults = { lostReply: 0.2, lostRequest: 0.2, throttle: 0.2, delayedWrite: 0.2 };
      const store = new SimulatedStore({ clock, random: seededRandom(seed), faults });
      const calls = Array.from({ length: 50 }, (_, zxid) =>
        store.put({ table: 'log', item: { ns: 'ns', zxid } }).then(
          () => 'done',
          (error: unknown) => String(error),
        ),
      );
      return { outcomes: await Promise.all(calls), rows: store.dump('log') };
    };
    expect(await run(5)).toEqual(await run(5));
    expect((await run(5)).outcomes).not.toEqual((await run(6)).outcomes);
    expect(new Set((await run(5)).outcomes).size).toBe(5);
  });

  it('force short pages', async () => {
    const store = makeStore({ pageItemsMax: 2 });
    for (const zxid of [1, 2, 3]) await store.put({ table: 'log', item: { ns: 'ns', zxid } });
    const page = await store.query({ table: 'log', partition: 'ns', limit: 10 });
    expect(page).toEqual({
      items: [
        { ns: 'ns', zxid: 1 },
        { ns: 'ns', zxid: 2 },
      ],
      next: 2,
    });
  });
});

describe('what the simulated store tells', () => {
  it('is each change, with the item before, and none where nothing changes', async () => {
    const store = makeStore();
    const changes: StoreChange[] = [];
    const stop = store.onChange((change) => changes.push(change));
    const item = { pk: 'p', sk: 's', ttl: 100 };
    await store.put({ table: 'leases', item });
    await store.put({ table: 'leases', item });
    await store.put({ table: 'leases', item, condition: [{ kind: 'absent' }] });
    await store.update({ table: 'leases', key: { partition: 'p', sort: 's' }, set: { ttl: 200 } });
    await store.delete({ table: 'leases', key: { partition: 'p', sort: 's' } });
    stop();
    await store.put({ table: 'leases', item });
    const common = { table: 'leases', keys: { partition: 'p', sort: 's' }, byTtl: false };
    expect(changes).toEqual([
      { ...common, kind: 'INSERT', oldItem: undefined },
      { ...common, kind: 'MODIFY', oldItem: item },
      { ...common, kind: 'REMOVE', oldItem: { ...item, ttl: 200 } },
    ]);
  });

  it('is what the time to live removed, and only from tables that have one', async () => {
    const store = makeStore();
    const old = { pk: 'p', sk: 'old', ttl: 100 };
    const young = { pk: 'p', sk: 'young', ttl: 101 };
    for (const item of [old, young, { pk: 'p', sk: 'never' }]) await store.put({ table: 'leases', item });
    await store.put({ table: 'log', item: { ns: 'ns', zxid: 1, ttl: 1 } });
    const changes: StoreChange[] = [];
    store.onChange((change) => changes.push(change));
    expect(store.deleteExpired(100_000)).toEqual([]);
    expect(store.deleteExpired(100_001)).toEqual([{ table: 'leases', item: old }]);
    expect(changes).toEqual([
      { table: 'leases', kind: 'REMOVE', keys: { partition: 'p', sort: 'old' }, oldItem: old, byTtl: true },
    ]);
    expect(store.dump('leases').map((item) => item['sk'])).toEqual(['never', 'young']);
    expect(store.dump('log')).toHaveLength(1);
  });

  it('is the capacity that DynamoDB would charge', async () => {
    const units: string[] = [];
    const store = makeStore(
      {},
      {
        onCall: ({ operation, capacityUnits, conditionFailed }) =>
          units.push(`${operation} ${capacityUnits}${conditionFailed ? ' failed' : ''}`),
      },
    );
    const key = { partition: 'ns', sort: 1 };
    const large = { ns: 'ns', zxid: 1, body: new Uint8Array(5000) };
    await store.query({ table: 'log', partition: 'ns' });
    await store.put(PUT);
    await store.put({ table: 'log', item: large });
    await store.put(PUT);
    await store.put({ table: 'log', item: large });
    await store.put({ ...PUT, item: { ...PUT.item, body: new Uint8Array(2000) } });
    await store.get('log', key);
    for (let zxid = 2; zxid <= 4; zxid++) {
      await store.put({ table: 'log', item: { ns: 'ns', zxid, body: new Uint8Array(900) } });
    }
    await store.query({ table: 'log', partition: 'ns', from: 2 });
    await store.query({ table: 'log', partition: 'ns' });
    await store.delete({ table: 'log', key });
    await store.delete({ table: 'log', key });
    expect(units).toEqual([
      'query 1',
      'put 1',
      'put 5',
      'put 5 failed',
      'put 5',
      'put 5 failed',
      'get 2',
      ...['put 1', 'put 1', 'put 1'],
      'query 1',
      'query 2',
      'delete 5',
      'delete 1',
    ]);
  });

  it('is its server time in whole seconds, by the clock of the server', async () => {
    const server = new ManualClock(1_000_000_900);
    const caller = new ManualClock(5_000);
    const samples: unknown[] = [];
    const store = new SimulatedStore({
      clock: caller,
      serverClock: server,
      random: seededRandom(1),
      observer: { onServerTime: (sample) => samples.push(sample) },
    });
    await store.get('log', SLOT);
    expect(samples).toEqual([
      { serverMs: 1_000_000_000, sentMs: 5_000, receivedMs: 5_000, roundTripMonotonicMs: 0 },
    ]);
  });
});
