import { describe, expect, it } from 'vitest';
import { readChanges, readLogAfter } from '../../lib/keeper/changes.js';
import type { Change } from '../../lib/keeper/changes.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
import { triggersOf } from '../../lib/keeper/changes.js';
import { FullState } from '../../lib/core/full-state.js';
import { apply } from '../../lib/core/machine.js';
import { OPEN_ACL } from '../../lib/core/types.js';
import type { MultiOperation, WriteRequest } from '../../lib/core/types.js';
import { decodeHeader, encodeStub } from '../../lib/log/entry-codec.js';
import { ANYONE, NAMESPACE, World, createSession } from './world.js';

const data = new Uint8Array(1);
const create = (path: string) => ({ kind: 'create', path, data, acl: OPEN_ACL, mode: 'persistent' }) as const;
const set = (path: string) => ({ kind: 'setData', path, data, version: -1 }) as const;
const remove = (path: string) => ({ kind: 'delete', path, version: -1 }) as const;
const setAcl = (path: string) => ({ kind: 'setAcl', path, acl: OPEN_ACL, version: -1 }) as const;

/** Writes one after the other, each an entry of its own, but for those that are handed over together. */
async function history(world: World, batches: readonly (readonly WriteRequest[])[]): Promise<Keeper> {
  const keeper = world.keeper();
  await world.until(keeper.start());
  for (const batch of batches) {
    await world.until(Promise.all(batch.map((request) => keeper.write(request, ANYONE))));
  }
  return keeper;
}

/** A keeper whose window is empty: everything has to come from the log. */
async function cold(world: World): Promise<Keeper> {
  await world.until(world.materializer().run());
  const keeper = world.keeper();
  await world.until(keeper.start());
  expect(keeper.replica.window.base).toBe(keeper.head);
  return keeper;
}

const WRITES: readonly (readonly WriteRequest[])[] = [
  [create('/a'), create('/a/b'), set('/a')],
  [{ kind: 'multi', operations: [set('/a'), create('/a/c'), set('/a/c')] }],
  [setAcl('/a'), create('/ab')],
  [remove('/a/b')],
];

async function all(world: World, keeper: Keeper, asked: { path: string; recursive: boolean; step?: number }) {
  const { path, recursive, step = 100 } = asked;
  const found: Change[] = [];
  let since = 0;
  while (since < keeper.head) {
    const input = { replica: keeper.replica, path, recursive, since, transactionsMax: step };
    const { changes, until } = await world.until(readChanges(input));
    expect(until).toBeGreaterThan(since);
    expect(until - since).toBeLessThanOrEqual(step);
    found.push(...changes);
    since = until;
  }
  return found;
}

const words = (changes: readonly Change[]) =>
  changes.map(({ zxid, position, type, path }) => `${zxid}.${position} ${type} ${path}`);

