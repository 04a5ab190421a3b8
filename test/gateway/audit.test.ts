import { describe, expect, it } from 'vitest';

import { jsonLogger, silentLogger, type LogFields } from '../../lib/base/logger.js';
import { OPEN_ACL, Perms } from '../../lib/core/types.js';
import { AuditLog } from '../../lib/gateway/audit.js';
import { CreateFlags } from '../../lib/wire/index.js';
import { startGateway } from './support/gateways.js';

async function startAudited() {
  const records: LogFields[] = [];
  const write = (line: string) => {
    const { time, ...record } = JSON.parse(line) as Record<string, unknown>;
    expect(time).toBeTypeOf('string');
    records.push(record);
  };
  const logger = jsonLogger({ level: 'info', now: () => 0, write });
  const running = await startGateway({ audit: new AuditLog(logger, 'keeper'), logger: silentLogger });
  const client = await running.open();
  const session = `0x${client.response.session.toString(16)}`;
  const by = { message: 'audit', session, user: '127.0.0.1', ip: '127.0.0.1' };
  return { ...running, client, session, records, by };
}

const node = (path: string, flags: number = CreateFlags.persistent) => ({
  path,
  data: Buffer.from('v'),
  acl: OPEN_ACL,
  flags,
});

describe('the audit log', () => {
  it('tells who changed what, from where, and how it ended', async () => {
    const { client, records, by } = await startAudited();
    await client.call('create', node('/a'));
    await client.call('create2', node('/a/b-', CreateFlags.ephemeralSequential));
    await client.call('setData', { path: '/a', data: Buffer.from('w'), version: 7 });
    await client.call('getData', { path: '/a', watch: false });
    await client.call('delete', { path: '/nowhere', version: -1 });
    expect(records).toEqual([
      { level: 'info', ...by, operation: 'create', znode: '/a', znode_type: 'persistent', result: 'success' },
      {
        level: 'info',
        ...by,
        operation: 'create',
        znode: '/a/b-0000000000',
        znode_type: 'ephemeral_sequential',
        result: 'success',
      },
      { level: 'error', ...by, operation: 'setData', znode: '/a', result: 'failure' },
      { level: 'error', ...by, operation: 'delete', znode: '/nowhere', result: 'failure' },
    ]);
  });

  it('names a digest’s user, and keeps what proves the password to itself', async () => {
    const { client, records, by } = await startAudited();
    await client.call('auth', { type: 0, scheme: 'digest', auth: Buffer.from('bob:secret') });
    await client.call('create', node('/mine'));
    const acl = [
      { perms: Perms.read | Perms.write | Perms.admin, scheme: 'auth', id: '' },
      { perms: Perms.all, scheme: 'digest', id: 'eve:hash' },
    ];
    await client.call('setAcl', { path: '/mine', acl, version: -1 });
    expect(records.at(-1)).toEqual({
      level: 'info',
      ...by,
      user: '127.0.0.1,bob',
      operation: 'setAcl',
      znode: '/mine',
      acl: 'auth::rwa,digest:eve:x:cdrwa',
      result: 'success',
    });
    expect(JSON.stringify(records)).not.toContain('hash');
  });

  it('tells a multi operation by operation when it is done, and as a whole when it is not', async () => {
    const { client, records, by } = await startAudited();
    const operations = [
      { name: 'create' as const, request: node('/m') },
      { name: 'check' as const, request: { path: '/m', version: 0 } },
      { name: 'setData' as const, request: { path: '/m', data: Buffer.from('w'), version: 0 } },
    ];
    await client.call('multi', { operations });
    await client.call('multi', { operations });
    expect(records).toEqual([
      { level: 'info', ...by, operation: 'create', znode: '/m', znode_type: 'persistent', result: 'success' },
      { level: 'info', ...by, operation: 'setData', znode: '/m', result: 'success' },
      { level: 'error', ...by, operation: 'multiOperation', result: 'failure' },
    ]);
  });

  it('tells once, at the gateway that owned the session, what its end removed', async () => {
    const { client, session, records, open } = await startAudited();
    await client.call('create', node('/e', CreateFlags.ephemeral));
    await client.call('closeSession', {});
    const reader = await open();
    await reader.call('exists', { path: '/e', watch: false });
    const operation = 'ephemeralZNodeDeletionOnSessionCloseOrExpire';
    expect(records.slice(1)).toEqual([
      { level: 'info', message: 'audit', session, user: 'keeper', operation, znode: '/e', result: 'success' },
    ]);
  });
});
