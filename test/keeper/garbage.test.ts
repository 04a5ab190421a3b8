import { describe, expect, it } from 'vitest';
import { externalizeData, hasDueBlobs } from '../../lib/keeper/externalize.js';
import { sweepGarbage } from '../../lib/keeper/garbage.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
import { BLOB_GARBAGE_DUE_MS, BLOB_USED_DUE_MS, GARBAGE_ENTRIES_MAX } from '../../lib/keeper/limits.js';
import { writeEntry } from '../../lib/keeper/log-rows.js';
import { rowKey, stateKey } from '../../lib/keeper/rows.js';
import { watchKey } from '../../lib/keeper/watch-rows.js';
import type { WriteRequest } from '../../lib/core/types.js';
import { encodeStub } from '../../lib/log/entry-codec.js';
import type { Item } from '../../lib/log/store.js';
import { reaper } from './gateways.js';
import { ANYONE, NAMESPACE, World, create } from './world.js';

const LARGE = new Uint8Array(400_000).fill(7);

function rows(world: World, partitionStart: string): Item[] {
  return world.store.dump('state').filter(({ pk }) => (pk as string).startsWith(partitionStart));
}

function listed(world: World): Item[] {
  return rows(world, stateKey.garbage(NAMESPACE));
}

function chunks(world: World): Item[] {
  return rows(world, stateKey.blob(NAMESPACE, ''));
}

async function sweep(world: World, keeper: Keeper = world.keeper()) {
  const { clock, random } = world;
  return world.until(sweepGarbage({ store: world.connection(), keeper, clock, random }));
}

describe('the list of blobs that may be garbage', () => {
  it('has a blob before its first chunk is written, with the zxid above which it may be named', async () => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.write(create('/a'), ANYONE));
    const order: string[] = [];
    world.store.onChange(({ table, keys }) => table === 'state' && order.push(keys.partition));
    const reference = await world.until(keeper.replica.blobs.write(LARGE, keeper.head));
    expect(order).toEqual([
      stateKey.garbage(NAMESPACE),
      stateKey.blob(NAMESPACE, reference.blob),
      stateKey.blob(NAMESPACE, reference.blob),
    ]);
    expect(listed(world)[0]).toMatchObject({ b: reference.blob, n: LARGE.length, from: 1 });
  });

  it('loses a blob that its writer confirms, and a blob with its chunks that its writer discards', async () => {
    const world = new World();
    const { blobs } = world.keeper().replica;
    const kept = await world.until(blobs.write(LARGE, 0));
    const refused = await world.until(blobs.write(LARGE, 0));
    await world.until(blobs.confirm([kept.blob]));
    await world.until(blobs.discard([refused, kept]));
    expect(listed(world)).toEqual([]);
    expect(new Set(chunks(world).map(({ pk }) => pk))).toEqual(
      new Set([stateKey.blob(NAMESPACE, kept.blob)]),
    );
  });

  it('keeps a blob whose confirmation did not arrive', async () => {
    const world = new World();
    const store = world.connection();
    const { blobs } = world.keeper({ store }).replica;
    const reference = await world.until(blobs.write(LARGE, 0));
    store.intercept = () => 'lostRequest';
    await world.until(blobs.confirm([reference.blob]));
    expect(listed(world)).toHaveLength(1);
  });
});

