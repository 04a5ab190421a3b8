import { describe, expect, it } from 'vitest';
import type { ThinRequest } from '../../lib/wire/thin-protocol.js';
import type { Instance } from './world.js';
import { batchRequest, create, reference, setData, ThinWorld } from './world.js';

const ROUND_TRIP_MS = 20;

/** How long a request takes, in round trips to the store. */
async function roundTrips(world: ThinWorld, instance: Instance, request: ThinRequest): Promise<number> {
  Object.assign(instance.store.faults, { latencyMinMs: ROUND_TRIP_MS, latencyMaxMs: ROUND_TRIP_MS });
  instance.calls.length = 0;
  const startedMs = world.clock.now();
  let tookMs = 0;
  const answered = instance.service.handle(request, world.caller()).then((answer) => {
    tookMs = world.clock.now() - startedMs;
    return answer;
  });
  // What needs no timer happens before time passes.
  await new Promise((resolve) => setImmediate(resolve));
  const answer = await world.until(answered);
  Object.assign(instance.store.faults, { latencyMinMs: 0, latencyMaxMs: 0 });
  expect(answer.type).toBe('batch');
  return tookMs / ROUND_TRIP_MS;
}

async function setUp(materialized: boolean) {
  const world = new ThinWorld();
  const first = world.instance();
  const session = await world.open(first);
  await world.batch(first, { session: reference(session), operations: [create('/a', 1), create('/b', 2)] });
  if (materialized) await world.until(world.materializer().run());
  return { world, first, session: reference(session) };
}

const READ = { op: 'getData', path: '/a' } as const;

describe('round trips', () => {
  for (const materialized of [true, false]) {
    const where = materialized ? 'in the state tables' : 'in the log only';
    it(`a cold instance answers a read after two, the znode being ${where}`, async () => {
      const { world, session } = await setUp(materialized);
      const cold = world.instance();
      expect(await roundTrips(world, cold, batchRequest({ session, operations: [READ] }))).toBe(2);
      expect(cold.calls.filter(({ operation }) => operation === 'query')).toHaveLength(1);
    });
  }

  it('a cold instance carries out a write after three', async () => {
    const { world, session } = await setUp(true);
    const cold = world.instance();
    expect(
      await roundTrips(world, cold, batchRequest({ session, operations: [setData('/a', 'x', 3)] })),
    ).toBe(3);
  });

  it('a cold instance answers two even when rows are ahead of the watermark that it has read', async () => {
    const { world, session } = await setUp(true);
    const cold = world.instance();
    const watermark = world.store.dump('state').find(({ pk }) => String(pk).endsWith('#watermark'))!;
    await world.store.delete({ table: 'state', key: { partition: String(watermark['pk']), sort: '-' } });
    expect(await roundTrips(world, cold, batchRequest({ session, operations: [READ] }))).toBe(2);
  });

  it('a warm instance answers a read after one, whether or not it knows the znode', async () => {
    const { world, session } = await setUp(true);
    const warm = world.instance();
    await world.batch(warm, { session, operations: [READ] });
    expect(await roundTrips(world, warm, batchRequest({ session, operations: [READ] }))).toBe(1);
    const other = { op: 'getData', path: '/b' } as const;
    expect(await roundTrips(world, warm, batchRequest({ session, operations: [other, READ] }))).toBe(1);
  });

  it('a read that asks for no more than its session has seen takes none', async () => {
    const { world, session } = await setUp(true);
    const warm = world.instance();
    await world.batch(warm, { session, operations: [READ] });
    const request = batchRequest({ session, consistency: 'session', operations: [READ] });
    expect(await roundTrips(world, warm, request)).toBe(0);
  });

  it('an uncontended write of a warm instance is one put, and so are several with reads after them', async () => {
    const { world, session } = await setUp(true);
    const warm = world.instance();
    await world.batch(warm, { session, operations: [READ] });
    const one = batchRequest({ session, seen: 3, operations: [setData('/a', 'y', 3)] });
    expect(await roundTrips(world, warm, one)).toBe(1);
    expect(warm.calls.map(({ operation, table }) => `${operation} ${table}`)).toEqual(['put log']);
    const several = [setData('/a', 'z', 4), setData('/a', 'zz', 5), READ];
    expect(await roundTrips(world, warm, batchRequest({ session, seen: 4, operations: several }))).toBe(1);
    expect(warm.calls.map(({ operation, table }) => `${operation} ${table}`)).toEqual(['put log']);
  });

  it('the lease is renewed beside the rest, and only when less than two thirds are left', async () => {
    const { world, session } = await setUp(true);
    const warm = world.instance();
    await world.batch(warm, { session, operations: [READ] });
    await world.clock.advance(4_000);
    const request = batchRequest({ session, operations: [READ] });
    expect(await roundTrips(world, warm, request)).toBe(1);
    expect(warm.calls.filter(({ table }) => table === 'leases').map(({ operation }) => operation)).toEqual([
      'update',
    ]);
    await roundTrips(world, warm, request);
    expect(warm.calls.filter(({ table }) => table === 'leases')).toEqual([]);
  });
});
