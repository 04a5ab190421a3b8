import { describe, expect, it } from 'vitest';
import {
  CLOCKS_DIFFER_MS_MAX,
  LEASE_TTL_SLACK_SECONDS,
  REAP_ALLOWANCE_MS,
  TOMBSTONE_SECONDS,
} from '../../lib/keeper/limits.js';
import {
  THIN_TIMEOUT_LONGEST_MS,
  THIN_TIMEOUT_SHORTEST_MS,
  TIMER_DELAY_MS_MAX,
} from '../../lib/keeper/thin-limits.js';
import { sessionOf } from '../../lib/keeper/thin-sessions.js';
import type { Item } from '../../lib/log/store.js';
import { batchRequest, bytes16, create, openRequest, reference, ThinWorld } from '../api/world.js';
import type { Instance } from '../api/world.js';
import { ANYONE } from './world.js';

const EPHEMERAL = { op: 'exists', path: '/e' } as const;

function leases(world: ThinWorld): Item[] {
  return world.store.dump('leases').filter(({ pk }) => String(pk).includes('#lease#'));
}

/** Lets time pass and delivers every timer message that falls due, `copies` times each. Returns how many were sent. */
async function passTime(
  { world, one }: { readonly world: ThinWorld; readonly one: Instance },
  ms: number,
  copies = 1,
): Promise<void> {
  const endMs = world.clock.now() + ms;
  const { delivered } = world.timers;
  for (;;) {
    const next = world.timers.sent
      .filter(({ messageId, dueMs }) => !delivered.has(messageId) && dueMs <= endMs)
      .sort((a, b) => a.dueMs - b.dueMs)[0];
    if (next === undefined) break;
    delivered.add(next.messageId);
    await world.clock.advance(Math.max(0, next.dueMs - world.clock.now()));
    const { timer, messageId: deliveryId } = next;
    if (timer.kind !== 'session') continue;
    for (let copy = 0; copy < copies; copy++) {
      await world.until(one.reaper.expiry.onTimer({ ...timer, deliveryId }));
    }
  }
  await world.clock.advance(Math.max(0, endMs - world.clock.now()));
}

async function withEphemeral(timeoutMs = 10_000) {
  const world = new ThinWorld();
  const one = world.instance();
  const session = reference(await world.open(one, 1, timeoutMs));
  await world.batch(one, { session, operations: [create('/e', 1, 'ephemeral')] });
  return { world, one, session };
}

