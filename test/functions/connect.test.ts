import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { connectHandler } from '../../functions/shared/connect.js';
import { EventError } from '../../functions/shared/events.js';
import { createWatchWiring } from '../../functions/shared/watch-wiring.js';
import { silentLogger } from '../../lib/base/logger.js';
import { Connections } from '../../lib/api/watches/connections.js';
import { CONNECTION_SECONDS } from '../../lib/api/watches/limits.js';
import { NAMESPACE, WatchWorld } from '../api/watches/support.js';

const SESSION = 0xabcn;
const PASSWORD = Buffer.alloc(16, 7);
const HELLO = { action: 'attach', session: 'abc', epoch: 1, password: PASSWORD.toString('base64') };

async function setUp() {
  const world = new WatchWorld();
  const { store, clock, random } = world;
  await world.until(world.writer.start());
  const passwordHash = new Uint8Array(createHash('sha256').update(PASSWORD).digest());
  const attachId = '00'.repeat(16);
  await world.write({
    ...{ kind: 'createSession', session: SESSION, owner: '', attachId, timeoutMs: 30_000, passwordHash },
  });
  const wiring = createWatchWiring({
    ...{ store, clock, random, logger: silentLogger, namespaces: [NAMESPACE] },
  });
  const handler = connectHandler(() => wiring);
  const connections = new Connections({ store, namespace: NAMESPACE, clock, random });
  return {
    world,
    route: async (routeKey: string, message?: unknown) => {
      const body = message === undefined ? {} : { body: JSON.stringify(message) };
      const requestContext = { routeKey, connectionId: 'c1', stage: NAMESPACE };
      const event = { requestContext, isBase64Encoded: false, ...body };
      return (await world.until(handler(event))).statusCode;
    },
    handler,
    connections: () => world.until(connections.of(SESSION)),
  };
}

describe('connect', () => {
  it('takes every connection, and lets it have no session', async () => {
    const { route, connections } = await setUp();
    expect(await route('$connect')).toBe(200);
    expect(await connections()).toEqual([]);
  });

  it('gives a connection the session whose password it knows, for two hours, however often it asks', async () => {
    const { world, route, connections } = await setUp();
    expect(await route('$default', HELLO)).toBe(200);
    expect(await route('$default', HELLO)).toBe(200);
    expect(await connections()).toEqual(['c1']);
    await world.clock.advance(CONNECTION_SECONDS * 1000);
    expect(await connections()).toEqual([]);
  });

  it('forgets a connection that is closed, also twice, and one that never had a session', async () => {
    const { world, route, connections } = await setUp();
    expect(await route('$disconnect')).toBe(200);
    await route('$default', HELLO);
    expect(await route('$disconnect')).toBe(200);
    expect(await route('$disconnect')).toBe(200);
    expect(await connections()).toEqual([]);
    expect(world.store.dump('watches')).toEqual([]);
  });

  const refused: readonly [string, unknown][] = [
    ['another password', { ...HELLO, password: Buffer.alloc(16, 8).toString('base64') }],
    ['an empty password', { ...HELLO, password: '' }],
    ['another epoch', { ...HELLO, epoch: 2 }],
    ['a session that is not open', { ...HELLO, session: 'abd' }],
  ];
  for (const [name, message] of refused) {
    it(`refuses ${name} with 403`, async () => {
      const { route, connections } = await setUp();
      expect(await route('$default', message)).toBe(403);
      expect(await connections()).toEqual([]);
    });
  }

  it('refuses the session once it is closed', async () => {
    const { world, route } = await setUp();
    await world.close(SESSION);
    expect(await route('$default', HELLO)).toBe(403);
  });

  const malformed: readonly unknown[] = [
    undefined,
    null,
    'attach',
    { ...HELLO, action: 'detach' },
    { ...HELLO, session: '0' },
    { ...HELLO, session: 'ffffffffffffffff' },
    { ...HELLO, session: 'ABC' },
    { ...HELLO, epoch: 1.5 },
    { ...HELLO, password: '$' },
  ];
  for (const message of malformed) {
    it(`answers 400 to ${message === undefined ? 'a message without a body' : JSON.stringify(message)}`, async () => {
      const { route } = await setUp();
      expect(await route('$default', message)).toBe(400);
    });
  }

  it('answers 400 to what is not JSON, and reads what is base64', async () => {
    const { world, handler } = await setUp();
    const requestContext = { routeKey: '$default', connectionId: 'c1', stage: NAMESPACE };
    expect(await world.until(handler({ requestContext, body: '{' }))).toEqual({ statusCode: 400 });
    const body = Buffer.from(JSON.stringify(HELLO)).toString('base64');
    const answer = await world.until(handler({ requestContext, body, isBase64Encoded: true }));
    expect(answer).toEqual({ statusCode: 200 });
  });

  it('throws on an event that is not one of a WebSocket API', async () => {
    const { handler } = await setUp();
    await expect(handler({ namespace: NAMESPACE })).rejects.toBeInstanceOf(EventError);
    const requestContext = { routeKey: '$connect', connectionId: 'c1', stage: '$default' };
    await expect(handler({ requestContext })).rejects.toBeInstanceOf(EventError);
  });

  it('knows a session by the stage of its own namespace alone', async () => {
    const { world, handler, connections } = await setUp();
    const requestContext = { routeKey: '$default', connectionId: 'c1', stage: 'another' };
    const event = { requestContext, body: JSON.stringify({ ...HELLO, namespace: NAMESPACE }) };
    expect(await world.until(handler(event))).toEqual({ statusCode: 403 });
    expect(await connections()).toEqual([]);
  });
});
