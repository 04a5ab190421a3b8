import { describe, expect, it } from 'vitest';
import { connect } from '../../../lib/client/index.js';
import { useEngine } from '../../support/engine.js';
import { World } from '../../keeper/world.js';
import { directClient, op, type DirectClient } from './clients.js';

async function tailReads(world: World, client: DirectClient, ms: number): Promise<number> {
  let reads = 0;
  client.store.intercept = ({ operation, table }) => {
    if (operation === 'query' && table === 'log') reads++;
    return undefined;
  };
  await world.clock.advance(ms);
  client.store.intercept = undefined;
  return reads;
}

describe('a direct client', () => {
  it('looks at the tail often only while it has watches', async () => {
    const world = new World();
    const client = await directClient(world, { reap: false });
    await world.clock.advance(30_000);
    expect(await tailReads(world, client, 20_000)).toBeLessThan(15);
    await client.do(op.get('/', true));
    expect(await tailReads(world, client, 20_000)).toBeGreaterThan(60);
    await client.do({ kind: 'removeWatch', path: '/', type: 'data' });
    await world.clock.advance(30_000);
    expect(await tailReads(world, client, 20_000)).toBeLessThan(15);
  });

  it('does not look at the tail at all without a session, until somebody waits for changes', async () => {
    const world = new World();
    const client = await directClient(world, { session: false });
    expect(await tailReads(world, client, 20_000)).toBe(0);
    const abort = new AbortController();
    const waiting = client.transport.beyond(0, abort.signal);
    expect(await tailReads(world, client, 20_000)).toBeGreaterThan(60);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await world.clock.advance(30_000);
    expect(await tailReads(world, client, 20_000)).toBe(0);
  });
});

describe('a direct client that makes its own DynamoDB client', () => {
  const engine = useEngine();

  it('needs an endpoint and a prefix only', async () => {
    const tablePrefix = await engine.freshTables();
    const { endpoint } = engine;
    await using client = await connect({ transport: 'direct', endpoint, tablePrefix });
    await client.create('/a', 'one', { mode: 'ephemeral' });
    expect(new TextDecoder().decode((await client.get('/a')).data)).toBe('one');
  });
});
