import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../lib/core/errors.js';
import {
  CLOCKS_DIFFER_MS_MAX,
  GATEWAY_IDLE_TIMEOUT_MS,
  GATEWAY_LEASE_MARGIN_MS,
  REAP_ALLOWANCE_MS,
} from '../../lib/keeper/limits.js';
import { leaseKey } from '../../lib/keeper/rows.js';
import { cutOff, gateway, liveFor, logged, originOf, reaper, reconnect } from './gateways.js';
import { holdCall, isLogPut, notePuts } from './meddling.js';
import { ANYONE, NAMESPACE, World, create, createSession } from './world.js';

const TIMEOUT_MS = 6000;

describe('a session at its gateway', () => {
  it('expires when nothing has been heard of it for its timeout, not before, with its ephemerals', async () => {
    const world = new World();
    const one = await gateway(world);
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    const origin = originOf(session);
    await world.until(one.keeper.write(create('/e', '', 'ephemeral'), origin));
    const createdAtMs = world.clock.now();
    await world.clock.advance(TIMEOUT_MS - 100);
    expect(one.ends).toEqual([]);
    await world.clock.advance(500);
    expect(one.ends).toEqual([[session.session, 'closed']]);
    expect(one.sessions.touch(session.session)).toBe(false);
    expect(one.sessions.size).toBe(0);
    const last = (await world.log()).entries.at(-1);
    expect(last?.txns[0]?.effect).toMatchObject({ type: 'closeSession', ephemerals: ['/e'] });
    expect(last!.timeMs - createdAtMs).toBeLessThan(TIMEOUT_MS + 400);
  });

  it('lives on while its client shows signs of life', async () => {
    const world = new World();
    const one = await gateway(world);
    const { session } = await world.until(one.sessions.create(TIMEOUT_MS));
    await liveFor(world, { gateway: one, session }, 10 * TIMEOUT_MS);
    expect(one.sessions.touch(session)).toBe(true);
    expect(one.ends).toEqual([]);
  });

  it('answers for nothing once its end is on the way into the log, however long that takes', async () => {
    const world = new World();
    const one = await gateway(world);
    const { session } = await world.until(one.sessions.create(TIMEOUT_MS));
    const put = holdCall(one.store, isLogPut);
    await Promise.all([world.until(put.reached), world.clock.advance(TIMEOUT_MS + 400)]);
    expect(one.sessions.touch(session)).toBe(false);
    expect(one.ends).toEqual([]);
    put.open();
    await world.clock.advance(100);
    expect(one.ends).toEqual([[session, 'closed']]);
  });

  it('expires too when it came into the log only after its client had been told that nobody knows', async () => {
    const world = new World();
    const { sessions, keeper } = await gateway(world);
    const owner = sessions.lease.gatewayId;
    const late = { ...createSession(77n, owner), timeoutMs: 6_000 };
    await world.until(world.keeper().write(late, ANYONE));
    await world.clock.advance(1_000);
    expect(sessions.size).toBe(1);
    await world.clock.advance(7_000);
    expect(sessions.size).toBe(0);
    expect(await logged(world, 77n)).toBeNull();
    await world.until(keeper.stop());
  });

  it('is closed on request, and the row under the gateway goes', async () => {
    const world = new World();
    const one = await gateway(world);
    const { session } = await world.until(one.sessions.create(TIMEOUT_MS));
    const partition = leaseKey.gatewaySessions(NAMESPACE, one.sessions.lease.gatewayId);
    const rows = () => world.store.dump('leases').filter(({ pk }) => pk === partition);
    expect(rows()).toHaveLength(1);
    expect(await world.until(one.sessions.close(session))).toMatchObject({ ok: true, logged: true });
    await world.clock.advance(1);
    expect(rows()).toHaveLength(0);
    expect(one.ends).toEqual([[session, 'closed']]);
    await expect(one.sessions.close(session)).rejects.toMatchObject({ code: 'Stopped' });
  });

  it('has its lease rows before it has its place in the log', async () => {
    const world = new World();
    const one = await gateway(world);
    const put = holdCall(one.store, isLogPut);
    const created = one.sessions.create(40_000);
    await world.until(put.reached);
    const { gatewayId } = one.sessions.lease;
    const rows = world.store.dump('leases');
    const gatewayRow = rows.find(({ sk }) => sk === gatewayId);
    expect(gatewayRow).toMatchObject({ longest: 40_000, n: 1 });
    expect(rows.filter(({ pk }) => pk === leaseKey.gatewaySessions(NAMESPACE, gatewayId))).toHaveLength(1);
    put.open();
    await world.until(created);
  });
});

