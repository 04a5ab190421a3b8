import { expect, it } from 'vitest';
import { AbortedError, BadArgumentsError, OperationTimeoutError } from '../../../lib/client/index.js';
import { LockingQueue, LockLostError, PriorityQueue, Queue } from '../../../lib/client/recipes/index.js';
import { names, text } from './helpers.js';
import { abortOf, describeOnAll, isPending } from './world.js';

describeOnAll('a queue', (world) => {
  it('hands items out in their order, each to one taker', async () => {
    const [putting, one, two] = await Promise.all(
      [1, 2, 3].map(async () => new Queue(await world.open(), world.base)),
    );
    for (let n = 0; n < 20; n++) await putting!.put(String(n));
    expect(await putting!.size()).toBe(20);
    const taken: number[] = [];
    const take = async (queue: Queue) => {
      const own: number[] = [];
      for (let n = 0; n < 10; n++) own.push(Number(text(await queue.take())));
      expect(own).toEqual([...own].sort((a, b) => a - b));
      taken.push(...own);
    };
    await Promise.all([take(one!), take(two!)]);
    expect(taken.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect(await putting!.size()).toBe(0);
  });

  it('lists once for many items', async () => {
    const client = await world.open();
    const queue = new Queue(client, world.base);
    for (let n = 0; n < 10; n++) await queue.put(String(n));
    let listings = 0;
    const getChildren = client.getChildren.bind(client);
    client.getChildren = (...args) => (listings++, getChildren(...args));
    for (let n = 0; n < 10; n++) expect(text(await queue.take())).toBe(String(n));
    client.getChildren = getChildren;
    expect(listings).toBe(1);
  });

  it('makes who takes from an empty one wait', async () => {
    const queue = new Queue(await world.open(), world.base);
    const taking = queue.take();
    expect(await isPending(taking)).toBe(true);
    await new Queue(await world.open(), world.base).put('late');
    expect(text(await taking)).toBe('late');
    await expect(queue.take({ timeoutMs: 20 })).rejects.toBeInstanceOf(OperationTimeoutError);
    await expect(queue.take({ signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortedError);
  });

  it('hands out what is urgent first', async () => {
    const queue = new PriorityQueue(await world.open(), world.base);
    await queue.put('whenever', 999);
    await queue.put('soon', 5);
    await queue.put('soon, too', 5);
    await queue.put('now', 0);
    const taken: string[] = [];
    for (let n = 0; n < 4; n++) taken.push(text(await queue.take()));
    expect(taken).toEqual(['now', 'soon', 'soon, too', 'whenever']);
    await expect(queue.put('never', 1000)).rejects.toBeInstanceOf(BadArgumentsError);
  });
});

describeOnAll('a locking queue', (world) => {
  const open = async () => new LockingQueue(await world.open(), world.base);

  it('keeps an item until it is completed, and gives it to one taker at a time', async () => {
    const [one, two] = [await open(), await open()];
    await one.put('a');
    await one.put('b');
    const a = await one.take();
    const b = await two.take();
    expect([text(a.data), text(b.data)]).toEqual(['a', 'b']);
    await expect(two.take({ timeoutMs: 20 })).rejects.toBeInstanceOf(OperationTimeoutError);
    await a.complete();
    await a.release();
    await b.release();
    await using again = await one.take();
    expect(text(again.data)).toBe('b');
    expect(again.fencingToken).toBeGreaterThan(b.fencingToken);
    expect(await one.size()).toBe(1);
    await again.complete();
    expect(await one.size()).toBe(0);
    expect(await names(await world.open(), `${world.base}/taken`)).toEqual([]);
  });

  it('gives the item of a taker that is gone to the next one', async () => {
    const client = await world.open();
    const dying = new LockingQueue(client, world.base);
    const next = await open();
    await dying.put('job');
    const item = await dying.take();
    const waiting = next.take();
    expect(await isPending(waiting)).toBe(true);
    await client.close();
    await abortOf(item.signal);
    await expect(item.complete()).rejects.toBeInstanceOf(LockLostError);
    const taken = await waiting;
    expect(text(taken.data)).toBe('job');
    await taken.complete();
  });

  it('refuses to complete what an operator has taken away from its taker', async () => {
    const queue = await open();
    await queue.put('job');
    const item = await queue.take();
    const operator = await world.open();
    const [name] = await names(operator, `${world.base}/taken`);
    await operator.delete(`${world.base}/taken/${name!}`);
    await expect(item.complete()).rejects.toBeInstanceOf(LockLostError);
    expect(await queue.size()).toBe(1);
  });

  it('completes an item once though the answer was lost', async () => {
    const peer = await world.openPeer();
    const queue = new LockingQueue(peer.client, world.base);
    await queue.put('job');
    const item = await queue.take();
    await peer.client.sync('/');
    peer.loseNextReply();
    await item.complete();
    expect(await (await open()).size()).toBe(0);
  });

  it('loses no item and completes each once when consumers fail', async () => {
    const [one, two] = [await open(), await open()];
    for (let n = 0; n < 10; n++) await one.put(String(n));
    const stop = new AbortController();
    const completed: string[] = [];
    const failed = new Set<string>();
    const consume = async (queue: LockingQueue) => {
      while (!stop.signal.aborted) {
        await queue
          .consume(
            async (item) => {
              const name = text(item.data);
              if (!failed.has(name)) {
                failed.add(name);
                throw new Error('at first it fails');
              }
              await item.complete();
              completed.push(name);
              if (completed.length === 10) stop.abort();
            },
            { signal: stop.signal },
          )
          .catch((error: unknown) => expect(error).toMatchObject({ message: 'at first it fails' }));
      }
    };
    await Promise.all([consume(one), consume(two)]);
    expect(completed.sort()).toEqual(Array.from({ length: 10 }, (_, n) => String(n)));
    expect(await one.size()).toBe(0);
    expect(await names(await world.open(), `${world.base}/taken`)).toEqual([]);
  });
});
