// The recipes' side of test_interop.py and CuratorInterop.java: contends at a path and counts with a znode that only the lock protects.
// node contender.mjs HOSTS KIND PATH COUNTED ROUNDS
import { connect } from 'zerokeeper';
import {
  DoubleBarrier,
  LeaderLatch,
  LockingQueue,
  Mutex,
  Queue,
  ReadWriteLock,
  Semaphore,
} from 'zerokeeper/recipes';

const [hosts, kind, path, counted, count] = process.argv.slice(2);
const rounds = Number(count);
const client = await connect({ transport: 'tcp', servers: hosts });
const text = (data) => new TextDecoder().decode(data);

/** A version that has changed meanwhile is a lock that did not hold. */
async function increment() {
  const { data, stat } = await client.get(counted, { consistency: 'linearizable' });
  await client.set(counted, String(Number(text(data)) + 1), { version: stat.version });
}

/** Resolves to a promise of the znode's deletion, once it is watched: to be awaited before anybody is told to delete it. */
async function watched(path) {
  const watch = await client.watch(path, { type: 'data' });
  const deletion = (async () => {
    for await (const { type } of watch) if (type === 'deleted') return;
  })();
  return { deletion };
}

const work = {
  async lock() {
    const mutex = new Mutex(client, path, { identifier: 'zerokeeper' });
    for (let round = 0; round < rounds; round++) await mutex.run(increment);
  },
  async write() {
    const lock = new ReadWriteLock(client, path);
    for (let round = 0; round < rounds; round++) {
      const held = await lock.write.acquire();
      await increment();
      await (await held.downgrade()).release();
    }
  },
  /** Until somebody deletes a znode that says so. */
  async read() {
    const held = await new ReadWriteLock(client, path).read.acquire();
    const gone = new Promise((resolve) => held.signal.addEventListener('abort', resolve, { once: true }));
    await client.create(`${counted}-reads`, '');
    const { deletion } = await watched(`${counted}-reads`);
    console.log('reads');
    await Promise.race([deletion, gone]);
    held.signal.throwIfAborted();
    await held.release();
  },
  async semaphore() {
    const semaphore = new Semaphore(client, path, { leases: 2 });
    for (let round = 0; round < rounds; round++) {
      const lease = await semaphore.acquire();
      const entry = await client.create(`${counted}-inside/zerokeeper-`, '', { mode: 'ephemeralSequential' });
      const { children } = await client.getChildren(`${counted}-inside`, { consistency: 'linearizable' });
      if (children.length > 2) throw new Error(`${children.length} are in`);
      await client.delete(entry.path);
      await lease.release();
    }
  },
  /** Leads until somebody deletes the znode. */
  async latch() {
    const latch = new LeaderLatch(client, path, { id: 'zerokeeper' });
    latch.start();
    while (!(await latch.participants()).some(({ id }) => id === 'zerokeeper')) await client.sync(path);
    console.log('takes part');
    await latch.untilLeader();
    const [, next] = await latch.participants();
    const { deletion } = await watched(counted);
    console.log(`leads before ${next?.id}`);
    await deletion;
    await latch.close();
  },
  async barrier() {
    const barrier = new DoubleBarrier(client, path, { count: rounds });
    await barrier.enter();
    console.log('entered');
    await barrier.leave();
    console.log('left');
  },
  async queue() {
    const queue = new Queue(client, path);
    for (let round = 0; round < rounds; round++) await queue.put(`from zerokeeper ${round}`);
    for (let round = 0; round < rounds; round++) console.log(text(await queue.take()));
  },
  async lockingQueue() {
    const queue = new LockingQueue(client, path);
    await client.sync(path);
    for (let round = 0; round < rounds; round++) {
      const item = await queue.take();
      console.log(text(item.data));
      await item.complete();
    }
  },
};

await work[kind]();
await client.close();
