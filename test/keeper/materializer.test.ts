import { describe, expect, it } from 'vitest';
import { recordKey } from '../../lib/core/state.js';
import type { WriteRequest } from '../../lib/core/types.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
import { isTombstone, nodeOfRow, stateKey, watermarkOfRow } from '../../lib/keeper/rows.js';
import { KeeperError } from '../../lib/keeper/types.js';
import type { StoreCall } from '../../lib/log/simulated-store.js';
import type { Item } from '../../lib/log/store.js';
import { holdCall, holdReply, notePuts, putItem } from './meddling.js';
import { ANYONE, NAMESPACE, World, create, createSession } from './world.js';

const DAY_MS = 24 * 3600_000;
const MINUTE_MS = 60_000;
const WATERMARK = stateKey.watermark(NAMESPACE).partition;

function setData(path: string): WriteRequest {
  return { kind: 'setData', path, data: Buffer.from('x'), version: -1 };
}

function remove(path: string): WriteRequest {
  return { kind: 'delete', path, version: -1 };
}

async function writeAll(world: World, keeper: Keeper, requests: readonly WriteRequest[]): Promise<void> {
  for (const request of requests) {
    expect(await world.until(keeper.write(request, ANYONE))).toMatchObject({ ok: true });
  }
}

function rowOf(world: World, path: string): Item | undefined {
  const { partition } = stateKey.node(NAMESPACE, path);
  return world.store.dump('state').find((row) => row['pk'] === partition);
}

function watermarkOf(world: World): number {
  const row = world.store.dump('state').find(({ pk }) => pk === WATERMARK);
  return row === undefined ? 0 : watermarkOfRow(row).zxid;
}

function isPutOf(path: string): (call: StoreCall) => boolean {
  const { partition } = stateKey.node(NAMESPACE, path);
  return (call) => putItem(call)?.['pk'] === partition;
}

