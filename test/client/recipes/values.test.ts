import { expect, it } from 'vitest';
import {
  AbortedError,
  BadArgumentsError,
  InvalidJsonError,
  SessionExpiredError,
} from '../../../lib/client/index.js';
import {
  ChildrenWatch,
  ContentionError,
  Counter,
  DataWatch,
  SharedValue,
} from '../../../lib/client/recipes/index.js';
import { text } from './helpers.js';
import { describeOnAll } from './world.js';

describeOnAll('a counter', (world) => {
  it('counts every change of many clients once', async () => {
    const counters = await Promise.all(
      [1, 2, 3].map(async () => new Counter(await world.open(), world.base)),
    );
    expect(await counters[0]!.get()).toBe(0n);
    const changes = await Promise.all(
      counters.flatMap((counter, index) => [counter.add(index + 1), counter.add(BigInt(index + 1))]),
    );
    expect(await counters[0]!.get()).toBe(12n);
    // A chain: each begins where another one has ended.
    const afters = new Set([0n, ...changes.map(({ after }) => after)]);
    expect(changes.every(({ before }) => afters.has(before))).toBe(true);
    expect(new Set(changes.map(({ before }) => before)).size).toBe(6);
  });

  it('is set only if it is what is expected', async () => {
    const counter = new Counter(await world.open(), world.base);
    expect(await counter.compareAndSet(0, -7)).toBe(true);
    expect(await counter.compareAndSet(0, 1)).toBe(false);
    expect(await counter.set(2n ** 62n)).toEqual({ before: -7n, after: 2n ** 62n });
    expect(await counter.get()).toBe(2n ** 62n);
  });

  it('refuses more than 64 bits, what is no integer, and data that is no counter', async () => {
    const client = await world.open();
    const counter = new Counter(client, world.base);
    await counter.set(2n ** 63n - 1n);
    await expect(counter.add(1)).rejects.toBeInstanceOf(BadArgumentsError);
    expect(() => counter.add(0.5)).toThrow(BadArgumentsError);
    await client.set(world.base, 'seven');
    await expect(counter.get()).rejects.toBeInstanceOf(BadArgumentsError);
  });

  it('gives up after the attempts that it has', async () => {
    const client = await world.open();
    const other = await world.open();
    await client.create(world.base, new Uint8Array(8));
    const get = client.get.bind(client);
    // Somebody else is faster each time.
    client.get = async (...args) => {
      const result = await get(...args);
      await other.set(world.base, new Uint8Array(8));
      return result;
    };
    const metrics: string[] = [];
    const onMetric = ({ name }: { readonly name: string }) => void metrics.push(name);
    const counter = new Counter(client, world.base, { attempts: 3, onMetric });
    await expect(counter.add(1)).rejects.toBeInstanceOf(ContentionError);
    expect(metrics).toEqual(['overtaken', 'overtaken', 'overtaken']);
    const controller = new AbortController();
    const patient = new Counter(client, world.base, { attempts: 1_000, onMetric: () => controller.abort() });
    await expect(patient.add(1, { signal: controller.signal })).rejects.toBeInstanceOf(AbortedError);
    client.get = get;
    // A write whose fate is not known is waited for; everything before it is given up.
    const given = counter.add(1, { signal: AbortSignal.abort() });
    await expect(given).rejects.toBeInstanceOf(AbortedError);
    expect(await counter.get()).toBe(0n);
  });
});

describeOnAll('a shared value', (world) => {
  const schema = (value: unknown) => {
    if (typeof value !== 'number') throw new TypeError('not a number');
    return value;
  };

  it('loses no update, and shows the newest value', async () => {
    const values = await Promise.all(
      [1, 2].map(async () => new SharedValue(await world.open(), world.base, { initial: 0, schema })),
    );
    const states = values[0]!.states();
    expect(await states.next()).toEqual({ done: false, value: 0 });
    await Promise.all(values.flatMap((value) => [value.update((n) => n + 1), value.update((n) => n + 1)]));
    expect(await values[0]!.get()).toBe(4);
    for await (const state of states) if (state === 4) break;
    await values[0]!.set(9);
    expect(await values[1]!.get()).toBe(9);
  });

  it('refuses what the schema refuses', async () => {
    const client = await world.open();
    await client.createJson(world.base, 'text');
    const value = new SharedValue(client, world.base, { initial: 0, schema });
    await expect(value.get()).rejects.toBeInstanceOf(InvalidJsonError);
    await expect(value.update((n) => n + 1)).rejects.toBeInstanceOf(InvalidJsonError);
  });
});

describeOnAll('a watch of states', (world) => {
  it('shows data as it comes, changes and goes', async () => {
    const client = await world.open();
    const other = await world.open();
    const seen: (string | undefined)[] = [];
    for await (const state of new DataWatch(client, world.base)) {
      seen.push(state && text(state.data));
      if (seen.length === 1) await other.create(world.base, 'one');
      if (seen.length === 2) await other.set(world.base, 'two');
      if (seen.length === 3) await other.delete(world.base);
      if (seen.length === 4) break;
    }
    expect(seen).toEqual([undefined, 'one', 'two', undefined]);
  });

  it('shows children as they come and go, also of what is not there yet', async () => {
    const client = await world.open();
    const other = await world.open();
    const seen: (readonly string[] | undefined)[] = [];
    for await (const children of new ChildrenWatch(client, world.base)) {
      seen.push(children);
      if (seen.length === 1) await other.create(world.base);
      if (seen.length === 2) await other.create(`${world.base}/b`);
      if (seen.length === 3) await other.create(`${world.base}/a`);
      if (seen.length === 4) await other.delete(`${world.base}/b`);
      if (seen.length === 5) break;
    }
    expect(seen).toEqual([undefined, [], ['b'], ['a', 'b'], ['a']]);
  });

  it('misses no last state across a disconnect', async () => {
    const peer = await world.openPeer();
    const other = await world.open();
    await other.create(world.base, '0');
    const states = new DataWatch(peer.client, world.base)[Symbol.asyncIterator]();
    await states.next();
    peer.cut();
    for (let n = 1; n <= 5; n++) await other.set(world.base, String(n));
    peer.heal();
    for (let seen = ''; seen !== '5';) {
      const { value } = await states.next();
      seen = text(value!.data);
    }
    await states.return(undefined);
  });

  it('ends with the client, and with AbortedError when its signal aborts', async () => {
    const client = await world.open();
    const controller = new AbortController();
    const states = new DataWatch(client, world.base, { signal: controller.signal })[Symbol.asyncIterator]();
    await states.next();
    const waiting = expect(states.next()).rejects.toBeInstanceOf(AbortedError);
    controller.abort();
    await waiting;
    const others = new DataWatch(client, world.base)[Symbol.asyncIterator]();
    await others.next();
    const last = others.next();
    await client.close();
    expect(await last).toEqual({ done: true, value: undefined });
    await expect(new Counter(client, world.base).get()).rejects.toBeInstanceOf(SessionExpiredError);
  });
});
