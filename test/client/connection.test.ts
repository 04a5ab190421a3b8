import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/base/clock.js';
import { seededRandom } from '../../lib/base/random.js';
import { ErrorCode } from '../../lib/core/errors.js';
import type { Stat } from '../../lib/core/types.js';
import {
  MultiError,
  ZooKeeperConnection,
  type ConnectOptions,
  type SessionState,
} from '../../lib/client/tcp/index.js';
import { EventType, FRAME_BYTES_MAX, operations } from '../../lib/wire/index.js';
import { ScriptedServer, type ScriptedPeer } from './scripted-server.js';

const stat: Stat = {
  czxid: 1,
  mzxid: 2,
  ctime: 3,
  mtime: 4,
  version: 5,
  cversion: 6,
  aversion: 7,
  ephemeralOwner: 0n,
  dataLength: 1,
  numChildren: 0,
  pzxid: 8,
};

let server: ScriptedServer;
let clock: ManualClock;

beforeEach(async () => {
  server = await ScriptedServer.listen();
  clock = new ManualClock();
});

afterEach(async () => {
  await server.close();
});

async function connected(options: ConnectOptions = {}, servers = server.address) {
  const connecting = ZooKeeperConnection.connect(servers, { clock, random: seededRandom(1), ...options });
  const peer = await server.peer();
  const handshake = await peer.accept();
  return { client: await connecting, peer, handshake };
}

function untilState(client: ZooKeeperConnection, wanted: SessionState): Promise<void> {
  return new Promise((resolve) => {
    client.onState((state) => {
      if (state === wanted) resolve();
    });
  });
}

/** Drops the connection and gives the one that the client makes instead. */
async function reconnected(client: ZooKeeperConnection, peer: ScriptedPeer): Promise<ScriptedPeer> {
  const suspended = untilState(client, 'suspended');
  peer.drop();
  await suspended;
  await clock.advance(2000);
  return await server.peer();
}

describe('a session', () => {
  it('takes the timeout and the id that the server gives', async () => {
    const { client, handshake } = await connected({ timeoutMs: 9000 });
    expect(handshake).toMatchObject({ timeoutMs: 9000, session: 0n, lastZxidSeen: 0 });
    expect(client).toMatchObject({ state: 'connected', sessionId: 77n, timeoutMs: 6000 });
  });

  it('pings after a third of the negotiated timeout without requests', async () => {
    const { peer } = await connected();
    await clock.advance(2000);
    await peer.ping();
    peer.answer(-2);
  });

  it('leaves a server that has been silent for two thirds of the timeout', async () => {
    const { client, peer } = await connected();
    const suspended = untilState(client, 'suspended');
    await clock.advance(4000);
    await suspended;
    await peer.closed;
  });

  it('comes back after a loss with its id, its password and the last zxid that it saw', async () => {
    const { client, peer } = await connected();
    const syncing = client.sync();
    peer.reply((await peer.request()).header.xid, operations.sync, { path: '/' });
    await syncing;
    const second = await reconnected(client, peer);
    const back = untilState(client, 'connected');
    const handshake = await second.accept();
    expect(handshake).toMatchObject({ session: 77n, lastZxidSeen: 500 });
    expect([...handshake.password]).toEqual([...Buffer.alloc(16, 77)]);
    await back;
  });

  it('tries the next server of the list', async () => {
    const gone = await ScriptedServer.listen();
    const unreachable = gone.address;
    await gone.close();
    const connecting = ZooKeeperConnection.connect(`${unreachable},${server.address},${unreachable}`, {
      clock,
      random: seededRandom(1),
    });
    // The retries are timers: time goes on until the one server that is there is reached.
    const arrived = server.peer();
    let found: ScriptedPeer | undefined;
    void arrived.then((peer) => (found = peer));
    while (found === undefined) await clock.advance(10);
    await found.accept();
    expect((await connecting).state).toBe('connected');
  });

  it('is lost when the server says that it has expired, and refuses what comes after', async () => {
    const { client, peer } = await connected();
    const second = await reconnected(client, peer);
    const lost = untilState(client, 'lost');
    second.greet(0n, 0);
    await lost;
    await expect(client.exists('/a')).rejects.toMatchObject({ code: ErrorCode.SessionExpired, path: '/a' });
  });

  it('cannot be opened when no server answers in time', async () => {
    const connecting = ZooKeeperConnection.connect(server.address, { clock, connectTimeoutMs: 3000 });
    const failed = expect(connecting).rejects.toMatchObject({
      code: ErrorCode.ConnectionLoss,
      path: server.address,
      maybeApplied: false,
    });
    await server.peer();
    await clock.advance(3000);
    await failed;
  });

  it.each(['', 'host:port', 'a:0', 'a:65536', 'a,,b', 'a/b/'])(
    'refuses the connect string %j',
    async (text) => {
      await expect(ZooKeeperConnection.connect(text)).rejects.toMatchObject({ code: ErrorCode.BadArguments });
    },
  );
});