describe('a session that attaches at another gateway', () => {
  it('has a higher epoch there, and the old gateway is told', async () => {
    const world = new World();
    const [one, two] = [await gateway(world), await gateway(world)];
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    const attached = await world.until(two.sessions.attach(session));
    expect(attached).toMatchObject({ session: session.session, epoch: 2 });
    await world.until(one.keeper.sync());
    expect(one.ends).toEqual([[session.session, 'moved']]);
    expect(one.sessions.touch(session.session)).toBe(false);
    expect(two.sessions.touch(session.session)).toBe(true);
    expect(await logged(world, session.session)).toMatchObject({
      epoch: 2,
      owner: two.sessions.lease.gatewayId,
    });
  });

  it('leaves its write in flight at the old gateway refused, not done after the new one', async () => {
    const world = new World();
    const [one, two] = [await gateway(world), await gateway(world)];
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    const put = holdCall(one.store, isLogPut);
    const old = one.keeper.write(create('/lock', 'old'), originOf(session));
    await world.until(put.reached);
    const attached = await world.until(two.sessions.attach(session));
    await world.until(two.keeper.write(create('/mine'), originOf(attached!)));
    put.open();
    expect(await world.until(old)).toMatchObject({
      ok: false,
      refusal: { code: ErrorCode.SessionMoved },
    });
    const effects = (await world.log()).entries.flatMap(({ txns }) => txns.map(({ effect }) => effect));
    expect(effects.map(({ type }) => type)).toEqual(['createSession', 'attach', 'create']);
  });

  it('cannot be expired by the old gateway, which has heard neither of the client nor of the move', async () => {
    const world = new World();
    const old = await gateway(world, { follow: false });
    const two = await gateway(world);
    const session = await world.until(old.sessions.create(TIMEOUT_MS));
    await world.until(two.sessions.attach(session));
    await liveFor(world, { gateway: two, session: session.session }, 3 * TIMEOUT_MS);
    expect(old.ends).toEqual([[session.session, 'moved']]);
    expect(two.sessions.touch(session.session)).toBe(true);
    expect(await logged(world, session.session)).toMatchObject({ epoch: 2 });
  });

  it('belongs to exactly one of two gateways that take it at once', async () => {
    const world = new World();
    const [one, two, three] = [await gateway(world), await gateway(world), await gateway(world)];
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    const puts = [two, three].map((it) => holdCall(it.store, isLogPut));
    const attaching = [two, three].map((it) => it.sessions.attach(session));
    for (const put of puts) await world.until(put.reached);
    for (const put of puts) put.open();
    const epochs = (await world.until(Promise.all(attaching))).map((attached) => attached?.epoch);
    expect([...epochs].sort()).toEqual([2, 3]);
    for (const it of [one, two, three]) await world.until(it.keeper.sync());
    const owners = [one, two, three].filter((it) => it.sessions.touch(session.session));
    expect(owners).toEqual([epochs[0] === 3 ? two : three]);
  });

  it('is told that it expired when it is over, never was, or the password is wrong', async () => {
    const world = new World();
    const [one, two] = [await gateway(world), await gateway(world)];
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    const wrong = { ...session, password: new Uint8Array(16) };
    expect(await world.until(two.sessions.attach(wrong))).toBeUndefined();
    expect(await world.until(two.sessions.attach({ ...session, session: 77n }))).toBeUndefined();
    expect(one.sessions.touch(session.session)).toBe(true);
    await world.until(one.sessions.close(session.session));
    expect(await world.until(two.sessions.attach(session))).toBeUndefined();
  });

  it('stays with its gateway when the attach there is repeated by a lost reply', async () => {
    const world = new World();
    const one = await gateway(world);
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    one.store.failNext({ operation: 'put', table: 'log', fault: 'lostReply' });
    expect(await world.until(one.sessions.attach(session))).toMatchObject({ epoch: 2 });
    expect(one.sessions.touch(session.session)).toBe(true);
    expect(one.ends).toEqual([]);
    expect((await world.log()).entries).toHaveLength(2);
  });
});