describe('changes since a zxid', () => {
  for (const source of ['window', 'log'] as const) {
    for (const step of [1, 2, 100]) {
      const name = `from the ${source}, ${step} transactions at a time`;

      it(`of a znode are its own and those of its list of children, ${name}`, async () => {
        const world = new World();
        const warm = await history(world, WRITES);
        const keeper = source === 'window' ? warm : await cold(world);
        expect(words(await all(world, keeper, { path: '/a', recursive: false, step }))).toEqual([
          '1.0 created /a',
          '2.1 childrenChanged /a',
          '3.0 dataChanged /a',
          '4.0 dataChanged /a',
          '4.2 childrenChanged /a',
          '5.0 aclChanged /a',
          '7.1 childrenChanged /a',
        ]);
      });

      it(`of a subtree are those of its znodes, and not of others with the same beginning, ${name}`, async () => {
        const world = new World();
        const warm = await history(world, WRITES);
        const keeper = source === 'window' ? warm : await cold(world);
        expect(words(await all(world, keeper, { path: '/a', recursive: true, step }))).toEqual([
          '1.0 created /a',
          '2.0 created /a/b',
          '3.0 dataChanged /a',
          '4.0 dataChanged /a',
          '4.1 created /a/c',
          '4.3 dataChanged /a/c',
          '5.0 aclChanged /a',
          '7.0 deleted /a/b',
        ]);
      });
    }
  }

  it('of large transactions are all told, with the same positions, from the window as from the log', async () => {
    const world = new World();
    const paths = Array.from(
      { length: 40 },
      (_, index) => `/a/${index % 2 === 0 ? 'even' : 'odd'}/n${index}`,
    );
    const session = 7n;
    const origin = { session, epoch: 1, authIds: [] };
    const warm = await history(world, [
      [createSession(session)],
      [{ kind: 'multi', operations: ['/a', '/a/even', '/a/odd'].map(create) }],
      [{ kind: 'multi', operations: paths.map(create) }],
    ]);
    const ephemerals = paths.map((path): WriteRequest => ({ ...create(`${path}-e`), mode: 'ephemeral' }));
    await world.until(Promise.all(ephemerals.map((request) => warm.write(request, origin))));
    await world.until(warm.write({ kind: 'closeSession', session, epoch: 1 }, ANYONE));
    const asked = ['/a', '/a/even', '/a/odd/n1', '/a/odd/n1-e'].flatMap((path) =>
      [true, false].map((recursive) => ({ path, recursive })),
    );
    const ofWindow: string[][] = [];
    for (const one of asked) ofWindow.push(words(await all(world, warm, one)));
    const keeper = await cold(world);
    for (const [index, one] of asked.entries()) {
      expect(ofWindow[index]).toEqual(words(await all(world, keeper, one)));
    }
    expect(ofWindow[0]).toHaveLength(3 + 3 * paths.length);
  });

  it('carry the time of their entry', async () => {
    const world = new World();
    const keeper = await history(world, [[create('/a')]]);
    await world.clock.advance(5000);
    const [change] = await all(world, keeper, { path: '/a', recursive: true });
    expect(change?.timeMs).toBe(keeper.headTimeMs);
  });

  it('begin in the middle of an entry, and end there', async () => {
    const world = new World();
    await history(world, WRITES);
    const { replica } = await cold(world);
    const input = { replica, path: '/', recursive: true, since: 1, transactionsMax: 1 };
    const { changes, until } = await world.until(readChanges(input));
    expect(words(changes)).toEqual(['2.0 created /a/b']);
    expect(until).toBe(2);
  });

  it('are none at the head', async () => {
    const world = new World();
    const { replica, head } = await history(world, WRITES);
    const input = { replica, path: '/', recursive: true, since: head, transactionsMax: 10 };
    expect(await world.until(readChanges(input))).toEqual({ changes: [], until: head });
  });

  it('of a part of the log that was trimmed are Compacted, and those above it are told', async () => {
    const world = new World();
    await history(world, WRITES);
    const { replica } = await cold(world);
    const [first] = world.store.dump('log');
    await world.store.put({ table: 'log', item: encodeStub(NAMESPACE, decodeHeader(first!)) });
    const input = { replica, path: '/', recursive: true, transactionsMax: 10 };
    await expect(world.until(readChanges({ ...input, since: 1 }))).rejects.toMatchObject({
      code: 'Compacted',
    });
    const { changes } = await world.until(readChanges({ ...input, since: 3 }));
    expect(words(changes)[0]).toBe('4.0 dataChanged /a');
  });
});

describe('the log after an entry’s end', () => {
  /** The entries' ends that are read after `end`, two a page. */
  async function endsAfter(world: World, end: number): Promise<number[]> {
    const { replica } = world.keeper();
    const ends: number[] = [];
    const read = async () => {
      const log = { ...replica.options, blobs: replica.blobs };
      for await (const { entry } of readLogAfter(log, end, 2)) ends.push(entry.last);
    };
    await world.until(read());
    return ends;
  }

  it('is every entry from the next one on, and nothing when there is none', async () => {
    const world = new World();
    await history(world, WRITES);
    expect(await endsAfter(world, 0)).toEqual([3, 4, 6, 7]);
    expect(await endsAfter(world, 3)).toEqual([4, 6, 7]);
    expect(await endsAfter(world, 7)).toEqual([]);
  });

  it.each([1, 5])(
    'is no log at all after %i, which is in the middle of an entry: nothing is passed over',
    async (middle) => {
      const world = new World();
      await history(world, WRITES);
      await expect(endsAfter(world, middle)).rejects.toThrow(/does not follow/);
    },
  );
});

describe('triggers of a transaction', () => {
  it('are the same without any state as on the whole state', async () => {
    const world = new World(5);
    const keeper = await history(world, WRITES);
    for (let count = 0; count < 200; count++) {
      const path = world.pick(['/a', '/a/b', '/a/c', '/d', '/d/e']);
      const operation: MultiOperation = world.pick([create(path), set(path), remove(path)]);
      await world.until(keeper.write(operation, ANYONE));
    }
    const state = new FullState();
    let compared = 0;
    for (const entry of (await world.log()).entries) {
      for (const [index, txn] of entry.txns.entries()) {
        const position = { zxid: entry.first + index, timeMs: entry.timeMs };
        expect(triggersOf(txn)).toEqual(apply(txn, position, state));
        compared++;
      }
    }
    expect(compared).toBe(keeper.head);
  });
});
