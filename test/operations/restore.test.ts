/** Tables that were copied at different instants of a running load, and what `restore` makes of them. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/base/clock.js';
import { seededRandom } from '../../lib/base/random.js';
import { FullState } from '../../lib/core/full-state.js';
import { apply } from '../../lib/core/machine.js';
import { readChanges } from '../../lib/keeper/changes.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
import { Keeper as RealKeeper } from '../../lib/keeper/keeper.js';
import { recordKey } from '../../lib/core/state.js';
import { SimulatedStore } from '../../lib/log/simulated-store.js';
import { StoreError, type Item, type Store, type TableName } from '../../lib/log/store.js';
import { TABLE_NAMES } from '../../lib/log/tables.js';
import { restore, RestoreError, type RestoreOptions } from '../../lib/operations/restore.js';
import { ANYONE, NAMESPACE, World, create, createSession, same, type History } from '../keeper/world.js';

const SESSIONS = [11n, 12n];
const SEEDS = Array.from({ length: 12 }, (_, index) => index + 1);

/** A load, and copies of its tables, each made at an instant of its own. */
async function load(seed: number, trim = false) {
  const world = new World(seed);
  const keeper = world.keeper();
  const copies = new Map<TableName, Item[]>();
  const steps = 120;
  const instants = new Map(TABLE_NAMES.map((table) => [table, 40 + world.int(steps - 40)]));
  // A trimmed log can be restored only on rows that are no newer.
  if (trim) instants.set('state', Math.min(instants.get('state')!, instants.get('log')!));
  for (const session of SESSIONS) await world.until(keeper.write(createSession(session), ANYONE));
  for (let step = 0; step < steps; step++) {
    await oneStep(world, keeper);
    if (trim && step === 30) {
      await world.until(world.materializer().run());
      const z = keeper.head;
      await world.store.put({ table: 'state', item: { pk: `${NAMESPACE}#cursor#notify`, sk: '-', z } });
      await world.clock.advance(10);
      await world.until(world.trim(0));
    }
    for (const [table, instant] of instants) {
      if (instant === step) copies.set(table, world.store.dump(table));
    }
  }
  return { world, keeper, copies, history: await world.log() };
}

async function oneStep(world: World, keeper: Keeper): Promise<void> {
  const path = `/n${world.int(12)}`;
  const session = world.pick(SESSIONS);
  const roll = world.random.float();
  const origin = { session, epoch: 1, authIds: [] };
  if (roll < 0.5) {
    const size = world.random.float() < 0.15 ? 6000 : 30;
    await world.until(keeper.write(create(path, new Uint8Array(size).fill(world.int(256))), origin));
  } else if (roll < 0.65) await world.until(keeper.write(create(path, '', 'ephemeral'), origin));
  else if (roll < 0.8) await world.until(keeper.write({ kind: 'delete', path, version: -1 }, origin));
  else if (roll < 0.9) await world.until(world.materializer().run());
  else {
    const data = new Uint8Array(20).fill(world.int(256));
    await world.until(keeper.write({ kind: 'setData', path, data, version: -1 }, origin));
  }
  const row = { pk: `${NAMESPACE}#lease#${session.toString(16)}`, sk: '1', deadline: 1 };
  await world.store.put({ table: 'leases', item: row });
}

async function tablesOf(copies: ReadonlyMap<TableName, Item[]>): Promise<SimulatedStore> {
  const clock = new ManualClock(1_800_000_000_000);
  const store = new SimulatedStore({ clock, random: seededRandom(5) });
  for (const [table, rows] of copies) {
    for (const item of rows) await store.put({ table, item });
  }
  return store;
}

function optionsFor(store: SimulatedStore): RestoreOptions & { readonly clock: ManualClock } {
  // eslint-disable-next-line @typescript-eslint/require-await -- a table of the simulation needs no waiting
  const scan = async function* (table: TableName) {
    yield* store.dump(table);
  };
  const clock = new ManualClock(1_800_000_000_000);
  return { store, scan, namespace: NAMESPACE, clock, random: seededRandom(6) };
}

/** The state after the entries up to a zxid, with the sessions closed as a restore closes them. */
function replayed(history: History, end: number): FullState {
  const state = new FullState();
  for (const [id, content] of history.blobs) state.putBlob(id, content);
  for (const { first, txns, timeMs } of history.entries) {
    for (const [index, txn] of txns.entries()) {
      if (first + index <= end) apply(txn, { zxid: first + index, timeMs }, state);
    }
  }
  return state;
}

async function everything(options: RestoreOptions) {
  const keeper = new RealKeeper(options);
  await keeper.start();
  return keeper;
}

