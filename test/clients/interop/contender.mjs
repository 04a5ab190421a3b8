// The recipes' side of test_interop.py: contends at a path and counts with a znode that only the lock protects.
// node contender.mjs HOSTS KIND PATH COUNTED ROUNDS
import { connect } from 'zerokeeper';
import { DoubleBarrier, LockingQueue, Mutex, Queue, ReadWriteLock } from 'zerokeeper/recipes';

const [hosts, kind, path, counted, count] = process.argv.slice(2);
const rounds = Number(count);
const client = await connect({ transport: 'tcp', servers: hosts });
const text = (data) => new TextDecoder().decode(data);

/** A version that has changed meanwhile is a lock that did not hold. */
async function increment() {
  const { data, stat } = await client.get(counted, { consistency: 'linearizable' });
  await client.set(counted, String(Number(text(data)) + 1), { version: stat.version });
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
