import { describe, expect, it } from 'vitest';
import { parseLogRetention } from '../../functions/shared/retention.js';
import { Notifier } from '../../lib/api/watches/notifier.js';
import { readChanges } from '../../lib/keeper/changes.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
import { rowKey, stateKey } from '../../lib/keeper/rows.js';
import { trimmedTo } from '../../lib/keeper/trim.js';
import { watchKey } from '../../lib/keeper/watch-rows.js';
import type { WriteRequest } from '../../lib/core/types.js';
import { holdReply } from './meddling.js';
import { ANYONE, NAMESPACE, World, create, createSession } from './world.js';

const DAY_MS = 24 * 3600_000;
const write = (world: World, keeper: Keeper, request: WriteRequest) =>
  world.until(keeper.write(request, ANYONE));

async function notified(world: World, zxid: number): Promise<void> {
  await world.store.put({ table: 'state', item: { ...rowKey(watchKey.cursor(NAMESPACE)), z: zxid } });
}

/** Three znodes, everything materialized and notified, and a day gone by. */
async function aged(): Promise<{ world: World; keeper: Keeper }> {
  const world = new World();
  const keeper = world.keeper();
  for (const path of ['/a', '/b', '/c']) await write(world, keeper, create(path, path));
  await world.until(world.materializer().run());
  await notified(world, 3);
  await world.clock.advance(DAY_MS);
  return { world, keeper };
}

const stubs = (world: World) =>
  world.store
    .dump('log')
    .filter((row) => row['body'] === undefined)
    .map((row) => row['zxid']);

