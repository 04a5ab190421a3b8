import { describe, expect, it } from 'vitest';

import { digestOf } from '../../lib/core/acl.js';
import { ErrorCode } from '../../lib/core/errors.js';
import { OPEN_ACL } from '../../lib/core/types.js';
import { KeeperError } from '../../lib/keeper/types.js';
import { EventType, KeeperState, operations, Xid } from '../../lib/wire/index.js';
import { startGateway } from './support/gateways.js';
import type { Received } from './support/wire-client.js';

const text = (value: string) => Buffer.from(value);
const node = (path: string, flags = 0) => ({ path, data: text('v'), acl: OPEN_ACL, flags });

function summary(received: readonly (Received | undefined)[]): unknown[] {
  return received.map((one) => {
    if (one === undefined) return 'closed';
    if (one.kind === 'event') return `event ${one.event.type} ${one.event.path} @${one.zxid}`;
    return `reply ${one.xid} ${one.err}`;
  });
}

describe('requests over the wire', () => {
  it('answer create, create2, exists, getData, setData, getChildren, getACL, setACL and delete', async () => {
    const client = await (await startGateway()).open();
    expect((await client.call('create', node('/a'))).response).toEqual({ path: '/a' });
    const created = await client.call('create2', node('/a/s-', 2));
    expect(created.response).toMatchObject({ path: '/a/s-0000000000', stat: { czxid: created.zxid } });
    expect((await client.call('exists', { path: '/a', watch: false })).response?.stat.numChildren).toBe(1);
    const read = await client.call('getData', { path: '/a', watch: false });
    expect(Buffer.from(read.response!.data).toString()).toBe('v');
    expect(
      (await client.call('setData', { path: '/a', data: text('w'), version: 0 })).response?.stat.version,
    ).toBe(1);
    const children = await client.call('getChildren', { path: '/a', watch: false });
    expect(children.response).toEqual({ children: ['s-0000000000'] });
    const children2 = await client.call('getChildren2', { path: '/a', watch: false });
    expect(children2.response).toMatchObject({ children: ['s-0000000000'], stat: { cversion: 1 } });
    const set = await client.call('setAcl', { path: '/a', acl: OPEN_ACL, version: -1 });
    expect(set.response?.stat.aversion).toBe(1);
    expect((await client.call('getAcl', { path: '/a' })).response).toMatchObject({ acl: OPEN_ACL });
    expect((await client.call('delete', { path: '/a/s-0000000000', version: -1 })).err).toBe(0);
    expect((await client.call('sync', { path: '/a' })).response).toEqual({ path: '/a' });
  });

  it('are refused with the header alone', async () => {
    const client = await (await startGateway()).open();
    client.send('delete', { path: '/none', version: -1 });
    const reply = await client.next();
    expect(reply).toMatchObject({ kind: 'reply', err: ErrorCode.NoNode });
    expect(reply?.kind === 'reply' && reply.body.remaining).toBe(0);
  });

  it('show the zxid of a write in its reply, and the head in that of a read', async () => {
    const { open, keeper } = await startGateway();
    const client = await open();
    const written = await client.call('create', node('/a'));
    expect(written.zxid).toBe(2);
    await (await open()).call('create', node('/b'));
    expect((await client.call('exists', { path: '/a', watch: false })).zxid).toBe(keeper.head);
    expect(keeper.head).toBe(4);
  });

  it('answer a multi with one result for each operation, and see earlier operations in later ones', async () => {
    const client = await (await startGateway()).open();
    const reply = await client.call('multi', {
      operations: [
        { name: 'create', request: node('/m') },
        { name: 'create2', request: node('/m/x') },
        { name: 'setData', request: { path: '/m', data: text('w'), version: 0 } },
        { name: 'check', request: { path: '/m', version: 1 } },
        { name: 'delete', request: { path: '/m/x', version: 0 } },
      ],
    });
    expect(reply.response?.results.map((result) => result.name)).toEqual([
      'create',
      'create2',
      'setData',
      'check',
      'delete',
    ]);
  });

  it('answer a multi that fails with a code for each operation and no error in the header', async () => {
    const client = await (await startGateway()).open();
    const reply = await client.call('multi', {
      operations: [
        { name: 'create', request: node('/m') },
        { name: 'check', request: { path: '/none', version: 1 } },
        { name: 'delete', request: { path: '/m', version: 0 } },
      ],
    });
    expect(reply.err).toBe(0);
    expect(reply.response?.results).toEqual([
      { name: 'error', err: 0 },
      { name: 'error', err: ErrorCode.NoNode },
      { name: 'error', err: ErrorCode.RuntimeInconsistency },
    ]);
    expect((await client.call('exists', { path: '/m', watch: false })).err).toBe(ErrorCode.NoNode);
  });

  it('make containers and TTL znodes, which no client sees an owner of', async () => {
    const { open, keeper } = await startGateway();
    const client = await open();
    const container = await client.call('createContainer', node('/c', 4));
    expect(container.response).toMatchObject({ path: '/c', stat: { ephemeralOwner: 0n } });
    const ttl = await client.call('createTtl', { ...node('/t-', 6), ttlMs: 1000 });
    expect(ttl.response?.path).toBe('/t-0000000001');
    expect(keeper.state.node('/c')?.lifetime).toBe('container');
    expect(keeper.state.node('/t-0000000001')?.lifetime).toEqual({ ttlMs: 1000 });
    expect((await client.call('create', node('/plain', 4))).err).toBe(0);
    expect(keeper.state.node('/plain')?.lifetime).toBeUndefined();
  });

  it('make them in a multi, too', async () => {
    const { open, keeper } = await startGateway();
    const client = await open();
    const reply = await client.call('multi', {
      operations: [
        { name: 'createContainer', request: node('/c', 4) },
        { name: 'createTtl', request: { ...node('/c/t', 5), ttlMs: 1000 } },
      ],
    });
    expect(reply.response?.results).toMatchObject([{ path: '/c' }, { path: '/c/t' }]);
    expect(keeper.state.node('/c/t')?.lifetime).toEqual({ ttlMs: 1000 });
  });

  it.each([
    ['createTtl', 5, 0],
    ['createTtl', 5, 2 ** 40],
    ['createTtl', 0, 1000],
    ['createTtl', 9, 1000],
    ['create', 5, 0],
    ['create2', 6, 0],
    ['createContainer', 9, 0],
  ] as const)('of %s with the flags %s and %s ms are BadArguments', async (name, flags, ttlMs) => {
    const client = await (await startGateway()).open();
    const request = { ...node('/c', flags), ttlMs };
    expect((await client.call(name, request)).err).toBe(ErrorCode.BadArguments);
  });

  it('with flags that mean nothing are BadArguments, and the connection stays', async () => {
    const client = await (await startGateway()).open();
    expect((await client.call('create', node('/c', 9))).err).toBe(ErrorCode.BadArguments);
    expect((await client.call('ping', {}, Xid.ping)).err).toBe(0);
  });

  it.each([
    ['an opcode that there is not', '000000080000004d00000f00'],
    ['a check outside of a multi', '000000120000004d0000000d000000022f6100000000'],
  ])('that are %s are Unimplemented, and the connection is over', async (_name, bytes) => {
    const client = await (await startGateway()).open();
    client.socket.write(Buffer.from(bytes, 'hex'));
    expect(await client.next()).toMatchObject({ xid: 0x4d, zxid: -1, err: ErrorCode.Unimplemented });
    expect(await client.next()).toBeUndefined();
  });

  it('whose body is none of theirs are MarshallingError, and the connection stays', async () => {
    const client = await (await startGateway()).open();
    client.socket.write(Buffer.from('0000000c0000004d00000003000000ff', 'hex'));
    expect(await client.next()).toMatchObject({ xid: 0x4d, err: ErrorCode.MarshallingError });
    expect((await client.call('ping', {}, Xid.ping)).err).toBe(0);
  });

  it('for paths that no znode can have are answered without asking the store', async () => {
    const { open, keeper } = await startGateway();
    const client = await open();
    keeper.hydration = Promise.reject(new Error('the store was asked'));
    keeper.hydration.catch(() => undefined);
    keeper.unknown.add('//');
    expect((await client.call('exists', { path: '//', watch: true })).err).toBe(ErrorCode.NoNode);
    expect((await client.call('exists', { path: '/a\0', watch: true })).err).toBe(ErrorCode.BadArguments);
  });

  it('may carry data up to the frame limit', async () => {
    const client = await (await startGateway()).open();
    const data = Buffer.alloc(1_000_000, 'x');
    expect((await client.call('create', { ...node('/big'), data })).err).toBe(0);
    const read = await client.call('getData', { path: '/big', watch: false });
    expect(data.equals(Buffer.from(read.response!.data))).toBe(true);
  });
});

