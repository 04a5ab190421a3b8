import { expect, it } from 'vitest';
import { AbortedError, BadArgumentsError, OperationTimeoutError } from '../../../lib/client/index.js';
import { LockLostError, MultiLock, Mutex, Semaphore, type Held } from '../../../lib/client/recipes/index.js';
import { names, untilChildren } from './helpers.js';
import { abortOf, describeOnAll, isPending } from './world.js';

describeOnAll('a semaphore', (world) => {
  const open = async (leases = 2) => new Semaphore(await world.open(), world.base, { leases });

  it('is held by as many as it has leases, and gives a freed lease to the first that waits', async () => {
    const [one, two, three, four] = [await open(), await open(), await open(), await open()];
    const held = [await one.acquire(), await two.acquire()];
    expect(await one.holders()).toBe(2);
    const observer = await world.open();
    const order: number[] = [];
    const waiting: Promise<Held>[] = [];
    for (const [index, semaphore] of [three, four].entries()) {
      waiting.push(semaphore.acquire().then((lease) => (order.push(index), lease)));
      await untilChildren(observer, `${world.base}/locks`, index + 1);
    }
    await held[1]!.release();
    const third = await waiting[0]!;
    expect(order).toEqual([0]);
    expect(await isPending(waiting[1]!)).toBe(true);
    await held[0]!.release();
    const fourth = await waiting[1]!;
    const tokens = [...held, third, fourth].map(({ fencingToken }) => fencingToken);
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
    await Promise.all([third.release(), fourth.release()]);
    await Promise.all([one, two, three, four].map((semaphore) => semaphore.settled()));
    expect(await names(observer, `${world.base}/leases`)).toEqual([]);
    expect(await names(observer, `${world.base}/locks`)).toEqual([]);
  });

  it('gives several leases together, or none of them', async () => {
    const [one, two] = [await open(3), await open(3)];
    const lease = await one.acquire();
    await expect(two.acquireMany(3, { timeoutMs: 50 })).rejects.toBeInstanceOf(OperationTimeoutError);
    await two.settled();
    expect(await one.holders()).toBe(1);
    const both = await two.acquireMany(2);
    expect(await one.holders()).toBe(3);
    for (const held of [lease, ...both]) await held.release();
    expect(await one.holders()).toBe(0);
  });

  it('leaves nothing of a wait that was aborted', async () => {
    const [one, two] = [await open(1), await open(1)];
    const lease = await one.acquire();
    const controller = new AbortController();
    const waiting = two.acquire({ signal: controller.signal });
    const rejected = expect(waiting).rejects.toBeInstanceOf(AbortedError);
    const observer = await world.open();
    await untilChildren(observer, `${world.base}/leases`, 2);
    controller.abort();
    await rejected;
    await two.settled();
    expect(await names(observer, `${world.base}/leases`)).toHaveLength(1);
    expect(await names(observer, `${world.base}/locks`)).toEqual([]);
    await lease.release();
  });

  it('refuses numbers of leases that cannot be', async () => {
    await expect(open(0)).rejects.toBeInstanceOf(BadArgumentsError);
    const semaphore = await open(2);
    await expect(semaphore.acquireMany(3)).rejects.toBeInstanceOf(BadArgumentsError);
    await expect(semaphore.acquireMany(0)).rejects.toBeInstanceOf(BadArgumentsError);
  });
});

describeOnAll('a multi-lock', (world) => {
  it('holds all of its locks, and waits for no other in a circle', async () => {
    const locks = async () => {
      const client = await world.open();
      return [new Mutex(client, `${world.base}/a`), new Mutex(client, `${world.base}/b`)] as const;
    };
    const [a1, b1] = await locks();
    const [a2, b2] = await locks();
    const [one, two] = [new MultiLock([a1, b1]), new MultiLock([b2, a2])];
    let inside = 0;
    const enter = (lock: MultiLock) =>
      lock.run((held) => {
        expect(++inside).toBe(1);
        expect(held.fencingTokens).toHaveLength(2);
        inside--;
      });
    for (let round = 0; round < 5; round++) await Promise.all([enter(one), enter(two)]);
    const observer = await world.open();
    for (const name of ['a', 'b']) expect(await names(observer, `${world.base}/${name}`)).toEqual([]);
  });

  it('lets go of the others when one cannot be had', async () => {
    const client = await world.open();
    const [a, b] = [new Mutex(client, `${world.base}/a`), new Mutex(client, `${world.base}/b`)];
    const held = await b.acquire();
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = expect(new MultiLock([a, b]).acquire({ signal })).rejects.toBeInstanceOf(AbortedError);
    await untilChildren(await world.open(), `${world.base}/b`, 2);
    controller.abort();
    await waiting;
    expect(await names(client, `${world.base}/a`)).toEqual([]);
    await held.release();
  });

  it('tells its holder when one of them is lost', async () => {
    const client = await world.open();
    const [a, b] = [new Mutex(client, `${world.base}/a`), new Mutex(client, `${world.base}/b`)];
    const held = await new MultiLock([a, b]).acquire();
    const operator = await world.open();
    const [name] = await names(operator, `${world.base}/b`);
    await operator.delete(`${world.base}/b/${name!}`);
    expect(await abortOf(held.signal)).toBeInstanceOf(LockLostError);
    expect(held.isHeld).toBe(false);
    await held.release();
    expect(await names(operator, `${world.base}/a`)).toEqual([]);
  });

  it('needs a lock', () => {
    expect(() => new MultiLock([])).toThrow(BadArgumentsError);
  });
});