describe('requests', () => {
  it('are sent without waiting for each other and answered in order', async () => {
    const { client, peer } = await connected();
    const answers = Promise.all([
      client.create('/a', 'x'),
      client.exists('/b'),
      client.setData('/c', 'y', 4),
    ]);
    const first = await peer.request();
    const second = await peer.request();
    const third = await peer.request();
    expect([first, second, third].map(({ request }) => request.name)).toEqual([
      'create',
      'exists',
      'setData',
    ]);
    expect(third.request.body).toEqual({ path: '/c', data: Buffer.from('y'), version: 4 });
    peer.reply(first.header.xid, operations.create, { path: '/a' });
    peer.answer(second.header.xid, ErrorCode.NoNode);
    peer.reply(third.header.xid, operations.setData, { stat });
    expect(await answers).toEqual(['/a', undefined, stat]);
  });

  it('reject with the error that the server names, and the path', async () => {
    const { client, peer } = await connected();
    const getting = client.getData('/missing');
    peer.answer((await peer.request()).header.xid, ErrorCode.NoNode);
    const error: unknown = await getting.catch((reason: unknown) => reason);
    expect(String(error)).toBe('NoNode: there is no such znode: /missing');
  });

  it('in flight at a loss reject with ConnectionLoss; only writes may have been applied', async () => {
    const { client, peer } = await connected();
    const reading = client.getData('/r');
    const writing = client.delete('/w');
    const outcomes = Promise.allSettled([reading, writing]);
    await peer.request();
    await peer.request();
    peer.drop();
    expect(await outcomes).toMatchObject([
      { reason: { code: ErrorCode.ConnectionLoss, path: '/r', maybeApplied: false } },
      { reason: { code: ErrorCode.ConnectionLoss, path: '/w', maybeApplied: true } },
    ]);
  });

  it('made while suspended are sent after the reconnect', async () => {
    const { client, peer } = await connected();
    const suspended = untilState(client, 'suspended');
    peer.drop();
    await suspended;
    const creating = client.create('/later');
    await clock.advance(2000);
    const second = await server.peer();
    await second.accept();
    const { header } = await second.request();
    second.reply(header.xid, operations.create, { path: '/later' });
    expect(await creating).toBe('/later');
  });

  it('wait at most as long as the session lives, and then have certainly not been applied', async () => {
    const { client, peer } = await connected();
    const suspended = untilState(client, 'suspended');
    peer.drop();
    await suspended;
    const creating = expect(client.create('/never')).rejects.toMatchObject({
      code: ErrorCode.ConnectionLoss,
      maybeApplied: false,
    });
    await clock.advance(6000);
    await creating;
  });

  it('too large for a server are refused alone, without losing the connection', async () => {
    const { client, peer } = await connected();
    const large = expect(client.setData('/a', Buffer.alloc(FRAME_BYTES_MAX))).rejects.toMatchObject({
      code: ErrorCode.MarshallingError,
      maybeApplied: false,
    });
    const reading = client.exists('/a');
    const { header, request } = await peer.request();
    expect(request.name).toBe('exists');
    peer.reply(header.xid, operations.exists, { stat });
    await large;
    expect(await reading).toEqual(stat);
  });

  it('break the connection when an answer is another request’s', async () => {
    const { client, peer } = await connected();
    const reading = expect(client.exists('/a')).rejects.toMatchObject({ code: ErrorCode.ConnectionLoss });
    const { header } = await peer.request();
    peer.answer(header.xid + 1);
    await reading;
    await peer.closed;
  });

  it('break the connection when an answer cannot be read', async () => {
    const { client, peer } = await connected();
    const reading = expect(client.exists('/a')).rejects.toMatchObject({ code: ErrorCode.MarshallingError });
    peer.answer((await peer.request()).header.xid);
    await reading;
    await peer.closed;
  });

  it('with a path that is not absolute are refused at once', async () => {
    const { client } = await connected();
    await expect(client.create('a')).rejects.toMatchObject({ code: ErrorCode.BadArguments, path: 'a' });
  });

  it('below a chroot name the whole path to the server and the short one to the caller', async () => {
    const { client, peer } = await connected({}, `${server.address}/app/one`);
    const creating = client.create2('/a');
    const { header, request } = await peer.request();
    expect(request.body).toMatchObject({ path: '/app/one/a' });
    peer.reply(header.xid, operations.create2, { path: '/app/one/a', stat });
    expect(await creating).toEqual({ path: '/a', stat });
  });
});

