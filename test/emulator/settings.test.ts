import { describe, expect, it } from 'vitest';

import { silentLogger } from '../../lib/base/logger.js';
import { digestOf } from '../../lib/core/acl.js';
import { connect } from '../../lib/client/index.js';
import { startEmulator } from '../../lib/emulator/index.js';
import { WireClient } from '../gateway/support/wire-client.js';

const QUOTA = '/zookeeper/quota/q';

describe('an emulator that is told to enforce quotas', () => {
  it.each(['tcp', 'lambda', 'direct'] as const)(
    'refuses what exceeds a hard one over %s',
    async (transport) => {
      await using emulator = await startEmulator({ enforceQuota: true, logger: silentLogger });
      await using client = await connect(emulator.connectOptions(transport));
      for (const path of ['/q', QUOTA]) await client.create(path, '');
      await client.create(`${QUOTA}/zookeeper_limits`, 'count=-1,bytes=-1=;countHardLimit=2');
      await client.create(`${QUOTA}/zookeeper_stats`, 'count=1,bytes=0');
      await client.create('/q/a', '');
      await expect(client.create('/q/b', '')).rejects.toMatchObject({ name: 'QuotaExceeded' });
    },
  );

  it('does not without that', async () => {
    await using emulator = await startEmulator({ logger: silentLogger });
    await using client = await connect(emulator.connectOptions('tcp'));
    for (const path of ['/q', QUOTA]) await client.create(path, '');
    await client.create(`${QUOTA}/zookeeper_limits`, 'count=-1,bytes=-1=;countHardLimit=1');
    await client.create(`${QUOTA}/zookeeper_stats`, 'count=1,bytes=0');
    expect(await client.create('/q/a', '')).toMatchObject({ path: '/q/a' });
  });
});

describe('an emulator that is told of a super user', () => {
  it('lets that user do what nobody may', async () => {
    const auth = { superDigest: digestOf('super', 'word') };
    await using emulator = await startEmulator({ auth, logger: silentLogger });
    const { port } = new URL(`tcp://${emulator.endpoints.tcp[0] ?? ''}`);
    const client = await WireClient.open(Number(port));
    const nobodys = [{ perms: 31, scheme: 'digest', id: digestOf('somebody', 'else') }];
    await client.call('create', { path: '/theirs', data: Buffer.from('x'), acl: nobodys, flags: 0 });
    expect(await client.call('getData', { path: '/theirs', watch: false })).toMatchObject({ err: -102 });
    await client.call('auth', { type: 0, scheme: 'digest', auth: Buffer.from('super:word') });
    expect(await client.call('getData', { path: '/theirs', watch: false })).toMatchObject({ err: 0 });
    client.destroy();
  });
});
