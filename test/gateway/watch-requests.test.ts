import { describe, expect, it } from 'vitest';

import { digestOf } from '../../lib/core/acl.js';
import { ErrorCode } from '../../lib/core/errors.js';
import { OPEN_ACL } from '../../lib/core/types.js';
import { AddWatchMode, EventType, WatcherType, Xid } from '../../lib/wire/index.js';
import { startGateway } from './support/gateways.js';
import type { Received, WireClient } from './support/wire-client.js';

const data = Buffer.from('v');
const node = (path: string, acl: typeof OPEN_ACL = OPEN_ACL) => ({ path, data, acl, flags: 0 });
const set = (path: string) => ({ path, data, version: -1 });
const gone = (path: string) => ({ path, version: -1 });
const { persistent, persistentRecursive } = AddWatchMode;

function summary(received: readonly Received[]): string[] {
  return received.map((one) =>
    one.kind === 'event' ? `${one.event.type} ${one.event.path}` : `reply ${one.err}`,
  );
}

/** The events that have come so far. A ping's reply comes behind all of them. */
async function events(client: WireClient): Promise<string[]> {
  client.send('ping', {}, Xid.ping);
  const received: Received[] = [];
  for (;;) {
    const one = await client.next();
    if (one === undefined) throw new Error('the server hung up');
    if (one.kind === 'reply') return summary(received);
    received.push(one);
  }
}

describe('addWatch', () => {
  it('is answered with a body of four bytes that say nothing', async () => {
    const client = await (await startGateway()).open();
    client.send('addWatch', { path: '/a', mode: persistent });
    const reply = await client.next();
    expect(reply).toMatchObject({ kind: 'reply', err: 0, body: { remaining: 4 } });
  });

  it('persistent: stays, and tells of the znode and of its list of children', async () => {
    const { open } = await startGateway();
    const [watcher, writer] = [await open(), await open()];
    await watcher.call('addWatch', { path: '/a', mode: persistent });
    await writer.call('create', node('/a'));
    await writer.call('setData', set('/a'));
    await writer.call('create', node('/a/b'));
    await writer.call('setData', set('/a/b'));
    await writer.call('delete', gone('/a/b'));
    await writer.call('delete', gone('/a'));
    await writer.call('create', node('/a'));
    expect(await events(watcher)).toEqual([
      `${EventType.created} /a`,
      `${EventType.dataChanged} /a`,
      `${EventType.childrenChanged} /a`,
      `${EventType.childrenChanged} /a`,
      `${EventType.deleted} /a`,
      `${EventType.created} /a`,
    ]);
  });

  it('recursive: tells of everything below, and never of a list of children', async () => {
    const { open } = await startGateway();
    const [watcher, writer] = [await open(), await open()];
    await watcher.call('addWatch', { path: '/a', mode: persistentRecursive });
    for (const path of ['/a', '/a/b', '/ab', '/a/b/c']) await writer.call('create', node(path));
    await writer.call('setData', set('/a/b/c'));
    for (const path of ['/a/b/c', '/a/b', '/a']) await writer.call('delete', gone(path));
    expect(await events(watcher)).toEqual([
      `${EventType.created} /a`,
      `${EventType.created} /a/b`,
      `${EventType.created} /a/b/c`,
      `${EventType.dataChanged} /a/b/c`,
      `${EventType.deleted} /a/b/c`,
      `${EventType.deleted} /a/b`,
      `${EventType.deleted} /a`,
    ]);
  });

  it('tells once of what several watches of one client see, and keeps the persistent ones', async () => {
    const { open, gateway } = await startGateway();
    const [watcher, writer] = [await open(), await open()];
    await writer.call('create', node('/a'));
    for (const path of ['/', '/a']) await watcher.call('addWatch', { path, mode: persistentRecursive });
    await watcher.call('addWatch', { path: '/a', mode: persistent });
    await watcher.call('getData', { path: '/a', watch: true });
    await writer.call('setData', set('/a'));
    await writer.call('setData', set('/a'));
    expect(await events(watcher)).toEqual([`${EventType.dataChanged} /a`, `${EventType.dataChanged} /a`]);
    expect(gateway.status().watches().watches).toBe(3);
  });

  it('puts the zxid of the transaction on the event, ahead of the reply of its own write', async () => {
    const client = await (await startGateway()).open();
    await client.call('addWatch', { path: '/', mode: persistentRecursive });
    client.send('create', node('/a'));
    const [event, reply] = await client.take(2);
    expect(event).toMatchObject({ kind: 'event', event: { path: '/a' } });
    expect(event?.zxid).toBe(reply?.zxid);
  });

  it('of another mode cannot be read, and beyond the bound of a connection is refused', async () => {
    const { open } = await startGateway({ limits: { watchesPerConnectionMax: 1 } });
    const client = await open();
    for (const mode of [-1, 2]) {
      expect((await client.call('addWatch', { path: '/', mode })).err).toBe(ErrorCode.MarshallingError);
    }
    expect((await client.call('addWatch', { path: '/', mode: persistent })).err).toBe(0);
    expect((await client.call('addWatch', { path: '/', mode: persistent })).err).toBe(0);
    const other = await client.call('addWatch', { path: '/', mode: persistentRecursive });
    expect(other.err).toBe(ErrorCode.ThrottledOp);
  });
});

