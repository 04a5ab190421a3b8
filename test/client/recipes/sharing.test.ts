import { expect, it } from 'vitest';
import { BadArgumentsError } from '../../../lib/client/index.js';
import { SetPartitioner, WorkAssignment, type Held } from '../../../lib/client/recipes/index.js';
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
});