describe('a session that cannot be entered as it was to be', () => {
  const rowsOf = (world: World, gatewayId: string) =>
    world.store.dump('leases').filter(({ pk }) => pk === leaseKey.gatewaySessions(NAMESPACE, gatewayId));

  it('leaves no row under a gateway id that was reaped while the gateway slept in the middle of writing it', async () => {
    const world = new World();
    const one = await gateway(world);
    const { gatewayId } = one.sessions.lease;
    const put = holdCall(one.store, ({ table, operation }) => table === 'leases' && operation === 'put');
    const created = one.sessions.create(GATEWAY_IDLE_TIMEOUT_MS);
    await world.until(put.reached);
    world.clock.step(2 * GATEWAY_IDLE_TIMEOUT_MS + GATEWAY_LEASE_MARGIN_MS);
    expect(await world.until(reaper(world).reapGateways(), 100)).toMatchObject({ gatewaysRemoved: 1 });
    put.open();
    const { session } = await world.until(created, 100);
    expect(one.sessions.lease.gatewayId).not.toBe(gatewayId);
    expect(rowsOf(world, gatewayId)).toEqual([]);
    expect(rowsOf(world, one.sessions.lease.gatewayId)).toHaveLength(1);
    expect(one.sessions.touch(session)).toBe(true);
  });

  it('leaves no row when the log refuses it', async () => {
    const world = new World();
    const [one, two, three] = [await gateway(world), await gateway(world), await gateway(world)];
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    const put = holdCall(two.store, isLogPut);
    const late = two.sessions.attach({ ...session, replacesEpoch: 1 });
    await world.until(put.reached);
    await world.until(three.sessions.attach(session));
    put.open();
    expect(await world.until(late)).toBeUndefined();
    await world.clock.advance(1);
    expect(rowsOf(world, two.sessions.lease.gatewayId)).toEqual([]);
    expect(three.sessions.touch(session.session)).toBe(true);
  });

  it('leaves what another request made of it at the same gateway meanwhile', async () => {
    const world = new World();
    const one = await gateway(world);
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    const attaching = [1, 2].map(() => one.sessions.attach({ ...session, replacesEpoch: 1 }));
    const attached = await world.until(Promise.all(attaching));
    expect(attached.filter((one) => one !== undefined)).toMatchObject([{ epoch: 2 }]);
    await world.clock.advance(1);
    expect(one.sessions.touch(session.session)).toBe(true);
    expect(rowsOf(world, one.sessions.lease.gatewayId)).toHaveLength(1);
    await world.clock.advance(TIMEOUT_MS + 500);
    expect(await logged(world, session.session)).toBeNull();
  });
});

