import { describe, expect, it } from 'vitest';
import { recordKey } from '../../lib/core/state.js';
import type { ReadRequest, WriteRequest } from '../../lib/core/types.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
import { stateKey } from '../../lib/keeper/rows.js';
import { holdReply } from './meddling.js';
import { ANYONE, NAMESPACE, TINY_VIEW, World, create, createSession } from './world.js';

const DAY_MS = 24 * 3600_000;

function setData(path: string, data = 'x'): WriteRequest {
  return { kind: 'setData', path, data: Buffer.from(data), version: -1 };
}

function remove(path: string): WriteRequest {
  return { kind: 'delete', path, version: -1 };
}

async function writeAll(world: World, keeper: Keeper, requests: readonly WriteRequest[]): Promise<void> {
  for (const request of requests) {
    expect(await world.until(keeper.write(request, ANYONE))).toMatchObject({ ok: true });
  }
}

async function childrenOf(world: World, keeper: Keeper, path: string): Promise<string[]> {
  await world.until(keeper.replica.hydrate([recordKey.children(path)]));
  return [...(keeper.replica.view.children(path) ?? [])].sort();
}

describe('hydration', () => {
  it('reads the log up to a row that is newer than the head before it uses the row', async () => {
    const world = new World();
    const [behind, writer] = [world.keeper(), world.keeper()];
    await world.until(behind.start());
    await writeAll(world, writer, [create('/a'), setData('/a'), create('/b')]);
    await world.until(world.materializer().run());
    await world.until(behind.replica.hydrate([recordKey.node('/a')]));
    expect(behind.head).toBe(3);
    expect(behind.replica.view.node('/a')).toMatchObject({ zxid: 2, version: 1 });
  });

  it('folds what the log has beyond an older row', async () => {
    const world = new World();
    const writer = world.keeper();
    await writeAll(world, writer, [create('/a')]);
    await world.until(world.materializer().run());
    await writeAll(world, writer, [setData('/a'), create('/a/b'), setData('/a')]);
    const fresh = world.keeper();
    await world.until(fresh.start());
    expect(fresh.replica.window.base).toBe(1);
    await world.until(fresh.replica.hydrate([recordKey.node('/a')]));
    expect(fresh.replica.view.node('/a')).toMatchObject({ zxid: 4, version: 2, numChildren: 1 });
  });

  for (const kind of ['node', 'children', 'session', 'ephemerals'] as const) {
    it(`of a record of kind ${kind} holds the window while the row is on its way and the watermark passes it`, async () => {
      const world = new World();
      const writer = world.keeper();
      const origin = { session: 5n, epoch: 1, authIds: [] };
      await writeAll(world, writer, [createSession(5n), create('/a')]);
      await world.until(writer.write(create('/a/e1', '', 'ephemeral'), origin));
      await world.until(world.materializer().run());

      const partitions = {
        node: stateKey.node(NAMESPACE, '/a').partition,
        children: stateKey.children(NAMESPACE, '/a'),
        session: stateKey.session(NAMESPACE, 5n).partition,
        ephemerals: stateKey.ephemerals(NAMESPACE, 5n),
      };
      const { store, gate } = holdReply(
        world.connection(),
        ({ partition }) => partition === partitions[kind],
      );
      const keeper = world.keeper({ store });
      await world.until(keeper.start());
      expect(keeper.replica.window.base).toBe(3);
      await world.until(writer.write(create('/a/e2', '', 'ephemeral'), origin));
      const attach: WriteRequest = {
        kind: 'attach',
        session: 5n,
        owner: 'g',
        attachId: 'b',
        timeoutMs: 10_000,
        replacesEpoch: 1,
      };
      await world.until(writer.write(attach, ANYONE));
      await world.until(keeper.sync());
      const key = kind === 'node' || kind === 'children' ? recordKey[kind]('/a') : recordKey[kind](5n);
      const hydrated = keeper.replica.hydrate([key]);
      await world.until(gate.reached);
      await world.until(world.materializer().run());
      await world.until(keeper.replica.refreshWatermark());
      expect(keeper.watermark).toBe(5);
      expect(keeper.replica.window.base).toBe(3);
      gate.open();
      await world.until(hydrated);
      const { view } = keeper.replica;
      if (kind === 'node') expect(view.node('/a')).toMatchObject({ zxid: 4, numChildren: 2 });
      if (kind === 'session') expect(view.session(5n)).toMatchObject({ zxid: 5, epoch: 2 });
      if (kind === 'children') expect([...(view.children('/a') ?? [])]).toEqual(['e1', 'e2']);
      if (kind === 'ephemerals') expect([...(view.ephemerals(5n) ?? [])]).toEqual(['/a/e1', '/a/e2']);
      expect(keeper.replica.window.base).toBe(5);
    });
  }

  it('folds a listing of several pages once, whatever changes between the pages', async () => {
    const world = new World();
    const writer = world.keeper();
    await writeAll(world, writer, [
      create('/p'),
      ...['a', 'b', 'c', 'd'].map((name) => create(`/p/${name}`)),
    ]);
    await world.until(world.materializer().run());
    const store = world.connection({ pageItemsMax: 1 });
    const keeper = world.keeper({ store });
    await world.until(keeper.start());
    let pages = 0;
    store.intercept = async (call) => {
      if (call.operation !== 'query' || call.table !== 'state') return undefined;
      pages++;
      if (pages === 3) {
        await writeAll(world, writer, [remove('/p/a'), remove('/p/d'), create('/p/aa'), create('/p/e')]);
        await writeAll(world, writer, [remove('/p/b'), create('/p/b')]);
        await world.until(world.materializer().run());
      }
      return undefined;
    };
    expect(await childrenOf(world, keeper, '/p')).toEqual(['aa', 'b', 'c', 'e']);
    expect(pages).toBeGreaterThan(4);
    expect(keeper.head).toBe(11);
  });

  it('finds what has no row yet in the window, after it was evicted from a small view', async () => {
    const world = new World();
    const keeper = world.keeper({ viewLimits: TINY_VIEW });
    const paths = Array.from({ length: 60 }, (_, index) => `/node-${index}`);
    await writeAll(
      world,
      keeper,
      paths.map((path) => create(path, path)),
    );
    expect(keeper.replica.view.statistics.evictions).toBeGreaterThan(50);
    expect(world.store.dump('state')).toEqual([]);
    for (const path of paths) {
      const { answer } = await world.until(keeper.read({ kind: 'getData', path }));
      expect(answer).toMatchObject({ ok: true, result: { stat: { dataLength: path.length } } });
    }
  });

  it('looks at the tail before it trusts an absent row after a long sleep, for tombstones go after a day', async () => {
    const world = new World();
    const [sleeper, writer] = [world.keeper(), world.keeper()];
    await writeAll(world, writer, [create('/a')]);
    await world.until(world.materializer().run());
    await world.until(sleeper.start());
    await writeAll(world, writer, [remove('/a')]);
    await world.until(world.materializer().run());
    await world.clock.advance(2 * DAY_MS);
    expect(world.store.deleteExpired(world.clock.now()).length).toBeGreaterThan(0);
    // At its own head the znode exists, so it must not say otherwise there.
    const { answer, zxid } = await world.until(sleeper.read({ kind: 'exists', path: '/a' }));
    expect(zxid).toBe(2);
    expect(answer.ok).toBe(false);
  });

  it('does the same when only the wall clock says how long the sleep was', async () => {
    const world = new World();
    const [sleeper, writer] = [world.keeper(), world.keeper()];
    await writeAll(world, writer, [create('/a')]);
    await world.until(world.materializer().run());
    await world.until(sleeper.start());
    await writeAll(world, writer, [remove('/a')]);
    await world.until(world.materializer().run());
    world.clock.step(2 * DAY_MS);
    world.store.deleteExpired(world.clock.now());
    const { zxid } = await world.until(sleeper.read({ kind: 'exists', path: '/a' }));
    expect(zxid).toBe(2);
  });

  it('gives exactly the answers of a large view with one that holds next to nothing', async () => {
    const world = new World(7);
    const writer = world.keeper();
    const small = world.keeper({ viewLimits: TINY_VIEW });
    for (let index = 0; index < 80; index++) {
      const parent = `/p${world.int(4)}`;
      await world.until(writer.write(create(parent), ANYONE));
      await world.until(writer.write(create(`${parent}/c${world.int(12)}`), ANYONE));
      if (world.int(3) === 0) await world.until(writer.write(remove(`${parent}/c${world.int(12)}`), ANYONE));
      if (index % 20 === 10) await world.until(world.materializer().run());
    }
    for (const path of ['/p0', '/p1', '/p2', '/p3']) {
      for (const kind of ['getChildren', 'exists'] as const) {
        const request: ReadRequest = { kind, path };
        const wanted = await world.until(writer.read(request, { consistency: 'linearizable' }));
        const got = await world.until(small.read(request, { consistency: 'linearizable' }));
        const sorted = (value: unknown) =>
          JSON.stringify(value, (_, part: unknown) => {
            if (typeof part === 'bigint') return String(part);
            return Array.isArray(part) ? [...(part as string[])].sort() : part;
          });
        expect(sorted(got)).toBe(sorted(wanted));
      }
    }
    expect(small.replica.view.statistics.evictions).toBeGreaterThan(0);
  });
});

