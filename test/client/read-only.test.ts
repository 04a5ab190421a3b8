import { connect as tcp } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ManualClock } from '../../lib/base/clock.js';
import { seededRandom } from '../../lib/base/random.js';
import {
  connect,
  ConnectionLossError,
  NotReadOnlyError,
  OperationTimeoutError,
  type Dial,
  type SessionState,
  type TcpOptions,
  type ZeroKeeperClient,
} from '../../lib/client/index.js';
import { SimulatedStore } from '../../lib/log/simulated-store.js';
import { gatewayOnStore } from '../support/gateway-on-store.js';
import { ScriptedServer } from './scripted-server.js';

/** Nobody answers a close when a server is a script. */
const CLOSE_TIMEOUT_MS = 100;

let clock: ManualClock;
const ends: (() => Promise<void> | void)[] = [];

beforeEach(() => {
  clock = new ManualClock();
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function open(servers: string, options: Partial<TcpOptions> = {}): Promise<ZeroKeeperClient> {
  const client = await connect({
    ...{ transport: 'tcp', servers, clock, random: seededRandom(3), canBeReadOnly: true },
    closeTimeoutMs: CLOSE_TIMEOUT_MS,
    ...options,
  });
  ends.push(async () => {
    const closing = client.close();
    await clock.advance(CLOSE_TIMEOUT_MS);
    await closing;
  });
  return client;
}

function statesOf(client: ZeroKeeperClient): SessionState[] {
  const states: SessionState[] = [];
  for (const state of ['connected', 'readOnly', 'suspended', 'lost', 'closed'] as const)
    client.on(state, () => states.push(state));
  return states;
}

/** Lets time pass until the client is told of a state. */
async function until(client: ZeroKeeperClient, wanted: SessionState): Promise<void> {
  for (let passed = 0; client.state !== wanted; passed += 50) {
    if (passed > 60_000) throw new Error(`not ${wanted} in a minute, but ${client.state}`);
    await clock.advance(50);
  }
}

/** A gateway on a store of its own connection, which can be cut. */
async function gateway(store: SimulatedStore) {
  const own = store.connect();
  const { port, stop } = await gatewayOnStore(own, { clock, readOnlyMode: true });
  ends.push(stop);
  return { address: `127.0.0.1:${port}`, cut: () => (own.intercept = () => 'lostRequest') };
}

describe('a client that allows a server which only reads', () => {
  async function scripted() {
    const server = await ScriptedServer.listen();
    ends.push(() => server.close());
    return server;
  }

  it('says so in its handshake, and other clients say that they do not', async () => {
    const server = await scripted();
    for (const canBeReadOnly of [true, false]) {
      const opening = open(server.address, { canBeReadOnly });
      const peer = await server.peer();
      expect(await peer.accept()).toMatchObject({ readOnly: canBeReadOnly });
      expect((await opening).state).toBe('connected');
      peer.drop();
    }
    await clock.advance(10);
  });

  it('is read-only then, without a session and with no lease, and asks the next server for a session', async () => {
    const server = await scripted();
    const opening = open(server.address);
    const first = await server.peer();
    await first.handshake();
    first.greet(99n, 6_000, true);
    const client = await opening;
    const states = statesOf(client);
    expect(client.state).toBe('readOnly');
    expect(client.session).toBeUndefined();
    expect(client.lease.remainingMs).toBe(0);
    await clock.advance(100);
    const asked = await server.peer();
    await asked.isro;
    asked.sendAndClose('ro');
    await asked.closed;
    await clock.advance(200);
    const askedAgain = await server.peer();
    await askedAgain.isro;
    askedAgain.sendAndClose('rw');
    await first.closed;
    await until(client, 'suspended');
    await clock.advance(100);
    expect(await (await server.peer()).accept(5n)).toMatchObject({ session: 0n });
    await until(client, 'connected');
    expect(client.session).toMatchObject({ id: '5' });
    expect(client.lease.remainingMs).toBeGreaterThan(0);
    expect(states).toEqual(['suspended', 'connected']);
  });

  it('goes straight to the server that says that it writes', async () => {
    const server = await scripted();
    const { port } = new URL(`tcp://${server.address}`);
    const dialed: string[] = [];
    const dial: Dial = ({ host }) => {
      dialed.push(host);
      return tcp(Number(port), '127.0.0.1');
    };
    const opening = open('a:1,b:2,c:3,d:4', { dial });
    const first = await server.peer();
    await first.handshake();
    first.greet(99n, 6_000, true);
    const client = await opening;
    for (const [index, answer] of ['ro', 'not this time', '', 'rw'].entries()) {
      await clock.advance(100 * 2 ** index);
      const asked = await server.peer();
      await asked.isro;
      asked.sendAndClose(answer);
      await asked.closed;
    }
    await first.closed;
    await until(client, 'suspended');
    await clock.advance(100);
    await (await server.peer()).accept(5n);
    await until(client, 'connected');
    expect(dialed).toEqual([...dialed.slice(1, 2), ...dialed.slice(1, 5), ...dialed.slice(4, 5)]);
    expect(new Set(dialed).size).toBe(4);
  });

  it('does not take it for a sign of life of its session when a server that only reads answers', async () => {
    const server = await scripted();
    const opening = open(server.address);
    const first = await server.peer();
    await first.accept(7n, 6_000);
    const client = await opening;
    first.drop();
    await until(client, 'suspended');
    await clock.advance(100);
    const second = await server.peer();
    expect(await second.handshake()).toMatchObject({ session: 7n });
    second.greet(7n, 6_000, true);
    await until(client, 'readOnly');
    const left = client.lease.remainingMs;
    const exists = client.exists('/a');
    const { header } = await second.request();
    await clock.advance(50);
    second.answer(header.xid, -101);
    expect(await exists).toBeUndefined();
    expect(client.lease.remainingMs).toBeLessThanOrEqual(left - 50);
    second.drop();
  });

  it('does not let itself be served by one that only reads when it was not allowed to', async () => {
    const server = await scripted();
    const opening = open(server.address, { canBeReadOnly: false, connectTimeoutMs: 1_000 });
    opening.catch(() => undefined);
    const peer = await server.peer();
    await peer.handshake();
    peer.greet(99n, 6_000, true);
    await peer.closed;
    await clock.advance(1_000);
    await expect(opening).rejects.toBeInstanceOf(ConnectionLossError);
  });
});

describe('a client of gateways', () => {
  it('reads while DynamoDB cannot be reached, and writes again when it can', async () => {
    const store = new SimulatedStore({ clock, random: seededRandom(1) });
    const { address } = await gateway(store);
    const writer = await open(address);
    await writer.create('/a', 'before');
    await writer.close();
    const only = await gatewayIsReadOnly(store);
    const client = await open(only.address, { timeoutMs: 500 });
    const states = statesOf(client);
    expect(client.state).toBe('readOnly');
    expect(Buffer.from((await client.get('/a')).data).toString()).toBe('before');
    await expect(client.set('/a', 'after')).rejects.toBeInstanceOf(NotReadOnlyError);
    await expect(client.get('/a', { consistency: 'linearizable' })).rejects.toBeInstanceOf(NotReadOnlyError);
    const unknown = client.get('/never/asked/for');
    unknown.catch(() => undefined);
    await clock.advance(600);
    await expect(unknown).rejects.toBeInstanceOf(OperationTimeoutError);
    only.heal();
    await until(client, 'connected');
    expect(states).toEqual(['suspended', 'connected']);
    const set = client.set('/a', 'after');
    await clock.advance(100);
    expect((await set).version).toBe(1);
  });

  /** A gateway that has read /a, and then lost its store. */
  async function gatewayIsReadOnly(store: SimulatedStore) {
    const own = store.connect();
    const { port, stop } = await gatewayOnStore(own, { clock, readOnlyMode: true });
    ends.push(stop);
    const address = `127.0.0.1:${port}`;
    const reader = await open(address);
    await reader.get('/a');
    await reader.close();
    own.intercept = () => 'lostRequest';
    await clock.advance(4_000);
    return { address, heal: () => (own.intercept = undefined) };
  }

  it('leaves a gateway that only reads for one that writes', async () => {
    const store = new SimulatedStore({ clock, random: seededRandom(2) });
    const cutOff = await gateway(store);
    const other = await gateway(store);
    cutOff.cut();
    await clock.advance(4_000);
    const client = await open(cutOff.address);
    expect(client.state).toBe('readOnly');
    await client.close();
    // Whichever it asks first, it ends at the one that writes.
    const moving = await open(`${cutOff.address},${other.address}`);
    await until(moving, 'connected');
    const created = moving.create('/b');
    await clock.advance(100);
    expect((await created).path).toBe('/b');
  });
});
