import { describe, expect, it } from 'vitest';

import { ErrorCode } from '../../lib/core/errors.js';
import { OPEN_ACL } from '../../lib/core/types.js';
import { KeeperError } from '../../lib/keeper/types.js';
import { Xid } from '../../lib/wire/index.js';
import { startGateway } from './support/gateways.js';

const node = (path: string, flags = 0) => ({ path, data: Buffer.from('v'), acl: OPEN_ACL, flags });

describe('the handshake', () => {
  it('opens a session with a password and the timeout that was asked for', async () => {
    const { response } = await (await startGateway()).open({ timeoutMs: 9_000 });
    expect(response).toMatchObject({ protocolVersion: 0, timeoutMs: 9_000, readOnly: false });
    expect(response.session).toBeGreaterThan(0n);
    expect(response.password).toHaveLength(16);
  });

  it.each([
    [1, 4_000],
    [4_000, 4_000],
    [40_001, 40_000],
    [-1, 4_000],
  ])('asked for a timeout of %d ms grants %d', async (asked, granted) => {
    expect((await (await startGateway()).open({ timeoutMs: asked })).response.timeoutMs).toBe(granted);
  });

  it('answers a client that leaves the read-only byte out without it', async () => {
    const { response } = await (await startGateway()).open({ readOnly: undefined });
    expect(response.readOnly).toBeUndefined();
  });

  it('takes requests that come in one piece with the connect request', async () => {
    const { dial } = await startGateway();
    const client = dial();
    client.socket.cork();
    const shaken = client.shake();
    client.send('create', node('/a'));
    client.socket.uncork();
    expect((await shaken).session).toBeGreaterThan(0n);
    expect(await client.next()).toMatchObject({ kind: 'reply', xid: 1, err: 0 });
  });

  it('takes a connect request in single bytes', async () => {
    const { dial } = await startGateway();
    const client = dial();
    const recorded: Buffer[] = [];
    const write = client.socket.write.bind(client.socket);
    client.socket.write = (bytes: Buffer) => recorded.push(bytes) > 0;
    const shaken = client.shake();
    for (const byte of Buffer.concat(recorded)) {
      await new Promise<void>((resolve) => write(Buffer.from([byte]), () => resolve()));
    }
    expect((await shaken).timeoutMs).toBe(10_000);
  });

  it('hangs up on a client that has seen more than the log holds', async () => {
    const { dial } = await startGateway();
    const client = dial();
    client.sendConnect({ lastZxidSeen: 99 });
    expect(await client.next()).toBeUndefined();
  });

  it('reads on in the log for a client that has seen more than this gateway', async () => {
    const { open, keeper } = await startGateway();
    keeper.logEnd = 99;
    expect((await open({ lastZxidSeen: 99 })).response.session).toBeGreaterThan(0n);
  });

  it('hangs up when the session cannot be opened now', async () => {
    const { dial, sessions } = await startGateway();
    sessions.create = () => Promise.reject(new KeeperError('StoreUnavailable', 'no answer'));
    const client = dial();
    client.sendConnect();
    expect(await client.next()).toBeUndefined();
  });

  it('that does not come is not waited for forever', async () => {
    const { dial, clock, gateway } = await startGateway({ limits: { handshakeTimeoutMs: 5_000 } });
    const client = dial();
    await new Promise((resolve) => client.socket.once('connect', resolve));
    while (gateway.status().connections.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(4_999);
    expect(gateway.status().connections).toHaveLength(1);
    await clock.advance(1);
    expect(await client.next()).toBeUndefined();
  });
});

describe('a reconnect', () => {
  it('takes its session over and hangs up the earlier connection', async () => {
    const { open } = await startGateway();
    const first = await open();
    await first.call('create', node('/mine', 1));
    const { session, password } = first.response;
    const second = await open({ session, password });
    expect(second.response.session).toBe(session);
    expect(await first.next()).toBeUndefined();
    expect((await second.call('exists', { path: '/mine', watch: false })).response?.stat.ephemeralOwner).toBe(
      session,
    );
  });

  it('with a wrong password is told that the session has expired, hangs up the earlier connection, and the session lives on', async () => {
    const { open } = await startGateway();
    const first = await open();
    const { session, password } = first.response;
    const wrong = await open({ session, password: new Uint8Array(16).fill(9) });
    expect(wrong.response).toMatchObject({ session: 0n, timeoutMs: 0 });
    expect([...wrong.response.password]).toEqual(new Array(16).fill(0));
    expect(await wrong.next()).toBeUndefined();
    expect(await first.next()).toBeUndefined();
    expect((await open({ session, password })).response.session).toBe(session);
  });

  it('to a session that is over is told so', async () => {
    const { open, sessions } = await startGateway();
    const first = await open();
    const { session, password } = first.response;
    await sessions.expire(session);
    expect(await first.next()).toBeUndefined();
    expect((await open({ session, password })).response).toMatchObject({ session: 0n, timeoutMs: 0 });
  });

  it('leaves a write of the earlier connection no chance to land after it', async () => {
    const { open, keeper } = await startGateway();
    const first = await open();
    const { session, password } = first.response;
    const before = keeper.submittedSoFar;
    keeper.hold();
    const reconnected = open({ session, password });
    await keeper.submitted(before + 1);
    // Both wait for the same entry: the attach comes first, so the write is refused with SessionMoved.
    const outcome = keeper.write(
      { kind: 'create', path: '/late', data: new Uint8Array(), acl: OPEN_ACL, mode: 'persistent' },
      { session, epoch: 1, authIds: [] },
    );
    keeper.release();
    expect(await outcome).toMatchObject({ ok: false, refusal: { code: ErrorCode.SessionMoved } });
    expect((await (await reconnected).call('exists', { path: '/late', watch: false })).err).toBe(
      ErrorCode.NoNode,
    );
  });
});

describe('the end of a session', () => {
  it('by its client is answered behind its earlier requests, takes its ephemerals along, and hangs up', async () => {
    const { open, gateway } = await startGateway();
    const [client, other] = [await open(), await open()];
    client.send('create', node('/mine', 1));
    client.send('closeSession', {});
    client.send('create', node('/after'));
    const replies = await client.take(2);
    expect(replies).toMatchObject([
      { xid: 1, err: 0 },
      { xid: 2, err: 0 },
    ]);
    expect(await client.next()).toBeUndefined();
    expect((await other.call('exists', { path: '/mine', watch: false })).err).toBe(ErrorCode.NoNode);
    expect((await other.call('exists', { path: '/after', watch: false })).err).toBe(ErrorCode.NoNode);
    expect(gateway.status().sessions).toBe(1);
  });

  it.each(['expired', 'fenced'] as const)('that was %s hangs its connection up', async (how) => {
    const { open, sessions } = await startGateway();
    const [client, other] = [await open(), await open()];
    if (how === 'fenced') sessions.fence(client.response.session);
    else await sessions.expire(client.response.session);
    expect(await client.next()).toBeUndefined();
    expect((await other.call('ping', {}, Xid.ping)).err).toBe(0);
  });

  it('shows in a sign of life that is refused', async () => {
    const { open, sessions } = await startGateway();
    const client = await open();
    sessions.refused.add(client.response.session);
    client.send('ping', {}, Xid.ping);
    expect(await client.next()).toBeUndefined();
  });

  it('does not come while every frame is a sign of life', async () => {
    const { open, sessions } = await startGateway();
    const client = await open();
    const before = sessions.touches;
    await client.call('ping', {}, Xid.ping);
    await client.call('exists', { path: '/', watch: false });
    expect(sessions.touches).toBe(before + 2);
  });

  it('elsewhere, seen in a refused write, hangs up without an answer', async () => {
    const { open, keeper } = await startGateway();
    const client = await open();
    const record = keeper.state.session(client.response.session)!;
    keeper.state.setSession(client.response.session, { ...record, epoch: 5 });
    client.send('create', node('/a'));
    expect(await client.next()).toBeUndefined();
  });
});
