import { expect, it } from 'vitest';
import { AbortedError, BadArgumentsError, OperationTimeoutError } from '../../../lib/client/index.js';
import { Barrier, DoubleBarrier } from '../../../lib/client/recipes/index.js';
import { names, untilChildren } from './helpers.js';
import { describeOnAll, isPending } from './world.js';

describeOnAll('a barrier', (world) => {
  it('holds all up until it is lifted, and then nobody', async () => {
    const barriers = await Promise.all(
      [1, 2, 3].map(async () => new Barrier(await world.open(), world.base)),
    );
    await barriers[0]!.wait();
    await barriers[0]!.put();
    await barriers[0]!.put();
    const waiting = barriers.map((barrier) => barrier.wait());
    await expect(barriers[0]!.wait({ timeoutMs: 1 })).rejects.toBeInstanceOf(OperationTimeoutError);
    expect(await isPending(Promise.race(waiting))).toBe(true);
    await barriers[2]!.lift();
    await barriers[2]!.lift();
    await Promise.all(waiting);
  });

  it('is no longer waited for when the signal aborts', async () => {
    const barrier = new Barrier(await world.open(), world.base);
    await barrier.put();
    await expect(barrier.wait({ signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortedError);
    const controller = new AbortController();
    const waiting = expect(barrier.wait({ signal: controller.signal })).rejects.toBeInstanceOf(AbortedError);
    controller.abort();
    await waiting;
  });
});

describeOnAll('a double barrier', (world) => {
  const members = (count: number) =>
    Promise.all(
      Array.from({ length: count }, async () => new DoubleBarrier(await world.open(), world.base, { count })),
    );

  it('lets all in when the last one has entered, and out when the last one leaves, twice', async () => {
    const observer = await world.open();
    for (let round = 0; round < 2; round++) {
      const [last, ...others] = await members(4);
      const entering = others.map((barrier) => barrier.enter());
      await untilChildren(observer, world.base, 3);
      expect(await isPending(Promise.race(entering))).toBe(true);
      await Promise.all([...entering, last!.enter()]);
      const leaving = others.map((barrier) => barrier.leave());
      await Promise.all(leaving.map(async (left) => expect(await isPending(left)).toBe(true)));
      await Promise.all([...leaving, last!.leave()]);
      expect(await names(observer, world.base)).toEqual([]);
    }
  });

  it('does not wait at the end for one that is gone', async () => {
    const [one, two] = await members(3);
    const client = await world.open();
    const dying = new DoubleBarrier(client, world.base, { count: 3 });
    await Promise.all([one!.enter(), two!.enter(), dying.enter()]);
    const leaving = Promise.all([one!.leave(), two!.leave()]);
    expect(await isPending(leaving)).toBe(true);
    await client.close();
    await leaving;
  });

  it('leaves nothing of an enter that was given up', async () => {
    const [one] = await members(2);
    const controller = new AbortController();
    const entering = expect(one!.enter({ signal: controller.signal })).rejects.toBeInstanceOf(AbortedError);
    await untilChildren(await world.open(), world.base, 1);
    controller.abort();
    await entering;
    await one!.settled();
    expect(await names(await world.open(), world.base)).toEqual([]);
  });

  it('is left at the end of a block without waiting for anybody, and begins anew then', async () => {
    const observer = await world.open();
    const [one, two] = await members(2);
    {
      await using first = one!;
      await using second = two!;
      await Promise.all([first.enter(), second.enter()]);
    }
    expect(await names(observer, world.base)).toEqual([]);
    {
      await using alone = new DoubleBarrier(observer, world.base, { count: 2 });
      await expect(alone.enter({ timeoutMs: 50 })).rejects.toBeInstanceOf(OperationTimeoutError);
    }
    await using unused = new DoubleBarrier(observer, `${world.base}/never`, { count: 2 });
    expect(unused.count).toBe(2);
  });

  it('needs a count', async () => {
    const client = await world.open();
    expect(() => new DoubleBarrier(client, world.base, { count: 0.5 })).toThrow(BadArgumentsError);
  });
});