describe('a multi', () => {
  it('gives the results in the order of its operations', async () => {
    const { client, peer } = await connected();
    const running = client.multi([
      { kind: 'create', path: '/a' },
      { kind: 'setData', path: '/a', data: 'x' },
      { kind: 'delete', path: '/b' },
    ]);
    const { header } = await peer.request();
    const results = [{ name: 'create', path: '/a' }, { name: 'setData', stat }, { name: 'delete' }] as const;
    peer.reply(header.xid, operations.multi, { results });
    expect(await running).toEqual([
      { kind: 'create', path: '/a' },
      { kind: 'setData', stat },
      { kind: 'delete' },
    ]);
  });

  it('rejects with the code and the path of the operation that failed', async () => {
    const { client, peer } = await connected();
    const running = client.multi([
      { kind: 'create', path: '/a' },
      { kind: 'check', path: '/b', version: 3 },
      { kind: 'delete', path: '/c' },
    ]);
    const { header } = await peer.request();
    const results = [0, ErrorCode.BadVersion, -2].map((err) => ({ name: 'error', err }) as const);
    peer.reply(header.xid, operations.multi, { results });
    const error: unknown = await running.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MultiError);
    expect(error).toMatchObject({ code: ErrorCode.BadVersion, path: '/b', operations: [0, -103, -2] });
  });
});

