import { beforeEach, describe, expect, it } from 'vitest';

import { ManualClock } from '../../lib/base/clock.js';
import { silentLogger, type LogFields, type Logger } from '../../lib/base/logger.js';
import { seededRandom } from '../../lib/base/random.js';
import { QUOTA_WARNING_PAUSE_MS } from '../../lib/gateway/quota-warnings.js';
import { SimulatedStore } from '../../lib/log/simulated-store.js';
import { CreateFlags } from '../../lib/wire/index.js';
import { startOn } from './support/real-gateway.js';

const ACL = [{ perms: 31, scheme: 'world', id: 'anyone' }];

let clock: ManualClock;
let warnings: LogFields[];

beforeEach(() => {
  clock = new ManualClock(1_700_000_000_000);
  warnings = [];
});

async function setUp(limits: string) {
  const logger: Logger = {
    ...silentLogger,
    warn: (message, fields = {}) => {
      if (message === 'a quota is exceeded') warnings.push(fields);
    },
  };
  const store = new SimulatedStore({ clock, random: seededRandom(1) });
  const { open } = await startOn(store, { clock, logger });
  const client = await open();
  const call = async (name: Parameters<typeof client.call>[0], body: object) => {
    const calling = client.call(name, body as never);
    let done = false;
    void calling.finally(() => (done = true));
    while (!done) await clock.advance(10);
    return (await calling).err;
  };
  const create = async (path: string, data = '') => {
    const body = { path, data: Buffer.from(data), acl: ACL, flags: CreateFlags.persistent };
    expect(await call('create', body)).toBe(0);
  };
  const setData = async (path: string, data: string) => {
    expect(await call('setData', { path, data: Buffer.from(data), version: -1 })).toBe(0);
  };
  await create('/q');
  await create('/zookeeper/quota/q');
  await create('/zookeeper/quota/q/zookeeper_limits', limits);
  await create('/zookeeper/quota/q/zookeeper_stats');
  /** Until the next warning may come. The session would end without a word of its client. */
  const wait = async () => {
    for (let waitedMs = 0; waitedMs < QUOTA_WARNING_PAUSE_MS; waitedMs += 5_000) {
      await clock.advance(5_000);
      await call('exists', { path: '/', watch: false });
    }
  };
  return { create, setData, call, wait };
}

describe('a write beyond a soft quota', () => {
  it('of znodes is done, and told in the log', async () => {
    const { create, call } = await setUp('count=2,bytes=-1');
    await create('/q/a');
    expect(warnings).toEqual([]);
    await create('/q/b');
    expect(warnings).toEqual([{ path: '/q', znodes: 3, znodesLimit: 2 }]);
    expect(await call('exists', { path: '/q/b', watch: false })).toBe(0);
  });

  it('of bytes is told as well, and what makes less of them is not', async () => {
    const { setData, wait } = await setUp('count=-1,bytes=10');
    await setData('/q', 'x'.repeat(10));
    expect(warnings).toEqual([]);
    await setData('/q', 'x'.repeat(20));
    expect(warnings).toEqual([{ path: '/q', bytes: 20, bytesLimit: 10 }]);
    await wait();
    await setData('/q', 'x'.repeat(15));
    expect(warnings).toHaveLength(1);
  });

  it('is told once a minute, however many come', async () => {
    const { create, wait } = await setUp('count=1,bytes=-1');
    for (const name of ['a', 'b', 'c']) await create(`/q/${name}`);
    expect(warnings).toHaveLength(1);
    await wait();
    await create('/q/d');
    expect(warnings.map(({ znodes }) => znodes)).toEqual([2, 5]);
  });

  it('is not told of where there is no limit', async () => {
    const { create, setData } = await setUp('count=-1,bytes=-1');
    await create('/q/a', 'x'.repeat(100));
    await setData('/q', 'x'.repeat(100));
    expect(warnings).toEqual([]);
  });
});
