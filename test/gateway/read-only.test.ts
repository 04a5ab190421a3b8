/**
 * A gateway that serves reads alone. What it answers then holds of a real ZooKeeper 3.9 in its read-only mode, too:
 * `ZK_READ_ONLY=PORT npx vitest run test/gateway/read-only.test.ts` holds it against the one at this port of this machine, as
 * `bash .ci/operators` does with one that it starts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ManualClock, type Clock } from '../../lib/base/clock.js';
import { seededRandom } from '../../lib/base/random.js';
import { ErrorCode } from '../../lib/core/errors.js';
import { OPEN_ACL } from '../../lib/core/types.js';
import { runCommand } from '../../lib/gateway/admin/commands.js';
import { Serving, type Reach } from '../../lib/gateway/serving.js';
import { silentLogger } from '../../lib/base/logger.js';
import { SimulatedStore } from '../../lib/log/simulated-store.js';
import { AddWatchMode, EventType, Xid } from '../../lib/wire/index.js';
import { openGateway, startGateway, type Running } from './support/gateways.js';
import { startOn } from './support/real-gateway.js';
import { ask, WireClient } from './support/wire-client.js';

const node = (path: string, flags = 0) => ({ path, data: Buffer.from('v'), acl: OPEN_ACL, flags });
const look = (path: string, watch = false) => ({ path, watch });
const NEW_SESSION = { session: 0n, password: Buffer.alloc(16) };

/** A gateway whose store can be lost and found. */
async function startOurs(options: { readonly started?: typeof startGateway } = {}) {
  const running = await (options.started ?? startGateway)({ readOnlyMode: true });
  while (!running.gateway.status().ready) await new Promise((resolve) => setImmediate(resolve));
  const lose = async ({ keeper, clock, sessions }: Running) => {
    keeper.overdueMs = 2_001;
    sessions.lease = { ageMs: 2_500, leftMs: 20_000 };
    await clock.advance(200);
  };
  const find = async ({ keeper, clock, sessions }: Running) => {
    keeper.overdueMs = 0;
    sessions.lease = { ageMs: 0, leftMs: 30_000 };
    await clock.advance(200);
  };
  return { ...running, lose: () => lose(running), find: () => find(running) };
}

const { ZK_READ_ONLY } = process.env;
const targets: (readonly [string, () => Promise<{ port: number; stop: () => Promise<void> }>])[] = [
  [
    'a gateway',
    async () => {
      const { port, lose, gateway } = await startOurs({ started: openGateway });
      await lose();
      return { port, stop: () => gateway.close() };
    },
  ],
];
if (ZK_READ_ONLY !== undefined) {
  targets.push([
    'ZooKeeper',
    () => Promise.resolve({ port: Number(ZK_READ_ONLY), stop: () => Promise.resolve() }),
  ]);
}