describe('tables copied at different instants', () => {
  it.each(SEEDS)('are restored to a prefix of the history, and go on beyond it (seed %d)', async (seed) => {
    const { keeper, copies, history } = await load(seed);
    const options = optionsFor(await tablesOf(copies));
    const report = await restore({ ...options, zxidJump: 1000 });

    const ends = history.entries.map(({ last }) => last);
    expect([0, ...ends]).toContain(report.restoredTo);
    expect(report.jumpedTo).toBeGreaterThan(keeper.head);
    const logged = Math.max(...copies.get('log')!.map((row) => row['last'] as number));
    expect(report.restoredTo).toBeLessThanOrEqual(logged);

    const wanted = replayed(history, report.restoredTo);
    const restored = await everything(options);
    const ephemerals = new Set(SESSIONS.flatMap((session) => [...wanted.ephemerals(session)]));
    const paths = [...wanted.paths()].filter((path) => !ephemerals.has(path));
    const { answer } = await restored.read({ kind: 'getChildren', path: '/' });
    const names = answer.ok && answer.result.kind === 'getChildren' ? answer.result.children : [];
    expect([...names].sort()).toEqual(
      paths
        .filter((path) => /^\/[^/]+$/.test(path))
        .map((path) => path.slice(1))
        .sort(),
    );
    for (const path of paths.filter((one) => one !== '/')) {
      await restored.hydrate([recordKey.node(path)]);
      expect(same(restored.replica.view.node(path), wanted.node(path)), path).toBe(true);
      expect((await restored.read({ kind: 'getData', path })).answer.ok).toBe(true);
    }
    expect(restored.counters.sessions).toBe(0);
    expect(report.sessionsClosed).toBe([...wanted.sessions()].length);
  });

  it.each(SEEDS.slice(0, 6))(
    'are restored on their rows where the log was trimmed (seed %d)',
    async (seed) => {
      const { copies, history } = await load(seed, true);
      const options = optionsFor(await tablesOf(copies));
      const report = await restore(options);
      const wanted = replayed(history, report.restoredTo);
      const restored = await everything(options);
      for (const path of wanted.paths()) {
        const record = wanted.node(path);
        if (path === '/' || record?.ephemeralOwner !== 0n) continue;
        await restored.hydrate([recordKey.node(path)]);
        expect(same(restored.replica.view.node(path), record), path).toBe(true);
      }
      expect(restored.counters.sessions).toBe(0);
    },
  );

  it('are refused where the log was trimmed and the rows are newer, and nothing is changed', async () => {
    const { world, copies } = await load(3, true);
    await world.until(world.materializer().run());
    copies.set('state', world.store.dump('state'));
    copies.set('log', copies.get('log')!.slice(0, -3));
    const store = await tablesOf(copies);
    const before = TABLE_NAMES.map((table) => store.dump(table));
    await expect(restore(optionsFor(store))).rejects.toThrow(RestoreError);
    expect(TABLE_NAMES.map((table) => store.dump(table))).toEqual(before);
  });

  it('hold no lease, no watch and no session any more, and say Compacted to changes from before', async () => {
    const { copies } = await load(4);
    const store = await tablesOf(copies);
    const options = optionsFor(store);
    const { restoredTo, jumpedTo } = await restore(options);
    expect(store.dump('leases')).toEqual([]);
    expect(store.dump('watches')).toEqual([]);
    const keeper = await everything(options);
    const changes = (since: number) =>
      readChanges({ replica: keeper.replica, path: '/', recursive: true, since, transactionsMax: 10_000 });
    await expect(changes(restoredTo)).rejects.toMatchObject({ code: 'Compacted' });
    await expect(changes(restoredTo + 5)).rejects.toMatchObject({ code: 'Compacted' });
    const stale = { session: 11n, epoch: 1, authIds: [] };
    expect(await keeper.write(create('/late'), stale)).toMatchObject({ ok: false });
    const written = await keeper.write(create('/new'), ANYONE);
    expect(written).toMatchObject({ ok: true });
    expect(written.zxid).toBeGreaterThan(jumpedTo);
    expect((await changes(keeper.head - 1)).changes.at(-1)).toMatchObject({ path: '/new' });
  });

  it('may be restored again after a restore that was done', async () => {
    const { copies } = await load(5);
    const options = optionsFor(await tablesOf(copies));
    const first = await restore(options);
    const keeper = await everything(options);
    await keeper.write(create('/between'), ANYONE);
    const second = await restore(options);
    expect(second.jumpedTo).toBeGreaterThan(first.jumpedTo);
    const again = await everything(options);
    expect((await again.read({ kind: 'exists', path: '/between' })).answer.ok).toBe(true);
  });

  it.each([false, true])(
    'may be restored after a restore that was cut off anywhere (trimmed: %s)',
    async (trim) => {
      const { copies, history } = await load(6, trim);
      for (let calls = 0; ; calls += 7) {
        const options = optionsFor(await tablesOf(copies));
        const isDone = await restore({ ...options, store: cutOff(options.store, calls) }).then(
          () => true,
          () => false,
        );
        const { restoredTo } = await restore(options);
        const wanted = replayed(history, restoredTo);
        const restored = await everything(options);
        for (const path of wanted.paths()) {
          const record = wanted.node(path);
          if (path === '/' || record?.ephemeralOwner !== 0n) continue;
          await restored.hydrate([recordKey.node(path)]);
          expect(same(restored.replica.view.node(path), record), `${path} after ${calls} calls`).toBe(true);
        }
        expect(restored.counters.sessions).toBe(0);
        if (isDone) return;
      }
    },
  );
});

/** A store that goes away for good after so many writes. */
function cutOff(store: Store, writes: number): Store {
  let left = writes;
  const limited =
    <Input, Output>(call: (input: Input) => Promise<Output>) =>
    (input: Input) => {
      if (left-- > 0) return call(input);
      return Promise.reject(new StoreError('Rejected', 'cut off'));
    };
  return {
    get: store.get.bind(store),
    query: store.query.bind(store),
    put: limited(store.put.bind(store)),
    update: limited(store.update.bind(store)),
    delete: limited(store.delete.bind(store)),
  };
}
