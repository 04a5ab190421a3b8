import { describe, expect, it } from 'vitest';

import { digestOf } from '../../lib/core/acl.js';
import { ErrorCode } from '../../lib/core/errors.js';
import { OPEN_ACL } from '../../lib/core/types.js';
import { operations, WatcherType, Xid } from '../../lib/wire/index.js';
import { startGateway } from './support/gateways.js';
import type { WireClient } from './support/wire-client.js';

const data = Buffer.from('v');
const node = (path: string, flags = 0, acl: typeof OPEN_ACL = OPEN_ACL) => ({ path, data, acl, flags });
const HIDDEN = [{ perms: 31, scheme: 'digest', id: digestOf('ann', 'secret') }];

async function createAll(client: WireClient, paths: readonly string[]): Promise<void> {
  for (const path of paths) expect((await client.call('create', node(path))).err).toBe(0);
}

describe('getAllChildrenNumber', () => {
  const count = async (client: WireClient, path: string) => {
    const { err, response } = await client.call('getAllChildrenNumber', { path });
    return err === 0 ? response?.totalNumber : err;
  };

  it('counts everything below, and below the root what a server comes with, too', async () => {
    const client = await (await startGateway()).open();
    expect(await count(client, '/')).toBe(3);
    await createAll(client, ['/a', '/a/b', '/a/b/c', '/a/d', '/ab']);
    expect(await count(client, '/')).toBe(8);
    expect(await count(client, '/a')).toBe(3);
    expect(await count(client, '/a/d')).toBe(0);
  });

  it('reads listings level by level, a few at a time, and nothing else of the znodes', async () => {
    const { open, keeper } = await startGateway({ limits: { hydrationConcurrency: 2 } });
    const client = await open();
    const paths = ['/a', '/a/1', '/a/2', '/a/3', '/a/1/x'];
    await createAll(client, paths);
    for (const path of paths) keeper.unknown.add(path);
    expect(await count(client, '/a')).toBe(4);
    expect(keeper.hydrated).toEqual(['c/a/1', 'c/a/2', 'c/a/3', 'c/a/1/x']);
  });

  it('asks for READ at the top, and knows no znode by a path that there cannot be', async () => {
    const client = await (await startGateway()).open();
    await client.call('create', node('/hidden', 0, HIDDEN));
    expect(await count(client, '/hidden')).toBe(ErrorCode.NoAuth);
    for (const path of ['/none', '/bad/', '/a\0b']) expect(await count(client, path)).toBe(ErrorCode.NoNode);
  });

  it('refuses what is beyond its bounds, and the root is free', async () => {
    const { open } = await startGateway({ limits: { subtreeZnodesMax: 2 } });
    const client = await open();
    await createAll(client, ['/a', '/a/b', '/a/b/c']);
    expect(await count(client, '/a')).toBe(2);
    await createAll(client, ['/a/b/d']);
    expect(await count(client, '/a')).toBe(ErrorCode.ThrottledOp);
    expect(await count(client, '/')).toBe(7);
    const shallow = await startGateway({ limits: { subtreeLevelsMax: 1 } });
    const other = await shallow.open();
    await createAll(other, ['/a', '/a/b', '/a/b/c']);
    for (const path of ['/a/b', '/a/b/c']) shallow.keeper.unknown.add(path);
    expect(await count(other, '/a')).toBe(ErrorCode.ThrottledOp);
  });
});

describe('getEphemerals', () => {
  it('lists those of the session whose paths begin with the prefix', async () => {
    const { open } = await startGateway();
    const [client, other] = [await open(), await open()];
    await createAll(client, ['/kept']);
    for (const path of ['/a', '/ab', '/kept/a']) await client.call('create', node(path, 1));
    await other.call('create', node('/others', 1));
    const list = async (prefixPath: string) =>
      (await client.call('getEphemerals', { prefixPath })).response?.ephemerals;
    for (const everything of ['', '/', ' / '])
      expect(await list(everything)).toEqual(['/a', '/ab', '/kept/a']);
    expect(await list('/a')).toEqual(['/a', '/ab']);
    expect(await list('/kept/')).toEqual(['/kept/a']);
    expect(await list('/others')).toEqual([]);
  });

  it('hydrates the list', async () => {
    const { open, keeper } = await startGateway();
    const client = await open();
    await client.call('create', node('/a', 1));
    keeper.unknownEphemerals.add(client.response.session);
    const listed = await client.call('getEphemerals', { prefixPath: '/' });
    expect(listed.response?.ephemerals).toEqual(['/a']);
  });
});

