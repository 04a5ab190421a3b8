import { afterEach, describe, expect, it } from 'vitest';

import { systemClock } from '../../lib/base/clock.js';
import { silentLogger } from '../../lib/base/logger.js';
import { systemRandom } from '../../lib/base/random.js';
import { connect } from '../../lib/client/index.js';
import { OPEN_ACL } from '../../lib/core/types.js';
import { localSettings } from '../../lib/gateway/config/settings.js';
import { openGateway, type RunningGateway } from '../../lib/gateway/open.js';
import { SimulatedStore } from '../../lib/log/simulated-store.js';
import { CreateFlags } from '../../lib/wire/index.js';
import { ask, WireClient } from './support/wire-client.js';

const stops: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function start(store: SimulatedStore): Promise<RunningGateway> {
  const settings = { ...localSettings({ host: '127.0.0.1', port: 0 }), drainTimeoutMs: 10_000 };
  const shared = { store, clock: systemClock, random: systemRandom, logger: silentLogger };
  return openGateway({
    ...shared,
    isClockTrusted: () => true,
    namespace: 'test',
    settings,
    followIdleMs: 20,
  });
}

async function startTwo() {
  const store = new SimulatedStore({ clock: systemClock, random: systemRandom });
  const [a, b] = await Promise.all([start(store), start(store)]);
  stops.push(() => b.stop());
  return { a, b };
}

const node = (path: string, flags: number = CreateFlags.persistent) => ({
  path,
  data: Buffer.from('v'),
  acl: OPEN_ACL,
  flags,
});

describe('a gateway that is told to stop', () => {
  it('answers every write that it began, and begins no other', async () => {
    const { a, b } = await startTwo();
    const client = await WireClient.open(a.port, { timeoutMs: 20_000 });
    await client.call('create', node('/jobs'));
    for (let index = 0; index < 400; index++) client.send('create', node(`/jobs/${index}`));
    expect(await client.next()).toMatchObject({ kind: 'reply', err: 0 });
    const stopped = a.stop();
    let answered = 1;
    for (let reply = await client.next(); reply !== undefined; reply = await client.next()) {
      expect(reply).toMatchObject({ kind: 'reply', err: 0 });
      answered += 1;
    }
    await stopped;
    const reader = await WireClient.open(b.port);
    await reader.call('sync', { path: '/' });
    const { response } = await reader.call('getChildren', { path: '/jobs', watch: false });
    expect(response?.children.length).toBe(answered);
    client.destroy();
    reader.destroy();
  });

  it('ends though the store is gone, and can be started there again', async () => {
    const store = new SimulatedStore({ clock: systemClock, random: systemRandom });
    const gateway = await start(store);
    store.intercept = () => 'lostRequest';
    await gateway.stop();
    await expect(ask(gateway.port, 'ruok')).rejects.toThrow('ECONNREFUSED');
    store.intercept = undefined;
    const again = await start(store);
    stops.push(() => again.stop());
    expect(await ask(again.port, 'ruok')).toBe('imok');
  });

  it('leaves its sessions their whole timeout to go on at another, with their ephemerals', async () => {
    const { a, b } = await startTwo();
    const before = await Promise.all([1, 2, 3].map(() => WireClient.open(a.port, { timeoutMs: 20_000 })));
    for (const [index, client] of before.entries()) {
      await client.call('create', node(`/alive-${index}`, CreateFlags.ephemeral));
    }
    await a.stop();
    for (const [index, client] of before.entries()) {
      expect(await client.next()).toBeUndefined();
      const { session, password } = client.response;
      const after = await WireClient.open(b.port, { timeoutMs: 20_000, session, password });
      expect(after.response.session).toBe(session);
      const { response } = await after.call('exists', { path: `/alive-${index}`, watch: false });
      expect(response?.stat.ephemeralOwner).toBe(session);
      after.destroy();
    }
  });

  it('costs a client of several gateways no session, and no write that was acknowledged', async () => {
    const { a, b } = await startTwo();
    const servers = [a, b].map(({ port }) => `127.0.0.1:${port}`);
    const clients = await Promise.all(
      Array.from({ length: 6 }, () => connect({ transport: 'tcp', servers, sessionTimeoutMs: 20_000 })),
    );
    let lost = 0;
    for (const client of clients) client.on('lost', () => (lost += 1));
    const names: string[] = [];
    let stopping = false;
    const work = clients.map(async (client, index) => {
      for (let count = 0; !stopping || count < 20; count++) {
        const name = `/w-${index}-${count}`;
        // Who was hung up before the answer does not know, and goes on with the next.
        await client.create(name, 'x', { mode: 'ephemeral' }).then(
          () => names.push(name),
          (error: unknown) => expect(error).toMatchObject({ maybeApplied: true }),
        );
      }
    });
    await expect.poll(() => names.length).toBeGreaterThan(30);
    await a.stop();
    stopping = true;
    await Promise.all(work);
    const [reader] = clients;
    await reader!.sync('/');
    const there = new Set((await reader!.getChildren('/')).children.map((child) => `/${child}`));
    expect(names.filter((name) => !there.has(name))).toEqual([]);
    expect(lost).toBe(0);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('takes its row away when nobody needs it any more', async () => {
    const { a, b } = await startTwo();
    const client = await WireClient.open(a.port);
    await client.call('closeSession', {});
    const listed = async () => {
      const { gateways } = JSON.parse(await ask(b.port, 'gwys')) as { gateways: { address: string }[] };
      return gateways.map(({ address }) => address).toSorted();
    };
    const both = [a, b].map(({ port }) => `127.0.0.1:${port}`);
    expect(await listed()).toEqual(both.toSorted());
    await a.stop();
    expect(await listed()).toEqual([both[1]]);
  });
});
