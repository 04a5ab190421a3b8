import { expect, it } from 'vitest';
import {
  AbortedError,
  BadArgumentsError,
  NoAuthError,
  OperationTimeoutError,
  UnavailableError,
} from '../../../lib/client/index.js';
import {
  Party,
  PersistentNode,
  PersistentTtlNode,
  ServiceDiscovery,
} from '../../../lib/client/recipes/index.js';
import { names, text, untilChildren } from './helpers.js';
import { describeOnAll } from './world.js';

describeOnAll('a persistent node', (world) => {
  it('is there again after somebody deletes it, with the newest data, until it is closed', async () => {
    const client = await world.open();
    const operator = await world.open();
    const path = `${world.base}/node`;
    const node = new PersistentNode(client, path, { data: 'one' });
    await node.ready();
    await node.setData('two');
    await operator.sync('/');
    const gone = await operator.watch(path, { type: 'data' });
    await operator.delete(path);
    await gone.next();
    await untilChildren(operator, world.base, 1);
    expect(text((await operator.get(path, { consistency: 'linearizable' })).data)).toBe('two');
    expect((await operator.get(path)).stat.ephemeralOwner).not.toBe(0n);
    await node.close();
    await node.ended;
    expect(await operator.exists(path, { consistency: 'linearizable' })).toBeUndefined();
  });

  it('waits for the ghost of the process before', async () => {
    const ghost = await world.open();
    const client = await world.open();
    await ghost.create(world.base, 'old', { mode: 'ephemeral' });
    await using node = new PersistentNode(client, world.base, { data: 'new' });
    await expect(node.ready({ timeoutMs: 20 })).rejects.toBeInstanceOf(OperationTimeoutError);
    await ghost.close();
    await node.ready();
    expect(text((await client.get(world.base)).data)).toBe('new');
  });

  it('leaves the ghost alone when it is closed before', async () => {
    const ghost = await world.open();
    await ghost.create(world.base, 'old', { mode: 'ephemeral' });
    await new PersistentNode(await world.open(), world.base).close();
    expect(await ghost.exists(world.base)).toBeDefined();
  });

  // Who may invoke the function is trusted with everything.
  it.skipIf(world.kind === 'lambda')('ends with the refusal when it may not be created', async () => {
    const client = await world.open();
    await client.create(world.base, '', { acl: [{ perms: 1 | 8, scheme: 'world', id: 'anyone' }] });
    const warned = new Promise((resolve) => process.once('warning', resolve));
    const node = new PersistentNode(client, `${world.base}/node`);
    await expect(node.ready()).rejects.toBeInstanceOf(NoAuthError);
    await expect(node.ended).rejects.toBeInstanceOf(NoAuthError);
    expect(String(await warned)).toContain('has ended');
  });
});

describeOnAll('a persistent node with a time to live', (world) => {
  it('is waited for no longer than the signal allows', async () => {
    const peer = await world.openPeer();
    peer.cut();
    await using node = new PersistentTtlNode(peer.client, `${world.base}/seen/me`, { ttlMs: 60_000 });
    const controller = new AbortController();
    const waiting = expect(node.ready({ signal: controller.signal })).rejects.toBeInstanceOf(AbortedError);
    setImmediate(() => controller.abort());
    await waiting;
    peer.heal();
  });

  // ZooKeeper has TTL znodes only where it is told to.
  it.runIf(world.canAdvance)('is kept for as long as its keeper is, and goes some time after', async () => {
    const peer = await world.openPeer();
    const observer = await world.open();
    const path = `${world.base}/seen/me`;
    const node = new PersistentTtlNode(peer.client, path, { ttlMs: 60_000, data: 'one' });
    await node.ready();
    await world.advance(200_000);
    expect(text((await observer.get(path, { consistency: 'linearizable' })).data)).toBe('one');
    await node.setData('two');
    await peer.client.close();
    await observer.sync('/');
    expect(text((await observer.get(path, { consistency: 'linearizable' })).data)).toBe('two');
    await world.advance(200_000);
    expect(await observer.exists(path, { consistency: 'linearizable' })).toBeUndefined();
  });
});

describeOnAll('a party', (world) => {
  it('lists who has joined until they leave or are gone', async () => {
    const client = await world.open();
    const [one, two] = [new Party(await world.open(), world.base), new Party(client, world.base)];
    const changes = one.changes();
    expect(await changes.next()).toEqual({ done: false, value: [] });
    await using first = await one.join('host-1', { data: 'up' });
    await two.join('host-2');
    for await (const ids of changes) if (ids.length === 2) break;
    expect((await one.members()).map(({ id, data }) => [id, text(data)])).toEqual([
      ['host-1', 'up'],
      ['host-2', ''],
    ]);
    await client.close();
    await untilChildren(await world.open(), world.base, 1);
    expect((await one.members()).map(({ id }) => id)).toEqual(['host-1']);
    await first.close();
    expect(await one.members()).toEqual([]);
    await expect(one.join('a/b')).rejects.toBeInstanceOf(BadArgumentsError);
  });

  it('has no two members with one id', async () => {
    const [one, two] = [new Party(await world.open(), world.base), new Party(await world.open(), world.base)];
    const first = await one.join('me');
    await expect(two.join('me', { timeoutMs: 20 })).rejects.toBeInstanceOf(OperationTimeoutError);
    expect(await names(await world.open(), world.base)).toEqual(['me']);
    await first.close();
    await (await two.join('me')).close();
  });
});

describeOnAll('service discovery', (world) => {
  const schema = (value: unknown) => {
    if (typeof value !== 'number') throw new TypeError('no weight');
    return value;
  };

  it('offers instances in turn as they come and go', async () => {
    const services = new ServiceDiscovery(await world.open(), world.base, { payload: schema });
    const watching = new ServiceDiscovery(await world.open(), world.base, { payload: schema });
    await using provider = await watching.provider('billing');
    expect(() => provider.next()).toThrow(UnavailableError);
    const one = await services.register('billing', { address: 'a', port: 1, payload: 1, id: 'one' });
    const two = await services.register('billing', { address: 'b', payload: 2, id: 'two' });
    while (provider.instances.length < 2) await new Promise((resolve) => setImmediate(resolve));
    const turns = [1, 2, 3, 4].map(() => provider.next().id);
    expect(turns.slice(0, 2).sort()).toEqual(['one', 'two']);
    expect(turns.slice(2)).toEqual(turns.slice(0, 2));
    expect(['one', 'two']).toContain(provider.random().id);
    await one.close();
    while (provider.instances.length > 1) await new Promise((resolve) => setImmediate(resolve));
    expect(provider.next()).toMatchObject({
      name: 'billing',
      id: 'two',
      address: 'b',
      port: null,
      payload: 2,
    });
    await two.close();
    expect(await watching.instances('billing')).toEqual([]);
  });

  it('leaves out an instance that the schema refuses, with a warning', async () => {
    const client = await world.open();
    const services = new ServiceDiscovery(client, world.base, { payload: schema });
    await using good = await services.register('x', { address: 'a', payload: 1 });
    await client.create(`${world.base}/x/bad`, '{"address":"b","payload":"heavy"}');
    const warned = new Promise((resolve) => process.once('warning', resolve));
    expect((await services.instances('x')).map(({ address }) => address)).toEqual(['a']);
    expect(String(await warned)).toContain('/x/bad is left out');
    expect(good.path).toContain(`${world.base}/x/`);
  });
});
