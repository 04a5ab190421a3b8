/** What aborts and lost answers leave behind, which has to be nothing. */
import { expect, it } from 'vitest';
import { seededRandom } from '../../../lib/base/random.js';
import { AbortedError, ConnectionLossError, type ZeroKeeperClient } from '../../../lib/client/index.js';
import {
  DoubleBarrier,
  LeaderLatch,
  LockingQueue,
  Mutex,
  ReadWriteLock,
  Semaphore,
} from '../../../lib/client/recipes/index.js';
import { names } from './helpers.js';
import { describeOnAll } from './world.js';

const ROUNDS = 1_000;
const AT_ONCE = 4;

/** Over tcp nobody knows whether an item was put whose answer is lost; either way is fine here. */
function ignoreLoss(error: unknown): void {
  if (!(error instanceof ConnectionLossError)) throw error;
}

/** A recipe as it is used again and again. `round` is given up when the signal aborts. */
interface Subject {
  readonly directories: readonly string[];
  round(signal: AbortSignal): Promise<void>;
  settled(): Promise<void>;
}

const SUBJECTS: Readonly<Record<string, (client: ZeroKeeperClient, base: string) => Subject>> = {
  'a mutex': (client, base) => {
    const mutex = new Mutex(client, base);
    const round = async (signal: AbortSignal) => (await mutex.acquire({ signal })).release();
    return { directories: [base], round, settled: () => mutex.settled() };
  },
  'a read-write lock': (client, base) => {
    const lock = new ReadWriteLock(client, base);
    let turn = 0;
    const round = async (signal: AbortSignal) => {
      const held = await (turn++ % 3 === 0 ? lock.write : lock.read).acquire({ signal });
      await held.release();
    };
    return { directories: [base], round, settled: () => lock.settled() };
  },
  'a semaphore': (client, base) => {
    const semaphore = new Semaphore(client, base, { leases: 2 });
    const round = async (signal: AbortSignal) => (await semaphore.acquire({ signal })).release();
    return { directories: [`${base}/leases`, `${base}/locks`], round, settled: () => semaphore.settled() };
  },
  'a leader latch': (client, base) => ({
    directories: [base],
    round: async (signal) => {
      await using latch = new LeaderLatch(client, base);
      await latch.untilLeader({ signal });
    },
    // Closing one waits for what is to be tidied up behind it.
    settled: () => Promise.resolve(),
  }),
  'a locking queue': (client, base) => {
    const queue = new LockingQueue(client, base);
    const round = async (signal: AbortSignal) => {
      await queue.put('item').catch(ignoreLoss);
      await using item = await queue.take({ signal });
      await item.complete();
    };
    const settled = async () => {
      await queue.settled();
      for (let left = await queue.size(); left > 0; left--) await (await queue.take()).complete();
    };
    return { directories: [`${base}/entries`, `${base}/taken`], round, settled };
  },
  'a double barrier': (client, base) => {
    let rounds = 0;
    const directories = Array.from({ length: AT_ONCE }, (_, n) => `${base}/${n}`);
    const round = async (signal: AbortSignal) => {
      const path = directories[rounds++ % AT_ONCE]!;
      const broken = new AbortController();
      const either = AbortSignal.any([signal, broken.signal]);
      const party = async () => {
        const barrier = new DoubleBarrier(client, path, { count: 2 });
        try {
          await barrier.enter({ signal: either });
          await barrier.leave({ signal: either });
        } catch (error) {
          // One that gives up leaves the other waiting.
          broken.abort();
          throw error;
        } finally {
          await barrier.settled();
        }
      };
      const parties = await Promise.allSettled([party(), party()]);
      for (const outcome of parties) if (outcome.status === 'rejected') throw outcome.reason;
    };
    return { directories, round, settled: () => Promise.resolve() };
  },
};

describeOnAll(
  'no znode is left after a thousand rounds of use, aborts and lost answers',
  (world) => {
    it.each(Object.keys(SUBJECTS))(
      'of %s',
      async (name) => {
        const random = seededRandom(3);
        const peer = await world.openPeer();
        const subject = SUBJECTS[name]!(peer.client, world.base);
        let done = 0;
        const round = async () => {
          const controller = new AbortController();
          const dice = random.float();
          if (dice < 0.02) peer.loseNextReply();
          if (dice < 0.3) queueMicrotask(() => controller.abort());
          else if (dice < 0.5) setImmediate(() => controller.abort());
          try {
            await subject.round(controller.signal);
            done++;
          } catch (error) {
            expect(error).toBeInstanceOf(AbortedError);
          }
        };
        for (let n = 0; n < ROUNDS; n += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, round));
        await subject.settled();
        expect(done).toBeGreaterThan(ROUNDS / 10);
        const observer = await world.open();
        await observer.sync('/');
        for (const directory of subject.directories) expect(await names(observer, directory)).toEqual([]);
      },
      120_000,
    );
  },
  ['tcp', 'direct'],
);
