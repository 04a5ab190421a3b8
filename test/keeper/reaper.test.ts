import { describe, expect, it } from 'vitest';
import { GATEWAY_LEASE_MARGIN_MS, REAP_ALLOWANCE_MS } from '../../lib/keeper/limits.js';
import { gatewayOfRow } from '../../lib/keeper/gateway-lease.js';
import { leaseKey, rowKey } from '../../lib/keeper/rows.js';
import type { Item } from '../../lib/log/store.js';
import { cutOff, gateway, liveFor, logged, originOf, reaper, reconnect } from './gateways.js';
import type { GatewayInWorld } from './gateways.js';
import { holdCall, isLogPut } from './meddling.js';
import { NAMESPACE, World, create, createSession, ANYONE } from './world.js';

const TIMEOUT_MS = 6000;

function leaseRow(world: World, gatewayId: string): Item | undefined {
  return world.store.dump('leases').find(({ sk }) => sk === gatewayId);
}

function renewedAtMs(world: World, { sessions }: GatewayInWorld): number {
  return gatewayOfRow(leaseRow(world, sessions.lease.gatewayId)!).renewedAtMs;
}

/** Moves the clock to a moment, to the ms. */
async function advanceTo(world: World, atMs: number): Promise<void> {
  await world.clock.advance(atMs - world.clock.now());
}

describe('the sessions of a dead gateway', () => {
  it('are closed at its last renewal plus their own timeout, each, and not before', async () => {
    const world = new World();
    const one = await gateway(world);
    const short = await world.until(one.sessions.create(TIMEOUT_MS));
    const long = await world.until(one.sessions.create(2 * TIMEOUT_MS));
    await world.until(one.keeper.write(create('/e', '', 'ephemeral'), originOf(short)));
    cutOff(one);
    const lastMs = renewedAtMs(world, one);
    const sweeper = reaper(world);
    await advanceTo(world, lastMs + TIMEOUT_MS + REAP_ALLOWANCE_MS - 20);
    expect(await world.until(sweeper.reapGateways(), 10)).toMatchObject({ sessionsClosed: 0 });
    await advanceTo(world, lastMs + TIMEOUT_MS + REAP_ALLOWANCE_MS);
    expect(await world.until(sweeper.reapGateways())).toMatchObject({ sessionsClosed: 1 });
    expect(await logged(world, short.session)).toBeNull();
    expect(await logged(world, long.session)).not.toBeNull();
    await advanceTo(world, lastMs + 2 * TIMEOUT_MS + REAP_ALLOWANCE_MS);
    expect(await world.until(sweeper.reapGateways())).toMatchObject({ sessionsClosed: 1 });
    expect(await logged(world, long.session)).toBeNull();
    const { entries } = await world.log();
    expect(entries.at(-2)?.txns[0]?.effect).toMatchObject({ type: 'closeSession', ephemerals: ['/e'] });
  });

  it('are left alone by a reaper whose clock is not trusted, also when it learns that in the midst of its work', async () => {
    const world = new World();
    const one = await gateway(world);
    const { session } = await world.until(one.sessions.create(TIMEOUT_MS));
    cutOff(one);
    await world.clock.advance(TIMEOUT_MS + REAP_ALLOWANCE_MS);
    let looks = 0;
    const never = reaper(world, { isClockTrusted: () => false });
    expect(await world.until(never.reapGateways())).toMatchObject({ sessionsClosed: 0 });
    const onlyAtFirst = reaper(world, { isClockTrusted: () => looks++ < 2 });
    expect(await world.until(onlyAtFirst.reapGateways())).toMatchObject({ sessionsClosed: 0 });
    expect(looks).toBeGreaterThan(2);
    expect(await logged(world, session)).not.toBeNull();
    const always = reaper(world, { isClockTrusted: () => true });
    expect(await world.until(always.reapGateways())).toMatchObject({ sessionsClosed: 1 });
  });

  it('are reaped in rounds by the other gateways, and its row goes when its lease is over', async () => {
    const world = new World();
    const [one, two] = [await gateway(world), await gateway(world)];
    const dead = await world.until(one.sessions.create(TIMEOUT_MS));
    const alive = await world.until(two.sessions.create(TIMEOUT_MS));
    const rounds = reaper(world, { store: two.store, keeper: two.keeper, own: two });
    rounds.start();
    cutOff(one);
    const { gatewayId } = one.sessions.lease;
    await liveFor(world, { gateway: two, session: alive.session }, TIMEOUT_MS + REAP_ALLOWANCE_MS + 2500);
    expect(await logged(world, dead.session)).toBeNull();
    await liveFor(world, { gateway: two, session: alive.session }, 20_000 + GATEWAY_LEASE_MARGIN_MS + 3000);
    expect(leaseRow(world, gatewayId)).toBeUndefined();
    expect(two.sessions.touch(alive.session)).toBe(true);
    rounds.stop();
    expect(rounds.failures).toBe(0);
  });

  it('are left alone when their client has attached elsewhere in time', async () => {
    const world = new World();
    const [one, two] = [await gateway(world), await gateway(world)];
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    cutOff(one);
    await world.until(two.sessions.attach(session));
    await liveFor(world, { gateway: two, session: session.session }, 3 * TIMEOUT_MS);
    await world.until(reaper(world).reapGateways());
    expect(await logged(world, session.session)).toMatchObject({ epoch: 2 });
    expect(two.sessions.touch(session.session)).toBe(true);
  });

  it('are not closed by the row of an attach that another gateway has won with the same epoch', async () => {
    const world = new World();
    const [one, two, three] = [await gateway(world), await gateway(world), await gateway(world)];
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    // Two has written its lease row for epoch 2, and dies before its append arrives.
    const put = holdCall(two.store, isLogPut);
    const lost = two.sessions.attach(session).catch((error: unknown) => error);
    await world.until(put.reached);
    cutOff(two);
    expect(await world.until(three.sessions.attach(session))).toMatchObject({ epoch: 2 });
    const row = world.store
      .dump('leases')
      .find(({ pk }) => pk === leaseKey.gatewaySessions(NAMESPACE, two.sessions.lease.gatewayId));
    expect(row).toMatchObject({ e: 2 });
    await liveFor(world, { gateway: three, session: session.session }, 3 * TIMEOUT_MS);
    expect(await world.until(reaper(world).reapGateways())).toMatchObject({ sessionsClosed: 0 });
    const removed = leaseRow(world, two.sessions.lease.gatewayId)!;
    expect(await world.until(reaper(world).onLeaseRemoved(removed))).toMatchObject({ sessionsClosed: 0 });
    expect(await logged(world, session.session)).toMatchObject({ epoch: 2 });
    expect(three.sessions.touch(session.session)).toBe(true);
    const stopped = two.keeper.stop();
    put.open();
    await world.until(Promise.all([stopped, lost]));
  });

  it('are not closed when the gateway comes back while its rows are being read', async () => {
    const world = new World();
    const one = await gateway(world);
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    cutOff(one);
    await liveFor(world, { gateway: one, session: session.session }, TIMEOUT_MS + REAP_ALLOWANCE_MS);
    const store = world.connection();
    const partition = leaseKey.gatewaySessions(NAMESPACE, one.sessions.lease.gatewayId);
    const listing = holdCall(
      store,
      (call) => call.operation === 'query' && call.input.partition === partition,
    );
    const reaping = reaper(world, { store }).reapGateways();
    await world.until(listing.reached);
    reconnect(one);
    const attached = await world.until(one.sessions.attach(session));
    expect(attached).toMatchObject({ epoch: 2 });
    listing.open();
    expect(await world.until(reaping)).toMatchObject({ sessionsClosed: 0 });
    expect(await logged(world, session.session)).toMatchObject({ epoch: 2 });
    expect(one.sessions.touch(session.session)).toBe(true);
  });

  it('are closed once, however many reap them at the same time', async () => {
    const world = new World();
    const one = await gateway(world);
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    cutOff(one);
    await world.clock.advance(TIMEOUT_MS + REAP_ALLOWANCE_MS);
    await world.until(Promise.all([1, 2, 3].map(() => reaper(world).reapGateways())));
    const effects = (await world.log()).entries.flatMap(({ txns }) => txns.map(({ effect }) => effect.type));
    expect(effects).toEqual(['createSession', 'closeSession']);
    expect(await logged(world, session.session)).toBeNull();
  });
});