describe("a gateway's lease", () => {
  it('that cannot be renewed fences its sessions at a third of their timeout, less what clocks differ by', async () => {
    const world = new World();
    const one = await gateway(world);
    const { session } = await world.until(one.sessions.create(TIMEOUT_MS));
    cutOff(one);
    const vouchedMs = TIMEOUT_MS / 3 - (CLOCKS_DIFFER_MS_MAX - REAP_ALLOWANCE_MS);
    for (let left = vouchedMs - one.sessions.lease.ageMs; left > 10; left -= 10) {
      expect(one.sessions.touch(session)).toBe(true);
      await world.clock.advance(10);
    }
    await world.clock.advance(20);
    expect(one.sessions.touch(session)).toBe(false);
    reconnect(one);
    await world.clock.advance(3000);
    expect(one.sessions.lease.ageMs).toBeLessThan(vouchedMs);
    expect(one.sessions.touch(session)).toBe(false);
  });

  it('tells a session that it is fenced, and takes it back by an attach only', async () => {
    const world = new World();
    const one = await gateway(world);
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    cutOff(one);
    await world.clock.advance(TIMEOUT_MS / 2);
    expect(one.ends).toEqual([[session.session, 'fenced']]);
    reconnect(one);
    expect(await world.until(one.sessions.attach(session))).toMatchObject({ epoch: 2 });
    expect(one.sessions.touch(session.session)).toBe(true);
  });

  it('that was renewed late does not vouch for what it could not vouch for meanwhile', async () => {
    const world = new World();
    const one = await gateway(world);
    const short = await world.until(one.sessions.create(TIMEOUT_MS));
    const long = await world.until(one.sessions.create(120_000));
    const { gatewayId } = one.sessions.lease;
    // Asleep: only the wall clock goes on, and no timer fires. The renewal comes before anything else.
    world.clock.step(2 * TIMEOUT_MS);
    expect(await world.until(one.sessions.lease.renew(), 50)).toBe(true);
    expect(one.sessions.lease.gatewayId).toBe(gatewayId);
    expect(one.sessions.touch(short.session)).toBe(false);
    expect(one.sessions.touch(long.session)).toBe(true);
    expect(one.ends).toEqual([[short.session, 'fenced']]);
  });

  it('is not renewed after its end: the gateway goes on under another id, without its old sessions', async () => {
    const world = new World();
    const one = await gateway(world);
    const old = await world.until(one.sessions.create(TIMEOUT_MS));
    const { gatewayId } = one.sessions.lease;
    world.clock.step(GATEWAY_IDLE_TIMEOUT_MS + GATEWAY_LEASE_MARGIN_MS + 1);
    const fresh = await world.until(one.sessions.create(TIMEOUT_MS), 100);
    expect(one.sessions.lease.gatewayId).not.toBe(gatewayId);
    expect(one.sessions.touch(fresh.session)).toBe(true);
    expect(one.sessions.touch(old.session)).toBe(false);
    const row = world.store.dump('leases').find(({ sk }) => sk === gatewayId);
    expect(row!['deadline']).toBeLessThan(world.clock.now());
  });

  it('goes on under the same id after renewals whose replies were lost', async () => {
    const world = new World();
    const one = await gateway(world);
    const { session } = await world.until(one.sessions.create(30_000));
    const { gatewayId } = one.sessions.lease;
    for (let round = 0; round < 5; round++) {
      one.store.failNext({ operation: 'put', table: 'leases', fault: 'lostReply' });
      await liveFor(world, { gateway: one, session }, 4000);
    }
    expect(one.sessions.lease.gatewayId).toBe(gatewayId);
    expect(one.sessions.touch(session)).toBe(true);
    expect(one.sessions.lease.failures).toBe(0);
  });

  it('is not renewed while the clock cannot be trusted, and fences', async () => {
    const world = new World();
    let trusted = true;
    const one = await gateway(world, { isClockTrusted: () => trusted });
    const { session } = await world.until(one.sessions.create(TIMEOUT_MS));
    const puts = notePuts(one.store, 'leases');
    trusted = false;
    await world.clock.advance(TIMEOUT_MS / 2);
    expect(puts).toEqual([]);
    expect(one.sessions.touch(session)).toBe(false);
    trusted = true;
    await world.clock.advance(TIMEOUT_MS / 2);
    expect(puts.length).toBeGreaterThan(0);
    expect(one.sessions.lease.ageMs).toBeLessThan(TIMEOUT_MS / 3);
  });

  it('is renewed once more at a graceful stop, and the sessions live on for their clients to attach elsewhere', async () => {
    const world = new World();
    const [one, two] = [await gateway(world), await gateway(world)];
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    await world.until(one.keeper.write(create('/e', '', 'ephemeral'), originOf(session)));
    await world.until(one.sessions.stop());
    await world.until(one.keeper.stop());
    await world.clock.advance(TIMEOUT_MS - 1000);
    expect(await world.until(two.sessions.attach(session))).toMatchObject({ epoch: 2 });
    const { answer } = await world.until(two.keeper.read({ kind: 'exists', path: '/e' }));
    expect(answer.ok).toBe(true);
    expect(await world.until(two.keeper.write(create('/x'), ANYONE))).toMatchObject({ ok: true });
  });
});

describe('a keeper that leaves', () => {
  it('takes its lease and the rows of its closed sessions with it', async () => {
    const world = new World();
    const one = await gateway(world);
    const { session } = await world.until(one.sessions.create(TIMEOUT_MS));
    await world.until(one.sessions.close(session));
    await world.until(one.sessions.leave());
    expect(world.store.dump('leases')).toEqual([]);
  });

  it('leaves the lease in place while it has sessions', async () => {
    const world = new World();
    const one = await gateway(world);
    await world.until(one.sessions.create(TIMEOUT_MS));
    await world.until(one.sessions.leave());
    expect(world.store.dump('leases')).toHaveLength(2);
  });
});

describe('an attach that names the epoch that it replaces', () => {
  it('takes the session while that is current, and leaves it alone when somebody else has it by now', async () => {
    const world = new World();
    const [one, two] = [await gateway(world), await gateway(world)];
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    expect(await world.until(two.sessions.attach({ ...session, replacesEpoch: 1 }))).toMatchObject({
      epoch: 2,
    });
    expect(await world.until(one.sessions.attach({ ...session, replacesEpoch: 1 }))).toBeUndefined();
    expect(await logged(world, session.session)).toMatchObject({ epoch: 2 });
  });
});
