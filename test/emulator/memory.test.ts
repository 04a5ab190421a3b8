import { describe, expect, it } from 'vitest';
import { jsonLogger } from '../../lib/base/logger.js';
import { connect } from '../../lib/client/index.js';
import { ZooKeeperConnection } from '../../lib/client/tcp/index.js';
import { type MemoryEmulator, startEmulator } from '../../lib/emulator/index.js';

const TRANSPORTS = ['tcp', 'lambda', 'direct'] as const;

const OPEN = [{ perms: 31, scheme: 'world', id: 'anyone' }];

/** A request of the thin protocol, by the Invoke API. */
async function invoke(emulator: MemoryEmulator, request: object): Promise<Record<string, unknown>> {
  const { endpoints, functionName } = emulator;
  const url = `${endpoints.lambda}/2015-03-31/functions/${functionName}/invocations`;
  const response = await fetch(url, { method: 'POST', body: JSON.stringify({ v: 1, ...request }) });
  expect(response.headers.get('x-amz-function-error')).toBeNull();
  return (await response.json()) as Record<string, unknown>;
}

/** A session with an ephemeral whose client is never heard of again. */
async function abandonedSession(emulator: MemoryEmulator, path: string): Promise<void> {
  const openId = Buffer.alloc(16, path).toString('base64');
  const opened = await invoke(emulator, { type: 'open', timeoutMs: 10_000, openId });
  const session = { id: opened['session'], epoch: opened['epoch'] };
  const create = { op: 'create', path, data: '', acl: OPEN, mode: 'ephemeral', cxid: 1 };
  await invoke(emulator, { type: 'batch', session, seen: 0, operations: [create] });
}

describe('an emulator in memory', () => {
  it('serves all three transports, which see the same tree', async () => {
    await using emulator = await startEmulator();
    for (const transport of TRANSPORTS) {
      await using client = await connect(emulator.connectOptions(transport));
      await client.create(`/${transport}`, transport);
    }
    for (const transport of TRANSPORTS) {
      await using client = await connect(emulator.connectOptions(transport));
      const children = await client.getChildren('/', { consistency: 'linearizable' });
      expect(children.children.filter((name) => name !== 'zookeeper').sort()).toEqual([...TRANSPORTS].sort());
    }
  });

  it('calls its functions with events that they understand', async () => {
    const problems: string[] = [];
    const write = (line: string) => void problems.push(line);
    const logger = jsonLogger({ level: 'warn', now: () => 0, write });
    const emulator = await startEmulator({ logger });
    await abandonedSession(emulator, '/worker');
    const client = await connect(emulator.connectOptions('tcp'));
    await client.create('/ephemeral', '', { mode: 'ephemeral' });
    await client.close();
    await emulator.advanceTime(60_000);
    await emulator.stop();
    expect(problems).toEqual([]);
  });

  it('is isolated from others that run beside it', async () => {
    await using first = await startEmulator();
    await using second = await startEmulator();
    await using one = await connect(first.connectOptions('tcp'));
    await using other = await connect(second.connectOptions('tcp'));
    await one.create('/only-here', '');
    expect(await other.exists('/only-here')).toBeUndefined();
    const beforeMs = second.clock.now();
    await first.advanceTime(600_000);
    expect(second.clock.now() - beforeMs).toBeLessThan(300_000);
    expect(first.clock.now() - second.clock.now()).toBeGreaterThan(500_000);
  });

  it('expires the session of a client that went away when time is moved on, and tells who watches', async () => {
    await using emulator = await startEmulator();
    await abandonedSession(emulator, '/worker');
    await using client = await connect(emulator.connectOptions('tcp'));
    expect(await client.exists('/worker')).toBeDefined();
    const told = new Promise((resolve) => void client.exists('/worker', { watch: resolve }));
    await client.sync('/');
    await emulator.advanceTime(5_000);
    expect(await client.exists('/worker')).toBeDefined();
    await emulator.advanceTime(8_000);
    expect(await told).toMatchObject({ type: 'deleted', path: '/worker' });
  });

  it.each(TRANSPORTS)(
    'keeps the session of a client over %s alive while time is moved on',
    async (transport) => {
      await using emulator = await startEmulator();
      await using client = await connect({ ...emulator.connectOptions(transport), sessionTimeoutMs: 10_000 });
      await client.create('/mine', '', { mode: 'ephemeral' });
      await emulator.advanceTime(60_000);
      expect(await client.exists('/mine')).toBeDefined();
    },
  );

  it('expires the session of a client with a clock of its own', async () => {
    await using emulator = await startEmulator();
    const [address] = emulator.endpoints.tcp;
    await using other = await ZooKeeperConnection.connect(address!, { timeoutMs: 6_000 });
    await other.create('/other', '', { mode: 'ephemeral' });
    await using client = await connect(emulator.connectOptions('tcp'));
    await emulator.advanceTime(15_000);
    await client.sync('/');
    expect(await client.exists('/other')).toBeUndefined();
  });

  it('tells a client over Lambda of what a client of a gateway changes', async () => {
    await using emulator = await startEmulator();
    await using thin = await connect(emulator.connectOptions('lambda'));
    await using client = await connect(emulator.connectOptions('tcp'));
    await client.create('/config', 'old');
    const told = new Promise((resolve) => void thin.get('/config', { watch: resolve }).then(armed));
    async function armed(): Promise<void> {
      await client.set('/config', 'new');
    }
    expect(await told).toMatchObject({ type: 'dataChanged', path: '/config' });
    expect(Buffer.from((await thin.get('/config')).data).toString()).toBe('new');
  });

  it('runs several gateways over one tree', async () => {
    await using emulator = await startEmulator({ gateways: 2 });
    const [first, second] = emulator.endpoints.tcp;
    await using one = await ZooKeeperConnection.connect(first!);
    await using other = await ZooKeeperConnection.connect(second!);
    await one.create('/shared', 'x');
    await other.sync('/shared');
    expect((await other.getData('/shared')).data.toString()).toBe('x');
  });

  it('refuses options that cannot be, and time that goes back', async () => {
    await expect(startEmulator({ namespace: 'a#b' })).rejects.toThrow(RangeError);
    await expect(startEmulator({ gateways: 0 })).rejects.toThrow(RangeError);
    await using emulator = await startEmulator();
    await expect(emulator.advanceTime(-1)).rejects.toThrow(RangeError);
  });
});
