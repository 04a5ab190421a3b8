import { describe, expect, it } from 'vitest';

import { systemClock } from '../../lib/base/clock.js';
import { systemRandom } from '../../lib/base/random.js';
import { ErrorCode } from '../../lib/core/errors.js';
import { OPEN_ACL } from '../../lib/core/types.js';
import { SimulatedStore } from '../../lib/log/simulated-store.js';
import { EventType, Xid } from '../../lib/wire/index.js';
import { startOn } from './support/real-gateway.js';

const node = (path: string, flags = 0) => ({ path, data: Buffer.from('v'), acl: OPEN_ACL, flags });

async function startTwo() {
  const store = new SimulatedStore({ clock: systemClock, random: systemRandom });
  return { a: await startOn(store), b: await startOn(store) };
}

describe('two gateways over one store', () => {
  it('fire a watch at one for a write at the other, before the client sees the new data', async () => {
    const { a, b } = await startTwo();
    const [writer, watcher] = [await a.open(), await b.open()];
    const created = await writer.call('create', node('/a'));
    await watcher.call('sync', { path: '/' });
    expect((await watcher.call('getData', { path: '/a', watch: true })).err).toBe(0);
    const set = await writer.call('setData', { path: '/a', data: Buffer.from('w'), version: 0 });
    const event = await watcher.next();
    expect(event).toMatchObject({
      kind: 'event',
      zxid: set.zxid,
      event: { type: EventType.dataChanged, path: '/a' },
    });
    const read = await watcher.call('getData', { path: '/a', watch: false });
    expect(Buffer.from(read.response!.data).toString()).toBe('w');
    expect(read.zxid).toBeGreaterThan(created.zxid);
  });

  it('let a session move: its old connection is hung up, its ephemerals and its zxids stay', async () => {
    const { a, b } = await startTwo();
    const first = await a.open();
    const { session, password } = first.response;
    const mine = await first.call('create2', node('/mine', 1));
    expect(mine.response?.stat.ephemeralOwner).toBe(session);
    const second = await b.open({ session, password, lastZxidSeen: mine.zxid });
    expect(second.response.session).toBe(session);
    const found = await second.call('exists', { path: '/mine', watch: false });
    expect(found.response?.stat).toMatchObject({ ephemeralOwner: session, czxid: mine.zxid });
    expect(found.zxid).toBeGreaterThan(mine.zxid);
    expect(await first.next()).toBeUndefined();
    expect((await second.call('setData', { path: '/mine', data: Buffer.from('w'), version: 0 })).err).toBe(0);
  });

  it('let a session come back to the gateway that it left', async () => {
    const { a, b } = await startTwo();
    const { session, password } = (await a.open()).response;
    await b.open({ session, password });
    const back = await a.open({ session, password });
    expect(back.response.session).toBe(session);
    expect((await back.call('create', node('/back', 1))).err).toBe(0);
    const again = await a.open({ session, password });
    expect((await again.call('delete', { path: '/back', version: -1 })).err).toBe(0);
    expect(await back.next()).toBeUndefined();
  });

  it('tell a client of a session that was closed at the other that it has expired', async () => {
    const { a, b } = await startTwo();
    const client = await a.open();
    const { session, password } = client.response;
    await client.call('create', node('/mine', 1));
    expect((await client.call('closeSession', {})).err).toBe(0);
    expect(await client.next()).toBeUndefined();
    const refused = await b.open({ session, password });
    expect(refused.response).toMatchObject({ session: 0n, timeoutMs: 0 });
    const other = await b.open();
    await other.call('sync', { path: '/' });
    expect((await other.call('exists', { path: '/mine', watch: false })).err).toBe(ErrorCode.NoNode);
  });

  it('catch a client’s watches up when it moves', async () => {
    const { a, b } = await startTwo();
    const [first, writer] = [await a.open(), await b.open()];
    await first.call('create', node('/a'));
    const seen = await first.call('getData', { path: '/a', watch: true });
    first.destroy();
    await writer.call('sync', { path: '/' });
    await writer.call('setData', { path: '/a', data: Buffer.from('w'), version: 0 });
    const { session, password } = first.response;
    const second = await b.open({ session, password, lastZxidSeen: seen.zxid });
    const body = { relativeZxid: seen.zxid, dataWatches: ['/a'], existWatches: ['/b'], childWatches: ['/'] };
    second.send('setWatches', body, Xid.setWatches);
    expect(await second.take(2)).toMatchObject([
      { kind: 'event', event: { type: EventType.dataChanged, path: '/a' } },
      { kind: 'reply', xid: Xid.setWatches, err: 0 },
    ]);
    await writer.call('create', node('/b'));
    expect(await second.take(2)).toMatchObject([
      { event: { type: EventType.created, path: '/b' } },
      { event: { type: EventType.childrenChanged, path: '/' } },
    ]);
  });

  it('take a pipeline of writes at both sides, each in its order', async () => {
    const { a, b } = await startTwo();
    await (await a.open()).call('create', node('/queue'));
    const clients = [await a.open(), await b.open()];
    const count = 200;
    for (const client of clients) {
      await client.call('sync', { path: '/' });
      for (let index = 0; index < count; index++) client.send('create', node('/queue/n-', 2), 1_000 + index);
    }
    const all: string[] = [];
    for (const client of clients) {
      const names: string[] = [];
      for (const [index, reply] of (await client.take(count)).entries()) {
        expect(reply).toMatchObject({ kind: 'reply', xid: 1_000 + index, err: 0 });
        if (reply.kind === 'reply') names.push(reply.body.readString());
      }
      expect(names).toEqual([...names].sort());
      all.push(...names);
    }
    expect(new Set(all).size).toBe(2 * count);
  });

  it('keep data of a megabyte', async () => {
    const { a, b } = await startTwo();
    const data = Buffer.alloc(1_000_000, 'x');
    await (await a.open()).call('create', { ...node('/big'), data });
    const reader = await b.open();
    await reader.call('sync', { path: '/' });
    const read = await reader.call('getData', { path: '/big', watch: false });
    expect(data.equals(Buffer.from(read.response!.data))).toBe(true);
  });
});
