import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { FULL_VERSION, PACKAGE_VERSION } from '../../lib/gateway/version.js';
import { FOUR_LETTER_WORDS } from '../../lib/gateway/words.js';
import { startGateway } from './support/gateways.js';
import { ask } from './support/wire-client.js';

describe('the four-letter word', () => {
  it('ruok is answered with imok, also before the keeper is ready', async () => {
    const { port, keeper } = await startGateway();
    keeper.sync = () => new Promise(() => undefined);
    expect(await ask(port, 'ruok')).toBe('imok');
  });

  it('isro is answered with rw when the keeper has read the log, with null before', async () => {
    const { port, gateway } = await startGateway();
    while (!gateway.status().ready) await new Promise((resolve) => setImmediate(resolve));
    expect(await ask(port, 'isro')).toBe('rw');
    await gateway.close();
    expect(gateway.status().ready).toBe(false);
  });

  it('isro is answered with rw as soon as a keeper that failed at first answers', async () => {
    let answers = false;
    const { gateway, clock, keeper, port } = await startGateway();
    keeper.sync = () => (answers ? Promise.resolve(0) : Promise.reject(new Error('no answer yet')));
    const again = await startGateway({ keeper, clock });
    await clock.advance(2_000);
    expect(again.gateway.status().ready).toBe(false);
    expect(await ask(again.port, 'isro')).toBe('null');
    expect(await ask(again.port, 'srvr')).toMatch(/not currently serving requests\n$/);
    answers = true;
    await clock.advance(2_000);
    expect(await ask(again.port, 'isro')).toBe('rw');
    expect([gateway.status().port]).toEqual([port]);
  });

  it('srvr is answered line by line as ZooKeeper 3.9 does', async () => {
    const { port, open } = await startGateway();
    await (await open()).call('exists', { path: '/', watch: false });
    const lines = (await ask(port, 'srvr')).split('\n');
    expect(lines[0]).toBe(`Zookeeper version: ${FULL_VERSION}`);
    expect(lines.slice(1).map((line) => line.split(':')[0])).toEqual([
      'Latency min/avg/max',
      'Received',
      'Sent',
      'Connections',
      'Outstanding',
      'Zxid',
      'Mode',
      'Node count',
      '',
    ]);
    expect(lines[1]).toMatch(/^Latency min\/avg\/max: \d+\/\d+\.\d+\/\d+$/);
    expect(lines[2]).toBe('Received: 2');
    expect(lines).toContain('Zxid: 0x1');
    expect(lines).toContain('Mode: standalone');
    expect(lines).toContain('Node count: 4');
  });

  it('stat lists the clients', async () => {
    const { port, open } = await startGateway();
    const client = await open();
    const answer = await ask(port, 'stat');
    expect(answer).toContain(
      `Clients:\n /127.0.0.1:${client.socket.localPort}[1](queued=0,recved=1,sent=1)\n`,
    );
    expect(answer).toContain('\n\nLatency min/avg/max: ');
  });

  it('cons tells each client’s session', async () => {
    const { port, open } = await startGateway();
    const { response } = await open();
    expect(await ask(port, 'cons')).toContain(`,sid=0x${response.session.toString(16)},`);
  });

  it('mntr is answered with a key, a tab and a value in every line', async () => {
    const { port, open } = await startGateway();
    await (await open()).call('exists', { path: '/', watch: true });
    const lines = (await ask(port, 'mntr')).trimEnd().split('\n');
    const figures = new Map(lines.map((line) => line.split('\t') as [string, string]));
    for (const line of lines) expect(line).toMatch(/^zk_[a-z_]+\t\S.*$/);
    expect(figures.get('zk_version')).toBe(FULL_VERSION);
    expect(figures.get('zk_server_state')).toBe('standalone');
    expect(figures.get('zk_watch_count')).toBe('1');
    expect(figures.get('zk_znode_count')).toBe('4');
    expect(figures.get('zk_num_alive_connections')).toBe('2');
    expect(figures.get('zk_avg_latency')).toMatch(/^\d+\.\d+$/);
  });

  it('envi tells a version that kazoo reads as 3.9.5', async () => {
    const { port } = await startGateway();
    const [title, ...lines] = (await ask(port, 'envi')).trimEnd().split('\n');
    expect(title).toBe('Environment:');
    const pairs = new Map(lines.map((line) => line.split(/=(.*)/s) as [string, string]));
    const digits = /^([\d.]*)/.exec(pairs.get('zookeeper.version') ?? '')?.[1];
    expect(digits?.split('.').map(Number)).toEqual([3, 9, 5]);
    expect(pairs.get('node.version')).toBe(process.version);
  });

  it('conf tells the bounds', async () => {
    const { port } = await startGateway({ limits: { tickTimeMs: 500 } });
    const answer = await ask(port, 'conf');
    expect(answer).toContain(`clientPort=${port}\n`);
    expect(answer).toContain('minSessionTimeout=1000\nmaxSessionTimeout=10000\n');
  });

  it('wchs counts connections, paths and watches', async () => {
    const { port, open } = await startGateway();
    const client = await open();
    await client.call('exists', { path: '/a', watch: true });
    await client.call('getChildren', { path: '/', watch: true });
    expect(await ask(port, 'wchs')).toBe('1 connections watching 2 paths\nTotal watches:2\n');
  });

  it('gwys tells all gateways of the namespace in one line of JSON', async () => {
    const one = {
      gatewayId: 'g1',
      address: '10.0.0.1:2181',
      startedAtMs: 1,
      renewedAtMs: 2,
      head: 7,
      sessions: 3,
    };
    const { port } = await startGateway({
      gateways: () =>
        Promise.resolve([
          { ...one, watermark: 7, lagMs: 0 },
          { ...one, gatewayId: 'g2', watermark: 5, lagMs: 40 },
          {
            ...one,
            gatewayId: 'c1',
            address: 'direct:host:1',
            kind: 'client' as const,
            watermark: 5,
            lagMs: 0,
          },
        ]),
    });
    const answer = await ask(port, 'gwys');
    expect(answer.indexOf('\n')).toBe(answer.length - 1);
    expect(JSON.parse(answer)).toEqual({
      namespace: 'test',
      gateways: [
        { ...one, watermark: 7, role: 'keeper', lagMs: 0 },
        { ...one, gatewayId: 'g2', watermark: 5, role: 'keeper', lagMs: 40 },
        { ...one, gatewayId: 'c1', address: 'direct:host:1', watermark: 5, role: 'client', lagMs: 0 },
      ],
    });
  });

  it('that fails hangs up without an answer', async () => {
    const { port } = await startGateway({ gateways: () => Promise.reject(new Error('no answer')) });
    expect(await ask(port, 'gwys')).toBe('');
    expect(await ask(port, 'ruok')).toBe('imok');
  });

  it('that is not allowed, or that a gateway does not have, is refused in ZooKeeper’s words', async () => {
    const { port } = await startGateway({ fourLetterWords: ['ruok'] });
    const refusal = (word: string) => `${word} is not executed because it is not in the whitelist.\n`;
    expect(await ask(port, 'stat')).toBe(refusal('stat'));
    expect(await ask(port, 'dump')).toBe(refusal('dump'));
    expect(await ask(port, 'ruok\n')).toBe('imok');
  });
});

it('every word of a gateway is answered', async () => {
  const { port, gateway } = await startGateway();
  while (!gateway.status().ready) await new Promise((resolve) => setImmediate(resolve));
  // What `hash` tells is nothing; `stmk` takes a mask.
  for (const word of FOUR_LETTER_WORDS.filter((one) => one !== 'hash')) {
    expect((await ask(port, `${word}\0\0\0\0\0\0\0\0`)).length, word).toBeGreaterThan(0);
  }
});

it('the version that a gateway tells is the package’s own', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(PACKAGE_VERSION).toBe(manifest.version);
});