describe('the sweep of blobs', () => {
  it('does nothing, and appends nothing, before a blob is due', async () => {
    const world = new World();
    await world.until(world.keeper().replica.blobs.write(LARGE, 0));
    world.clock.step(BLOB_GARBAGE_DUE_MS - 1000);
    expect(await sweep(world)).toEqual({ deleted: 0, kept: 0, left: 0 });
    expect((await world.log()).entries).toEqual([]);
    expect(chunks(world)).toHaveLength(2);
  });

  it('deletes what no entry names, after a no-op of its own, and keeps what one names', async () => {
    const world = new World();
    const keeper = world.keeper();
    const store = world.connection();
    store.intercept = (call) => (call.operation === 'delete' ? 'lostRequest' : undefined);
    const writer = world.keeper({ store });
    await world.until(writer.write(create('/kept', LARGE), ANYONE));
    const named = new Set(chunks(world).map(({ pk }) => pk));
    const lost = await world.until(keeper.replica.blobs.write(LARGE, 0));
    world.clock.step(BLOB_GARBAGE_DUE_MS + 1000);
    const before = listed(world).length;
    expect(await sweep(world)).toEqual({ deleted: 1, kept: before - 1, left: 0 });
    expect(listed(world)).toEqual([]);
    expect(new Set(chunks(world).map(({ pk }) => pk))).toEqual(named);
    expect(rows(world, stateKey.blob(NAMESPACE, lost.blob))).toEqual([]);
    expect((await world.log()).entries.at(-1)?.txns[0]?.effect).toEqual({ type: 'noop' });
  });

  it('keeps the body of an entry that lies in a blob, and what that body names', async () => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.start());
    const { blobs } = keeper.replica;
    const data = await world.until(blobs.write(LARGE, 0));
    const acl = Array.from({ length: 30_000 }, (_, index) => ({
      perms: 31,
      scheme: 'digest',
      id: `u${index}:x`,
    }));
    const create = { type: 'create', path: '/a', data, acl, ephemeralOwner: 0n } as const;
    const entry = {
      ...{
        first: 1,
        last: 1,
        timeMs: world.clock.now(),
        batchId: '00'.repeat(16),
        counters: keeper.counters,
      },
      txns: [{ session: 0n, cxid: 0, effect: create }],
    };
    const { item } = await world.until(writeEntry({ entry, namespace: NAMESPACE, blobs, format: 1 }));
    expect(item['bb']).toBeDefined();
    await world.until(world.store.put({ table: 'log', item }));
    const before = chunks(world).length;
    world.clock.step(BLOB_GARBAGE_DUE_MS + 1000);
    expect(await sweep(world)).toEqual({ deleted: 0, kept: 2, left: 0 });
    expect(chunks(world)).toHaveLength(before);
  });

  it('decides nothing about what a trimmed entry may have named', async () => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.replica.blobs.write(LARGE, 0));
    await world.until(keeper.write(create('/a'), ANYONE));
    const [entry] = (await world.log()).entries;
    await world.until(world.store.put({ table: 'log', item: encodeStub(NAMESPACE, entry!) }));
    world.clock.step(BLOB_GARBAGE_DUE_MS + 1000);
    expect(await sweep(world, keeper)).toEqual({ deleted: 0, kept: 1, left: 0 });
    expect(chunks(world)).toHaveLength(2);
    // It is off the list: no sweep comes back to it, and appends its no-op, for ever.
    const { head } = keeper;
    expect(await sweep(world, keeper)).toEqual({ deleted: 0, kept: 0, left: 0 });
    await world.until(keeper.sync());
    expect(keeper.head).toBe(head);
  });

  it('still decides about a blob that was written after the last trimmed entry', async () => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.write(create('/a'), ANYONE));
    const [entry] = (await world.log()).entries;
    await world.until(world.store.put({ table: 'log', item: encodeStub(NAMESPACE, entry!) }));
    const lost = await world.until(keeper.replica.blobs.write(LARGE, keeper.head));
    world.clock.step(BLOB_GARBAGE_DUE_MS + 1000);
    expect(await sweep(world, keeper)).toEqual({ deleted: 1, kept: 0, left: 0 });
    expect(rows(world, stateKey.blob(NAMESPACE, lost.blob))).toEqual([]);
  });

  it('goes on where it stopped when the log is too long for one round', async () => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.replica.blobs.write(LARGE, 0));
    const noops: Promise<unknown>[] = [];
    for (let zxid = 1; zxid <= GARBAGE_ENTRIES_MAX + 10; zxid++) {
      const entry = {
        ...{ first: zxid, last: zxid, timeMs: 1, batchId: '00'.repeat(16), counters: keeper.counters },
        txns: [{ session: 0n, cxid: 0, effect: { type: 'noop' } as const }],
      };
      const { item } = await writeEntry({
        entry,
        namespace: NAMESPACE,
        blobs: keeper.replica.blobs,
        format: 1,
      });
      noops.push(world.store.put({ table: 'log', item }));
    }
    await Promise.all(noops);
    world.clock.step(BLOB_GARBAGE_DUE_MS + 1000);
    expect(await sweep(world, keeper)).toEqual({ deleted: 0, kept: 0, left: 1 });
    expect(listed(world)[0]).toMatchObject({ from: GARBAGE_ENTRIES_MAX });
    expect(chunks(world)).toHaveLength(2);
    expect(await sweep(world, keeper)).toEqual({ deleted: 1, kept: 0, left: 0 });
    expect(chunks(world)).toEqual([]);
  });

  it('is part of the scheduled sweep, and finishes what a crash left of an earlier one', async () => {
    const world = new World();
    await world.until(world.keeper().replica.blobs.write(LARGE, 0));
    world.clock.step(BLOB_GARBAGE_DUE_MS + 1000);
    const store = world.connection();
    store.intercept = (call) =>
      call.operation === 'delete' && call.input.key.partition === stateKey.garbage(NAMESPACE)
        ? 'lostRequest'
        : undefined;
    await expect(world.until(reaper(world, { store }).sweep())).rejects.toMatchObject({
      code: 'StoreUnavailable',
    });
    expect(chunks(world)).toEqual([]);
    expect(listed(world)).toHaveLength(1);
    expect(await world.until(reaper(world).sweep())).toMatchObject({ blobsDeleted: 1 });
    expect(listed(world)).toEqual([]);
  });
});

