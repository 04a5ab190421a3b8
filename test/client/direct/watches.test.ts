import { describe, expect, it } from 'vitest';
import { World } from '../../keeper/world.js';
import { directClient, op, type DirectClient } from './clients.js';

async function pair(): Promise<{ world: World; client: DirectClient; other: DirectClient }> {
  const world = new World();
  const client = await directClient(world);
  const other = await directClient(world, { session: false });
  await other.do(op.create('/a'));
  await client.do(op.get('/a'));
  return { world, client, other };
}

describe('the watches of a direct client', () => {
  it('of each kind are told what they wait for, in the order of the log', async () => {
    const { world, client, other } = await pair();
    await client.do(op.get('/a', true));
    await client.do(op.children('/a', true));
    await client.do(op.exists('/b', true));
    await client.do({ kind: 'addWatch', path: '/a', type: 'persistent' });
    await client.do({ kind: 'addWatch', path: '/a', type: 'persistentRecursive' });
    for (const operation of [
      op.set('/a', '1'),
      op.create('/a/x'),
      op.set('/a/x', '2'),
      op.create('/b'),
      op.delete('/b'),
      op.delete('/a/x'),
      op.delete('/a'),
    ]) {
      await other.do(operation);
    }
    await world.clock.advance(1000);
    expect(client.events().map(({ type, path }) => `${type} ${path}`)).toEqual([
      'dataChanged /a',
      'created /a/x',
      'childrenChanged /a',
      'dataChanged /a/x',
      'created /b',
      'deleted /a/x',
      'childrenChanged /a',
      'deleted /a',
    ]);
    const ids = client.events().map(({ zxid, position }) => zxid! * 10 + position!);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('are armed before the answer, and their events come before every answer that shows the change', async () => {
    const { world, client, other } = await pair();
    for (let round = 0; round < 30; round++) {
      let armed = false;
      const read = client.begin(op.get('/a', true), () => (armed = true));
      await world.until(read.answer);
      expect(armed).toBe(true);
      const mixed = [
        other.begin(op.set('/a', `${round}`)).answer,
        client.begin(op.get('/a')).answer,
        client.begin(op.create('/a/n', 'persistentSequential')).answer,
        client.begin(op.local('/a')).answer,
      ];
      await world.until(Promise.all(mixed));
    }
    await world.clock.advance(500);
    let told = 0;
    for (const one of client.told) {
      if (one.what === 'event') {
        expect(one.event.zxid!).toBeGreaterThan(told);
        continue;
      }
      const { zxid } = one.answer;
      const later = client.told.slice(client.told.indexOf(one));
      const late = later.filter((next) => next.what === 'event' && next.event.zxid! <= zxid);
      expect(late).toEqual([]);
      told = Math.max(told, zxid);
    }
    expect(client.events()).toHaveLength(30);
  });

  it('stay through a time without the store, and tell what happened meanwhile', async () => {
    const { world, client, other } = await pair();
    await client.do(op.get('/a', true));
    client.cutOff();
    await world.clock.advance(3000);
    await other.do(op.set('/a', 'x'));
    client.reconnect();
    await world.clock.advance(3000);
    expect(client.states).toEqual(['connected', 'suspended', 'connected']);
    expect(client.events()).toMatchObject([{ type: 'dataChanged', path: '/a' }]);
  });

  it('that were taken off are not told', async () => {
    const { world, client, other } = await pair();
    await client.do(op.get('/a', true));
    await client.do(op.exists('/a', true));
    await client.do({ kind: 'removeWatch', path: '/a', type: 'data' });
    await other.do(op.set('/a', '1'));
    await world.clock.advance(500);
    expect(client.events()).toHaveLength(1);
    await client.do(op.get('/a', true));
    await client.do({ kind: 'removeWatch', path: '/a', type: 'data' });
    await other.do(op.set('/a', '2'));
    await world.clock.advance(500);
    expect(client.events()).toHaveLength(1);
  });

  it('do not arm getData on a znode that is not there', async () => {
    const { world, client, other } = await pair();
    await expect(client.do(op.get('/none', true))).rejects.toMatchObject({ name: 'NoNode' });
    await other.do(op.create('/none'));
    await world.clock.advance(500);
    expect(client.events()).toEqual([]);
  });
});

describe('the changes that a direct client follows', () => {
  it('are told after a zxid, and waited for', async () => {
    const { world, client, other } = await pair();
    const { zxid: since } = await client.do({ kind: 'sync', path: '/' });
    const beyond = client.transport.beyond(since, new AbortController().signal);
    await other.do(op.create('/a/x'));
    await other.do(op.set('/a/x', '1'));
    await world.until(beyond);
    await client.do({ kind: 'sync', path: '/' });
    const { result } = await client.do({ kind: 'changes', path: '/a', since, recursive: true });
    expect(result).toMatchObject({
      changes: [
        { type: 'created', path: '/a/x', zxid: since + 1, position: 0 },
        { type: 'dataChanged', path: '/a/x', zxid: since + 2, position: 0 },
      ],
      until: since + 2,
    });
  });

  it('are waited for no longer than the signal says, or than the client lives', async () => {
    const { world, client } = await pair();
    const abort = new AbortController();
    const waiting = client.transport.beyond(1000, abort.signal);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    const ended = client.transport.beyond(1000, new AbortController().signal);
    await world.until(client.transport.close());
    await ended;
  });
});
