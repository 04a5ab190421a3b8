import { expect, it } from 'vitest';
import { AbortedError, type ZeroKeeperClient } from '../../../lib/client/index.js';
import { Mutex, type Held } from '../../../lib/client/recipes/index.js';
import { describeOnAll } from './world.js';

const CONTENDERS = 1_000;
const CLIENTS = 10;
const RELEASES = 5;

describeOnAll(
  'a mutex with many contenders',
  (world) => {
    it('wakes one of a thousand at each release', async () => {
      const counts = { watches: 0, listings: 0 };
      const entered: Held[] = [];
      let onProgress: () => void = () => undefined;
      const until = async (condition: () => boolean) => {
        while (!condition()) await new Promise<void>((resolve) => (onProgress = resolve));
      };
      const count = (client: ZeroKeeperClient) => {
        const watch = client.watch.bind(client);
        client.watch = async (...args) => {
          const armed = await watch(...args);
          counts.watches++;
          onProgress();
          return armed;
        };
        const getChildren = client.getChildren.bind(client);
        client.getChildren = (...args) => (counts.listings++, getChildren(...args));
      };
      const stop = new AbortController();
      const contend = async (mutex: Mutex) => {
        try {
          entered.push(await mutex.acquire({ signal: stop.signal }));
          onProgress();
        } catch (error) {
          expect(error).toBeInstanceOf(AbortedError);
        }
      };
      const waiting: Promise<void>[] = [];
      for (let n = 0; n < CLIENTS; n++) {
        const client = await world.open({});
        count(client);
        const mutex = new Mutex(client, world.base);
        for (let m = 0; m < CONTENDERS / CLIENTS; m++) waiting.push(contend(mutex));
      }
      // The holder watches its own znode, everybody else that of the one before.
      await until(() => entered.length === 1 && counts.watches === CONTENDERS);
      counts.listings = 0;
      for (let release = 1; release <= RELEASES; release++) {
        await entered.at(-1)!.release();
        await until(() => entered.length === release + 1);
      }
      // Who wakes looks at the line; nobody else did.
      expect(counts.listings).toBe(RELEASES);
      expect(entered).toHaveLength(RELEASES + 1);
      stop.abort();
      await Promise.all(waiting);
      await entered.at(-1)!.release();
    }, 60_000);
  },
  ['tcp'],
);