describe('trimming the log', () => {
  it('leaves a stub in the slot of every entry that is old enough, and no other', async () => {
    const { world, keeper } = await aged();
    await write(world, keeper, create('/young'));
    await world.until(world.materializer().run());
    await notified(world, 4);
    const before = world.store.dump('log');
    expect(await world.until(world.trim(DAY_MS / 2))).toEqual({ trimmedTo: 3, entries: 3 });
    expect(world.store.dump('log')).toEqual(
      before.map(({ body, ...stub }) => (stub['zxid'] === 4 ? { ...stub, body } : stub)),
    );
  });

  it.each([
    ['rows are complete', 2, 3],
    ['notify has marked', 3, 2],
  ])('goes no further than %s', async (_, watermark, cursor) => {
    const { world } = await aged();
    const row = world.store.dump('state').find(({ pk }) => pk === stateKey.watermark(NAMESPACE).partition);
    await world.store.put({ table: 'state', item: { ...row, z: watermark } });
    await notified(world, cursor);
    expect((await world.until(world.trim(0))).trimmedTo).toBe(2);
    expect(stubs(world)).toEqual([1, 2]);
  });

  it('trims nothing where notify has never run: it may begin at the start', async () => {
    const { world } = await aged();
    const key = { partition: watchKey.cursor(NAMESPACE).partition, sort: '-' };
    await world.store.delete({ table: 'state', key });
    expect(await world.until(world.trim(0))).toEqual({ trimmedTo: 0, entries: 0 });
  });

  it('begins where everything has always been materialized before notify comes, and no thin session is open', async () => {
    const { world } = await aged();
    const key = { partition: watchKey.cursor(NAMESPACE).partition, sort: '-' };
    await world.store.delete({ table: 'state', key });
    const { store, clock, random } = world;
    const notifier = new Notifier({ store, clock, random, namespace: NAMESPACE });
    expect(await world.until(notifier.run())).toMatchObject({ cursor: 3, transactions: 0 });
    expect((await world.until(world.trim(0))).trimmedTo).toBe(3);
  });

  it('records how far before the first body is gone, and finishes what a dead trimmer has begun', async () => {
    const { world } = await aged();
    const order: string[] = [];
    world.store.onChange(({ table, keys }) => order.push(table === 'log' ? 'stub' : String(keys.sort)));
    await world.until(world.trim(0));
    expect(order).toEqual(['recorded', 'stub', 'stub', 'stub', 'done']);
    const options = { store: world.store, namespace: NAMESPACE, clock: world.clock, random: world.random };
    expect(await trimmedTo(options)).toBe(3);
    await world.store.delete({ table: 'state', key: stateKey.trim(NAMESPACE, 'done') });
    expect(await world.until(world.trim(0))).toEqual({ trimmedTo: 3, entries: 3 });
    expect(await world.until(world.trim(0))).toEqual({ trimmedTo: 3, entries: 0 });
  });

  it('keeps a put into an old slot out, however late it comes, and the writer goes on at the end', async () => {
    const { world } = await aged();
    const sleeper = world.keeper();
    sleeper.onLeap(() => undefined);
    await world.until(sleeper.start());
    await world.store.delete({ table: 'state', key: stateKey.watermark(NAMESPACE) });
    const early = world.keeper();
    await world.until(early.replica.start());
    expect(early.head).toBe(0);
    await world.until(world.materializer().run());
    await world.until(world.trim(0));
    const leaps: unknown[] = [];
    early.onLeap((leap) => leaps.push(leap));
    expect(await write(world, early, create('/d'))).toMatchObject({ ok: true, zxid: 4 });
    expect(leaps).toEqual([{ from: 0, to: 3 }]);
    expect(world.store.dump('log').map((row) => row['zxid'])).toEqual([1, 2, 3, 4]);
  });

  it('says Compacted to whoever depends on every transaction and listens to no leap', async () => {
    const { world, keeper } = await aged();
    const follower = await behind(world, keeper);
    await expect(world.until(follower.sync())).rejects.toMatchObject({ code: 'Compacted' });
  });

  it('answers from the present after a leap, not from what was read before it', async () => {
    const { world, keeper } = await aged();
    const follower = await behind(world, keeper);
    follower.onLeap(() => undefined);
    const { answer, zxid } = await world.until(
      follower.read({ kind: 'getData', path: '/a' }, { consistency: 'linearizable' }),
    );
    expect(zxid).toBe(4);
    expect(answer).toMatchObject({ ok: true, result: { data: new Uint8Array(Buffer.from('new')) } });
  });

  it('folds no row that was read for the view before a leap', async () => {
    const { world, keeper } = await aged();
    const isRow = ({ partition }: { partition: string }) => partition === `${NAMESPACE}#node#/a`;
    const { store, gate } = holdReply(world.store, isRow);
    const reader = world.keeper({ store });
    reader.onLeap(() => undefined);
    await world.until(reader.start());
    const hydrated = reader.hydrateFor({ kind: 'getData', path: '/a' });
    await gate.reached;
    await write(world, keeper, { kind: 'setData', path: '/a', data: Buffer.from('new'), version: -1 });
    await world.until(world.materializer().run());
    await notified(world, 4);
    await world.clock.advance(DAY_MS);
    await world.until(world.trim(0));
    await world.until(reader.sync());
    gate.open();
    await world.until(hydrated);
    expect(reader.tryRead({ kind: 'getData', path: '/a' }, [])).toBeUndefined();
    const { answer } = await world.until(reader.read({ kind: 'getData', path: '/a' }));
    expect(answer).toMatchObject({ ok: true, result: { data: new Uint8Array(Buffer.from('new')) } });
  });

  it('settles a write as done, once, when its slot turns out to be its own stub', async () => {
    const { world } = await aged();
    const { store, gate } = holdReply(
      world.store,
      (call) => call.operation === 'put' && call.table === 'log',
    );
    const writer = world.keeper({ store });
    writer.onLeap(() => undefined);
    await world.until(writer.start());
    const written = writer.write(create('/mine'), ANYONE);
    await gate.reached;
    await world.until(world.materializer().run());
    await notified(world, 4);
    await world.clock.advance(0);
    await world.until(world.trim(-1));
    expect(stubs(world)).toEqual([1, 2, 3, 4]);
    await world.until(writer.sync());
    gate.open();
    expect(await world.until(written)).toMatchObject({ ok: true, zxid: 4, result: { path: '/mine' } });
    expect(world.store.dump('log')).toHaveLength(4);
  });

  it('ends a repeated write, whose outcome was trimmed, as maybe applied', async () => {
    const { world, keeper } = await aged();
    await write(world, keeper, createSession(11n));
    const once = { cxid: 1, digest: 'ab'.repeat(8), seen: 4 };
    const origin = { session: 11n, epoch: 1, authIds: [], once };
    await world.until(keeper.write(create('/once'), origin));
    await world.until(world.materializer().run());
    await notified(world, 5);
    await world.clock.advance(DAY_MS);
    await world.until(world.trim(0));
    const other = world.keeper();
    await expect(world.until(other.write(create('/once'), origin))).rejects.toMatchObject({
      code: 'MaybeApplied',
      maybeApplied: true,
    });
  });

  it('says Compacted to changes from below, and tells those from above', async () => {
    const { world, keeper } = await aged();
    await world.until(world.trim(0));
    await write(world, keeper, create('/after'));
    const fresh = world.keeper();
    await world.until(fresh.start());
    const ask = (since: number) =>
      world.until(
        readChanges({ replica: fresh.replica, path: '/', recursive: true, since, transactionsMax: 9 }),
      );
    await expect(ask(2)).rejects.toMatchObject({ code: 'Compacted' });
    expect((await ask(3)).changes).toMatchObject([{ type: 'created', path: '/after', zxid: 4 }]);
  });

  it('does not stop a materializer that slept while others did its work', async () => {
    const { world, keeper } = await aged();
    const sleeper = world.materializer();
    await world.until(sleeper.run());
    await write(world, keeper, create('/d'));
    await world.until(world.materializer().run());
    await notified(world, 4);
    await world.clock.advance(DAY_MS);
    await world.until(world.trim(0));
    await write(world, keeper, create('/e'));
    expect(await world.until(sleeper.run())).toMatchObject({ watermark: 5, transactions: 1, more: false });
  });
});

/** A keeper that stands at zxid 3 while the log goes on to 4 and is trimmed altogether. */
async function behind(world: World, keeper: Keeper): Promise<Keeper> {
  const follower = world.keeper();
  await world.until(follower.start());
  await world.until(follower.read({ kind: 'getData', path: '/a' }));
  await write(world, keeper, { kind: 'setData', path: '/a', data: Buffer.from('new'), version: -1 });
  await world.until(world.materializer().run());
  await notified(world, 4);
  await world.clock.advance(DAY_MS);
  await world.until(world.trim(0));
  return follower;
}

describe('the retention of the log', () => {
  it.each([
    [undefined, 'default', undefined],
    ['30', 'anything', 30 * DAY_MS],
    ['production=90, staging=7', 'staging', 7 * DAY_MS],
    ['production=90,staging=7', 'other', undefined],
  ])('%s keeps the log of %s for %s ms', (text, namespace, retentionMs) => {
    expect(parseLogRetention(text)(namespace)).toBe(retentionMs);
  });

  it.each(['6', '0', '-1', '1.5', 'a=', 'a=3', 'forever'])('refuses %s', (text) => {
    expect(() => parseLogRetention(text)).toThrow(/whole days, 7 at least/);
  });
});