/** One watch of every type at /a. */
async function watchInEveryWay(client: WireClient): Promise<void> {
  await client.call('create', node('/a'));
  await client.call('getData', { path: '/a', watch: true });
  await client.call('getChildren', { path: '/a', watch: true });
  await client.call('addWatch', { path: '/a', mode: persistent });
  await client.call('addWatch', { path: '/a', mode: persistentRecursive });
}

const SINGLE_TYPES = Object.values(WatcherType).filter((type) => type !== WatcherType.any);

describe('checkWatches and removeWatches', () => {
  it.each(SINGLE_TYPES)('type %d: concern watches of that type only', async (type) => {
    const { open, gateway } = await startGateway();
    const client = await open();
    await watchInEveryWay(client);
    const check = async (watcherType: number) =>
      (await client.call('checkWatches', { path: '/a', type: watcherType })).err;
    expect(await check(type)).toBe(0);
    expect((await client.call('removeWatches', { path: '/a', type })).err).toBe(0);
    expect((await client.call('removeWatches', { path: '/a', type })).err).toBe(ErrorCode.NoWatcher);
    for (const each of SINGLE_TYPES) expect(await check(each)).toBe(each === type ? ErrorCode.NoWatcher : 0);
    expect(await check(WatcherType.any)).toBe(0);
    expect(gateway.status().watches().watches).toBe(3);
  });

  it('of any type take all of them, and no event says so', async () => {
    const { open, gateway } = await startGateway();
    const client = await open();
    await watchInEveryWay(client);
    expect((await client.call('removeWatches', { path: '/a', type: WatcherType.any })).err).toBe(0);
    await client.call('delete', gone('/a'));
    expect(await events(client)).toEqual([]);
    expect(gateway.status().watches()).toEqual({ watchers: 0, paths: 0, watches: 0 });
    const checked = await client.call('checkWatches', { path: '/a', type: WatcherType.any });
    expect(checked.err).toBe(ErrorCode.NoWatcher);
  });

  it('find the watch for a creation of what no znode can be called, however it was set', async () => {
    const client = await (await startGateway()).open();
    const type = WatcherType.data;
    expect((await client.call('exists', { path: '/a/', watch: true })).err).toBe(ErrorCode.NoNode);
    await client.call('getData', { path: '/b/', watch: true });
    const body = { relativeZxid: 0, dataWatches: [], existWatches: ['/a/..'], childWatches: [] };
    await client.call('setWatches', body, Xid.setWatches);
    const codes = [];
    for (const path of ['/a/', '/b/', '/a/..'])
      codes.push((await client.call('removeWatches', { path, type })).err);
    expect(codes).toEqual([ErrorCode.Ok, ErrorCode.NoWatcher, ErrorCode.Ok]);
  });

  it('leave the watches of other clients alone', async () => {
    const { open } = await startGateway();
    const [watcher, other] = [await open(), await open()];
    await watcher.call('addWatch', { path: '/a', mode: persistent });
    const removed = await other.call('removeWatches', { path: '/a', type: WatcherType.any });
    expect(removed.err).toBe(ErrorCode.NoWatcher);
    await other.call('create', node('/a'));
    expect(await events(watcher)).toEqual([`${EventType.created} /a`]);
  });

  it('of a type that there is not cannot be read', async () => {
    const client = await (await startGateway()).open();
    for (const type of [0, 6]) {
      const asked = { path: '/a', type };
      expect((await client.call('checkWatches', asked)).err).toBe(ErrorCode.MarshallingError);
      expect((await client.call('removeWatches', asked)).err).toBe(ErrorCode.MarshallingError);
    }
  });
});

