import { expect, it } from 'vitest';
import {
  AbortedError,
  InvalidJsonError,
  NoNodeError,
  SessionExpiredError,
  ThrottledError,
} from '../../../lib/client/index.js';
import { Configuration, JobLease, TreeCache, type TreeState } from '../../../lib/client/recipes/index.js';
import { text } from './helpers.js';
import { describeOnAll } from './world.js';

const show = ({ nodes }: TreeState, base: string) =>
  Object.fromEntries([...nodes].map(([path, { data }]) => [path.slice(base.length), text(data)]));

describeOnAll('a tree cache', (world) => {
  it('mirrors a subtree and tells what is added, updated and removed', async () => {
    const other = await world.open();
    await other.create(world.base, 'root');
    await other.create(`${world.base}/a`, '1');
    const states: TreeState[] = [];
    await using cache = new TreeCache(await world.open(), world.base, {
      onState: (state) => states.push(state),
    });
    expect(show(await cache.ready(), world.base)).toEqual({ '': 'root', '/a': '1' });
    await other.create(`${world.base}/a/b/c`, '2', { parents: true });
    await other.set(`${world.base}/a`, '3');
    const last = await other.set(world.base, 'new root');
    expect(show(await cache.ready({ zxid: last.mzxid }), world.base)).toEqual({
      '': 'new root',
      '/a': '3',
      '/a/b': '',
      '/a/b/c': '2',
    });
    await other.delete(`${world.base}/a/b/c`);
    const gone = await other.set(world.base, 'end');
    const state = await cache.ready({ zxid: gone.mzxid });
    expect(state.nodes.has(`${world.base}/a/b/c`)).toBe(false);
    const told = states.flatMap(({ events }) =>
      events.map(({ type, path }) => `${type} ${path.slice(world.base.length)}`),
    );
    expect(new Set(told)).toEqual(
      new Set([
        'added ',
        'added /a',
        'added /a/b',
        'added /a/b/c',
        'updated ',
        'updated /a',
        'removed /a/b/c',
      ]),
    );
  });

  it('is at no time a mixture: two znodes that change together are the same in every state', async () => {
    const other = await world.open();
    await other.create(world.base);
    for (const name of ['x', 'y']) await other.create(`${world.base}/${name}`, '0');
    const states: TreeState[] = [];
    await using cache = new TreeCache(await world.open(), world.base, {
      onState: (state) => states.push(state),
    });
    await cache.ready();
    for (let n = 1; n <= 20; n++) {
      await other.multi([
        { op: 'set', path: `${world.base}/x`, data: String(n) },
        { op: 'set', path: `${world.base}/y`, data: String(n) },
      ]);
    }
    const { mzxid } = await other.set(world.base, 'done');
    await cache.ready({ zxid: mzxid });
    for (const state of states) {
      const { '/x': x, '/y': y } = show(state, world.base);
      expect(x).toBe(y);
    }
    expect(show(states.at(-1)!, world.base)).toMatchObject({ '/x': '20', '/y': '20' });
  });

  it('catches up after a disconnect', async () => {
    const peer = await world.openPeer();
    const other = await world.open();
    await other.create(`${world.base}/gone`, '', { parents: true });
    await using cache = new TreeCache(peer.client, world.base);
    await cache.ready();
    peer.cut();
    await other.delete(`${world.base}/gone`);
    const { stat } = await other.create(`${world.base}/new`, 'n');
    peer.heal();
    const state = await cache.ready({ zxid: stat.czxid });
    expect(show(state, world.base)).toEqual({ '': '', '/new': 'n' });
  });

  it('ends when there are too many znodes, and with the client', async () => {
    const client = await world.open();
    for (const name of ['a', 'b']) await client.create(`${world.base}/${name}`, '', { parents: true });
    const warned = new Promise((resolve) => process.once('warning', resolve));
    const small = new TreeCache(client, world.base, { nodesMax: 2 });
    await expect(small.ready()).rejects.toBeInstanceOf(ThrottledError);
    await warned;
    const cache = new TreeCache(client, world.base);
    await cache.ready();
    const waiting = expect(cache.ready({ zxid: 2 ** 50 })).rejects.toBeInstanceOf(SessionExpiredError);
    await client.close();
    await waiting;
    await cache.ended;
  });
});