describe('opening', () => {
  it('writes the lease before the session, and gives a password that only the client can work out', async () => {
    const world = new ThinWorld();
    const one = world.instance();
    const opened = await world.open(one);
    const puts = one.calls.filter(({ operation }) => operation === 'put').map(({ table }) => table);
    expect(puts).toEqual(['leases', 'log']);
    expect(opened).toMatchObject({ epoch: 1, timeoutMs: 10_000, cxid: 0, zxid: 1 });
    expect(Buffer.from(opened.password, 'base64')).toHaveLength(16);
    expect(one.keeper.counters).toMatchObject({ sessions: 1, thinSessions: 1 });
  });

  it('brings the timeout within its bounds', async () => {
    const world = new ThinWorld();
    expect((await world.open(world.instance(), 1, 1)).timeoutMs).toBe(THIN_TIMEOUT_SHORTEST_MS);
    expect((await world.open(world.instance(), 2, 1e12)).timeoutMs).toBe(THIN_TIMEOUT_LONGEST_MS);
  });

  it('opens one session, however often and wherever the same open arrives', async () => {
    const world = new ThinWorld();
    const [one, two] = [world.instance(), world.instance()];
    const request = openRequest();
    const both = [one, two].map(({ service }) => service.handle(request, world.caller()));
    const answers = await world.until(Promise.all(both));
    answers.push(await world.ask(one, request), await world.ask(world.instance(), request));
    for (const answer of answers) expect({ ...answer, zxid: 1 }).toEqual({ ...answers[0], zxid: 1 });
    expect(world.store.dump('log')).toHaveLength(1);
  });

  it.each(['lostReply', 'lostRequest', 'delayedWrite'] as const)(
    'survives a %s of any of its writes',
    async (fault) => {
      for (const table of ['leases', 'log'] as const) {
        const world = new ThinWorld();
        const one = world.instance();
        one.store.failNext({ operation: 'put', table, fault });
        expect(await world.ask(one, openRequest())).toMatchObject({ type: 'opened' });
        expect(world.store.dump('log')).toHaveLength(1);
        expect(leases(world)).toHaveLength(1);
      }
    },
  );

  it.each([true, false])(
    'never brings a closed session to life again (materialized: %s)',
    async (materialized) => {
      const { world, one, session } = await withEphemeral();
      await world.ask(one, { v: 1, type: 'close', session });
      if (materialized) await world.until(world.materializer().run());
      for (const instance of [one, world.instance()]) {
        expect(await world.ask(instance, openRequest())).toMatchObject({
          type: 'error',
          reason: 'SessionExpired',
        });
        const late = batchRequest({ session, operations: [create('/e', 1, 'ephemeral')] });
        expect(await world.ask(instance, late)).toMatchObject({ type: 'error', reason: 'SessionExpired' });
      }
    },
  );

  it('a copy of open that slept until nobody remembers its session any more is refused', async () => {
    const world = new ThinWorld();
    const [slow, one] = [world.instance(), world.instance()];
    const held: (() => void)[] = [];
    // Its first call is never answered, and it sleeps while it waits: what it reads afterwards says nothing of the session.
    // Its time is up by then, and nobody waits for it any more.
    slow.store.intercept = () =>
      held.length === 0 ? new Promise((resolve) => void held.push(() => resolve('lostRequest'))) : undefined;
    const copy = slow.service.handle(openRequest(), world.caller());
    while (held.length === 0) await world.clock.advance(1);
    const session = reference(await world.open(one));
    await world.ask(one, { v: 1, type: 'close', session });
    await world.until(world.materializer().run());
    await world.clock.advance(TOMBSTONE_SECONDS * 1000 + 60_000);
    world.store.deleteExpired(world.clock.now());
    held[0]?.();
    expect(await world.until(copy)).toMatchObject({ type: 'error' });
    await world.clock.advance(5_000);
    const { entries } = await world.log();
    expect(entries.flatMap(({ txns }) => txns.map(({ effect }) => effect.type))).toEqual([
      'createSession',
      'closeSession',
    ]);
  });

  it('a copy of open that was held up while its session came and went is refused at the slot', async () => {
    const world = new ThinWorld();
    const [slow, one] = [world.instance(), world.instance()];
    const held: (() => void)[] = [];
    slow.store.intercept = ({ operation, table }) =>
      operation === 'put' && table === 'log'
        ? new Promise((resolve) => void held.push(() => resolve(undefined)))
        : undefined;
    const copy = slow.service.handle(openRequest(), world.caller());
    while (held.length === 0) await world.clock.advance(1);
    slow.store.intercept = undefined;
    const opened = await world.open(one);
    await world.ask(one, { v: 1, type: 'close', session: reference(opened) });
    for (const release of held) release();
    expect(await world.until(copy)).toMatchObject({ type: 'error', reason: 'SessionExpired' });
    expect(one.keeper.counters.sessions).toBe(0);
    const { entries } = await world.log();
    expect(entries.flatMap(({ txns }) => txns.map(({ effect }) => effect.type))).toEqual([
      'createSession',
      'closeSession',
    ]);
  });

  it('opens although no timer can be set', async () => {
    const world = new ThinWorld();
    world.timers.failing = true;
    expect(await world.ask(world.instance(), openRequest())).toMatchObject({ type: 'opened' });
  });
});

