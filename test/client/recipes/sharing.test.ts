import { expect, it } from 'vitest';
import { BadArgumentsError } from '../../../lib/client/index.js';
import {
  Mutex,
  SetPartitioner,
  WorkAssignment,
  type Held,
  type RecipeMetric,
  type RecipeOptions,
} from '../../../lib/client/recipes/index.js';
import { AssignedItems } from '../../../lib/client/recipes/support/assigned.js';
import { describeOnAll } from './world.js';

/** Who works on what, with a check that nobody else does, and a way to wait for a state of it. */
class Ledger {
  readonly working = new Map<string, { readonly id: string; readonly term: number }>();
  readonly #terms = new Map<string, number>();
  #waiting: (() => void)[] = [];

  worker(id: string): (item: string, held: Held) => Promise<void> {
    return async (item, held) => {
      expect(this.working.get(item)).toBeUndefined();
      expect(held.fencingToken).toBeGreaterThan(this.#terms.get(item) ?? 0);
      this.#terms.set(item, held.fencingToken);
      this.working.set(item, { id, term: held.fencingToken });
      this.#tell();
      await new Promise((resolve) => held.signal.addEventListener('abort', resolve, { once: true }));
      this.working.delete(item);
      this.#tell();
    };
  }

  of(id: string): string[] {
    return [...this.working].flatMap(([item, worker]) => (worker.id === id ? [item] : [])).sort();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #tell(): void {
    for (const tell of this.#waiting.splice(0)) tell();
  }
}

describeOnAll('a set partitioner', (world) => {
  it('divides the parts among those who are there, anew when one comes, leaves or dies', async () => {
    const ledger = new Ledger();
    const partitions = ['a', 'b', 'c', 'd', 'e'];
    const client = await world.open();
    const open = async (id: string, with_ = client) => {
      const partitioner = new SetPartitioner(with_, world.base, { partitions, id, work: ledger.worker(id) });
      await partitioner.join();
      return partitioner;
    };
    const one = await open('one');
    await ledger.until(() => ledger.of('one').length === 5);
    expect(one.partitions).toEqual(partitions);
    const dying = await world.open();
    await open('two', dying);
    const three = await open('three', await world.open());
    const sizes = () => ['one', 'two', 'three'].map((id) => ledger.of(id).length);
    await ledger.until(
      () => ledger.working.size === 5 && Math.min(...sizes()) >= 1 && Math.max(...sizes()) <= 2,
    );
    await dying.close();
    await ledger.until(() => ledger.of('one').length + ledger.of('three').length === 5);
    await one.close();
    await ledger.until(() => ledger.of('three').length === 5);
    await three.close();
    expect(ledger.working.size).toBe(0);
  });

  it('refuses a part that is there twice, and names that cannot be', async () => {
    const client = await world.open();
    const make = (partitions: string[], id: string) =>
      new SetPartitioner(client, world.base, { partitions, id, work: () => Promise.resolve() });
    expect(() => make(['a', 'a'], 'me')).toThrow(BadArgumentsError);
    expect(() => make(['a/b'], 'me')).toThrow(BadArgumentsError);
    expect(() => make(['a'], '')).toThrow(BadArgumentsError);
  });
});

describeOnAll('an item that is assigned', (world) => {
  /** Each time that work begins, its hold; and a gate that it waits for once it was told to end. */
  async function begin(options: RecipeOptions = {}) {
    const client = await world.open();
    const begun: Held[] = [];
    let tell = (): void => undefined;
    let letEnd = (): void => undefined;
    const ending = new Promise<void>((resolve) => (letEnd = resolve));
    const work = async (_: string, held: Held) => {
      begun.push(held);
      tell();
      await new Promise((resolve) => held.signal.addEventListener('abort', resolve, { once: true }));
      await ending;
    };
    const assigned = new AssignedItems(client, { directory: world.base, options, work });
    const times = async (count: number) => {
      while (begun.length < count) await new Promise<void>((resolve) => (tell = resolve));
    };
    return { client, assigned, begun, times, letEnd: () => letEnd() };
  }

  it('is let go of when it is given up at the very moment at which its lock is got', async () => {
    const got: (() => void)[] = [];
    const onMetric = ({ name }: RecipeMetric) => {
      if (name === 'acquired') for (const act of got) act();
    };
    const { client, assigned, begun } = await begin({ onMetric });
    const given = new Promise<void>((resolve) => {
      got.push(() => {
        assigned.assign([]);
        resolve();
      });
    });
    assigned.assign(['a']);
    await given;
    await assigned.stop();
    expect(begun).toEqual([]);
    expect(await new Mutex(client, `${world.base}/a`).tryAcquire()).toBeDefined();
  });

  it('is worked on again when it comes back while the work before is still ending', async () => {
    const { assigned, begun, times, letEnd } = await begin();
    assigned.assign(['a']);
    await times(1);
    assigned.assign([]);
    assigned.assign(['a']);
    expect(begun).toHaveLength(1);
    letEnd();
    await times(2);
    expect(begun[1]!.fencingToken).toBeGreaterThan(begun[0]!.fencingToken);
    await assigned.stop();
    expect(assigned.items).toEqual([]);
  });

  it('is locked again when its lock was lost and the session lives', async () => {
    const { client, assigned, begun, times, letEnd } = await begin();
    letEnd();
    assigned.assign(['a']);
    await times(1);
    await client.delete(begun[0]!.path);
    await times(2);
    expect(begun[0]!.isHeld).toBe(false);
    expect(begun[1]!.fencingToken).toBeGreaterThan(begun[0]!.fencingToken);
    expect(assigned.items).toEqual(['a']);
    await assigned.stop();
  });

  it('is kept by who has failed to work on it, so that it does not go round', async () => {
    const client = await world.open();
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const work = () => Promise.reject(new Error('it burns'));
    const assigned = new AssignedItems(client, { directory: world.base, options: {}, work });
    assigned.assign(['a']);
    expect((await warned).message).toContain('it burns');
    expect(assigned.items).toEqual(['a']);
    expect(await new Mutex(client, `${world.base}/a`).tryAcquire()).toBeUndefined();
    await assigned.stop();
    expect(await new Mutex(client, `${world.base}/a`).tryAcquire()).toBeDefined();
  });
});

describeOnAll('a work assignment', (world) => {
  it('shares items out as they come and go, moves none without need, and goes on when the leader is gone', async () => {
    const ledger = new Ledger();
    const open = async (id: string) => {
      const client = await world.open();
      const work = new WorkAssignment(client, world.base, { id, work: ledger.worker(id) });
      await work.join();
      return { client, work };
    };
    const one = await open('one');
    for (const item of ['a', 'b', 'c', 'd']) await one.work.add(item);
    await one.work.add('a');
    await ledger.until(() => ledger.of('one').length === 4);
    expect(one.work.isLeader).toBe(true);
    const two = await open('two');
    await ledger.until(() => ledger.of('two').length === 2 && ledger.of('one').length === 2);
    const kept = ledger.of('two');
    await one.work.remove(ledger.of('one')[0]!);
    await ledger.until(() => ledger.working.size === 3);
    expect(ledger.of('two')).toEqual(kept);
    await one.client.close();
    await ledger.until(() => ledger.of('two').length === 3);
    await two.work.add('e');
    await ledger.until(() => ledger.of('two').length === 4);
    expect(two.work.isLeader).toBe(true);
    expect(Object.keys(await two.work.assignment())).toEqual(['two']);
    await two.work.close();
    expect(ledger.working.size).toBe(0);
  });

  it('leaves what a later leader has written as it is, until that leader is gone', async () => {
    const ledger = new Ledger();
    const client = await world.open();
    const later = { term: Number.MAX_SAFE_INTEGER, shares: { other: ['a'] } };
    await client.createJson(`${world.base}/assignment`, later, { parents: true });
    let lead = (): void => undefined;
    const leads = new Promise<void>((resolve) => (lead = resolve));
    const onMetric = ({ recipe, name }: RecipeMetric) => {
      if (recipe === 'LeaderLatch' && name === 'acquired') lead();
    };
    const work = new WorkAssignment(client, world.base, { id: 'me', work: ledger.worker('me'), onMetric });
    await work.join();
    await work.add('a');
    await leads;
    await work.add('b');
    // It takes the leader a few answers to find out that it is not to write; these come after them.
    for (let round = 0; round < 50; round++) expect(await work.assignment()).toEqual({ other: ['a'] });
    await client.setJson(`${world.base}/assignment`, { term: 0, shares: {} });
    await work.add('c');
    await ledger.until(() => ledger.of('me').length === 3);
    await work.close();
  });
});
