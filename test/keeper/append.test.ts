import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../lib/core/errors.js';
import type { WriteRequest } from '../../lib/core/types.js';
import {
  BATCH_BYTES_MAX,
  LAG_STOP_BYTES,
  QUEUED_BYTES_MAX,
  QUEUED_WRITES_MAX,
} from '../../lib/keeper/limits.js';
import type { WriteOutcome } from '../../lib/keeper/types.js';
import { KeeperError } from '../../lib/keeper/types.js';
import { encodedTxnSize } from '../../lib/log/entry-codec.js';
import { holdCall, isLogPut, notePuts } from './meddling.js';
import { ANYONE, World, create, judge } from './world.js';

function setData(path: string, data = 'x', version = -1): WriteRequest {
  return { kind: 'setData', path, data: Buffer.from(data), version };
}

async function lengths(world: World): Promise<number[]> {
  return (await world.log()).entries.map(({ txns }) => txns.length);
}

describe('an append whose outcome is in doubt', () => {
  it('is found by its batch id when only the reply was lost, and nothing is doubled', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store });
    store.failNext({ operation: 'put', table: 'log', fault: 'lostReply' });
    const outcome = await world.until(keeper.write(create('/a'), ANYONE));
    expect(outcome).toMatchObject({ ok: true, zxid: 1, logged: true });
    expect(await lengths(world)).toEqual([1]);
    expect(keeper.committer.statistics).toMatchObject({ doubts: 1, conflicts: 0, batches: 1 });
  });

  it('is tried again in the same slot with the same content, never in the next', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store });
    const puts = notePuts(store, 'log');
    for (const fault of ['lostReply', 'lostRequest', 'throttle'] as const) {
      store.failNext({ operation: 'put', table: 'log', fault });
    }
    await world.until(keeper.write(create('/a'), ANYONE));
    expect(puts).toHaveLength(4);
    for (const put of puts) expect(put).toEqual(puts[0]);
    expect(await lengths(world)).toEqual([1]);
  });

  it('does no harm when a delayed put lands after its own retry', async () => {
    const world = new World();
    const store = world.connection({ delayMinMs: 5000, delayMaxMs: 5000 });
    const keeper = world.keeper({ store });
    store.failNext({ operation: 'put', table: 'log', fault: 'delayedWrite' });
    await world.until(keeper.write(create('/a'), ANYONE));
    await world.until(keeper.write(setData('/a'), ANYONE));
    expect(store.delayedWrites).toBe(1);
    store.releaseDelayedWrites();
    expect(await lengths(world)).toEqual([1, 1]);
  });

  it('is a conflict when another keeper has taken the slot meanwhile, and the late put stays out', async () => {
    const world = new World();
    const store = world.connection({ delayMinMs: 5000, delayMaxMs: 5000 });
    const late = world.keeper({ store });
    const other = world.keeper();
    await world.until(Promise.all([late.start(), other.start()]));
    const puts = notePuts(store, 'log');
    store.failNext({ operation: 'put', table: 'log', fault: 'delayedWrite' });
    const first = late.write(create('/a', 'late'), ANYONE);
    const second = late.write(create('/b', 'late'), ANYONE);
    await world.until(other.write(create('/a', 'other'), ANYONE));
    expect(await world.until(first)).toMatchObject({ ok: false, refusal: { code: ErrorCode.NodeExists } });
    expect(await world.until(second)).toMatchObject({ ok: true, zxid: 2 });
    store.releaseDelayedWrites();
    expect(puts.map((put) => put['zxid'])).toEqual([1, 1, 2]);
    expect(puts[1]?.['w']).toEqual(puts[0]?.['w']);
    expect(puts[2]?.['w']).not.toEqual(puts[0]?.['w']);
    expect(judge(await world.log(), []).faults).toEqual([]);
  });

  it('settles when the tail shows the entry before the put is answered', async () => {
    const world = new World();
    const store = world.connection({ delayMinMs: 1, delayMaxMs: 1 });
    const keeper = world.keeper({ store });
    await world.until(keeper.start());
    store.failNext({ operation: 'put', table: 'log', fault: 'delayedWrite' });
    let settled = 0;
    keeper.submit(create('/a'), ANYONE, () => settled++);
    await world.clock.advance(2);
    expect(settled).toBe(0);
    await world.until(keeper.sync(), 15);
    expect(settled).toBe(1);
    await world.clock.advance(1000);
    expect(settled).toBe(1);
    expect(await lengths(world)).toEqual([1]);
  });
});