describe('attaching', () => {
  const attach = (opened: { id: string; password: string }, epoch: number, seed = 9) =>
    ({
      v: 1,
      type: 'attach',
      session: opened.id,
      password: opened.password,
      timeoutMs: 20_000,
      epoch,
      attachId: bytes16(seed),
      seen: 0,
    }) as const;

  it('raises the epoch, keeps the numbers, and shuts the former holder out', async () => {
    const world = new ThinWorld();
    const [one, two] = [world.instance(), world.instance()];
    const opened = await world.open(one);
    await world.batch(one, { session: reference(opened), operations: [create('/a', 1), create('/b', 2)] });
    two.calls.length = 0;
    expect(await world.ask(two, attach(opened, 1))).toMatchObject({
      type: 'opened',
      epoch: 2,
      cxid: 2,
      timeoutMs: 20_000,
    });
    expect(two.calls.filter(({ operation }) => operation === 'put').map(({ table }) => table)).toEqual([
      'leases',
      'log',
    ]);
    const late = batchRequest({ session: reference(opened), operations: [create('/c', 3)] });
    for (const instance of [one, two]) {
      expect(await world.ask(instance, late)).toMatchObject({ type: 'error', reason: 'SessionMoved' });
    }
    const session = { id: opened.id, epoch: 2 };
    expect(await world.batch(two, { session, operations: [create('/c', 3)] })).toMatchObject([
      { op: 'create' },
    ]);
  });

  it('finds its own when it is sent again, and is told when another was faster', async () => {
    const world = new ThinWorld();
    const [one, two] = [world.instance(), world.instance()];
    const opened = await world.open(one);
    const first = await world.ask(one, attach(opened, 1));
    for (const instance of [one, two]) {
      expect(await world.ask(instance, attach(opened, 1))).toMatchObject({ type: 'opened', epoch: 2 });
      expect(await world.ask(instance, attach(opened, 1, 8))).toMatchObject({
        type: 'error',
        reason: 'SessionMoved',
      });
    }
    expect(first).toMatchObject({ type: 'opened', epoch: 2 });
    expect(world.store.dump('log')).toHaveLength(2);
  });

  it('forgets the watches from before a gateway had the session, and keeps those that another holder had', async () => {
    const world = new ThinWorld();
    const one = world.instance();
    const opened = await world.open(one);
    await world.ask(one, attach(opened, 1));
    expect(one.watches.closed).toEqual([]);
    const session = BigInt('0x' + opened.id);
    const toGateway = { kind: 'attach', session, owner: 'g', attachId: 'x', timeoutMs: 20_000 } as const;
    await world.until(one.keeper.write({ ...toGateway, replacesEpoch: 2 }, ANYONE));
    expect(await world.ask(one, attach(opened, 3, 7))).toMatchObject({ type: 'opened', epoch: 4 });
    expect(one.watches.closed).toEqual([session]);
  });

  it('refuses a wrong password and leaves the session alone', async () => {
    const world = new ThinWorld();
    const one = world.instance();
    const opened = await world.open(one);
    const wrong = { ...attach(opened, 1), password: bytes16(3) };
    expect(await world.ask(one, wrong)).toMatchObject({ type: 'error', reason: 'SessionExpired' });
    expect(await world.ask(one, batchRequest({ session: reference(opened) }))).toMatchObject({
      type: 'batch',
    });
  });

  it('an old epoch’s timer neither closes the session nor goes on', async () => {
    const world = new ThinWorld();
    const one = world.instance();
    const opened = await world.open(one);
    await world.ask(one, attach(opened, 1));
    await passTime({ world, one }, 15_000);
    expect(await world.closes()).toEqual([]);
    expect(leases(world).map(({ sk }) => sk)).toEqual(['0000000002']);
  });
});