describe.each(targets)('%s that serves reads alone', (_, start) => {
  let port = 0;
  let stop = () => Promise.resolve();
  const clients: WireClient[] = [];
  const open = async (request: Parameters<WireClient['shake']>[0] = {}) => {
    const client = await WireClient.open(port, { readOnly: true, ...request });
    clients.push(client);
    return client;
  };
  const answerTo = async (request: Parameters<WireClient['shake']>[0]) => {
    const client = new WireClient(port);
    clients.push(client);
    client.sendConnect(request);
    return client.receiveConnect();
  };

  beforeAll(async () => {
    ({ port, stop } = await start());
  });

  afterAll(async () => {
    for (const client of clients) client.destroy();
    await stop();
  });

  it('says so to whoever asks', async () => {
    expect(await ask(port, 'isro')).toBe('ro');
    const srvr = await ask(port, 'srvr');
    expect(srvr).toMatch(/^Zookeeper version: .+\nREAD-ONLY mode; serving only read-only clients\nLatency /);
    expect(srvr).toContain('\nMode: read-only\n');
    expect(await ask(port, 'mntr')).toContain('zk_server_state\tread-only\n');
  });

  it('lets in clients that allow it, tells them, and hangs up on all others', async () => {
    const { response } = await open();
    expect(response).toMatchObject({ readOnly: true, timeoutMs: 10_000 });
    expect(response.session).not.toBe(0n);
    expect(await answerTo({ readOnly: false })).toBeUndefined();
    expect(await answerTo({ readOnly: undefined })).toBeUndefined();
  });

  it('hangs up on a client that has seen more than it has', async () => {
    expect(await answerTo({ readOnly: true, lastZxidSeen: 1_000_000 })).toBeUndefined();
  });

  it('answers reads', async () => {
    const client = await open();
    expect((await client.call('exists', look('/none'))).err).toBe(ErrorCode.NoNode);
    expect((await client.call('getData', look('/'))).err).toBe(0);
    expect((await client.call('getChildren2', look('/'))).response?.children).toContain('zookeeper');
    expect((await client.call('getAllChildrenNumber', { path: '/' })).err).toBe(0);
    const ephemerals = await client.call('getEphemerals', { prefixPath: '/' });
    expect(ephemerals.response?.ephemerals).toEqual([]);
    expect((await client.call('whoAmI', {})).err).toBe(0);
    expect((await client.call('ping', {}, Xid.ping)).err).toBe(0);
  });

  it('refuses what changes anything, and sync, without a look at the request', async () => {
    const client = await open();
    const error = ErrorCode.NotReadOnly;
    expect((await client.call('create', node('/a'))).err).toBe(error);
    expect((await client.call('create2', node('no path'))).err).toBe(error);
    expect((await client.call('createContainer', node('/a', 4))).err).toBe(error);
    expect((await client.call('createTtl', { ...node('/a', 5), ttlMs: 1_000 })).err).toBe(error);
    expect((await client.call('delete', { path: '/none', version: -1 })).err).toBe(error);
    expect((await client.call('setData', { path: '/', data: Buffer.from(''), version: -1 })).err).toBe(error);
    expect((await client.call('setAcl', { path: '/', acl: OPEN_ACL, version: -1 })).err).toBe(error);
    expect((await client.call('multi', { operations: [] })).err).toBe(error);
    expect((await client.call('sync', { path: '/' })).err).toBe(error);
    const nothing = { joiningServers: '', leavingServers: '', newMembers: '', currentConfigId: -1n };
    expect((await client.call('reconfig', nothing)).err).toBe(error);
    expect((await client.call('getData', look('/'))).err).toBe(0);
  });

  it('sets watches, and sets them again', async () => {
    const client = await open();
    expect((await client.call('getData', look('/', true))).err).toBe(0);
    const recursive = AddWatchMode.persistentRecursive;
    expect((await client.call('addWatch', { path: '/a', mode: recursive })).err).toBe(0);
    const { session, password } = client.response;
    const again = await open({ session, password });
    const named = { dataWatches: ['/'], existWatches: ['/none'], childWatches: ['/'] };
    again.send('setWatches', { relativeZxid: 1_000_000, ...named }, Xid.setWatches);
    expect(await again.next()).toMatchObject({ kind: 'reply', xid: Xid.setWatches, err: 0 });
  });

  it('lets a session of its own come back, with its password and no other', async () => {
    const first = await open();
    const { session, password } = first.response;
    expect(await answerTo({ readOnly: true, session, password })).toMatchObject({ session, password });
    expect(await first.next()).toBeUndefined();
    const refused = { ...NEW_SESSION, timeoutMs: 0, readOnly: true };
    expect(await answerTo({ readOnly: true, session })).toMatchObject(refused);
  });

  it('closes a session, which is over then', async () => {
    const client = await open();
    expect((await client.call('closeSession', {})).err).toBe(0);
    expect(await client.next()).toBeUndefined();
  });
});