describe('watches', () => {
  it('fire once, and after the answer that set them', async () => {
    const { client, peer } = await connected();
    const seen: string[] = [];
    const reading = client.getData('/a', { watch: (event) => seen.push(`${event.kind} ${event.path}`) });
    const { header } = await peer.request();
    const noted = reading.then(() => seen.push('answer'));
    const release = peer.cork();
    peer.reply(header.xid, operations.getData, { data: Buffer.from('x'), stat });
    peer.notify(EventType.dataChanged, '/a');
    peer.notify(EventType.dataChanged, '/a');
    release();
    await noted;
    const syncing = client.sync();
    peer.reply((await peer.request()).header.xid, operations.sync, { path: '/' });
    await syncing;
    expect(seen).toEqual(['answer', 'dataChanged /a']);
  });

  it('are delivered before the answer that follows them', async () => {
    const { client, peer } = await connected();
    const seen: string[] = [];
    const setting = client.exists('/a', { watch: (event) => seen.push(event.kind) });
    peer.answer((await peer.request()).header.xid, ErrorCode.NoNode);
    await setting;
    const creating = client.create('/a').then(() => seen.push('answer'));
    const { header } = await peer.request();
    peer.notify(EventType.created, '/a');
    peer.reply(header.xid, operations.create, { path: '/a' });
    await creating;
    expect(seen).toEqual(['created', 'answer']);
  });

  it('that were not set, because the read failed, are not kept', async () => {
    const { client, peer } = await connected();
    const seen: string[] = [];
    const reading = client.getData('/a', { watch: (event) => seen.push(event.kind) });
    peer.answer((await peer.request()).header.xid, ErrorCode.NoNode);
    await expect(reading).rejects.toMatchObject({ code: ErrorCode.NoNode });
    peer.notify(EventType.created, '/a');
    const syncing = client.sync();
    peer.reply((await peer.request()).header.xid, operations.sync, { path: '/' });
    await syncing;
    expect(seen).toEqual([]);
  });

  it('are set again after a reconnect, by their kinds and from the last zxid', async () => {
    const { client, peer } = await connected();
    const watch = () => undefined;
    const setting = Promise.all([
      client.getData('/d', { watch }),
      client.exists('/e', { watch }),
      client.getChildren('/c', { watch }),
    ]);
    peer.reply((await peer.request()).header.xid, operations.getData, { data: Buffer.from('x'), stat });
    peer.answer((await peer.request()).header.xid, ErrorCode.NoNode);
    peer.reply((await peer.request()).header.xid, operations.getChildren2, { children: ['x'], stat });
    await setting;
    const second = await reconnected(client, peer);
    await second.accept();
    expect(await second.request()).toEqual({
      header: { xid: -8, opcode: 101 },
      request: {
        name: 'setWatches',
        body: { relativeZxid: 500, dataWatches: ['/d'], existWatches: ['/e'], childWatches: ['/c'] },
      },
    });
  });

  it('that stay see every event, recursive ones those below, and are given back as what they are', async () => {
    const { client, peer } = await connected();
    const seen: string[] = [];
    const adding = client.addWatch('/a', (event) => seen.push(`${event.kind} ${event.path}`), {
      recursive: true,
    });
    peer.reply((await peer.request()).header.xid, operations.addWatch, { err: 0 });
    await adding;
    peer.notify(EventType.created, '/a/b');
    peer.notify(EventType.childrenChanged, '/a');
    peer.notify(EventType.deleted, '/a/b/c');
    const syncing = client.sync();
    peer.reply((await peer.request()).header.xid, operations.sync, { path: '/' });
    await syncing;
    expect(seen).toEqual(['created /a/b', 'deleted /a/b/c']);
    const second = await reconnected(client, peer);
    await second.accept();
    const { request } = await second.request();
    expect(request.name).toBe('setWatches2');
    expect(request.body).toMatchObject({ persistentWatches: [], persistentRecursiveWatches: ['/a'] });
  });
});

describe('credentials', () => {
  it('are presented again on every connection, before the watches', async () => {
    const { client, peer } = await connected();
    const adding = client.addAuth('digest', 'bob:secret');
    const first = await peer.request();
    expect(first.header.xid).toBe(-4);
    peer.answer(-4);
    await adding;
    const second = await reconnected(client, peer);
    await second.accept();
    const { request } = await second.request();
    expect(request).toEqual({
      name: 'auth',
      body: { type: 0, scheme: 'digest', auth: Buffer.from('bob:secret') },
    });
  });

  it('that are refused end the session', async () => {
    const { client, peer } = await connected();
    const adding = expect(client.addAuth('nonsense', '')).rejects.toMatchObject({
      code: ErrorCode.AuthFailed,
    });
    await peer.request();
    peer.answer(-4, ErrorCode.AuthFailed);
    await adding;
    expect(client.state).toBe('lost');
  });
});

describe('close', () => {
  it('tells the server and waits for its answer', async () => {
    const { client, peer } = await connected();
    const closing = client.close();
    const { header, request } = await peer.request();
    expect(request.name).toBe('closeSession');
    peer.answer(header.xid);
    await closing;
    expect(client.state).toBe('closed');
    await peer.closed;
  });

  it('does not wait longer than its limit', async () => {
    const { client, peer } = await connected({ closeTimeoutMs: 1000 });
    const closing = client.close();
    await peer.request();
    await clock.advance(1000);
    await closing;
    expect(client.state).toBe('closed');
  });

  it('does not wait at all without a connection', async () => {
    const { client, peer } = await connected();
    const suspended = untilState(client, 'suspended');
    peer.drop();
    await suspended;
    await client.close();
    expect(clock.pending).toBe(0);
  });
});