describe('a refusal', () => {
  it('is not given on a stale view', async () => {
    const world = new World();
    const stale = world.keeper();
    const other = world.keeper();
    await world.until(stale.read({ kind: 'exists', path: '/a' }));
    await world.until(other.write(create('/a'), ANYONE));
    expect(await world.until(stale.write(setData('/a'), ANYONE))).toMatchObject({ ok: true, zxid: 2 });
  });

  it('is given at a zxid that was current after the request came', async () => {
    const world = new World();
    const stale = world.keeper();
    const other = world.keeper();
    await world.until(stale.write(create('/a'), ANYONE));
    await world.until(other.write({ kind: 'delete', path: '/a', version: -1 }, ANYONE));
    await world.until(other.write(create('/b'), ANYONE));
    const outcome = await world.until(stale.write(create('/b'), ANYONE));
    expect(outcome).toMatchObject({ ok: false, zxid: 3, refusal: { code: ErrorCode.NodeExists } });
  });

  it('that rode on a batch which lost its slot is thought over', async () => {
    const world = new World();
    const loser = world.keeper();
    const winner = world.keeper();
    await world.until(Promise.all([loser.start(), winner.start()]));
    await world.until(winner.write(create('/a'), ANYONE));
    const [created, set] = await world.until(
      Promise.all([loser.write(create('/b'), ANYONE), loser.write(setData('/a'), ANYONE)]),
    );
    expect(created).toMatchObject({ ok: true, zxid: 2 });
    expect(set).toMatchObject({ ok: true, zxid: 3 });
    expect(loser.committer.statistics.conflicts).toBe(1);
  });

  it('of a read of the tail that began before the request came is not given', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store });
    const other = world.keeper();
    await world.until(keeper.read({ kind: 'exists', path: '/a' }));
    const read = holdCall(store, ({ operation, table }) => operation === 'query' && table === 'log');
    const early = keeper.sync();
    await read.reached;
    const write = keeper.write(setData('/a'), ANYONE);
    await world.until(other.write(create('/a'), ANYONE));
    read.open();
    await world.until(early);
    expect(await world.until(write)).toMatchObject({ ok: true });
  });
});

describe('group commit', () => {
  it('puts all writes of one turn into one entry, and tells each while the state is its own', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store });
    await world.until(keeper.start());
    const puts = notePuts(store, 'log');
    const events: string[] = [];
    keeper.onCommit(({ position }) => events.push(`commit ${position.zxid}, head ${keeper.head}`));
    for (let index = 1; index <= 5; index++) {
      const settle = (outcome: WriteOutcome | KeeperError) => {
        events.push(`settle ${index} at ${(outcome as WriteOutcome).zxid}, head ${keeper.head}`);
      };
      keeper.submit(create(`/n${index === 4 ? 3 : index}`), ANYONE, settle);
    }
    await world.clock.advance(1);
    expect(puts).toHaveLength(1);
    expect(events).toEqual([
      ...['commit 1, head 1', 'settle 1 at 1, head 1'],
      ...['commit 2, head 2', 'settle 2 at 2, head 2'],
      ...['commit 3, head 3', 'settle 3 at 3, head 3'],
      'settle 4 at 3, head 3',
      ...['commit 4, head 4', 'settle 5 at 4, head 4'],
    ]);
  });

  it('makes the next batch of what comes while a put is on its way', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store });
    await world.until(keeper.start());
    const put = holdCall(store, isLogPut);
    const writes = [keeper.write(create('/a'), ANYONE)];
    await put.reached;
    for (const path of ['/a/b', '/a/c', '/a/d']) writes.push(keeper.write(create(path), ANYONE));
    put.open();
    const outcomes = await world.until(Promise.all(writes));
    expect(outcomes.map(({ zxid }) => zxid)).toEqual([1, 2, 3, 4]);
    expect(await lengths(world)).toEqual([1, 3]);
  });

  it('cuts what is too much for one entry into several, in order', async () => {
    const world = new World();
    const keeper = world.keeper();
    const data = 'x'.repeat(4000);
    const writes = Array.from({ length: 100 }, (_, index) =>
      keeper.write(create(`/n${index}`, data), ANYONE),
    );
    const outcomes = await world.until(Promise.all(writes));
    expect(outcomes.map(({ zxid }) => zxid)).toEqual(outcomes.map((_, index) => index + 1));
    const { entries } = await world.log();
    expect(entries).toHaveLength(2);
    for (const { txns } of entries) {
      expect(txns.reduce((sum, txn) => sum + encodedTxnSize(txn), 0)).toBeLessThanOrEqual(BATCH_BYTES_MAX);
    }
  });

  it('keeps the counters of znodes, sessions and bytes with every entry', async () => {
    const world = new World();
    const [one, two] = [world.keeper(), world.keeper()];
    await world.until(Promise.all([one.start(), two.start()]));
    const before = one.counters;
    await world.until(one.write(create('/a', 'four'), ANYONE));
    await world.until(two.write(setData('/a', 'sixsix'), ANYONE));
    await world.until(one.write(create('/b', 'x'.repeat(5000)), ANYONE));
    await world.until(two.sync());
    expect(two.counters).toEqual(one.counters);
    expect(one.counters).toMatchObject({ znodes: before.znodes + 2, bytes: before.bytes + 5006 });
    await world.until(two.write({ kind: 'delete', path: '/b', version: -1 }, ANYONE));
    expect(two.counters).toMatchObject({ znodes: before.znodes + 1, bytes: before.bytes + 6 });
  });
});