describe('a gateway with a read-only mode', () => {
  it('serves everything until the store has been silent for longer than the grace', async () => {
    const { keeper, sessions, clock, port, gateway } = await startOurs();
    keeper.overdueMs = 2_000;
    sessions.lease = { ageMs: 7_000, leftMs: 10_000 };
    await clock.advance(1_000);
    expect(await ask(port, 'isro')).toBe('rw');
    sessions.lease = { ageMs: 7_001, leftMs: 10_000 };
    await clock.advance(200);
    expect(await ask(port, 'isro')).toBe('ro');
    expect(gateway.status().mode).toBe('ro');
  });

  it('has none unless it is asked to', async () => {
    const { keeper, sessions, clock, port, open } = await startGateway({ fourLetterWords: ['srvr'] });
    keeper.overdueMs = 60_000;
    sessions.lease = { ageMs: 60_000, leftMs: 10_000 };
    await clock.advance(1_000);
    expect((await open({ readOnly: true })).response.readOnly).toBe(false);
    expect(await ask(port, 'isro')).toMatch(/not in the whitelist/);
  });

  it('answers isro whatever the whitelist says', async () => {
    const { port } = await startGateway({ fourLetterWords: ['srvr'], readOnlyMode: true });
    expect(await ask(port, 'isro')).toMatch(/^(rw|null)$/);
    expect(await ask(port, 'ruok')).toMatch(/not in the whitelist/);
  });

  it('tells it in the commands of the admin server and in the metrics', async () => {
    const { gateway, lose, find } = await startOurs();
    const run = async (name: string) =>
      (await runCommand({ name, query: new URLSearchParams(), status: gateway.status() })).body;
    expect(await run('is_read_only')).toMatchObject({ read_only: false });
    await lose();
    expect(await run('is_read_only')).toMatchObject({ read_only: true });
    expect(await run('stats')).toMatchObject({
      read_only: true,
      server_stats: { server_state: 'read-only' },
    });
    expect(await run('monitor')).toMatchObject({ server_state: 'read-only', gateway_read_only: 1 });
    await find();
    expect(await run('monitor')).toMatchObject({ server_state: 'standalone', gateway_read_only: 0 });
  });

  it('goes on with the sessions that its lease vouches for, and refuses them to come back', async () => {
    const { open, dial, lose } = await startOurs();
    const client = await open({ readOnly: true });
    expect(client.response.readOnly).toBe(false);
    await lose();
    expect((await client.call('getData', look('/'))).err).toBe(0);
    const { session, password } = client.response;
    const again = dial();
    again.sendConnect({ readOnly: true, session, password });
    expect(await again.receiveConnect()).toBeUndefined();
  });

  it('hangs up on handshakes that wait for the store, so that their clients come again', async () => {
    const { keeper, dial, lose } = await startOurs();
    keeper.hold();
    const client = dial();
    client.sendConnect({ readOnly: true });
    await keeper.submitted(1);
    await lose();
    expect(await client.receiveConnect()).toBeUndefined();
    const again = dial();
    expect((await again.shake({ readOnly: true })).readOnly).toBe(true);
    keeper.release();
  });

  it('answers from what it knows, and says what it does not', async () => {
    const { keeper, open, lose } = await startOurs();
    const writer = await open();
    await writer.call('create', node('/known'));
    await writer.call('create', node('/unknown'));
    keeper.unknown.add('/unknown');
    await lose();
    const client = await open({ readOnly: true });
    expect((await client.call('getData', look('/known'))).err).toBe(0);
    expect((await client.call('getData', look('/unknown', true))).err).toBe(ErrorCode.OperationTimeout);
    expect((await client.call('getAllChildrenNumber', { path: '/unknown' })).err).toBe(
      ErrorCode.OperationTimeout,
    );
    expect((await client.call('getData', look('/known'))).err).toBe(0);
    expect(keeper.unknown.has('/unknown')).toBe(true);
    const named = { dataWatches: ['/unknown'], existWatches: [], childWatches: [] };
    client.send('setWatches', { relativeZxid: 0, ...named }, Xid.setWatches);
    expect(await client.next()).toBeUndefined();
  });

  it('ends a session that is not heard of', async () => {
    const { open, dial, clock, lose } = await startOurs();
    await lose();
    const silent = await open({ readOnly: true, timeoutMs: 4_000 });
    const alive = await open({ readOnly: true, timeoutMs: 4_000 });
    await clock.advance(3_000);
    expect((await alive.call('ping', {}, Xid.ping)).err).toBe(0);
    await clock.advance(2_000);
    expect(await silent.next()).toBeUndefined();
    expect((await alive.call('ping', {}, Xid.ping)).err).toBe(0);
    const { session, password } = silent.response;
    const again = dial();
    again.sendConnect({ readOnly: true, session, password });
    expect(await again.receiveConnect()).toBeUndefined();
  });

  it('tells its clients to come again when everything is served, with a session in the log', async () => {
    const { open, port, lose, find, sessions } = await startOurs();
    await lose();
    const client = await open({ readOnly: true });
    await find();
    expect(await client.next()).toBeUndefined();
    expect(await ask(port, 'isro')).toBe('rw');
    const { session, password } = client.response;
    const over = await open({ readOnly: true, session, password });
    expect(over.response).toMatchObject({ session: 0n, timeoutMs: 0, readOnly: false });
    const again = await open({ readOnly: true });
    expect(again.response.readOnly).toBe(false);
    expect(again.response.session).not.toBe(session);
    expect((await again.call('create', node('/a'))).err).toBe(0);
    expect(sessions.size).toBe(1);
  });

  it('serves nobody once its lease has ended', async () => {
    const { open, port, lose, find, clock } = await startOurs();
    await lose();
    const client = await open({ readOnly: true, timeoutMs: 40_000 });
    await clock.advance(19_800);
    expect((await client.call('getData', look('/'))).err).toBe(0);
    await clock.advance(200);
    expect(await client.next()).toBeUndefined();
    expect(await ask(port, 'isro')).toBe('null');
    await find();
    expect(await ask(port, 'isro')).toBe('rw');
  });
});