describe('a pipeline of requests', () => {
  it('is answered in its order, and its writes share an entry', async () => {
    const { open, keeper } = await startGateway();
    const client = await open();
    keeper.hold();
    const before = keeper.submittedSoFar;
    client.send('create', node('/a'));
    client.send('create', node('/b'));
    client.send('setData', { path: '/a', data: text('w'), version: 5 });
    client.send('getData', { path: '/b', watch: false });
    client.send('ping', {}, Xid.ping);
    client.send('delete', { path: '/b', version: -1 });
    client.send('exists', { path: '/b', watch: false });
    await keeper.submitted(before + 3);
    expect(client.untaken).toBe(0);
    keeper.release();
    expect(summary(await client.take(7))).toEqual([
      'reply 1 0',
      'reply 2 0',
      `reply 3 ${ErrorCode.BadVersion}`,
      'reply 4 0',
      'reply -2 0',
      'reply 5 0',
      `reply 6 ${ErrorCode.NoNode}`,
    ]);
    expect(keeper.entrySizes.slice(-2)).toEqual([2, 1]);
  });

  it('keeps a write behind a read that is being hydrated', async () => {
    const { open, keeper } = await startGateway();
    const client = await open();
    let known!: () => void;
    keeper.hydration = new Promise((resolve) => (known = resolve));
    keeper.unknown.add('/a');
    const before = keeper.submittedSoFar;
    client.send('exists', { path: '/a', watch: false });
    client.send('create', node('/a'));
    await (await open()).call('create', node('/other'));
    expect(keeper.submittedSoFar).toBe(before + 2);
    known();
    expect(summary(await client.take(2))).toEqual([`reply 1 ${ErrorCode.NoNode}`, 'reply 2 0']);
  });

  it('gives up a read that the view cannot hold, and the connection stays', async () => {
    const { open, keeper } = await startGateway({ limits: { hydrationAttemptsMax: 3 } });
    const client = await open();
    keeper.unknown.add('/a');
    keeper.hydrateFor = () => Promise.resolve();
    expect((await client.call('exists', { path: '/a', watch: false })).err).toBe(ErrorCode.ThrottledOp);
    expect((await client.call('exists', { path: '/', watch: false })).err).toBe(0);
  });

  it('tells of an overload in its turn, after the writes before it', async () => {
    const { open, keeper } = await startGateway();
    const client = await open();
    const before = keeper.submittedSoFar;
    keeper.hold();
    client.send('create', node('/a'));
    await keeper.submitted(before + 1);
    keeper.overloaded = true;
    client.send('create', node('/b'));
    await keeper.submitted(before + 2);
    keeper.overloaded = false;
    keeper.release();
    expect(summary(await client.take(2))).toEqual(['reply 1 0', `reply 2 ${ErrorCode.ThrottledOp}`]);
  });

  it('ends with the connection when nobody knows what became of a write', async () => {
    const { open, keeper } = await startGateway();
    const client = await open();
    const before = keeper.submittedSoFar;
    keeper.hold();
    client.send('create', node('/a'));
    await keeper.submitted(before + 1);
    keeper.failQueued(new KeeperError('StoreUnavailable', 'no answer', { maybeApplied: true }));
    expect(await client.next()).toBeUndefined();
  });

  it('reads no further than the bound on outstanding requests, of one connection and of all', async () => {
    for (const limits of [{ connectionOutstandingMax: 3 }, { globalOutstandingLimit: 3 }]) {
      const { open, keeper, gateway } = await startGateway({ limits });
      const client = await open();
      const before = keeper.submittedSoFar;
      keeper.hold();
      for (let index = 0; index < 20; index++) client.send('create', node(`/n${index}`));
      await keeper.submitted(before + 3);
      expect(gateway.status().outstanding).toBe(3);
      keeper.release();
      const replies = await client.take(20);
      expect(summary(replies)).toEqual(replies.map((_, index) => `reply ${index + 1} 0`));
      expect(Math.max(...keeper.entrySizes)).toBeLessThanOrEqual(3);
      expect(gateway.status().outstanding).toBe(0);
    }
  });

  it('gives the room of a connection that is gone to others', async () => {
    const { open, keeper, gateway } = await startGateway({ limits: { globalOutstandingLimit: 2 } });
    const [gone, stays] = [await open(), await open()];
    const before = keeper.submittedSoFar;
    keeper.hold();
    gone.send('create', node('/a'));
    gone.send('create', node('/b'));
    await keeper.submitted(before + 2);
    stays.send('create', node('/c'));
    gone.destroy();
    await keeper.submitted(before + 3);
    keeper.release();
    expect(summary(await stays.take(1))).toEqual(['reply 1 0']);
    expect(gateway.status().outstanding).toBe(0);
  });
});

