import { expect, it } from 'vitest';
import { OperationTimeoutError } from '../../../lib/client/index.js';
import { LockLostError, ReadWriteLock, type Held } from '../../../lib/client/recipes/index.js';
import { names, untilChildren } from './helpers.js';
import { abortOf, describeOnAll, isPending } from './world.js';

describeOnAll('a read-write lock', (world) => {
  const open = async () => new ReadWriteLock(await world.open(), world.base);

  it('is held by many readers together, and by a writer alone', async () => {
    const [one, two, three] = [await open(), await open(), await open()];
    const readers = [await one.read.acquire(), await two.read.acquire()];
    const writing = three.write.acquire();
    const observer = await world.open();
    await untilChildren(observer, world.base, 3);
    await readers[0]!.release();
    expect(await isPending(writing)).toBe(true);
    await readers[1]!.release();
    const writer = await writing;
    await expect(one.read.acquire({ timeoutMs: 1 })).rejects.toBeInstanceOf(OperationTimeoutError);
    await expect(two.write.acquire({ timeoutMs: 1 })).rejects.toBeInstanceOf(OperationTimeoutError);
    await Promise.all([one.settled(), two.settled()]);
    await writer.release();
    expect(await names(observer, world.base)).toEqual([]);
  });

  it('lets no reader pass a writer that waits, and all readers in behind it', async () => {
    const [one, two, three, four] = [await open(), await open(), await open(), await open()];
    const order: string[] = [];
    const observer = await world.open();
    const note =
      (what: string) =>
      <Hold extends Held>(held: Hold): Hold => (order.push(what), held);
    const first = await one.read.acquire();
    const writing = two.write.acquire().then(note('writer'));
    await untilChildren(observer, world.base, 2);
    const reading = [three, four].map((lock) => lock.read.acquire().then(note('reader')));
    await untilChildren(observer, world.base, 4);
    expect(order).toEqual([]);
    await first.release();
    const writer = await writing;
    expect(order).toEqual(['writer']);
    await writer.release();
    const readers = await Promise.all(reading);
    expect(order).toEqual(['writer', 'reader', 'reader']);
    await Promise.all(readers.map((reader) => reader.release()));
  });

  it('lets a writer go on as a reader before a writer that waits', async () => {
    const [one, two, three] = [await open(), await open(), await open()];
    const observer = await world.open();
    const writer = await one.write.acquire();
    const writing = two.write.acquire();
    await untilChildren(observer, world.base, 2);
    const reader = await writer.downgrade();
    expect(reader.fencingToken).toBe(writer.fencingToken);
    expect([writer.isHeld, reader.isHeld]).toEqual([false, true]);
    await writer.release();
    expect(await isPending(writing)).toBe(true);
    expect(await names(observer, world.base)).toHaveLength(2);
    const readingLate = three.read.acquire();
    await untilChildren(observer, world.base, 3);
    expect(await isPending(readingLate)).toBe(true);
    await reader.release();
    const next = await writing;
    expect(next.fencingToken).toBeGreaterThan(reader.fencingToken);
    await next.release();
    await (await readingLate).release();
    expect(writer.signal.aborted).toBe(false);
  });

  it('lets readers in that wait when a writer goes on as a reader', async () => {
    const [one, two] = [await open(), await open()];
    const writer = await one.write.acquire();
    const reading = two.read.acquire();
    await untilChildren(await world.open(), world.base, 2);
    await using mine = await writer.downgrade();
    await using theirs = await reading;
    expect([mine.isHeld, theirs.isHeld]).toEqual([true, true]);
  });

  it('goes on as a reader though the answer to that was lost', async () => {
    const peer = await world.openPeer();
    const writer = await new ReadWriteLock(peer.client, world.base).write.acquire();
    await peer.client.sync('/');
    peer.loseNextReply();
    await using reader = await writer.downgrade();
    expect(reader.isHeld).toBe(true);
    expect(await names(await world.open(), world.base)).toEqual([expect.stringContaining('__READ__')]);
  });

  it('refuses to go on as a reader when the lock was lost', async () => {
    const lock = await open();
    const writer = await lock.write.acquire();
    const operator = await world.open();
    for (const name of await names(operator, world.base)) await operator.delete(`${world.base}/${name}`);
    expect(await abortOf(writer.signal)).toBeInstanceOf(LockLostError);
    await expect(writer.downgrade()).rejects.toBeInstanceOf(LockLostError);
    await writer.release();
  });
});
