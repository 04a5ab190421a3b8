import { expect, it } from 'vitest';
import {
  AbortedError,
  BadArgumentsError,
  OperationTimeoutError,
  SessionExpiredError,
  type ZeroKeeperClient,
} from '../../../lib/client/index.js';
import { LockLostError, Mutex, type Held, type RecipeMetric } from '../../../lib/client/recipes/index.js';
import { abortOf, describeOnAll, isPending } from './world.js';

const names = async (client: ZeroKeeperClient, path: string) =>
  (await client.getChildren(path, { consistency: 'linearizable' })).children;

describeOnAll('a mutex', (world) => {
  const contenders = (count: number) =>
    Promise.all(Array.from({ length: count }, async () => new Mutex(await world.open(), world.base)));

  /** Resolves when so many stand in the line. */
  const untilLineIs = async (count: number) => {
    const observer = await world.open();
    while ((await names(observer, world.base)).length !== count) {
      const watch = await observer.watch(world.base, { type: 'children' });
      if ((await names(observer, world.base)).length === count) break;
      await watch.next();
    }
  };

  it('is held by one at a time, by each in the order in which they came, with rising tokens', async () => {
    const mutexes = await contenders(3);
    const first = await mutexes[0]!.acquire();
    const order: number[] = [];
    const waiting: Promise<Held>[] = [];
    for (const [index, mutex] of mutexes.slice(1).entries()) {
      waiting.push(mutex.acquire().then((held) => (order.push(index), held)));
      await untilLineIs(index + 2);
    }
    expect(order).toEqual([]);
    await first.release();
    const second = await waiting[0]!;
    expect(order).toEqual([0]);
    await second.release();
    const third = await waiting[1]!;
    const tokens = [first, second, third].map(({ fencingToken }) => fencingToken);
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
    await third.release();
    expect(await names(await world.open(), world.base)).toEqual([]);
  });

  it('is released at the end of an `await using` block, also when that throws', async () => {
    const [mutex] = await contenders(1);
    const failing = async () => {
      await using lock = await mutex!.acquire();
      expect(lock.isHeld).toBe(true);
      throw new Error('the work failed');
    };
    await expect(failing()).rejects.toThrow('the work failed');
    expect(await names(await world.open(), world.base)).toEqual([]);
  });

  it('is entered again by its owner, and free when that has left as often', async () => {
    const [mine, other] = await contenders(2);
    const outer = await mine!.acquire({ owner: 'me' });
    const inner = await mine!.acquire({ owner: 'me' });
    expect(inner.fencingToken).toBe(outer.fencingToken);
    await outer.release();
    expect([outer.isHeld, inner.isHeld]).toEqual([false, true]);
    expect(await other!.tryAcquire()).toBeUndefined();
    await inner.release();
    await using lock = await other!.tryAcquire();
    expect(lock?.isHeld).toBe(true);
  });

  it('keeps two owners in one process apart', async () => {
    const [mutex] = await contenders(1);
    const lock = await mutex!.acquire({ owner: 'one' });
    const waiting = mutex!.acquire({ owner: 'other' });
    await untilLineIs(2);
    expect(await isPending(waiting)).toBe(true);
    await lock.release();
    await (await waiting).release();
  });

  it('runs work under it, which may run more of it', async () => {
    const [mutex, other] = await contenders(2);
    const result = await mutex!.run((outer) =>
      mutex!.run(async (inner) => {
        expect(inner.fencingToken).toBe(outer.fencingToken);
        expect(await other!.tryAcquire()).toBeUndefined();
        return 'done';
      }),
    );
    expect(result).toBe('done');
    await expect(mutex!.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await (await other!.tryAcquire())!.release();
  });

  // Who may invoke the function is trusted with everything.
  it.skipIf(world.kind === 'lambda')('tells the error of the work before that of the release', async () => {
    const acl = [{ perms: 1 | 4, scheme: 'world', id: 'anyone' }];
    const client = await world.open();
    await client.create(world.base, '', { acl });
    const mutex = new Mutex(client, world.base);
    const error = await mutex
      .run(() => Promise.reject(new Error('first')))
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).cause).toMatchObject({ message: 'first' });
    expect((error as AggregateError).errors).toMatchObject([{ message: 'first' }, { name: 'NoAuth' }]);
  });

  it('is not waited for by who only tries', async () => {
    const [holder, other] = await contenders(2);
    await using lock = await holder!.acquire();
    expect(await other!.tryAcquire()).toBeUndefined();
    expect(await names(await world.open(), world.base)).toHaveLength(1);
    expect(lock.isHeld).toBe(true);
  });

  it('leaves nothing of a wait that was aborted, and lets the next one in', async () => {
    const [holder, quitter, patient] = await contenders(3);
    const lock = await holder!.acquire();
    const controller = new AbortController();
    const quitting = quitter!.acquire({ signal: controller.signal });
    await untilLineIs(2);
    const waiting = patient!.acquire();
    await untilLineIs(3);
    controller.abort(new Error('enough'));
    const error: unknown = await quitting.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AbortedError);
    expect((error as AbortedError).cause).toMatchObject({ message: 'enough' });
    await quitter!.settled();
    expect(await names(await world.open(), world.base)).toHaveLength(2);
    await lock.release();
    await (await waiting).release();
  });

  it('refuses what is no path, no time, and a signal that has aborted', async () => {
    const client = await world.open();
    expect(() => new Mutex(client, 'lock')).toThrow(BadArgumentsError);
    expect(() => new Mutex(client, '/')).toThrow(BadArgumentsError);
    const mutex = new Mutex(client, world.base);
    await expect(mutex.acquire({ timeoutMs: Number.NaN })).rejects.toBeInstanceOf(BadArgumentsError);
    await expect(mutex.acquire({ signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortedError);
    expect(await client.exists(world.base)).toBeUndefined();
  });

  it('gives up a wait when the time is over', async () => {
    const [holder, other] = await contenders(2);
    await using lock = await holder!.acquire();
    await expect(other!.acquire({ timeoutMs: 1 })).rejects.toBeInstanceOf(OperationTimeoutError);
    await other!.settled();
    expect(await names(await world.open(), world.base)).toHaveLength(1);
    expect(lock.isHeld).toBe(true);
  });

  it('tells its holder when somebody deletes its znode, and lets others in', async () => {
    const [holder, other] = await contenders(2);
    const lock = await holder!.acquire();
    const lost = abortOf(lock.signal);
    const operator = await world.open();
    for (const name of await names(operator, world.base)) await operator.delete(`${world.base}/${name}`);
    expect(await lost).toBeInstanceOf(LockLostError);
    expect(lock.isHeld).toBe(false);
    await using next = await other!.acquire();
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    await lock.release();
    expect(next.isHeld).toBe(true);
  });

  it('does not let an owner that has lost it enter again before it has let go', async () => {
    const [mutex] = await contenders(1);
    const lock = await mutex!.acquire({ owner: 'me' });
    const operator = await world.open();
    for (const name of await names(operator, world.base)) await operator.delete(`${world.base}/${name}`);
    await abortOf(lock.signal);
    await expect(mutex!.acquire({ owner: 'me' })).rejects.toBeInstanceOf(LockLostError);
    await lock.release();
    await (await mutex!.acquire({ owner: 'me' })).release();
  });

  it('is waited for also when an operator deletes the waiter, and the directory', async () => {
    const metrics: RecipeMetric[] = [];
    const [holder] = await contenders(1);
    const lock = await holder!.acquire();
    const mutex = new Mutex(await world.open(), world.base, { onMetric: (metric) => metrics.push(metric) });
    const waiting = mutex.acquire();
    await untilLineIs(2);
    const operator = await world.open();
    const line = [...(await names(operator, world.base))].sort((a, b) =>
      a.slice(-10) < b.slice(-10) ? 1 : -1,
    );
    await operator.multi([
      ...line.map((name) => ({ op: 'delete' as const, path: `${world.base}/${name}` })),
      { op: 'delete' as const, path: world.base },
    ]);
    await abortOf(lock.signal);
    await using next = await waiting;
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    expect(metrics.map(({ name }) => name)).toEqual(['rejoined', 'acquired']);
  });

  it('tells its holder and its waiters when the client is closed behind its back', async () => {
    const holding = await world.open();
    const waitingClient = await world.open();
    const lock = await new Mutex(holding, world.base).acquire();
    const waiting = new Mutex(waitingClient, world.base).acquire();
    await untilLineIs(2);
    const rejected = expect(waiting).rejects.toBeInstanceOf(SessionExpiredError);
    await waitingClient.close();
    await rejected;
    await holding.close();
    expect(await abortOf(lock.signal)).toBeInstanceOf(LockLostError);
    await lock.release();
    expect(await names(await world.open(), world.base)).toEqual([]);
  });

  it('is acquired once though the answer to the creation was lost', async () => {
    const peer = await world.openPeer();
    const mutex = new Mutex(peer.client, world.base);
    await (await mutex.acquire()).release();
    peer.loseNextReply();
    const lock = await mutex.acquire();
    expect(await names(await world.open(), world.base)).toHaveLength(1);
    expect(lock.isHeld).toBe(true);
    await lock.release();
    expect(await names(await world.open(), world.base)).toEqual([]);
  });

  it('is released though the answer to the release was lost', async () => {
    const peer = await world.openPeer();
    const lock = await new Mutex(peer.client, world.base).acquire();
    peer.loseNextReply();
    await lock.release();
    expect(await names(await world.open(), world.base)).toEqual([]);
  });

  it('leaves nothing of an acquisition that was aborted while its answer was lost', async () => {
    const peer = await world.openPeer();
    const mutex = new Mutex(peer.client, world.base);
    await (await mutex.acquire()).release();
    const controller = new AbortController();
    peer.loseNextReply();
    const acquiring = mutex.acquire({ signal: controller.signal });
    const rejected = expect(acquiring).rejects.toBeInstanceOf(AbortedError);
    queueMicrotask(() => queueMicrotask(() => controller.abort()));
    await rejected;
    await mutex.settled();
    expect(await names(await world.open(), world.base)).toEqual([]);
  });

  it.runIf(world.canAdvance)('tells its holder that is cut off before anybody else can get in', async () => {
    const peer = await world.openPeer();
    const other = new Mutex(await world.open(), world.base);
    const lock = await new Mutex(peer.client, world.base).acquire();
    const waiting = other.acquire();
    await untilLineIs(2);
    peer.cut();
    let isTold = false;
    lock.signal.addEventListener('abort', () => (isTold = true));
    const entered = waiting.then((next) => ({ next, toldBefore: isTold }));
    await world.advance(21_100);
    expect(isTold).toBe(true);
    expect(lock.isHeld).toBe(false);
    await world.advance(30_000);
    const { next, toldBefore } = await entered;
    expect(toldBefore).toBe(true);
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    await next.release();
  });

  it('shows who stands in line, in order', async () => {
    const one = new Mutex(await world.open(), world.base, { identifier: 'host-1' });
    const two = new Mutex(await world.open(), world.base, { identifier: 'host-2' });
    expect(await one.contenders()).toEqual([]);
    const lock = await one.acquire();
    const waiting = two.acquire();
    await untilLineIs(2);
    expect((await one.contenders()).map(({ data }) => data)).toEqual(['host-1', 'host-2']);
    await lock.release();
    await (await waiting).release();
  });

  it('tells what it does to the metrics listener, whose errors harm nobody', async () => {
    const metrics: string[] = [];
    const mutex = new Mutex(await world.open(), world.base, {
      onMetric: ({ recipe, name, durationMs }) => {
        metrics.push(`${recipe} ${name} ${typeof durationMs}`);
        throw new Error('no');
      },
    });
    const warned = new Promise((resolve) => process.once('warning', resolve));
    await (await mutex.acquire()).release();
    expect(metrics).toEqual(['Mutex acquired number', 'Mutex released number']);
    expect(String(await warned)).toContain('a metrics listener failed');
  });
});
