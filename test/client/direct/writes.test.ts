import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../lib/core/errors.js';
import type { TransportAnswer } from '../../../lib/client/transport.js';
import { World } from '../../keeper/world.js';
import { directClient, op } from './clients.js';

function pathOf({ result }: TransportAnswer): string {
  if (result.kind !== 'create') throw new Error(`answered as ${result.kind}`);
  return result.path;
}

async function creates(world: World): Promise<string[]> {
  const { entries } = await world.log();
  return entries.flatMap(({ txns }) =>
    txns.flatMap(({ effect }) => (effect.type === 'create' ? [effect.path] : [])),
  );
}

describe('writes of a direct client', () => {
  it('are done exactly once each when a third of the replies is lost, a thousand of them', async () => {
    const world = new World(3);
    const client = await directClient(world);
    await client.do(op.create('/q'));
    client.store.faults.lostReply = 1 / 3;
    const answers: Promise<TransportAnswer>[] = [];
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 10; i++)
        answers.push(client.begin(op.create('/q/n', 'persistentSequential')).answer);
      await world.clock.advance(7);
    }
    const paths = (await world.until(Promise.all(answers))).map(pathOf);
    const expected = Array.from({ length: 1000 }, (_, i) => `/q/n${String(i).padStart(10, '0')}`);
    expect(paths).toEqual(expected);
    expect(await creates(world)).toEqual(['/q', ...expected]);
    expect(client.states).toEqual(['connected']);
  });

  it('take one put each when nothing stands in their way', async () => {
    const world = new World();
    const client = await directClient(world, { reap: false });
    await client.do(op.create('/a'));
    const calls: string[] = [];
    client.store.intercept = ({ operation, table }) => {
      if (table !== 'leases') calls.push(`${operation} ${table}`);
      return undefined;
    };
    const { answer } = client.begin(op.set('/a', 'x'));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toEqual(['put log']);
    expect((await answer).result).toMatchObject({ kind: 'setData', stat: { version: 1 } });
  });

  it('are refused as the log refuses them, and the next write goes on', async () => {
    const world = new World();
    const client = await directClient(world);
    await client.do(op.create('/a'));
    const outcomes = [op.create('/a'), op.set('/a', 'x', 7), op.delete('/none'), op.set('/a', 'y', 0)].map(
      (operation) => client.begin(operation).answer,
    );
    const settled = await world.until(Promise.allSettled(outcomes));
    expect(
      settled.map((one) => (one.status === 'rejected' ? (one.reason as { code: number }).code : 0)),
    ).toEqual([ErrorCode.NodeExists, ErrorCode.BadVersion, ErrorCode.NoNode, 0]);
  });

  it('of a refused multi tell a code for each operation', async () => {
    const world = new World();
    const client = await directClient(world);
    const operations = [
      {
        kind: 'create',
        path: '/m',
        data: Buffer.from(''),
        acl: [{ perms: 31, scheme: 'world', id: 'anyone' }],
        mode: 'persistent',
      },
      { kind: 'delete', path: '/none', version: -1 },
      { kind: 'check', path: '/', version: -1 },
    ] as const;
    const error: unknown = await client.do({ kind: 'multi', operations }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'NoNode', path: '/none', operations: [0, ErrorCode.NoNode, -2] });
    expect(await creates(world)).toEqual([]);
  });

  it('that are given up before they were sent never happen', async () => {
    const world = new World();
    const client = await directClient(world);
    client.cutOff();
    const read = client.begin(op.get('/'));
    const write = client.begin(op.create('/a'));
    expect(write.cancel()).toBe(false);
    client.reconnect();
    await world.until(read.answer);
    await client.do(op.create('/b'));
    expect(await creates(world)).toEqual(['/b']);
  });

  it('that are given up on their way are settled before the next, whatever has become of them', async () => {
    for (const fault of ['lostReply', 'lostRequest'] as const) {
      const world = new World();
      const client = await directClient(world);
      let doubts = 0;
      client.store.intercept = ({ operation, table }) => {
        if (operation !== 'put' || table !== 'log') return undefined;
        doubts++;
        return fault;
      };
      const write = client.begin(op.create('/a'));
      await world.clock.advance(100);
      expect(doubts).toBeGreaterThan(1);
      expect(write.cancel()).toBe(true);
      client.reconnect();
      const { zxid } = await client.do(op.create('/b'));
      const made = await creates(world);
      expect(made).toEqual(['/a', '/b']);
      const { entries } = await world.log();
      const numbered = entries.flatMap(({ txns }) => txns.filter(({ cxid }) => cxid > 0));
      expect(numbered.map(({ cxid }) => cxid)).toEqual([1, 2]);
      expect(entries.at(-1)!.last).toBe(zxid);
    }
  });

  it('without a session are sent once, and need none', async () => {
    const world = new World();
    const client = await directClient(world, { session: false });
    expect(client.transport.session).toBeUndefined();
    expect(client.transport.capabilities.exactlyOnce).toBe(false);
    expect(pathOf(await client.do(op.create('/a')))).toBe('/a');
    await expect(client.do(op.create('/e', 'ephemeral'))).rejects.toMatchObject({ name: 'Unimplemented' });
    await expect(client.do(op.get('/a', true))).rejects.toMatchObject({ name: 'Unimplemented' });
    await world.until(client.transport.close());
    expect(world.store.dump('leases')).toEqual([]);
  });
});
