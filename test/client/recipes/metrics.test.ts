import { expect, it } from 'vitest';
import {
  Barrier,
  ChildrenWatch,
  Configuration,
  DataWatch,
  DoubleBarrier,
  JobLease,
  LeaderLatch,
  LockingQueue,
  Party,
  PersistentNode,
  Queue,
  ServiceDiscovery,
  SharedValue,
  TreeCache,
  type RecipeMetric,
} from '../../../lib/client/recipes/index.js';
import { describeOnAll } from './world.js';

describeOnAll(
  'the metrics listener',
  (world) => {
    /** A listener, and what it was told, in short. */
    const listening = () => {
      const told: string[] = [];
      const onMetric = ({ recipe, name, durationMs }: RecipeMetric) => {
        expect(durationMs ?? 0).toBeGreaterThanOrEqual(0);
        told.push(`${recipe} ${name}`);
      };
      return { told, options: { onMetric } };
    };

    it('is told who was in, and who gave up', async () => {
      const client = await world.open();
      const { told, options } = listening();
      const barrier = new Barrier(client, `${world.base}/barrier`, options);
      await barrier.wait();
      await barrier.put();
      const controller = new AbortController();
      const waiting = barrier.wait({ signal: controller.signal });
      queueMicrotask(() => controller.abort());
      await expect(waiting).rejects.toThrow();
      const both = new DoubleBarrier(client, `${world.base}/double`, { ...options, count: 1 });
      await both.enter();
      await both.leave();
      await using latch = new LeaderLatch(client, `${world.base}/latch`, options);
      await latch.untilLeader();
      const lease = await new JobLease(client, `${world.base}/job`, options).take(60_000);
      await lease?.release();
      expect(told).toEqual([
        ...['Barrier acquired', 'Barrier gaveUp'],
        ...['DoubleBarrier acquired', 'DoubleBarrier released'],
        ...['LeaderLatch acquired', 'JobLease acquired', 'JobLease released'],
      ]);
    });

    it('is told of items that were taken and processed', async () => {
      const client = await world.open();
      const { told, options } = listening();
      const queue = new Queue(client, `${world.base}/queue`, options);
      await queue.put('item');
      await queue.take();
      const locking = new LockingQueue(client, `${world.base}/locking`, options);
      await locking.put('item');
      await (await locking.take()).complete();
      expect(told).toEqual(['Queue acquired', 'LockingQueue acquired', 'LockingQueue processed']);
    });

    it('is told of each new state', async () => {
      const client = await world.open();
      const path = `${world.base}/value`;
      await client.createJson(path, { on: true }, { parents: true });
      const { told, options } = listening();
      const first = async (states: AsyncIterable<unknown>) => {
        for await (const state of states) return state;
        return undefined;
      };
      await first(new DataWatch(client, path, options));
      await first(new ChildrenWatch(client, world.base, options));
      const schema = (value: unknown) => value;
      await first(new Configuration(client, path, { ...options, schema }).updates());
      await first(new SharedValue(client, path, { ...options, initial: {} }).states());
      await first(new Party(client, world.base, options).changes());
      await using cache = new TreeCache(client, world.base, options);
      await cache.ready();
      await using provider = await new ServiceDiscovery(client, world.base, options).provider('value');
      expect(provider.instances).toEqual([]);
      const recipes = ['DataWatch', 'ChildrenWatch', 'Configuration', 'SharedValue', 'Party', 'TreeCache'];
      expect(told).toEqual([...recipes, 'ServiceDiscovery'].map((recipe) => `${recipe} updated`));
    });

    it('is told when a znode that is kept had to be made again', async () => {
      const client = await world.open();
      const remade = new Promise<RecipeMetric>((resolve) => {
        const node = new PersistentNode(client, `${world.base}/node`, { onMetric: resolve });
        void node.ready().then(() => client.delete(node.path));
      });
      expect(await remade).toMatchObject({ recipe: 'PersistentNode', name: 'rejoined' });
    });
  },
  ['direct'],
);
