import { expect, it } from 'vitest';
import { LeaseLapsedError } from '../../lib/client/index.js';
import { abortOf, describeOnAll } from './recipes/world.js';

const SESSION_MS = 30_000;

describeOnAll("a session's lease", (world) => {
  it.runIf(world.canAdvance)('has time left for as long as somebody answers', async () => {
    const client = await world.open({ sessionTimeoutMs: SESSION_MS });
    const { signal } = client.lease;
    for (let round = 0; round < 5; round++) {
      await world.advance(SESSION_MS);
      expect(client.lease.remainingMs).toBeGreaterThan(0);
      expect(client.lease.remainingMs).toBeLessThanOrEqual((SESSION_MS * 2) / 3);
    }
    expect(signal.aborted).toBe(false);
    expect(client.lease.signal).toBe(signal);
  });

  it.runIf(world.canAdvance)(
    'lapses when nobody answers, while the session certainly still lives',
    async () => {
      const peer = await world.openPeer({ sessionTimeoutMs: SESSION_MS });
      const observer = await world.open();
      await peer.client.create(world.base, '', { mode: 'ephemeral' });
      const lapsed = abortOf(peer.client.lease.signal);
      peer.cut();
      await world.advance((SESSION_MS * 2) / 3 + 1_100);
      expect(await lapsed).toBeInstanceOf(LeaseLapsedError);
      expect(peer.client.lease.remainingMs).toBe(0);
      expect(await observer.exists(world.base, { consistency: 'linearizable' })).toBeDefined();
    },
  );

  it.runIf(world.canAdvance)('is another one after a lapse, when the session was still there', async () => {
    const peer = await world.openPeer({ sessionTimeoutMs: SESSION_MS });
    const first = peer.client.lease.signal;
    peer.cut();
    await world.advance(21_100);
    expect(first.aborted).toBe(true);
    const connected = new Promise((resolve) => peer.client.on('connected', resolve));
    peer.heal();
    await world.advance(2_500);
    await connected;
    expect(peer.client.lease.remainingMs).toBeGreaterThan(0);
    expect(peer.client.lease.signal).not.toBe(first);
    expect(peer.client.lease.signal.aborted).toBe(false);
    expect(first.aborted).toBe(true);
  });

  it('ends before the server closes the session, so that nobody has what its holder still believes to have', async () => {
    const client = await world.open();
    const observer = await world.open();
    await client.create(world.base, '', { mode: 'ephemeral' });
    const { signal } = client.lease;
    const closing = client.close();
    expect(signal.aborted).toBe(true);
    expect(client.lease.remainingMs).toBe(0);
    await closing;
    expect(await observer.exists(world.base, { consistency: 'linearizable' })).toBeUndefined();
  });

  it('ends with the client', async () => {
    const client = await world.open();
    const { signal } = client.lease;
    expect(client.lease.remainingMs).toBeGreaterThan(0);
    await client.close();
    await abortOf(signal);
    expect(client.lease.remainingMs).toBe(0);
    expect(client.lease.signal.aborted).toBe(true);
  });
});
