import { afterEach, describe, expect, it } from 'vitest';
import { connect, type ZeroKeeperClient } from '../../lib/client/index.js';
import { silentLogger } from '../../lib/base/logger.js';
import { startEmulator, type MemoryEmulator } from '../../lib/emulator/memory/emulator.js';

const TRANSPORTS = ['tcp', 'lambda', 'direct'] as const;

/** What a running system is given beyond a znode's own time. */
const ALLOWANCE_MS = 2000;
/** A container's own time after it has lost its last child. */
const CONTAINER_MS = 1000;

const running: (MemoryEmulator | ZeroKeeperClient)[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function start(transport: (typeof TRANSPORTS)[number]) {
  const emulator = await startEmulator({ logger: silentLogger });
  running.push(emulator);
  const client = await connect(emulator.connectOptions(transport));
  running.push(client);
  return { emulator, client };
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  it('a TTL znode goes within its time and two seconds, unless it is written', async () => {
    const { emulator, client } = await start(transport);
    await client.create('/quiet', 'x', { mode: 'ttl', ttlMs: 10_000 });
    await client.create('/busy', 'x', { mode: 'ttl', ttlMs: 10_000 });
    await emulator.advanceTime(6000);
    await client.set('/busy', 'y');
    await emulator.advanceTime(4000 + ALLOWANCE_MS);
    expect(await client.exists('/quiet', { consistency: 'linearizable' })).toBeUndefined();
    expect(await client.exists('/busy')).toMatchObject({ ephemeralOwner: 0n });
    await emulator.advanceTime(4000 + ALLOWANCE_MS);
    expect(await client.exists('/busy', { consistency: 'linearizable' })).toBeUndefined();
  });

  it('a container goes within two seconds of its time when its last child has gone', async () => {
    const { emulator, client } = await start(transport);
    await client.create('/c', '', { mode: 'container' });
    await client.create('/c/a');
    await emulator.advanceTime(60_000);
    await client.delete('/c/a');
    await emulator.advanceTime(CONTAINER_MS + ALLOWANCE_MS);
    expect(await client.exists('/c', { consistency: 'linearizable' })).toBeUndefined();
  });

  it('a multi makes both, and a sequence goes with a time to live', async () => {
    const { client } = await start(transport);
    const made = await client.multi([
      { op: 'create', path: '/c', mode: 'container' },
      { op: 'create', path: '/c/t-', mode: 'ttlSequential', ttlMs: 5000 },
    ]);
    expect(made.map(({ path }) => path)).toEqual(['/c', '/c/t-0000000000']);
  });

  it('a time to live that cannot be is a typed error, at once', async () => {
    const { client } = await start(transport);
    const bad = { name: 'BadArguments', path: '/t' };
    await expect(client.create('/t', '', { mode: 'ttl' })).rejects.toMatchObject(bad);
    await expect(client.create('/t', '', { mode: 'ttl', ttlMs: 0 })).rejects.toMatchObject(bad);
    await expect(client.create('/t', '', { ttlMs: 5 })).rejects.toMatchObject(bad);
  });
});