describe('the removal of a lease row', () => {
  it('closes the sessions under the gateway, once, however often it is reported', async () => {
    const world = new World();
    const one = await gateway(world);
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    cutOff(one);
    world.clock.step(24 * 3600_000);
    const removed = world.store.deleteExpired(world.clock.now()).filter(({ table }) => table === 'leases');
    expect(removed).toHaveLength(1);
    const sweeper = reaper(world);
    for (const times of [1, 0]) {
      const report = await world.until(sweeper.onLeaseRemoved(removed[0]!.item));
      expect(report.sessionsClosed).toBe(times);
    }
    expect(await logged(world, session.session)).toBeNull();
  });

  it("of a session's row closes nothing", async () => {
    const world = new World();
    const one = await gateway(world);
    const { session } = await world.until(one.sessions.create(TIMEOUT_MS));
    const key = leaseKey.gatewaySession(NAMESPACE, one.sessions.lease.gatewayId, session);
    const report = await world.until(reaper(world).onLeaseRemoved({ ...rowKey(key), e: 1, t: TIMEOUT_MS }));
    expect(report.sessionsClosed).toBe(0);
    expect(one.sessions.touch(session)).toBe(true);
  });
});

describe('the sweep', () => {
  it('closes sessions of the log that have no gateway any more, and no others', async () => {
    const world = new World();
    const one = await gateway(world);
    const kept = await world.until(one.sessions.create(60_000));
    for (const session of [5n, 0xabcn]) {
      await world.until(one.keeper.write(createSession(session, 'nobody'), ANYONE));
    }
    await world.until(world.materializer().run());
    expect(await world.until(reaper(world).sweep())).toMatchObject({ sessionsClosed: 2 });
    expect(await logged(world, 5n)).toBeNull();
    expect(await logged(world, 0xabcn)).toBeNull();
    expect(await logged(world, kept.session)).not.toBeNull();
  });

  it('leaves a session alone that is attached between the look at the log and the look at its owner', async () => {
    const world = new World();
    const [one, two] = [await gateway(world), await gateway(world)];
    const session = await world.until(one.sessions.create(TIMEOUT_MS));
    await world.until(world.materializer().run());
    const { gatewayId } = one.sessions.lease;
    cutOff(one);
    const store = world.connection();
    const look = holdCall(
      store,
      (call) => call.operation === 'get' && call.table === 'leases' && call.key.sort === gatewayId,
    );
    const sweeping = reaper(world, { store }).sweep();
    await world.until(look.reached);
    await world.until(two.sessions.attach(session));
    await world.until(world.store.delete({ table: 'leases', key: leaseKey.gateway(NAMESPACE, gatewayId) }));
    look.open();
    expect(await world.until(sweeping)).toMatchObject({ sessionsClosed: 0 });
    expect(await logged(world, session.session)).toMatchObject({ epoch: 2 });
  });
});
