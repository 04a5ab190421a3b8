import { describe, expect, it } from 'vitest';
import type { WriteRequest } from '../../lib/core/types.js';
import { sweepGarbage } from '../../lib/keeper/garbage.js';
import { BLOB_GARBAGE_DUE_MS } from '../../lib/keeper/limits.js';
import { stateKey } from '../../lib/keeper/rows.js';
import { holdCall, isLogPut } from './meddling.js';
import { ANYONE, NAMESPACE, World, create, createSession } from './world.js';

const LARGE = new Uint8Array(500_000).fill(7);

describe('the committer', () => {
  it('takes its blobs off the garbage list when their entry has won', async () => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.write(create('/a', LARGE), ANYONE));
    await world.clock.advance(10);
    const garbage = stateKey.garbage(NAMESPACE);
    expect(world.store.dump('state').filter(({ pk }) => pk === garbage)).toEqual([]);
  });

  it('writes a blob anew when it was frozen until a sweep had deleted it', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store });
    await world.until(keeper.start());
    const put = holdCall(store, isLogPut);
    const write = keeper.write(create('/a', LARGE), ANYONE);
    await world.until(put.reached);
    world.clock.step(BLOB_GARBAGE_DUE_MS + 1000);
    const { clock, random } = world;
    const sweep = sweepGarbage({ store: world.connection(), keeper: world.keeper(), clock, random });
    expect(await world.until(sweep)).toMatchObject({ deleted: 1 });
    put.open();
    expect(await world.until(write)).toMatchObject({ ok: true });
    const { blobs } = await world.log();
    expect([...blobs.values()].map((content) => Buffer.compare(content, LARGE))).toEqual([0]);
  });

  it('needs no read to know its own entry again, when the reply of its append was lost', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store });
    await world.until(keeper.start());
    store.failNext({ operation: 'put', table: 'log', fault: 'lostReply' });
    const blob = stateKey.blob(NAMESPACE, '');
    store.intercept = (call) =>
      call.operation === 'get' && call.key.partition.startsWith(blob) ? 'lostRequest' : undefined;
    const operations = Array.from({ length: 200 }, (_, index) =>
      create(`/n${index}`, world.random.bytes(4000)),
    );
    const outcome = await world.until(keeper.write({ kind: 'multi', operations }, ANYONE));
    expect(outcome).toMatchObject({ ok: true, zxid: 1 });
  });

  it('answers a numbered closeSession of a session that is closed already', async () => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.write(createSession(5n), ANYONE));
    const once = { cxid: 1, digest: '0'.repeat(16), seen: 1 };
    const origin = { session: 5n, epoch: 1, authIds: [], once };
    const close: WriteRequest = { kind: 'closeSession', session: 5n, epoch: 1 };
    expect(await world.until(keeper.write(close, origin))).toMatchObject({ ok: true, zxid: 2 });
    expect(await world.until(keeper.write(close, origin), 5000)).toMatchObject({ ok: true });
  });
});