describe('watches', () => {
  it('send the event of a client’s own write before the reply to it', async () => {
    const client = await (await startGateway()).open();
    await client.call('create', node('/a'));
    await client.call('getData', { path: '/a', watch: true });
    client.send('setData', { path: '/a', data: text('w'), version: -1 });
    expect(summary(await client.take(2))).toEqual([`event ${EventType.dataChanged} /a @3`, 'reply 3 0']);
  });

  it('send an event before every reply that shows its change', async () => {
    const { open, keeper } = await startGateway();
    const [watcher, writer] = [await open(), await open()];
    await writer.call('create', node('/a'));
    await watcher.call('getData', { path: '/a', watch: true });
    const before = keeper.submittedSoFar;
    keeper.hold();
    // Both share an entry. The watcher's own write comes first in it, and so its reply comes before the other's event.
    watcher.send('create', node('/own'));
    await keeper.submitted(before + 1);
    writer.send('setData', { path: '/a', data: text('w'), version: -1 });
    await keeper.submitted(before + 2);
    watcher.send('getData', { path: '/a', watch: false });
    keeper.release();
    expect(summary(await watcher.take(3))).toEqual([
      'reply 2 0',
      `event ${EventType.dataChanged} /a @5`,
      'reply 3 0',
    ]);
  });

  it('fire once, and a deletion once for data and children together', async () => {
    const { open } = await startGateway();
    const [watcher, writer] = [await open(), await open()];
    await writer.call('create', node('/a'));
    await watcher.call('getData', { path: '/a', watch: true });
    await watcher.call('getChildren', { path: '/a', watch: true });
    await watcher.call('getChildren', { path: '/', watch: true });
    await writer.call('delete', { path: '/a', version: -1 });
    await writer.call('create', node('/a'));
    watcher.send('ping', {}, Xid.ping);
    expect(summary(await watcher.take(3))).toEqual([
      `event ${EventType.deleted} /a @4`,
      `event ${EventType.childrenChanged} / @4`,
      'reply -2 0',
    ]);
  });

  it('wait for a creation when exists finds nothing, and are not set by getData then', async () => {
    const client = await (await startGateway()).open();
    await client.call('exists', { path: '/a', watch: true });
    await client.call('getData', { path: '/b', watch: true });
    await client.call('create', node('/b'));
    client.send('create', node('/a'));
    expect(summary(await client.take(2))).toEqual([`event ${EventType.created} /a @3`, 'reply 4 0']);
  });

  it('come with the state connected', async () => {
    const client = await (await startGateway()).open();
    await client.call('exists', { path: '/a', watch: true });
    client.send('create', node('/a'));
    expect(await client.next()).toMatchObject({ event: { state: KeeperState.connected } });
  });

  it('beyond the bound of a connection are refused before anything is answered', async () => {
    const { open, gateway } = await startGateway({ limits: { watchesPerConnectionMax: 1 } });
    const client = await open();
    expect((await client.call('exists', { path: '/', watch: true })).err).toBe(0);
    expect((await client.call('exists', { path: '/', watch: true })).err).toBe(0);
    expect((await client.call('getChildren', { path: '/', watch: true })).err).toBe(ErrorCode.ThrottledOp);
    expect(gateway.status().watches().watches).toBe(1);
  });

  it('go with their connection', async () => {
    const { open, gateway } = await startGateway();
    const client = await open();
    await client.call('exists', { path: '/', watch: true });
    client.send('closeSession', {});
    await client.next();
    expect(await client.next()).toBeUndefined();
    expect(gateway.status().watches()).toEqual({ watchers: 0, paths: 0, watches: 0 });
  });

  it('do not tell of a znode that the client may not read', async () => {
    const { open } = await startGateway();
    const [owner, other] = [await open(), await open()];
    await owner.call('auth', { type: 0, scheme: 'digest', auth: text('ann:secret') }, Xid.auth);
    const acl = [{ perms: 31, scheme: 'digest', id: digestOf('ann', 'secret') }];
    await other.call('exists', { path: '/hidden', watch: true });
    await owner.call('exists', { path: '/hidden', watch: true });
    owner.send('create', { ...node('/hidden'), acl });
    expect(summary(await owner.take(2))[0]).toBe(`event ${EventType.created} /hidden @3`);
    other.send('ping', {}, Xid.ping);
    expect(summary([await other.next()])).toEqual(['reply -2 0']);
  });
});

