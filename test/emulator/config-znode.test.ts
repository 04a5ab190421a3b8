import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../lib/base/logger.js';
import { connect } from '../../lib/client/index.js';
import { startEmulator } from '../../lib/emulator/memory/emulator.js';
import { serverLines } from '../../lib/gateway/ensemble.js';
import type { GatewayInfo } from '../../lib/keeper/types.js';

function info(address: string, kind?: 'client'): GatewayInfo {
  const zeros = { startedAtMs: 0, renewedAtMs: 0, head: 0, watermark: 0, lagMs: 0, sessions: 0 };
  return { gatewayId: address, address, ...zeros, ...(kind && { kind }) };
}

describe('/zookeeper/config', () => {
  it('lists the gateways that live, as ZooKeeper lists its servers', async () => {
    await using emulator = await startEmulator({ gateways: 2, logger: silentLogger });
    await using client = await connect(emulator.connectOptions('lambda'));
    const { data } = await client.get('/zookeeper/config');
    const [first, second] = [...emulator.endpoints.tcp].sort();
    expect(Buffer.from(data).toString()).toBe(
      `server.1=127.0.0.1:2888:3888:participant;${first}\n` +
        `server.2=127.0.0.1:2888:3888:participant;${second}\n` +
        'version=2\n',
    );
  });

  it('is not written again while nothing changes', async () => {
    await using emulator = await startEmulator({ gateways: 2, logger: silentLogger });
    await using client = await connect(emulator.connectOptions('tcp'));
    const before = await client.get('/zookeeper/config', { consistency: 'linearizable' });
    await emulator.advanceTime(30_000);
    const after = await client.get('/zookeeper/config', { consistency: 'linearizable' });
    expect(after.stat.version).toBe(before.stat.version);
  });

  it('has each address once, in one order for all who write it, and no clients', () => {
    const listed = [
      info('b:2181'),
      info('a:2182'),
      info('a:2182'),
      info('worker', 'client'),
      info('[::1]:2181'),
    ];
    expect(serverLines(listed)).toBe(
      'server.1=[::1]:2888:3888:participant;[::1]:2181\n' +
        'server.2=a:2888:3888:participant;a:2182\n' +
        'server.3=b:2888:3888:participant;b:2181\n',
    );
    expect(serverLines([info('worker', 'client')])).toBe('');
  });
});