describe('setWatches2', () => {
  it('tells what one-shot watches have missed and sets persistent ones again, whatever happened', async () => {
    const { open, gateway, keeper } = await startGateway();
    const client = await open();
    await client.call('create', node('/a'));
    await client.call('create', node('/a/b'));
    const body = {
      relativeZxid: 0,
      dataWatches: ['/a', '/gone'],
      existWatches: ['/a', '/absent'],
      childWatches: ['/a'],
      persistentWatches: ['/a', '/later'],
      persistentRecursiveWatches: ['/a/b', '/never/'],
    };
    // A persistent watch does not take its znode to decide.
    keeper.unknown.add('/later');
    client.send('setWatches2', body, Xid.setWatches);
    expect(summary(await client.take(5))).toEqual([
      `${EventType.dataChanged} /a`,
      `${EventType.deleted} /gone`,
      `${EventType.created} /a`,
      `${EventType.childrenChanged} /a`,
      'reply 0',
    ]);
    expect(keeper.unknown.has('/later')).toBe(true);
    expect(gateway.status().watches().watches).toBe(5);
    client.send('create', node('/a/b/c'));
    client.send('setData', set('/a'));
    expect(summary(await client.take(4))).toEqual([
      `${EventType.created} /a/b/c`,
      'reply 0',
      `${EventType.dataChanged} /a`,
      'reply 0',
    ]);
  });

  it('that names more watches than fit is refused, and sets none', async () => {
    const { open, gateway } = await startGateway({ limits: { watchesPerConnectionMax: 1 } });
    const client = await open();
    const body = {
      relativeZxid: 0,
      dataWatches: [],
      existWatches: [],
      childWatches: [],
      persistentWatches: ['/a'],
      persistentRecursiveWatches: ['/b'],
    };
    expect((await client.call('setWatches2', body, Xid.setWatches)).err).toBe(ErrorCode.ThrottledOp);
    expect(gateway.status().watches().watches).toBe(0);
  });
});

describe('events for those who may READ', () => {
  const HIDDEN = [{ perms: 31, scheme: 'digest', id: digestOf('ann', 'secret') }];

  it('are judged by the ACL at that moment, of a deleted znode by its last one', async () => {
    const { open } = await startGateway();
    const [stranger, ann, writer] = [await open(), await open(), await open()];
    for (const client of [ann, writer]) {
      await client.call('auth', { type: 0, scheme: 'digest', auth: Buffer.from('ann:secret') }, Xid.auth);
    }
    for (const client of [stranger, ann]) {
      await client.call('addWatch', { path: '/', mode: persistentRecursive });
    }
    await writer.call('create', node('/hidden', HIDDEN));
    await writer.call('create', node('/hidden/open'));
    await writer.call('setData', set('/hidden'));
    await writer.call('delete', gone('/hidden/open'));
    await writer.call('delete', gone('/hidden'));
    expect(await events(stranger)).toEqual([
      `${EventType.created} /hidden/open`,
      `${EventType.deleted} /hidden/open`,
    ]);
    expect(await events(ann)).toHaveLength(5);
  });

  it('are withheld for a znode that came and went within one entry', async () => {
    const { open, keeper } = await startGateway();
    const [stranger, writer] = [await open(), await open()];
    await stranger.call('addWatch', { path: '/', mode: persistentRecursive });
    await writer.call('auth', { type: 0, scheme: 'digest', auth: Buffer.from('ann:secret') }, Xid.auth);
    const before = keeper.submittedSoFar;
    keeper.hold();
    writer.send('create', node('/hidden', HIDDEN));
    writer.send('delete', gone('/hidden'));
    await keeper.submitted(before + 2);
    keeper.release();
    expect(summary(await writer.take(2))).toEqual(['reply 0', 'reply 0']);
    expect(keeper.entrySizes.at(-1)).toBe(2);
    expect(await events(stranger)).toEqual([]);
  });

  it('do not come when the parent of a child watch has become unreadable, and the watch is spent', async () => {
    const { open, gateway } = await startGateway();
    const [stranger, writer] = [await open(), await open()];
    await writer.call('create', node('/a'));
    await stranger.call('getChildren', { path: '/a', watch: true });
    await writer.call('setAcl', { path: '/a', acl: [...HIDDEN, { ...OPEN_ACL[0]!, perms: 4 }], version: -1 });
    await writer.call('create', node('/a/b'));
    expect(await events(stranger)).toEqual([]);
    expect(gateway.status().watches().watches).toBe(0);
  });
});
