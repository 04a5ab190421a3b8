import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../lib/core/errors.js';
import type { Once, Origin, WriteRequest } from '../../lib/core/types.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
import type { WriteOutcome } from '../../lib/keeper/types.js';
import { KeeperError } from '../../lib/keeper/types.js';
import { ANYONE, World, create, createSession } from './world.js';

const SESSION = 5n;
const DIGEST = '0123456789abcdef';

function numbered(cxid: number, more: Partial<Once> & { epoch?: number } = {}): Origin {
  const { epoch = 1, ...once } = more;
  return { session: SESSION, epoch, authIds: [], once: { cxid, digest: DIGEST, seen: 0, ...once } };
}

async function begin(): Promise<{ world: World; keeper: Keeper; write: Write }> {
  const world = new World();
  const keeper = world.keeper();
  const write: Write = (request, origin, by = keeper) => world.until(by.write(request, origin));
  await write(createSession(SESSION), ANYONE);
  return { world, keeper, write };
}
type Write = (request: WriteRequest, origin: Origin, by?: Keeper) => Promise<WriteOutcome>;

/** What the write is refused with by the keeper itself. */
async function failure(writing: Promise<WriteOutcome>): Promise<string> {
  const error: unknown = await writing.then(
    (outcome) => outcome,
    (reason: unknown) => reason,
  );
  return error instanceof KeeperError ? error.code : `answered: ${String(error)}`;
}