describe('a session that moves between keepers', () => {
  it('finds its own writes wherever the keeper has reached its last zxid', async () => {
    const world = new World();
    const [one, two] = [world.keeper(), world.keeper()];
    await world.until(Promise.all([one.start(), two.start()]));
    await writeAll(world, one, [create('/a'), setData('/a', 'mine')]);
    expect(two.head).toBe(0);
    expect(await world.until(two.reach(2))).toBe(true);
    expect(two.head).toBe(2);
    const { answer } = await world.until(two.read({ kind: 'getData', path: '/a' }));
    expect(answer).toMatchObject({ ok: true, result: { stat: { version: 1 } } });
  });

  it('is told when the log does not reach its zxid', async () => {
    const world = new World();
    const keeper = world.keeper();
    await writeAll(world, keeper, [create('/a')]);
    expect(await world.until(keeper.reach(1))).toBe(true);
    expect(await world.until(keeper.reach(2))).toBe(false);
  });

  it('sees by sync what was committed before the call, also when a read of the tail is on its way', async () => {
    const world = new World();
    const { store, gate } = holdReply(
      world.connection(),
      ({ operation, table }) => operation === 'query' && table === 'log',
    );
    const keeper = world.keeper({ store });
    const writer = world.keeper();
    const early = keeper.sync();
    await world.until(gate.reached);
    await writeAll(world, writer, [create('/a')]);
    const late = keeper.sync();
    gate.open();
    await world.until(early);
    expect(await world.until(late)).toBe(1);
  });
});

