import { describe, expect, it } from 'vitest';
import { create, reference, setData, ThinWorld } from './world.js';

describe('writes that an earlier answer left out', () => {
  it('are answered as the first time, though the client has seen more of the log since', async () => {
    const world = new ThinWorld();
    const warm = world.instance();
    const session = reference(await world.open(warm));
    const operations = [create('/a', 1), setData('/a', 'x', 2)];
    const [, first] = await world.batch(warm, { session, operations });
    await world.batch(warm, { session, seen: warm.keeper.head, operations: [setData('/a', 'y', 3)] });
    await world.until(world.materializer().run());
    // An answer may be given at a zxid beyond a write that it leaves out: the client has seen that, and sends the write again.
    const again = { session, seen: warm.keeper.head, operations: operations.slice(1) };
    const [lost] = await world.batch(world.instance(), again);
    expect(lost).toMatchObject({ op: 'error', reason: 'MaybeApplied' });
    const [found] = await world.batch(world.instance(), { ...again, writesSeen: 1 });
    expect(found).toEqual(first);
  });
});