describe('a keeper that cannot take more', () => {
  it('refuses writes as Overloaded beyond the queue, and settles the others as Stopped when it stops', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store });
    await world.until(keeper.start());
    const put = holdCall(store, isLogPut);
    const codes: string[] = [];
    const note = (outcome: WriteOutcome | KeeperError) =>
      codes.push(outcome instanceof KeeperError ? outcome.code : 'done');
    keeper.submit({ kind: 'noop' }, ANYONE, note);
    await put.reached;
    for (let index = 0; index < QUEUED_WRITES_MAX; index++) keeper.submit({ kind: 'noop' }, ANYONE, note);
    expect(codes).toEqual([]);
    keeper.submit({ kind: 'noop' }, ANYONE, note);
    expect(codes).toEqual(['Overloaded']);
    const stopped = keeper.stop();
    expect(codes.filter((code) => code === 'Stopped')).toHaveLength(QUEUED_WRITES_MAX);
    put.open();
    await world.until(stopped);
    expect(codes.at(-1)).toBe('done');
    await expect(keeper.write({ kind: 'noop' }, ANYONE)).rejects.toMatchObject({
      code: 'Stopped',
      maybeApplied: false,
    });
  });

  it('refuses writes as Overloaded beyond the bytes that may wait', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store });
    await world.until(keeper.start());
    const put = holdCall(store, isLogPut);
    const first = keeper.write({ kind: 'noop' }, ANYONE);
    await put.reached;
    const data = new Uint8Array(1024 * 1024);
    const codes: string[] = [];
    const count = QUEUED_BYTES_MAX / data.length;
    for (let index = 0; index <= count; index++) {
      keeper.submit(create('/a', data), ANYONE, (outcome) =>
        codes.push(outcome instanceof KeeperError ? outcome.code : 'done'),
      );
    }
    expect(codes).toEqual(['Overloaded']);
    const stopped = keeper.stop();
    put.open();
    await world.until(Promise.all([stopped, first]));
    expect(codes.filter((code) => code === 'Stopped')).toHaveLength(count);
  });

  it('says that a write may have happened when it is stopped in doubt', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store });
    await world.until(keeper.start());
    store.intercept = (call) => (isLogPut(call) ? 'lostReply' : undefined);
    const write = keeper.write(create('/a'), ANYONE);
    const failed = expect(write).rejects.toMatchObject({ code: 'StoreUnavailable', maybeApplied: true });
    // The first put is without an answer: whether it happened is not known.
    await world.clock.advance(1);
    const stopped = keeper.stop();
    store.intercept = (call) => (isLogPut(call) ? 'lostRequest' : undefined);
    await world.until(stopped);
    await failed;
  });

  it('takes no writes while the materializer lags too far behind, and goes on when it has caught up', async () => {
    const world = new World();
    const writer = world.keeper();
    const keeper = world.keeper();
    await world.until(writer.write(create('/a'), ANYONE));
    const [entry] = (await world.log()).entries;
    await world.until(keeper.replica.start());
    keeper.replica.advance(entry!, LAG_STOP_BYTES + 1);
    await expect(keeper.write(create('/b'), ANYONE)).rejects.toMatchObject({
      code: 'Lagging',
      maybeApplied: false,
    });
    await world.until(world.materializer().run());
    await world.until(keeper.replica.refreshWatermark());
    expect(await world.until(keeper.write(create('/b'), ANYONE))).toMatchObject({ ok: true, zxid: 2 });
  });

  it('writes nothing while its clock cannot be trusted, then goes on', async () => {
    const world = new World();
    let trusted = false;
    const store = world.connection();
    const keeper = world.keeper({ store, isClockTrusted: () => trusted });
    const puts = notePuts(store, 'log');
    const write = keeper.write(create('/a'), ANYONE);
    await world.clock.advance(30_000);
    expect(puts).toEqual([]);
    trusted = true;
    expect(await world.until(write)).toMatchObject({ ok: true, zxid: 1 });
  });

  it('dates entries never before the one before, however its clock is stepped', async () => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.write(create('/a'), ANYONE));
    world.clock.step(-60_000);
    await world.until(keeper.write(create('/b'), ANYONE));
    const { entries } = await world.log();
    expect(entries[1]?.timeMs).toBe(entries[0]?.timeMs);
  });
});