describe('a numbered write', () => {
  it('that is sent again is not done again, and is answered as it was the first time', async () => {
    const { world, keeper, write } = await begin();
    const request = create('/job-', 'a', 'persistentSequential');
    const first = await write(request, numbered(1));
    expect(first).toMatchObject({ ok: true, result: { path: '/job-0000000000' } });
    expect(await write(request, numbered(1))).toEqual(first);
    expect(await write(request, numbered(1), world.keeper())).toEqual(first);
    expect((await world.log()).entries).toHaveLength(2);
    const next = await write(request, numbered(2));
    expect(next).toMatchObject({ ok: true, result: { path: '/job-0000000001' } });
    expect(keeper.head).toBe(3);
  });

  it('is answered with the Stat of its own time, however often the znode was written since', async () => {
    const { world, write } = await begin();
    await write(create('/a', 'x'), numbered(1));
    const setData = { kind: 'setData', path: '/a', data: Buffer.from('mine'), version: 0 } as const;
    const first = await write(setData, numbered(2));
    for (let n = 0; n < 5; n++) await write({ ...setData, data: Buffer.from('later'), version: -1 }, ANYONE);
    await write(create('/a/child'), ANYONE);
    await world.until(world.materializer().run());
    // A cold keeper knows nothing of it but what the log says.
    expect(await write(setData, numbered(2, { seen: 2 }), world.keeper())).toEqual(first);
  });

  it('is found in the middle of an entry that its sender had seen the beginning of', async () => {
    const { world, keeper, write } = await begin();
    const outcomes = await world.until(
      Promise.all([1, 2, 3].map((cxid) => keeper.write(create(`/n${cxid}`), numbered(cxid)))),
    );
    expect((await world.log()).entries).toHaveLength(2);
    await world.until(world.materializer().run());
    const cold = world.keeper();
    const seen = outcomes[0]!.zxid;
    expect(await write(create('/n3'), numbered(3, { seen }), cold)).toEqual(outcomes[2]);
  });

  it('that was refused stays refused, though it could succeed by now', async () => {
    const { world, write } = await begin();
    const setData = { kind: 'setData', path: '/a', data: Buffer.from('x'), version: -1 } as const;
    const refused = await write(setData, numbered(1));
    expect(refused).toMatchObject({ ok: false, refusal: { code: ErrorCode.NoNode } });
    await write(create('/a'), ANYONE);
    expect(await write(setData, numbered(1), world.keeper())).toMatchObject({
      ok: false,
      zxid: refused.zxid,
      refusal: { code: ErrorCode.NoNode, path: '/a' },
    });
    expect(await write(setData, numbered(2))).toMatchObject({ ok: true });
  });

  it('of several operations is refused with the codes of the first time', async () => {
    const { world, write } = await begin();
    const multi: WriteRequest = {
      kind: 'multi',
      operations: [create('/a'), { kind: 'check', path: '/b', version: -1 }, create('/c')],
    };
    const codes = [ErrorCode.Ok, ErrorCode.NoNode, ErrorCode.RuntimeInconsistency];
    expect(await write(multi, numbered(1))).toMatchObject({ refusal: { operations: codes } });
    await write(create('/b'), ANYONE);
    const again = await write(multi, numbered(1), world.keeper());
    expect(again).toMatchObject({ ok: false, refusal: { code: ErrorCode.NoNode, operations: codes } });
  });

  it('takes its number once when two copies of it come in one batch', async () => {
    const { world, keeper } = await begin();
    const request = create('/job-', '', 'persistentSequential');
    const both = Promise.all([keeper.write(request, numbered(1)), keeper.write(request, numbered(1))]);
    const [one, other] = await world.until(both);
    expect(other).toEqual(one);
    expect((await world.log()).entries.flatMap((entry) => entry.txns)).toHaveLength(2);
  });

  it('is refused before its turn, leaves nothing behind, and may come again in its turn', async () => {
    const { write, keeper } = await begin();
    expect(await failure(write(create('/second'), numbered(2)))).toBe('OutOfOrder');
    expect(keeper.head).toBe(1);
    await write(create('/first'), numbered(1));
    expect(await write(create('/second'), numbered(2))).toMatchObject({ ok: true, zxid: 3 });
  });

  it('is not called out of order by a keeper that is behind', async () => {
    const { world, write } = await begin();
    const behind = world.keeper();
    await world.until(behind.start());
    await write(create('/first'), numbered(1));
    expect(await write(create('/second'), numbered(2), behind)).toMatchObject({ ok: true });
  });

  it('cannot have the number of another request', async () => {
    const { write } = await begin();
    await write(create('/a'), numbered(1));
    expect(await failure(write(create('/b'), numbered(1, { digest: 'f'.repeat(16) })))).toBe('CxidReused');
  });

  it('that is given up is settled: as what became of it, or as nothing for good', async () => {
    const { write, keeper } = await begin();
    await write(create('/a'), numbered(1));
    expect(await write({ kind: 'noop' }, numbered(1, { digest: 'e'.repeat(16) }))).toMatchObject({
      ok: true,
      zxid: 2,
    });
    // Write 2 never arrived. Once its number is settled, the copy that the network kept cannot act.
    expect(await write({ kind: 'noop' }, numbered(2, { digest: 'e'.repeat(16) }))).toMatchObject({
      ok: true,
      zxid: 3,
    });
    expect(await failure(write(create('/late'), numbered(2)))).toBe('CxidReused');
    expect(await keeper.read({ kind: 'exists', path: '/late' })).toMatchObject({ answer: { ok: false } });
    expect(await write(create('/c'), numbered(3))).toMatchObject({ ok: true });
  });

  it('goes on with its numbers after the session was attached, and the old owner’s copies are refused', async () => {
    const { write } = await begin();
    await write(create('/a'), numbered(1));
    const attach = { kind: 'attach', session: SESSION, owner: '', attachId: 'b', timeoutMs: 9_000 } as const;
    await write({ ...attach, replacesEpoch: 1 }, ANYONE);
    expect(await write(create('/late'), numbered(2))).toMatchObject({
      ok: false,
      refusal: { code: ErrorCode.SessionMoved },
    });
    expect(await write(create('/a'), numbered(1, { epoch: 2 }))).toMatchObject({ ok: true, zxid: 2 });
    expect(await write(create('/b'), numbered(2, { epoch: 2 }))).toMatchObject({ ok: true });
  });

  it('is done once through a store that loses a third of its answers', async () => {
    const world = new World(7);
    const keepers = [1, 2, 3].map(() => world.keeper({ faults: { lostReply: 0.34, latencyMaxMs: 5 } }));
    await world.until(world.keeper().write(createSession(SESSION), ANYONE));
    const request = create('/job-', '', 'persistentSequential');
    for (let cxid = 1; cxid <= 200; cxid++) {
      // Whoever does not get an answer asks another keeper, as a client does.
      for (let attempt = 0; ; attempt++) {
        expect(attempt).toBeLessThan(20);
        const answer = await world.until(
          keepers[(cxid + attempt) % 3]!.write(request, numbered(cxid)).catch((error: unknown) => error),
        );
        if (answer instanceof KeeperError) continue;
        expect(answer).toMatchObject({
          ok: true,
          result: { path: `/job-${String(cxid - 1).padStart(10, '0')}` },
        });
        break;
      }
    }
    expect((await world.log()).entries.flatMap((entry) => entry.txns)).toHaveLength(201);
  });
});
