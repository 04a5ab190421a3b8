import { expect, it } from 'vitest';
import { AbortedError, SessionExpiredError } from '../../../lib/client/index.js';
import { LeaderLatch, LeaderSelector, LockLostError, type Held } from '../../../lib/client/recipes/index.js';
import { names, untilChildren } from './helpers.js';
import { abortOf, describeOnAll, isPending } from './world.js';

describeOnAll('a leader latch', (world) => {
  it('gives the leadership on from one to the next in the order in which they came, with rising terms', async () => {
    const observer = await world.open();
    const latches: LeaderLatch[] = [];
    for (let n = 1; n <= 3; n++) {
      latches.push(new LeaderLatch(await world.open(), world.base, { id: `host-${n}` }).start());
      await untilChildren(observer, world.base, n);
    }
    const terms: number[] = [];
    for (const [index, latch] of latches.entries()) {
      const leadership = await latch.untilLeader();
      terms.push(leadership.fencingToken);
      expect(latches.map(({ isLeader }) => isLeader)).toEqual(latches.map((_, at) => at === index));
      await latch.close();
      expect(latch.isLeader).toBe(false);
    }
    expect(terms).toEqual([...new Set(terms)].sort((a, b) => a - b));
    expect(await names(observer, world.base)).toEqual([]);
  });

  it('shows who takes part, the leader first', async () => {
    const first = new LeaderLatch(await world.open(), world.base, { id: 'one' });
    await first.untilLeader();
    const second = new LeaderLatch(await world.open(), world.base, { id: 'two' }).start();
    await untilChildren(await world.open(), world.base, 2);
    const participants = [
      { id: 'one', isLeader: true },
      { id: 'two', isLeader: false },
    ];
    expect(await second.participants()).toEqual(participants);
    await second.close();
    await first.close();
  });

  it('tells a leader whose znode is deleted, and takes part again', async () => {
    const told: (Held | undefined)[] = [];
    const latch = new LeaderLatch(await world.open(), world.base, {
      onChange: (leadership) => told.push(leadership),
    });
    const first = await latch.untilLeader();
    const operator = await world.open();
    for (const name of await names(operator, world.base)) await operator.delete(`${world.base}/${name}`);
    expect(await abortOf(first.signal)).toBeInstanceOf(LockLostError);
    await untilChildren(operator, world.base, 1);
    const second = await latch.untilLeader();
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
    expect(told.map((leadership) => leadership?.fencingToken)).toEqual([
      first.fencingToken,
      undefined,
      second.fencingToken,
    ]);
    await latch.close();
  });

  it('goes on taking part when a wait for the leadership is given up', async () => {
    const leader = new LeaderLatch(await world.open(), world.base);
    await leader.untilLeader();
    const other = new LeaderLatch(await world.open(), world.base);
    const controller = new AbortController();
    const waiting = other.untilLeader({ signal: controller.signal });
    const rejected = expect(waiting).rejects.toBeInstanceOf(AbortedError);
    await untilChildren(await world.open(), world.base, 2);
    controller.abort();
    await rejected;
    await leader.close();
    await other.untilLeader();
    await other.close();
  });

  it('ends with an error when the client is closed behind its back', async () => {
    const client = await world.open();
    const latch = new LeaderLatch(client, world.base);
    const leadership = await latch.untilLeader();
    await client.close();
    await abortOf(leadership.signal);
    await expect(latch.ended).rejects.toBeInstanceOf(SessionExpiredError);
    await expect(latch.untilLeader()).rejects.toBeInstanceOf(SessionExpiredError);
    await latch.close();
  });
});

describeOnAll('a leader selector', (world) => {
  it('lets each participant lead in turn, one at a time, again and again', async () => {
    const stop = new AbortController();
    const turns: { id: number; term: number }[] = [];
    let leading = 0;
    const participate = async (id: number) => {
      const selector = new LeaderSelector(await world.open(), world.base, { id: `host-${id}` });
      await selector.run(
        async ({ fencingToken }) => {
          expect(++leading).toBe(1);
          turns.push({ id, term: fencingToken });
          if (turns.length < 3) await untilChildren(await world.open(), world.base, 2);
          if (turns.length === 6) stop.abort();
          leading--;
        },
        { signal: stop.signal },
      );
    };
    await Promise.all([participate(1), participate(2)]);
    expect(turns.length).toBeGreaterThanOrEqual(6);
    expect(new Set(turns.map(({ id }) => id))).toEqual(new Set([1, 2]));
    const terms = turns.map(({ term }) => term);
    expect(terms).toEqual([...new Set(terms)].sort((a, b) => a - b));
    expect(await names(await world.open(), world.base)).toEqual([]);
  });

  it('gives the leadership back when its function throws, and tells the error', async () => {
    const selector = new LeaderSelector(await world.open(), world.base);
    await expect(selector.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await names(await world.open(), world.base)).toEqual([]);
  });

  it('leads once when it is not to stand again', async () => {
    const selector = new LeaderSelector(await world.open(), world.base, { requeue: false, id: 'me' });
    let turns = 0;
    await selector.run(async () => {
      turns++;
      expect(await selector.participants()).toEqual([{ id: 'me', isLeader: true }]);
    });
    expect(turns).toBe(1);
  });

  it('stops waiting when its signal aborts', async () => {
    const holder = new LeaderSelector(await world.open(), world.base);
    const stop = new AbortController();
    let done: () => void = () => undefined;
    const turn = new Promise<void>((resolve) => (done = resolve));
    const leading = holder.run(() => turn, { signal: stop.signal });
    const observer = await world.open();
    await untilChildren(observer, world.base, 1);
    const waiting = new LeaderSelector(await world.open(), world.base).run(() => Promise.resolve(), {
      signal: stop.signal,
    });
    await untilChildren(observer, world.base, 2);
    expect(await isPending(waiting)).toBe(true);
    stop.abort();
    await waiting;
    done();
    await leading;
    expect(await names(observer, world.base)).toEqual([]);
  });
});