describe('what is served', () => {
  function start<C extends Clock>(reach: Reach, clock: C) {
    const state = { reach };
    const changes: string[] = [];
    const serving = new Serving({
      ...{ readOnlyMode: true, tickTimeMs: 2_000, clock, logger: silentLogger },
      reach: () => state.reach,
      onChange: (mode) => changes.push(mode),
      onReadOnlyTick: () => undefined,
    });
    serving.start();
    return { clock, state, changes };
  }

  it('is not read alone after the lease has ended, though it be renewed while the log stays out of reach', async () => {
    const { clock, state, changes } = start(
      { logOverdueMs: 3_000, leaseAgeMs: 0, leaseLeftMs: 5_000 },
      new ManualClock(),
    );
    await clock.advance(5_000);
    expect(changes).toEqual(['ro']);
    await clock.advance(60_000);
    expect(changes).toEqual(['ro', 'null']);
    state.reach = { logOverdueMs: 0, leaseAgeMs: 0, leaseLeftMs: 5_000 };
    await clock.advance(200);
    expect(changes).toEqual(['ro', 'null', 'rw']);
  });

  it('does not change because the process has slept: the store is asked first', () => {
    let nowMs = 0;
    let fire: () => void = () => undefined;
    const after = (_: number, then: () => void) => {
      fire = then;
      return () => undefined;
    };
    const clock = { now: () => nowMs, monotonic: () => nowMs, after };
    const { changes } = start({ logOverdueMs: 9_000, leaseAgeMs: 9_000, leaseLeftMs: 5_000 }, clock);
    nowMs += 9_000;
    fire();
    expect(changes).toEqual([]);
    nowMs += 200;
    fire();
    expect(changes).toEqual(['ro']);
  });
});

describe('a gateway on a store that goes away', () => {
  it('answers reads of what it has read, with events of nothing, until the store is back', async () => {
    const clock = new ManualClock();
    const store = new SimulatedStore({ clock, random: seededRandom(5) });
    const { open, port, dial } = await startOn(store, { clock, readOnlyMode: true });
    const writer = await open({ timeoutMs: 4_000 });
    const created = await writer.call('create', node('/a'));
    store.intercept = () => 'lostRequest';
    await clock.advance(4_000);
    expect(await writer.next()).toBeUndefined();
    expect(await ask(port, 'isro')).toBe('ro');
    const reader = await open({ readOnly: true, timeoutMs: 40_000 });
    const read = await reader.call('getData', look('/a', true));
    expect(read).toMatchObject({ err: 0, zxid: created.zxid });
    expect((await reader.call('getEphemerals', { prefixPath: '/' })).response?.ephemerals).toEqual([]);
    store.intercept = undefined;
    await clock.advance(4_000);
    expect(await reader.next()).toBeUndefined();
    const back = dial();
    expect((await back.shake({ readOnly: true })).readOnly).toBe(false);
    const named = { dataWatches: ['/a'], existWatches: [], childWatches: [] };
    back.send('setWatches', { relativeZxid: read.zxid, ...named }, Xid.setWatches);
    expect(await back.next()).toMatchObject({ xid: Xid.setWatches, err: 0 });
    back.send('setData', { path: '/a', data: Buffer.from('w'), version: 0 });
    expect(await back.next()).toMatchObject({ event: { type: EventType.dataChanged, path: '/a' } });
    expect(await back.next()).toMatchObject({ err: 0 });
  });

  it('serves nobody when it has been away for longer than the lease lasts', async () => {
    const clock = new ManualClock();
    const store = new SimulatedStore({ clock, random: seededRandom(6) });
    const { open, port } = await startOn(store, { clock, readOnlyMode: true });
    await (await open()).call('create', node('/a'));
    store.intercept = () => 'lostRequest';
    await clock.advance(10_000);
    const reader = await open({ readOnly: true, timeoutMs: 40_000 });
    expect((await reader.call('getData', look('/a'))).err).toBe(0);
    await clock.advance(25_000);
    expect(await reader.next()).toBeUndefined();
    expect(await ask(port, 'isro')).toBe('null');
    store.intercept = undefined;
    await clock.advance(5_000);
    expect(await ask(port, 'isro')).toBe('rw');
    expect((await (await open()).call('create', node('/b'))).err).toBe(0);
  });
});