describe('the materializer', () => {
  it('writes each key of a batch once, however often it changed', async () => {
    const world = new World();
    const keeper = world.keeper();
    await writeAll(world, keeper, [createSession(5n), create('/a'), create('/a/b')]);
    for (let index = 0; index < 30; index++) await writeAll(world, keeper, [setData('/a')]);
    for (let index = 0; index < 5; index++) await writeAll(world, keeper, [remove('/a/b'), create('/a/b')]);
    const store = world.connection();
    const puts = notePuts(store, 'state');
    const report = await world.until(world.materializer({}, store).run());
    const keys = puts.map(({ pk, sk }) => `${String(pk)} ${String(sk)}`);
    expect(new Set(keys).size).toBe(keys.length);
    // The session, /, /a, /a/b, two names of children, and the watermark.
    expect(keys).toHaveLength(7);
    expect(report).toMatchObject({ rows: 6, transactions: 43, watermark: 43, more: false });
  });

  it('leaves tombstones that are due a day after they were written, whatever the entry says', async () => {
    const world = new World();
    const keeper = world.keeper();
    await writeAll(world, keeper, [create('/a'), remove('/a')]);
    await world.clock.advance(3 * DAY_MS);
    await world.until(world.materializer().run());
    const nowS = Math.floor(world.clock.now() / 1000);
    const tombstones = world.store.dump('state').filter(isTombstone);
    expect(tombstones.map(({ sk }) => sk).sort()).toEqual(['-', 'a']);
    for (const { ttl, z } of tombstones) {
      expect(z).toBe(2);
      expect(ttl).toBeGreaterThan(nowS + DAY_MS / 1000 - 60);
      expect(ttl).toBeLessThanOrEqual(nowS + DAY_MS / 1000);
    }
  });

  it('does not let a delayed old image overwrite a newer one', async () => {
    const world = new World();
    const keeper = world.keeper();
    await writeAll(world, keeper, [create('/a')]);
    const store = world.connection();
    const put = holdCall(store, isPutOf('/a'));
    const late = world.materializer({}, store).run();
    await world.until(put.reached);
    await writeAll(world, keeper, [setData('/a'), create('/b'), remove('/b')]);
    await world.until(world.materializer().run());
    put.open();
    await world.until(late);
    expect(nodeOfRow(rowOf(world, '/a')!)).toMatchObject({ zxid: 2, version: 1 });
    expect(isTombstone(rowOf(world, '/b')!)).toBe(true);
    expect(watermarkOf(world)).toBe(4);
  });

  it('does not bring back by a delayed old image what has been deleted', async () => {
    const world = new World();
    const keeper = world.keeper();
    await writeAll(world, keeper, [create('/a')]);
    const store = world.connection({ delayMinMs: 5 * MINUTE_MS, delayMaxMs: 5 * MINUTE_MS });
    store.intercept = (call) => (isPutOf('/a')(call) ? 'delayedWrite' : undefined);
    await expect(world.until(world.materializer({}, store).run())).rejects.toThrow(KeeperError);
    expect(rowOf(world, '/a')).toBeUndefined();
    await writeAll(world, keeper, [remove('/a')]);
    await world.until(world.materializer().run());
    store.releaseDelayedWrites();
    expect(isTombstone(rowOf(world, '/a')!)).toBe(true);
  });

  it('finishes what another one left between the rows and the watermark', async () => {
    const world = new World();
    const keeper = world.keeper();
    await writeAll(world, keeper, [create('/a'), create('/b')]);
    const store = world.connection();
    store.intercept = (call) => (putItem(call)?.['pk'] === WATERMARK ? 'lostRequest' : undefined);
    await expect(world.until(world.materializer({}, store).run())).rejects.toMatchObject({
      code: 'StoreUnavailable',
    });
    expect(rowOf(world, '/b')).toBeDefined();
    expect(watermarkOf(world)).toBe(0);
    await writeAll(world, keeper, [remove('/b'), setData('/a')]);
    await world.until(world.materializer().run());
    expect(watermarkOf(world)).toBe(4);
    expect(nodeOfRow(rowOf(world, '/a')!)).toMatchObject({ version: 1 });
    expect(isTombstone(rowOf(world, '/b')!)).toBe(true);
  });

  it('goes on by itself after a failure', async () => {
    const world = new World();
    const keeper = world.keeper();
    const store = world.connection();
    const materializer = world.materializer({}, store);
    await writeAll(world, keeper, [create('/a')]);
    await world.until(materializer.run());
    await writeAll(world, keeper, [setData('/a')]);
    store.intercept = (call) => (isPutOf('/a')(call) ? 'throttle' : undefined);
    await expect(world.until(materializer.run())).rejects.toThrow(KeeperError);
    expect(watermarkOf(world)).toBe(1);
    store.intercept = undefined;
    await world.until(materializer.run());
    expect(watermarkOf(world)).toBe(2);
    expect(nodeOfRow(rowOf(world, '/a')!)).toMatchObject({ version: 1 });
  });

  it('moves the watermark monotonically and to entry ends only, with several at work on a faulty store', async () => {
    const world = new World(3);
    const keepers = [world.keeper({ faults: { latencyMaxMs: 5 } }), world.keeper()];
    const seen: number[] = [];
    world.store.onChange(({ table, keys }) => {
      if (table === 'state' && keys.partition === WATERMARK) seen.push(watermarkOf(world));
    });
    const faults = { lostReply: 0.1, lostRequest: 0.1, latencyMaxMs: 20, pageItemsMax: 3 };
    const materializers = [
      world.materializer(faults),
      world.materializer(faults),
      world.materializer(faults),
    ];
    const running: Promise<unknown>[] = [];
    for (let round = 0; round < 40; round++) {
      const path = `/n${world.int(6)}`;
      const requests = [create(path), setData(path), remove(path), create(`${path}/x`)];
      for (const request of requests) running.push(world.pick(keepers).write(request, ANYONE));
      const run = world.pick(materializers).run();
      running.push(run.catch((error: unknown) => expect(error).toBeInstanceOf(KeeperError)));
      await world.clock.advance(world.int(40));
    }
    await world.until(Promise.all(running));
    await world.until(world.materializer().run());
    const ends = new Set((await world.log()).entries.map(({ last }) => last));
    expect(seen.length).toBeGreaterThan(5);
    for (const [index, zxid] of seen.entries()) {
      expect(ends).toContain(zxid);
      if (index > 0) expect(zxid).toBeGreaterThan(seen[index - 1]!);
    }
    expect(watermarkOf(world)).toBe(Math.max(...ends));
  });

  it('moves the watermark only after every row of the batch is written', async () => {
    const world = new World();
    const keeper = world.keeper();
    await writeAll(world, keeper, [create('/a'), create('/b')]);
    const store = world.connection();
    const put = holdCall(store, isPutOf('/a'));
    const run = world.materializer({}, store).run();
    await world.until(put.reached);
    await world.clock.advance(MINUTE_MS);
    expect(watermarkOf(world)).toBe(0);
    put.open();
    await world.until(run);
    expect(watermarkOf(world)).toBe(2);
  });

  it('writes nothing more once it was frozen for more than ten minutes', async () => {
    const world = new World();
    const keeper = world.keeper();
    await writeAll(world, keeper, [create('/a'), create('/b')]);
    await world.until(world.materializer().run());
    await writeAll(world, keeper, [setData('/a')]);
    const { store, gate } = holdReply(
      world.connection(),
      ({ partition }) => partition === stateKey.node(NAMESPACE, '/a').partition,
    );
    const frozen = world.materializer({}, store).run();
    await world.until(gate.reached);
    await writeAll(world, keeper, [remove('/a')]);
    await world.until(world.materializer().run());
    await world.clock.advance(2 * DAY_MS);
    world.store.deleteExpired(world.clock.now());
    gate.open();
    await expect(world.until(frozen)).rejects.toMatchObject({ code: 'Stopped' });
    expect(rowOf(world, '/a')).toBeUndefined();
    expect(watermarkOf(world)).toBe(4);
  });

  it('writes nothing when it was frozen while the watermark was on its way', async () => {
    const world = new World();
    const keeper = world.keeper();
    await writeAll(world, keeper, [create('/a')]);
    await world.until(world.materializer().run());
    await writeAll(world, keeper, [setData('/a')]);
    const reads: string[] = [];
    const { store, gate } = holdReply(world.connection(), ({ partition }) => {
      if (partition === WATERMARK) reads.push(partition);
      return partition === WATERMARK && reads.length === 2;
    });
    const puts: Item[] = [];
    const noting = {
      ...store,
      put: (input: { item: Item }) => (puts.push(input.item), store.put(input as never)),
    };
    const frozen = world.materializer({}, noting).run();
    await world.until(gate.reached);
    await writeAll(world, keeper, [remove('/a')]);
    await world.until(world.materializer().run());
    await world.clock.advance(2 * DAY_MS);
    world.store.deleteExpired(world.clock.now());
    expect(rowOf(world, '/a')).toBeUndefined();
    gate.open();
    await expect(world.until(frozen)).rejects.toMatchObject({ code: 'Stopped' });
    expect(puts).toEqual([]);
    expect(rowOf(world, '/a')).toBeUndefined();
  });

  it('dates a tombstone by what its view saw, when rows of another run made it read on beyond its batch', async () => {
    const world = new World();
    const keeper = world.keeper();
    await writeAll(world, keeper, [create('/a'), create('/b')]);
    await world.until(world.materializer().run());
    await writeAll(world, keeper, [setData('/a'), setData('/b')]);
    const reader = world.keeper();
    await world.until(reader.start());
    expect(reader.head).toBe(4);

    // The slow one has its batch, 3 and 4, and goes for the rows; the other one gets as far as /b's row at 6.
    const slowStore = world.connection();
    const { partition } = stateKey.node(NAMESPACE, '/b');
    const hydration = holdCall(
      slowStore,
      (call) => call.operation === 'get' && call.key.partition === partition,
    );
    const slow = world.materializer({}, slowStore).run();
    await world.until(hydration.reached);
    await writeAll(world, keeper, [remove('/a'), setData('/b')]);
    const otherStore = world.connection();
    otherStore.intercept = (call) => {
      const pk = putItem(call)?.['pk'];
      return pk === undefined || isPutOf('/b')(call) ? undefined : 'lostRequest';
    };
    await expect(world.until(world.materializer({}, otherStore).run())).rejects.toThrow(KeeperError);
    expect(rowOf(world, '/b')).toMatchObject({ z: 6 });
    hydration.open();
    await world.until(slow);

    expect(rowOf(world, '/a')).toMatchObject({ gone: true, z: 5 });
    await world.until(reader.replica.hydrate([recordKey.node('/a')]));
    const known = reader.replica.view.node('/a');
    expect(reader.head === 4 ? known?.version : known).toBe(reader.head === 4 ? 1 : null);
  });

  it('stops at its deadline with what is done, and says that there is more', async () => {
    const world = new World();
    const keeper = world.keeper();
    for (let index = 0; index < 150; index++) await writeAll(world, keeper, [create(`/n${index}`)]);
    const materializer = world.materializer();
    const report = await world.until(materializer.run({ deadlineMs: world.clock.now() }));
    expect(report).toMatchObject({ watermark: 100, more: true });
    expect(await world.until(materializer.run())).toMatchObject({ watermark: 150, more: false });
  });
});