describeOnAll('a configuration', (world) => {
  const schema = (value: unknown) => {
    const { level } = value as { level?: unknown };
    if (typeof level !== 'number') throw new TypeError('no level');
    return { level };
  };

  it('waits for an answer no longer than its signal allows', async () => {
    const peer = await world.openPeer();
    const configuration = new Configuration(peer.client, world.base, { schema, fallback: { level: 7 } });
    expect(await configuration.get({ signal: new AbortController().signal })).toEqual({ level: 7 });
    peer.cut();
    const controller = new AbortController();
    const asked = expect(configuration.get({ signal: controller.signal })).rejects.toBeInstanceOf(
      AbortedError,
    );
    setImmediate(() => controller.abort());
    await asked;
  });

  it('follows changes, and shows none that the schema refuses', async () => {
    const other = await world.open();
    const invalid: unknown[] = [];
    const configuration = new Configuration(await world.open(), world.base, {
      schema,
      fallback: { level: 0 },
      onInvalid: (error) => invalid.push(error),
    });
    expect(await configuration.get()).toEqual({ level: 0 });
    const levels: number[] = [];
    for await (const { level } of configuration.updates()) {
      levels.push(level);
      if (level === 0) await other.createJson(world.base, { level: 1 });
      if (level === 1) {
        await other.set(world.base, 'nonsense');
        await expect(configuration.get()).rejects.toBeInstanceOf(InvalidJsonError);
        await other.setJson(world.base, { level: 2 });
      }
      if (level === 2) break;
    }
    expect(levels).toEqual([0, 1, 2]);
    expect(invalid.length).toBeLessThanOrEqual(1);
    await configuration.set({ level: 3 });
    expect(await configuration.get()).toEqual({ level: 3 });
    await expect(configuration.set({} as never)).rejects.toBeInstanceOf(InvalidJsonError);
  });

  it('needs a znode or a fallback', async () => {
    const configuration = new Configuration(await world.open(), world.base, { schema });
    await expect(configuration.get()).rejects.toBeInstanceOf(NoNodeError);
    await configuration.set({ level: 1 });
    expect(await configuration.get()).toEqual({ level: 1 });
  });
});

describeOnAll('a job lease', (world) => {
  it('is with one holder at a time, and with the next when it was given back', async () => {
    const [one, two] = [
      new JobLease(await world.open(), world.base, { holder: 'one' }),
      new JobLease(await world.open(), world.base, { holder: 'two', clockSkewMs: 0 }),
    ];
    const outcomes = await Promise.all([one.take(60_000), two.take(60_000)]);
    const held = outcomes.filter((outcome) => outcome !== undefined);
    expect(held).toHaveLength(1);
    expect(held[0]!.remainingMs).toBeGreaterThan(0);
    expect(await two.take(60_000)).toBeUndefined();
    expect(await held[0]!.renew(60_000)).toBe(true);
    expect(await held[0]!.release()).toBe(true);
    const next = await two.take(60_000);
    expect(next!.fencingToken).toBeGreaterThan(held[0]!.fencingToken);
    expect(await held[0]!.renew(60_000)).toBe(false);
  });

  it.runIf(world.canAdvance)(
    'is taken over when its time and the allowance for clocks are over',
    async () => {
      const one = new JobLease(await world.open(), world.base);
      const two = new JobLease(await world.open(), world.base);
      const first = await one.take(10_000);
      await world.advance(10_001);
      expect(first!.remainingMs).toBe(0);
      expect(await two.take(10_000)).toBeUndefined();
      await world.advance(5_000);
      const second = await two.take(10_000);
      expect(second!.fencingToken).toBeGreaterThan(first!.fencingToken);
      expect(await first!.renew(10_000)).toBe(false);
      expect(await first!.release()).toBe(false);
    },
  );
});