describe('expiry', () => {
  it('closes a silent session with its ephemerals as soon as its lease is over', async () => {
    const { world, one } = await withEphemeral();
    await passTime({ world, one }, 10_000);
    expect(await world.batch(one, { operations: [EPHEMERAL] })).toMatchObject([{ stat: {} }]);
    await passTime({ world, one }, REAP_ALLOWANCE_MS);
    expect(await world.batch(one, { operations: [EPHEMERAL] })).toMatchObject([{ stat: null }]);
    expect(leases(world)).toEqual([]);
  });

  it('heartbeats keep a session alive, and copies of timer messages do not multiply', async () => {
    const sent: number[] = [];
    for (const copies of [1, 3]) {
      const { world, one, session } = await withEphemeral();
      for (let beat = 0; beat < 40; beat++) {
        await passTime({ world, one }, 5_000, copies);
        expect(await world.ask(one, batchRequest({ session }))).toMatchObject({ type: 'batch' });
      }
      sent.push(world.timers.sent.length);
      expect(await world.closes()).toEqual([]);
    }
    const [single = 0, tripled = 0] = sent;
    expect(single).toBeLessThanOrEqual(40);
    expect(tripled).toBeLessThanOrEqual(3 * single);
  });

  it('a chain goes on after a crash between naming its next message and sending it', async () => {
    const { world, one, session } = await withEphemeral();
    await world.clock.advance(6_000);
    await world.batch(one, { session, operations: [] });
    const [first] = world.timers.sent;
    if (first?.timer.kind !== 'session') throw new Error('no timer');
    await world.clock.advance(first.dueMs - world.clock.now());
    const delivery = { ...first.timer, deliveryId: first.messageId };
    world.timers.failing = true;
    await expect(world.until(one.reaper.expiry.onTimer(delivery))).rejects.toThrow('the queue');
    world.timers.failing = false;
    expect(await world.until(one.reaper.expiry.onTimer(delivery))).toMatchObject({ kind: 'alive' });
    expect(world.timers.sent).toHaveLength(2);
    await world.until(one.reaper.expiry.onTimer({ ...first.timer, deliveryId: 'a copy' }));
    expect(world.timers.sent).toHaveLength(2);
  });

  it('a long timeout is waited for in steps that the queue can take', async () => {
    const { world, one } = await withEphemeral(40 * 60_000);
    await passTime({ world, one }, 40 * 60_000 + REAP_ALLOWANCE_MS);
    expect(world.timers.sent).toHaveLength(3);
    const [first, second] = world.timers.sent;
    expect(Math.abs(second!.dueMs - first!.dueMs - TIMER_DELAY_MS_MAX)).toBeLessThan(50);
    expect(await world.closes()).toHaveLength(1);
  });

  it('a lapsed lease is never renewed: its request is told so, after the session was closed', async () => {
    const { world, one, session } = await withEphemeral();
    await world.clock.advance(10_000);
    const late = batchRequest({ session, operations: [create('/x', 2)] });
    expect(await world.ask(one, late)).toMatchObject({ type: 'error', reason: 'SessionExpired' });
    expect(await world.closes()).toHaveLength(1);
    const seen = await world.batch(one, { operations: [EPHEMERAL, { op: 'exists', path: '/x' }] });
    expect(seen).toMatchObject([{ stat: null }, { stat: null }]);
  });

  it('a lease that is renewed while a reaper is at work keeps its session', async () => {
    const { world, one, session } = await withEphemeral();
    const two = world.instance();
    await world.clock.advance(9_000);
    // The reaper's clock is ahead, as far as clocks may be.
    two.store.intercept = async ({ operation, table }) => {
      if (operation === 'delete' && table === 'leases')
        await one.service.sessions.touch({ session: BigInt(`0x${session.id}`), epoch: 1 });
      return undefined;
    };
    const ahead = world.clock.now.bind(world.clock);
    const late = Object.create(world.clock, { now: { value: () => ahead() + 2_000 } }) as typeof world.clock;
    const { ThinLeases } = await import('../../lib/keeper/thin-leases.js');
    const { ThinExpiry } = await import('../../lib/keeper/thin-expiry.js');
    const leasesOf = new ThinLeases({
      store: two.store,
      namespace: 'test',
      clock: late,
      random: world.random,
    });
    const expiry = new ThinExpiry({ keeper: two.keeper, leases: leasesOf, timers: world.timers });
    const outcome = await world.until(expiry.expire(BigInt(`0x${session.id}`), -1));
    expect(outcome.kind).not.toBe('closed');
    expect(await world.closes()).toEqual([]);
  });

  it.each([THIN_TIMEOUT_SHORTEST_MS, 10_000])(
    'a lease of %d ms vouches for two thirds of that by every clock after each sign of life',
    async (timeoutMs) => {
      const { world, session } = await withEphemeral(timeoutMs);
      const { ThinLeases } = await import('../../lib/keeper/thin-leases.js');
      const { store, clock, random } = world;
      const instance = new ThinLeases({ store, namespace: 'test', random, clock });
      const holder = { session: BigInt(`0x${session.id}`), epoch: 1 };
      for (let passedMs = 0; passedMs < 2 * timeoutMs; passedMs += 70) {
        await clock.advance(70);
        expect(await instance.touch(holder)).toBe(true);
        const left = (await instance.read(holder))!.deadlineMs - clock.now();
        expect(left).toBeGreaterThanOrEqual((timeoutMs * 2) / 3 + CLOCKS_DIFFER_MS_MAX);
      }
    },
  );

  it('a lease that lapsed by one clock and was renewed by another, which is behind, is not deleted', async () => {
    const { world, session } = await withEphemeral();
    const { ThinLeases } = await import('../../lib/keeper/thin-leases.js');
    const holder = { session: BigInt(`0x${session.id}`), epoch: 1 };
    const behindMs = 500;
    const common = { store: world.store, namespace: 'test', random: world.random };
    const ahead = new ThinLeases({ ...common, clock: world.clock });
    const behind = new ThinLeases({
      ...common,
      clock: {
        now: () => world.clock.now() - behindMs,
        monotonic: () => world.clock.monotonic(),
        after: (delayMs, fire) => world.clock.after(delayMs, fire),
      },
    });
    const lease = (await ahead.read(holder))!;
    await world.clock.advance(lease.deadlineMs + behindMs / 2 - world.clock.now());
    const renewed = await behind.renew(lease, lease.timeoutMs);
    expect(renewed?.deadlineMs).toBeGreaterThan(lease.deadlineMs);
    expect(await ahead.deleteLapsed(lease)).toBe(false);
    expect((await ahead.read(holder))?.deadlineMs).toBe(renewed?.deadlineMs);
  });

  it('a crash between deleting the lease and closing is made good by its record, and by the sweep', async () => {
    for (const how of ['record', 'sweep', 'timer'] as const) {
      const { world, one, session } = await withEphemeral();
      const holder = { session: BigInt(`0x${session.id}`), epoch: session.epoch };
      await world.until(world.materializer().run());
      const removed = leases(world)[0]!;
      await world.clock.advance(10_000 + REAP_ALLOWANCE_MS);
      const lease = await world.until(one.service.sessions.leases.read(holder));
      await world.until(one.service.sessions.leases.deleteLapsed(lease!));
      const two = world.instance();
      for (let copy = 0; copy < 2; copy++) {
        if (how === 'record') await world.until(two.reaper.onLeaseRemoved(removed));
        else if (how === 'sweep') await world.until(two.reaper.sweep());
        else
          await world.until(
            two.reaper.expiry.onTimer({ ...holder, deadlineMs: 0, chain: '', deliveryId: 'm' }),
          );
      }
      expect(await world.closes()).toEqual([holder.session]);
    }
  });

  it('without any timer, the lease that time to live removes ends the session, and watches of its ephemerals fire', async () => {
    const { world, one, session } = await withEphemeral();
    const watcher = world.instance();
    await world.batch(watcher, { operations: [EPHEMERAL] });
    const triggers: string[] = [];
    watcher.keeper.onCommit((commit) =>
      triggers.push(...commit.triggers.map(({ event, path }) => `${event} ${path}`)),
    );
    await world.clock.advance(10_000);
    expect(world.store.deleteExpired(world.clock.now())).toEqual([]);
    await world.clock.advance(LEASE_TTL_SLACK_SECONDS * 1000 + 1000);
    const removed = world.store.deleteExpired(world.clock.now());
    expect(removed.map(({ table }) => table)).toEqual(['leases']);
    expect(await world.batch(watcher, { operations: [EPHEMERAL] })).toMatchObject([{ stat: {} }]);
    for (const { item } of [...removed, ...removed]) await world.until(one.reaper.onLeaseRemoved(item));
    expect(await world.batch(watcher, { operations: [EPHEMERAL] })).toMatchObject([{ stat: null }]);
    expect(await world.closes()).toEqual([BigInt(`0x${session.id}`)]);
    expect(triggers).toEqual(['deleted /e', 'childrenChanged /']);
  });

  it('the record of a lease that was removed long ago does not close the session that is alive at a later epoch', async () => {
    const { world, one, session } = await withEphemeral();
    const old = leases(world)[0]!;
    const { password } = sessionOf(Buffer.alloc(16, 1));
    const attach = {
      session: BigInt(`0x${session.id}`),
      password,
      timeoutMs: 10_000,
      epoch: 1,
      attachId: Buffer.alloc(16, 5),
    };
    await world.until(one.service.sessions.attach(attach));
    await world.until(one.reaper.onLeaseRemoved(old));
    await world.until(one.reaper.sweep());
    expect(await world.closes()).toEqual([]);
  });

  it('the sweep closes what has no timer', async () => {
    const world = new ThinWorld();
    const one = world.instance();
    world.timers.failing = true;
    await world.open(one);
    await world.until(world.materializer().run());
    await world.until(one.reaper.sweep());
    expect(await world.closes()).toEqual([]);
    await world.clock.advance(10_000 + REAP_ALLOWANCE_MS);
    await world.until(one.reaper.sweep());
    expect(await world.closes()).toHaveLength(1);
  });
});