describe('blobs of trimmed entries', () => {
  const read = { kind: 'getData', path: '/a' } as const;
  const overwrite = (text: string): WriteRequest => ({
    ...{ kind: 'setData', path: '/a', data: Buffer.from(text), version: -1 },
  });

  /** Everything materialized, told by notify, and trimmed. */
  async function trimAll(world: World): Promise<void> {
    await world.until(world.materializer().run());
    const z = world.store.dump('log').length;
    await world.store.put({ table: 'state', item: { ...rowKey(watchKey.cursor(NAMESPACE)), z } });
    await world.clock.advance(1);
    await world.until(world.trim(0));
    expect(world.store.dump('log').every((row) => row['body'] === undefined)).toBe(true);
  }

  /** `/a` with data in a blob, in a log of stubs. */
  async function trimmed() {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.write(create('/a', LARGE), ANYONE));
    await trimAll(world);
    return { world, keeper };
  }

  it('are kept while a znode has them, and go days after it has them no more', async () => {
    const { world, keeper } = await trimmed();
    expect(await sweep(world)).toEqual({ deleted: 0, kept: 0, left: 0 });
    world.clock.step(BLOB_GARBAGE_DUE_MS + 1000);
    const { head } = keeper;
    expect(await sweep(world)).toEqual({ deleted: 0, kept: 1, left: 0 });
    const { answer } = await world.until(world.keeper().read(read));
    expect(answer).toMatchObject({ ok: true, result: { data: LARGE } });
    await world.until(keeper.sync());
    expect(keeper.head).toBe(head);
    await world.until(keeper.write(overwrite('small'), ANYONE));
    world.clock.step(BLOB_USED_DUE_MS + 1000);
    expect(await sweep(world)).toEqual({ deleted: 0, kept: 0, left: 1 });
    expect(chunks(world)).toHaveLength(2);
    expect(await sweep(world)).toEqual({ deleted: 0, kept: 0, left: 0 });
    world.clock.step(BLOB_GARBAGE_DUE_MS + 1000);
    expect(await sweep(world)).toEqual({ deleted: 1, kept: 0, left: 0 });
    expect(chunks(world)).toEqual([]);
    expect(listed(world)).toEqual([]);
  });

  it('go when the znode is gone', async () => {
    const { world, keeper } = await trimmed();
    await world.until(keeper.write({ kind: 'delete', path: '/a', version: -1 }, ANYONE));
    for (const left of [1, 0]) {
      world.clock.step(BLOB_GARBAGE_DUE_MS + 1000);
      expect(await sweep(world)).toMatchObject({ kept: 0, left });
    }
    expect(chunks(world)).toEqual([]);
  });

  it('are listed when a trimmer died between list and stub, too', async () => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.write(create('/a', LARGE), ANYONE));
    await world.until(world.materializer().run());
    await world.store.put({ table: 'state', item: { ...rowKey(watchKey.cursor(NAMESPACE)), z: 1 } });
    await world.clock.advance(1);
    const order: string[] = [];
    world.store.onChange(({ table, keys }) => order.push(table === 'log' ? 'stub' : keys.partition));
    await world.until(world.trim(0));
    expect(order.indexOf(stateKey.garbage(NAMESPACE))).toBeLessThan(order.indexOf('stub'));
    expect(listed(world)).toHaveLength(1);
    expect(listed(world)[0]).toMatchObject({ p: '/a', n: LARGE.length });
  });

  it('go with the body of an entry that lay in a blob', async () => {
    const world = new World();
    const keeper = world.keeper();
    const operations = Array.from({ length: 100 }, (_, index) =>
      create(`/${index}`, LARGE.subarray(0, 4000)),
    );
    await world.until(keeper.write({ kind: 'multi', operations }, ANYONE));
    await world.clock.advance(100);
    expect(listed(world)).toEqual([]);
    expect(chunks(world).length).toBeGreaterThan(0);
    await trimAll(world);
    world.clock.step(BLOB_GARBAGE_DUE_MS + 1000);
    expect(await sweep(world)).toMatchObject({ deleted: 1 });
    expect(chunks(world)).toEqual([]);
  });

  it('that are gone are not looked for by a view that has slept: it reads what took their place', async () => {
    const { world, keeper } = await trimmed();
    const sleeper = world.keeper();
    sleeper.onLeap(() => undefined);
    await world.until(sleeper.read({ kind: 'exists', path: '/a' }));
    await world.until(keeper.write(overwrite('small'), ANYONE));
    for (let round = 0; round < 2; round++) {
      world.clock.step(BLOB_GARBAGE_DUE_MS + 1000);
      await sweep(world);
    }
    expect(chunks(world)).toEqual([]);
    const { answer } = await world.until(sleeper.read(read));
    expect(answer).toMatchObject({ ok: true, result: { data: new Uint8Array(Buffer.from('small')) } });
  });

  it('that are gone and should not be are an error of the program, not a wait for ever', async () => {
    const { world } = await trimmed();
    const reference = { blob: String(listed(world)[0]!['b']), length: LARGE.length };
    await world.until(world.keeper().replica.blobs.delete([reference]));
    await expect(world.until(world.keeper().read(read))).rejects.toThrow(/which is gone/);
  });
});