describe('a tombstone whose time has come', () => {
  /** What is read of `/a`, after `/a/gone` and `/a/again` were deleted two days ago, and what making the latter again is answered. */
  async function afterTwoDays(isSwept: boolean) {
    const world = new World();
    const writer = world.keeper();
    const paths = ['/a', '/a/gone', '/a/again', '/a/kept'];
    await writeAll(world, writer, [
      ...paths.map((path) => create(path)),
      remove('/a/gone'),
      remove('/a/again'),
    ]);
    await world.until(world.materializer().run());
    await world.clock.advance(2 * DAY_MS);
    if (isSwept) world.store.deleteExpired(world.clock.now());
    const tombstones = world.store.dump('state').filter(({ gone }) => gone === true).length;
    const cold = world.keeper();
    const answers = [];
    for (const request of [
      { kind: 'getChildren', path: '/a' },
      { kind: 'exists', path: '/a/gone' },
      { kind: 'getData', path: '/a/kept' },
    ] as const) {
      answers.push((await world.until(cold.read(request, { consistency: 'linearizable' }))).answer);
    }
    const outcome = await world.until(cold.write(create('/a/again'), ANYONE));
    await world.until(world.materializer().run());
    const children = await world.until(world.keeper().read({ kind: 'getChildren', path: '/a' }));
    return { tombstones, told: { answers, outcome, children } };
  }

  it('changes no answer, whether it is still there or gone', async () => {
    const swept = await afterTwoDays(true);
    const left = await afterTwoDays(false);
    expect([swept.tombstones, left.tombstones]).toEqual([0, 4]);
    expect(left.told).toEqual(swept.told);
    expect(left.told.outcome).toMatchObject({ ok: true, zxid: 7 });
  });
});

describe('a write that is asked for again', () => {
  it('is answered from the log, though its client last saw a zxid in the middle of an entry', async () => {
    const world = new World();
    const writer = world.keeper();
    await writeAll(world, writer, [createSession(5n)]);
    const origin = (cxid: number, seen: number) => ({
      ...{ session: 5n, epoch: 1, authIds: [] },
      once: { cxid, digest: `${cxid}`.repeat(16), seen },
    });
    const [, first, second] = await world.until(
      Promise.all([
        writer.write(create('/other'), ANYONE),
        writer.write(create('/a'), origin(1, 1)),
        writer.write(create('/b'), origin(2, 1)),
      ]),
    );
    expect((await world.log()).entries.map(({ first, last }) => [first, last])).toEqual([
      [1, 1],
      [2, 4],
    ]);
    await world.until(world.materializer().run());
    const fresh = world.keeper();
    await world.until(fresh.start());
    expect(await world.until(fresh.write(create('/b'), origin(2, 3)))).toEqual(second);
    expect(await world.until(fresh.write(create('/a'), origin(1, 2)))).toEqual(first);
    expect(fresh.head).toBe(4);
  });
});
