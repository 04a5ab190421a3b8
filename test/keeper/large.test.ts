import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../lib/core/errors.js';
import { ACL_BYTES_MAX } from '../../lib/core/limits.js';
import type { Acl, WriteRequest } from '../../lib/core/types.js';
import { INLINE_DATA_BYTES_MAX } from '../../lib/keeper/limits.js';
import { stateKey } from '../../lib/keeper/rows.js';
import { ANYONE, NAMESPACE, TINY_VIEW, World, create, createSession, judge } from './world.js';

const SUPER = [{ scheme: 'super', id: '' }];

function data(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
}

describe('an access control list', () => {
  /** One of so many bytes in its record, whose ids have to be escaped there, on the longest path that a znode can have. */
  function listOf(bytes: number): readonly Acl[] {
    const each = '[31,"x509","",]'.length;
    const id = '\u0001'.repeat(Math.floor((bytes - 4 - 2 * each) / 2 / '\\u0001'.length));
    return [`${id}a`, `${id}b`].map((text) => ({ perms: 31, scheme: 'x509', id: text }));
  }
  const path = '/n'.repeat(950);

  async function deepest() {
    const world = new World();
    const keeper = world.keeper();
    for (let end = 2; end < path.length; end += 2) {
      await world.until(keeper.write(create(path.slice(0, end)), ANYONE));
    }
    return { world, keeper };
  }

  it('as long as it may be has room in the record beside the longest path and the most data that is there', async () => {
    const { world, keeper } = await deepest();
    const acl = listOf(ACL_BYTES_MAX);
    const request = { ...create(path, data(INLINE_DATA_BYTES_MAX)), acl };
    expect(await world.until(keeper.write(request, ANYONE))).toMatchObject({ ok: true });
    expect(await world.until(world.materializer().run())).toMatchObject({ watermark: keeper.head });
    const cold = world.keeper();
    const { answer } = await world.until(cold.read({ kind: 'getAcl', path }, { authIds: SUPER }));
    expect(answer).toMatchObject({ ok: true, result: { acl } });
  });

  it('that is longer is refused, by create and by setAcl, for it would keep everything from being materialized', async () => {
    const { world, keeper } = await deepest();
    const acl = listOf(ACL_BYTES_MAX + 100);
    const refused = { ok: false, refusal: { code: ErrorCode.InvalidACL } };
    expect(await world.until(keeper.write({ ...create(path), acl }, ANYONE))).toMatchObject(refused);
    const setAcl = { kind: 'setAcl', path: '/n', acl, version: -1 } as const;
    expect(await world.until(keeper.write(setAcl, ANYONE))).toMatchObject(refused);
  });
});

describe('a large znode', () => {
  for (const [length, chunks] of [
    [INLINE_DATA_BYTES_MAX, 0],
    [INLINE_DATA_BYTES_MAX + 1, 1],
    [1024 * 1024 - 1, 3],
  ] as const) {
    it(`of ${length} bytes takes ${chunks} rows of a blob, and is read back by every keeper`, async () => {
      const world = new World();
      const writer = world.keeper();
      const content = data(length);
      await world.until(writer.write(create('/large', content), ANYONE));
      const isChunk = ({ pk }: { pk?: unknown }) => (pk as string).startsWith(stateKey.blob(NAMESPACE, ''));
      expect(world.store.dump('state').filter(isChunk)).toHaveLength(chunks);
      const [entry] = world.store.dump('log');
      expect((entry?.['body'] as Uint8Array).length).toBeLessThan(INLINE_DATA_BYTES_MAX + 200);
      for (const round of ['from the log', 'from the row']) {
        const reader = world.keeper({ viewLimits: TINY_VIEW });
        const { answer } = await world.until(
          reader.read({ kind: 'getData', path: '/large' }, { consistency: 'linearizable' }),
        );
        if (!answer.ok || answer.result.kind !== 'getData') throw new Error(`no data ${round}`);
        expect(Buffer.compare(answer.result.data, content), round).toBe(0);
        expect(answer.result.stat.dataLength).toBe(length);
        await world.until(world.materializer().run());
      }
    });
  }

  it('in a multi goes into blobs beside small ones, all or nothing', async () => {
    const world = new World();
    const keeper = world.keeper();
    const operations = [create('/a', data(300_000)), create('/b', data(10)), create('/c', data(300_000))];
    const multi: WriteRequest = { kind: 'multi', operations };
    expect(await world.until(keeper.write(multi, ANYONE))).toMatchObject({ ok: true, zxid: 1 });
    expect(await world.until(keeper.write(multi, ANYONE))).toMatchObject({ ok: false });
    const { blobs, entries } = await world.log();
    expect(entries).toHaveLength(1);
    expect([...blobs.values()].map(({ length }) => length)).toEqual([300_000, 300_000]);
  });
});

describe('a transaction that is too large for an entry', () => {
  it('lies in a blob: a session with thousands of ephemerals under long paths is closed by one', async () => {
    const world = new World();
    const keeper = world.keeper();
    const origin = { session: 5n, epoch: 1, authIds: [] };
    await world.until(keeper.write(createSession(5n), ANYONE));
    await world.until(keeper.write(create('/p'), ANYONE));
    // Names that a compressor cannot make small.
    const names = Array.from({ length: 3000 }, () => Buffer.from(world.random.bytes(90)).toString('hex'));
    const writes = names.map((name) => keeper.write(create(`/p/${name}`, '', 'ephemeral'), origin));
    const outcomes = await world.until(Promise.all(writes));
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    await world.until(world.materializer().run());

    const closer = world.keeper();
    const close: WriteRequest = { kind: 'closeSession', session: 5n, epoch: 1 };
    expect(await world.until(closer.write(close, ANYONE))).toMatchObject({ ok: true });
    const row = world.store.dump('log').at(-1);
    expect(row?.['bb']).toBeDefined();
    expect(row?.['body']).toBeUndefined();

    const { state, faults } = judge(await world.log(), []);
    expect(faults).toEqual([]);
    expect(state.children('/p').size).toBe(0);
    await world.until(keeper.sync());
    expect(keeper.counters).toEqual(closer.counters);
    expect(keeper.counters.sessions).toBe(0);
    await world.until(world.materializer().run());
    const fresh = world.keeper();
    const { answer } = await world.until(fresh.read({ kind: 'getChildren', path: '/p' }));
    expect(answer).toMatchObject({ ok: true, result: { children: [] } });
  });

  it('is found to be its own when the reply of its append was lost', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store });
    const operations = Array.from({ length: 200 }, (_, index) =>
      create(`/n${index}`, world.random.bytes(4000)),
    );
    store.failNext({ operation: 'put', table: 'log', fault: 'lostReply' });
    const outcome = await world.until(keeper.write({ kind: 'multi', operations }, ANYONE));
    expect(outcome).toMatchObject({ ok: true, zxid: 1 });
    expect(world.store.dump('log')).toHaveLength(1);
    expect(world.store.dump('log')[0]?.['bb']).toBeDefined();
  });
});