describe('setWatches', () => {
  it('tells what was missed, sets the rest again, and echoes the xid that it came with', async () => {
    const { open, gateway, keeper } = await startGateway();
    const client = await open();
    for (const path of ['/same', '/changed', '/parent']) await client.call('create', node(path));
    const seen = keeper.head;
    await client.call('setData', { path: '/changed', data: text('w'), version: -1 });
    await client.call('create', node('/parent/child'));
    const body = {
      relativeZxid: seen,
      dataWatches: ['/same', '/changed', '/gone'],
      existWatches: ['/same', '/absent'],
      childWatches: ['/parent', '/same', '/gone'],
    };
    client.send('setWatches', body, 4711);
    expect(summary(await client.take(6))).toEqual([
      `event ${EventType.dataChanged} /changed @-1`,
      `event ${EventType.deleted} /gone @-1`,
      `event ${EventType.created} /same @-1`,
      `event ${EventType.childrenChanged} /parent @-1`,
      `event ${EventType.deleted} /gone @-1`,
      'reply 4711 0',
    ]);
    expect(gateway.status().watches()).toEqual({ watchers: 1, paths: 2, watches: 3 });
    client.send('create', node('/absent'));
    expect(summary(await client.take(1))).toEqual([`event ${EventType.created} /absent @${keeper.head}`]);
  });

  it('hydrates what is not known, and loses nothing that happens meanwhile', async () => {
    const { open, keeper } = await startGateway({ limits: { hydrationConcurrency: 1 } });
    const [client, writer] = [await open(), await open()];
    for (const path of ['/a', '/b']) {
      await writer.call('create', node(path));
      keeper.unknown.add(path);
    }
    const relativeZxid = keeper.head;
    let known!: () => void;
    keeper.hydration = new Promise((resolve) => (known = resolve));
    const body = { relativeZxid, dataWatches: ['/bad/', '/a', '/b'], existWatches: [], childWatches: [] };
    client.send('setWatches', body, Xid.setWatches);
    expect(summary([await client.next()])).toEqual([`event ${EventType.deleted} /bad/ @-1`]);
    await writer.call('setData', { path: '/b', data: text('w'), version: -1 });
    known();
    expect(summary(await client.take(2))).toEqual([
      `event ${EventType.dataChanged} /b @-1`,
      `reply ${Xid.setWatches} 0`,
    ]);
    writer.send('setData', { path: '/a', data: text('w'), version: -1 });
    expect(summary([await client.next()])).toEqual([
      `event ${EventType.dataChanged} /a @${relativeZxid + 2}`,
    ]);
  });
});