describe('multiRead', () => {
  const read = (name: 'getData' | 'getChildren', path: string) => ({ name, request: { path, watch: true } });

  it('answers every read for itself, and sets no watch', async () => {
    const { open, keeper } = await startGateway({ limits: { hydrationConcurrency: 1 } });
    const client = await open();
    await createAll(client, ['/a', '/a/b']);
    await client.call('create', node('/hidden', 0, HIDDEN));
    for (const path of ['/a', '/a/b']) keeper.unknown.add(path);
    const { err, response } = await client.call('multiRead', {
      operations: [
        read('getData', '/a/b'),
        read('getChildren', '/none'),
        read('getChildren', '/a'),
        read('getData', '/hidden'),
        read('getData', '/bad/'),
      ],
    });
    expect(err).toBe(0);
    expect(response?.results).toMatchObject([
      { name: 'getData', data, stat: { version: 0 } },
      { name: 'error', err: ErrorCode.NoNode },
      { name: 'getChildren', children: ['b'] },
      { name: 'error', err: ErrorCode.NoAuth },
      { name: 'error', err: ErrorCode.NoNode },
    ]);
    const checked = await client.call('checkWatches', { path: '/a/b', type: WatcherType.any });
    expect(checked.err).toBe(ErrorCode.NoWatcher);
  });

  it('answers all reads at one moment', async () => {
    const { open, keeper } = await startGateway();
    const [client, writer] = [await open(), await open()];
    await createAll(writer, ['/a', '/b']);
    let known!: () => void;
    keeper.hydration = new Promise((resolve) => (known = resolve));
    keeper.unknown.add('/b');
    client.send('multiRead', { operations: [read('getData', '/a'), read('getData', '/b')] });
    // Only when /b comes in both are read, and by then /a has changed.
    await writer.call('setData', { path: '/a', data: Buffer.from('w'), version: -1 });
    known();
    const reply = await client.next();
    if (reply?.kind !== 'reply') throw new Error('not the reply');
    const [a] = operations.multiRead.readResponse(reply.body).results;
    expect(a).toMatchObject({ name: 'getData', data: Buffer.from('w') });
  });

  it('has bounds', async () => {
    const { open } = await startGateway({ limits: { multiReadReadsMax: 2, multiReadBytesMax: 150 } });
    const client = await open();
    const readRoot = async (count: number) =>
      (
        await client.call('multiRead', {
          operations: Array.from({ length: count }, () => read('getData', '/')),
        })
      ).err;
    expect(await readRoot(0)).toBe(0);
    expect(await readRoot(1)).toBe(0);
    expect(await readRoot(2)).toBe(ErrorCode.ThrottledOp);
    expect(await readRoot(3)).toBe(ErrorCode.ThrottledOp);
  });
});

describe('who somebody is', () => {
  it('is told by scheme and user, without what proves it', async () => {
    const client = await (await startGateway()).open();
    await client.call('auth', { type: 0, scheme: 'digest', auth: Buffer.from('ann:secret') }, Xid.auth);
    expect((await client.call('whoAmI', {})).response).toEqual({
      clientInfo: [
        { authScheme: 'ip', user: '127.0.0.1' },
        { authScheme: 'digest', user: 'ann' },
      ],
    });
  });

  it('is not told by SASL: the answer is no error and a null token', async () => {
    const client = await (await startGateway()).open();
    client.send('sasl', { token: data });
    const reply = await client.next();
    if (reply?.kind !== 'reply') throw new Error('not the reply');
    expect([reply.zxid, reply.err, reply.body.readInt32(), reply.body.remaining]).toEqual([0, 0, -1, 0]);
    expect((await client.call('whoAmI', {})).response?.clientInfo).toHaveLength(1);
  });
});

it('reconfig is disabled, as in a ZooKeeper that was not told otherwise', async () => {
  const client = await (await startGateway()).open();
  const body = { joiningServers: '', leavingServers: '', newMembers: '', currentConfigId: -1n };
  expect((await client.call('reconfig', body)).err).toBe(ErrorCode.ReconfigDisabled);
});
