import { describe, expect, it } from 'vitest';

import { OPEN_ACL } from '../../lib/core/types.js';
import { Xid } from '../../lib/wire/index.js';
import { startGateway } from './support/gateways.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('bytes that are no request', () => {
  it.each([
    ['a frame over the limit', '00100000'],
    ['a negative length', 'ffffffff'],
    ['a frame without a header', '0000000400000001'],
    ['an auth that ends early', '0000000cfffffffc00000064000000ff'],
  ])('%s closes that connection only', async (_name, bytes) => {
    const { open } = await startGateway();
    const [broken, sound] = [await open(), await open()];
    broken.socket.write(Buffer.from(bytes, 'hex'));
    expect(await broken.next()).toBeUndefined();
    expect((await sound.call('ping', {}, Xid.ping)).err).toBe(0);
  });

  it('in place of a connect request close the connection', async () => {
    const { dial, open } = await startGateway();
    for (const bytes of ['000000020000', '47455420', 'fff4fffd', '0000000000']) {
      const client = dial();
      client.socket.write(Buffer.from(bytes, 'hex'));
      expect(await client.next()).toBeUndefined();
    }
    expect((await open()).response.timeoutMs).toBe(10_000);
  });

  it('may be frames up to a limit of one’s own', async () => {
    const { open } = await startGateway({ limits: { juteMaxBuffer: 200 } });
    const client = await open();
    const create = (path: string, size: number) => ({
      path,
      data: Buffer.alloc(size),
      acl: OPEN_ACL,
      flags: 0,
    });
    expect((await client.call('create', create('/a', 50))).err).toBe(0);
    client.send('create', create('/b', 200));
    expect(await client.next()).toBeUndefined();
  });
});

describe('a gateway', () => {
  it('takes so many connections from one address, and takes another when one has gone', async () => {
    const { open, dial, gateway } = await startGateway({ limits: { maxClientConnections: 2 } });
    const [first] = [await open(), await open()];
    const third = dial();
    third.sendConnect();
    expect(await third.next()).toBeUndefined();
    first.destroy();
    while (gateway.status().connections.length > 1) await turn();
    expect((await open()).response.session).toBeGreaterThan(0n);
  });

  it('takes any number of connections when the limit is 0', async () => {
    const { open } = await startGateway({ limits: { maxClientConnections: 0 } });
    const clients = await Promise.all(Array.from({ length: 70 }, () => open()));
    expect(new Set(clients.map((client) => client.response.session)).size).toBe(70);
  });

  it('begins nothing more for a client that does not read its answers, and goes on when it does', async () => {
    const { open, keeper } = await startGateway({ limits: { outputPauseBytes: 64 * 1024 } });
    const [slow, other] = [await open(), await open()];
    const data = Buffer.alloc(500_000, 'x');
    await other.call('create', { path: '/big', data, acl: OPEN_ACL, flags: 0 });
    let reads = 0;
    const tryRead = keeper.tryRead.bind(keeper);
    keeper.tryRead = (request, authIds) => {
      reads += 1;
      return tryRead(request, authIds);
    };
    slow.socket.pause();
    for (let index = 0; index < 100; index++) slow.send('getData', { path: '/big', watch: false });
    // The other client's requests come round while the slow one's answers pile up in the sockets' buffers.
    for (let index = 0; index < 50; index++) await other.call('ping', {}, Xid.ping);
    expect(reads).toBeGreaterThan(0);
    expect(reads).toBeLessThan(100);
    slow.socket.resume();
    const replies = await slow.take(100);
    expect(replies.every((reply) => reply.kind === 'reply' && reply.err === 0)).toBe(true);
  });

  it('hangs up on a client that lets events pile up', async () => {
    const { open, gateway } = await startGateway({ limits: { outputBytesMax: 1 } });
    const [slow, other] = [await open(), await open()];
    const big = { path: '/big', data: Buffer.alloc(900_000, 'x'), acl: OPEN_ACL, flags: 0 };
    await other.call('create', big);
    await slow.call('exists', { path: '/watched', watch: true });
    slow.socket.pause();
    for (let index = 0; index < 20; index++) slow.send('getData', { path: '/big', watch: false });
    while (gateway.status().connections.length === 2 && gateway.status().outstanding === 0) await turn();
    await other.call('create', { ...big, path: '/watched', data: Buffer.alloc(0) });
    while (gateway.status().connections.length > 1) await turn();
    expect((await other.call('ping', {}, Xid.ping)).err).toBe(0);
  });

  it('that closes flushes what it has answered, hangs up, and takes no more connections', async () => {
    const { open, gateway, dial } = await startGateway();
    const client = await open();
    await client.call('ping', {}, Xid.ping);
    const closed = gateway.close();
    expect(await client.next()).toBeUndefined();
    await closed;
    await gateway.close();
    const late = dial();
    expect(await late.next()).toBeUndefined();
  });

  it('that closes waits for a client that does not hang up only so long', async () => {
    const { open, gateway, clock } = await startGateway({ limits: { closeLingerMs: 500 } });
    const client = await open();
    client.socket.removeAllListeners('end');
    client.socket.allowHalfOpen = true;
    let over = false;
    const closed = gateway.close().then(() => (over = true));
    await turn();
    expect(over).toBe(false);
    await clock.advance(500);
    await closed;
    expect(over).toBe(true);
  });

  it('refuses bounds that cannot be, and words that no gateway has', async () => {
    await expect(startGateway({ limits: { juteMaxBuffer: 0 } })).rejects.toThrow('juteMaxBuffer');
    await expect(startGateway({ limits: { tickTimeMs: Number.NaN } })).rejects.toThrow('tickTimeMs');
    await expect(startGateway({ limits: { minSessionTimeoutMs: 99_999 } })).rejects.toThrow(
      'minSessionTimeoutMs',
    );
    await expect(startGateway({ fourLetterWords: ['nope'] })).rejects.toThrow('nope');
  });

  it('rejects an address that is taken', async () => {
    const { port } = await startGateway();
    await expect(startGateway({}, port)).rejects.toThrow('EADDRINUSE');
  });
});