describe('a writer that was frozen beyond the due time of its blob', () => {
  async function frozen(world: World) {
    const keeper = world.keeper();
    await world.until(keeper.start());
    const pending: { request: WriteRequest } = { request: create('/a', LARGE) };
    await world.until(externalizeData([pending], keeper.replica));
    expect(hasDueBlobs([pending], keeper.replica)).toBe(false);
    world.clock.step(BLOB_GARBAGE_DUE_MS + 1000);
    return { keeper, pending };
  }

  it('loses the slot that its put was prepared for to the no-op of the sweep', async () => {
    const world = new World();
    const { keeper, pending } = await frozen(world);
    expect(keeper.head).toBe(0);
    await sweep(world);
    expect(chunks(world)).toEqual([]);
    const effect = { type: 'create', path: '/a', acl: [], ephemeralOwner: 0n } as const;
    const data = pending.request.kind === 'create' ? pending.request.data : LARGE;
    const entry = {
      ...{ first: 1, last: 1, timeMs: 1, batchId: '11'.repeat(16), counters: keeper.counters },
      txns: [{ session: 0n, cxid: 0, effect: { ...effect, data } }],
    };
    const { item } = await world.until(
      writeEntry({ entry, namespace: NAMESPACE, blobs: keeper.replica.blobs, format: 1 }),
    );
    const put = await world.store.put({ table: 'log', item, condition: [{ kind: 'absent' }] });
    expect(put.ok).toBe(false);
  });

  it('finds its blob due when it prepares again, and writes it anew under another name', async () => {
    const world = new World();
    const { keeper, pending } = await frozen(world);
    await sweep(world);
    await world.until(keeper.sync());
    const old = pending.request;
    expect(hasDueBlobs([pending], keeper.replica)).toBe(true);
    await world.until(externalizeData([pending], keeper.replica));
    expect(hasDueBlobs([pending], keeper.replica)).toBe(false);
    expect(pending.request).not.toEqual(old);
    const outcome = await world.until(keeper.write(pending.request, ANYONE));
    expect(outcome).toMatchObject({ ok: true });
    const { blobs } = await world.log();
    expect([...blobs.values()].map((content) => Buffer.compare(content, LARGE))).toEqual([0]);
  });

  it('does not write again what is not due', async () => {
    const world = new World();
    const keeper = world.keeper();
    const pending: { request: WriteRequest } = { request: create('/a', LARGE) };
    await world.until(externalizeData([pending], keeper.replica));
    const { request } = pending;
    await world.until(externalizeData([pending], keeper.replica));
    expect(pending.request).toBe(request);
    expect(listed(world)).toHaveLength(1);
  });
});