describe('auth', () => {
  it('adds the digest’s id for the requests behind it', async () => {
    const { open } = await startGateway();
    const client = await open();
    const acl = [{ perms: 31, scheme: 'digest', id: digestOf('ann', 'secret') }];
    client.send('create', { ...node('/private'), acl });
    client.send('getData', { path: '/private', watch: false });
    client.send('auth', { type: 0, scheme: 'digest', auth: text('ann:secret') }, Xid.auth);
    client.send('getData', { path: '/private', watch: false });
    expect(summary(await client.take(4))).toEqual([
      'reply 1 0',
      `reply 2 ${ErrorCode.NoAuth}`,
      'reply -4 0',
      'reply 3 0',
    ]);
  });

  it('knows the peer’s address without being told', async () => {
    const client = await (await startGateway()).open();
    const acl = [{ perms: 31, scheme: 'ip', id: '127.0.0.1' }];
    await client.call('create', { ...node('/local'), acl });
    expect((await client.call('getData', { path: '/local', watch: false })).err).toBe(0);
  });

  it('of an unknown scheme is answered with AuthFailed and the end of the connection', async () => {
    const client = await (await startGateway()).open();
    client.send('auth', { type: 0, scheme: 'kerberos', auth: text('x') }, Xid.auth);
    client.send('ping', {}, Xid.ping);
    expect(summary([await client.next(), await client.next()])).toEqual([
      `reply -4 ${ErrorCode.AuthFailed}`,
      'closed',
    ]);
  });

  it('has a bound', async () => {
    const { open } = await startGateway({ limits: { authIdsPerConnectionMax: 2 } });
    const client = await open();
    const auth = (who: string) =>
      client.call('auth', { type: 0, scheme: 'digest', auth: text(who) }, Xid.auth);
    expect((await auth('ann:1')).err).toBe(0);
    expect((await auth('ann:1')).err).toBe(0);
    expect((await auth('bob:2')).err).toBe(ErrorCode.AuthFailed);
  });
});

it('every operation that a client may send is either answered or Unimplemented', async () => {
  const { open } = await startGateway();
  for (const operation of Object.values(operations)) {
    if (operation.name === 'closeSession' || operation.name === 'auth') continue;
    const client = await open();
    // Zeros are a request with empty fields; a multi has to say that its list of operations is over.
    const body = Buffer.alloc(64);
    if (operation.name.startsWith('multi')) body.writeInt8(1, 4);
    const header = Buffer.alloc(12);
    header.writeInt32BE(8 + body.length, 0);
    header.writeInt32BE(77, 4);
    header.writeInt32BE(operation.code, 8);
    client.socket.write(Buffer.concat([header, body]));
    const reply = await client.next();
    expect(reply?.kind === 'reply' ? operation.name : reply).toBe(operation.name);
  }
});
