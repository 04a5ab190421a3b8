import { expect, it } from 'vitest';
import {
  DoubleBarrier,
  LeaderLatch,
  Mutex,
  ReadWriteLock,
  Semaphore,
} from '../../../lib/client/recipes/index.js';
import type { names } from './helpers.js';
import { describeOnAll } from './world.js';

describeOnAll(
  'requests at the wire',
  (world) => {
    /** What goes over the wire while it is acquired, and while it is released. */
    const counted = async (
      acquire: (client: Parameters<typeof names>[0]) => Promise<{ release(): Promise<unknown> }>,
      settled: () => Promise<void> = () => Promise.resolve(),
    ) => {
      const peer = await world.openPeer();
      // The directories are there from the second time on.
      await (await acquire(peer.client)).release();
      await settled();
      await peer.client.sync('/');
      peer.requests.length = 0;
      const held = await acquire(peer.client);
      await settled();
      await peer.client.sync('/');
      const acquired = peer.requests.splice(0);
      await held.release();
      return { acquired: acquired.filter((name) => name !== 'sync'), released: [...peer.requests] };
    };

    it('are four for a mutex, the last of them for the release', async () => {
      const { acquired, released } = await counted((client) => new Mutex(client, world.base).acquire());
      expect(acquired).toEqual(['create2', 'getChildren2', 'getData']);
      expect(released).toEqual(['delete']);
    });

    it('are as many for a read-write lock', async () => {
      const { acquired, released } = await counted((client) =>
        new ReadWriteLock(client, world.base).write.acquire(),
      );
      expect(acquired).toEqual(['create2', 'getChildren2', 'getData']);
      expect(released).toEqual(['delete']);
    });

    it('are as many for a leadership', async () => {
      const { acquired, released } = await counted(async (client) => {
        const latch = new LeaderLatch(client, world.base);
        await latch.untilLeader();
        return { release: () => latch.close() };
      });
      expect(acquired).toEqual(['create2', 'getChildren2', 'getData']);
      expect(released).toEqual(['delete']);
    });

    it('are those of a double barrier, for the one who completes it', async () => {
      const { acquired, released } = await counted(async (client) => {
        const barrier = new DoubleBarrier(client, world.base, { count: 1 });
        await barrier.enter();
        return { release: () => barrier.leave() };
      });
      expect(acquired).toEqual(['exists', 'create2', 'exists', 'getChildren2', 'create2']);
      expect(released).toEqual(['getChildren2', 'delete', 'delete']);
    });

    it("are seven for a semaphore's lease", async () => {
      let semaphore: Semaphore | undefined;
      const { acquired, released } = await counted(
        (client) => {
          semaphore ??= new Semaphore(client, world.base, { leases: 2 });
          return semaphore.acquire();
        },
        async () => semaphore?.settled(),
      );
      expect(acquired).toEqual(['create2', 'getChildren2', 'create2', 'getChildren2', 'delete', 'getData']);
      expect(released).toEqual(['delete']);
    });
  },
  ['tcp', 'zookeeper'],
);
