import { once } from 'node:events';
import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GetConnectionCommand,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ManualClock } from '../../lib/base/clock.js';
import { silentLogger } from '../../lib/base/logger.js';
import { seededRandom } from '../../lib/base/random.js';
import { HttpEndpoint } from '../../lib/emulator/http-endpoint.js';
import { MESSAGE_BYTES_MAX, WebSocketApi, type WebSocketEvent } from '../../lib/emulator/websocket/api.js';
import { CONNECTION_IDLE_MS_MAX, CONNECTION_MS_MAX } from '../../lib/emulator/websocket/connections.js';

let api: WebSocketApi;
let endpoint: HttpEndpoint;
let management: ApiGatewayManagementApiClient;
let clock: ManualClock;
let events: WebSocketEvent[];
let awaited: Map<string, (event: WebSocketEvent) => void>;
let answer: (event: WebSocketEvent) => unknown;

/** The next event of a route. */
function next(routeKey: string): Promise<WebSocketEvent> {
  return new Promise((resolve) => awaited.set(routeKey, resolve));
}

async function open(path = '/emulator'): Promise<{ socket: WebSocket; connectionId: string }> {
  const connected = next('$connect');
  const socket = new WebSocket(endpoint.webSocketUrl + path);
  await once(socket, 'open');
  return { socket, connectionId: (await connected).requestContext.connectionId };
}

beforeEach(async () => {
  clock = new ManualClock();
  events = [];
  awaited = new Map();
  answer = () => ({ statusCode: 200 });
  const options = { clock, random: seededRandom(1), logger: silentLogger };
  api = new WebSocketApi({
    ...options,
    stages: ['emulator', 'other'],
    call: async (event) => {
      events.push(event);
      awaited.get(event.requestContext.routeKey)?.(event);
      return await answer(event);
    },
  });
  const lambda = { invoke: () => Promise.reject(new Error('not part of this test')) };
  endpoint = new HttpEndpoint({ lambda, webSocket: api, logger: silentLogger });
  await endpoint.listen({ host: '127.0.0.1', port: 0 });
  management = new ApiGatewayManagementApiClient({
    endpoint: `${endpoint.url}/emulator`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
});

afterEach(async () => {
  management.destroy();
  await api.stop();
  await endpoint.stop();
});

describe('the WebSocket API', () => {
  it('calls the function at $connect, $default and $disconnect, with one connection id', async () => {
    const { socket, connectionId } = await open('/emulator?colour=green');
    const said = next('$default');
    socket.send('hello');
    expect(await said).toMatchObject({ body: 'hello', isBase64Encoded: false });
    const gone = next('$disconnect');
    socket.close();
    await gone;
    expect(events.map(({ requestContext }) => requestContext)).toMatchObject([
      { routeKey: '$connect', eventType: 'CONNECT', connectionId },
      { routeKey: '$default', eventType: 'MESSAGE', connectionId },
      { routeKey: '$disconnect', eventType: 'DISCONNECT', connectionId },
    ]);
    expect(events[0]?.queryStringParameters).toEqual({ colour: 'green' });
    expect(api.size).toBe(0);
  });

  it('opens no connection that the function refuses', async () => {
    answer = () => ({ statusCode: 403 });
    const socket = new WebSocket(`${endpoint.webSocketUrl}/emulator`);
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toContain('403');
    expect(api.size).toBe(0);
  });

  it('has a stage for each namespace and no other, and says by which one a connection came', async () => {
    const connected = next('$connect');
    const socket = new WebSocket(`${endpoint.webSocketUrl}/other`);
    expect((await connected).requestContext).toMatchObject({ stage: 'other' });
    await once(socket, 'open');
    for (const path of ['', '/', '/unknown', '/unknown/emulator']) {
      const refused = new WebSocket(endpoint.webSocketUrl + path);
      const [error] = (await once(refused, 'error')) as [Error];
      expect(error.message).toContain('403');
    }
    expect(api.size).toBe(1);
  });

  it('opens no connection when the function fails', async () => {
    answer = () => Promise.reject(new Error('broken'));
    const socket = new WebSocket(`${endpoint.webSocketUrl}/emulator`);
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toContain('502');
  });

  it('sends what the function answers back, and says when it failed', async () => {
    const { socket } = await open();
    answer = ({ body }) => ({ statusCode: 200, body: `you said ${body ?? ''}` });
    socket.send('hello');
    const [echo] = (await once(socket, 'message')) as [Buffer];
    expect(echo.toString()).toBe('you said hello');
    answer = () => Promise.reject(new Error('broken'));
    socket.send('again');
    const [failure] = (await once(socket, 'message')) as [Buffer];
    expect(JSON.parse(failure.toString())).toMatchObject({ message: 'Internal server error' });
  });

  it('hands messages of a connection over one after the other', async () => {
    const { socket } = await open();
    let release: () => void = () => undefined;
    answer = () => new Promise<void>((resolve) => (release = resolve));
    const first = next('$default');
    socket.send('first');
    socket.send('second');
    await first;
    expect(events.filter(({ body }) => body !== undefined)).toHaveLength(1);
    const second = next('$default');
    release();
    expect((await second).body).toBe('second');
    answer = () => ({ statusCode: 200 });
    release();
  });

  it('closes connections that are idle for ten minutes, or two hours old', async () => {
    const idle = await open();
    const closed = once(idle.socket, 'close');
    await clock.advance(CONNECTION_IDLE_MS_MAX);
    expect(((await closed) as [number])[0]).toBe(1001);

    const busy = await open();
    const ended = once(busy.socket, 'close');
    for (let ms = 0; ms < CONNECTION_MS_MAX; ms += CONNECTION_IDLE_MS_MAX / 2) {
      const said = next('$default');
      busy.socket.send('still here');
      await said;
      await clock.advance(CONNECTION_IDLE_MS_MAX / 2);
    }
    expect(((await ended) as [number])[0]).toBe(1001);
  });
});

describe('@connections, by an unchanged ApiGatewayManagementApiClient', () => {
  it('pushes to a connection, describes it and closes it', async () => {
    const { socket, connectionId } = await open();
    const received = once(socket, 'message');
    await management.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: 'news' }));
    expect(((await received) as [Buffer])[0].toString()).toBe('news');
    const described = await management.send(new GetConnectionCommand({ ConnectionId: connectionId }));
    expect(described.ConnectedAt?.getTime()).toBe(Math.floor(clock.now() / 1000) * 1000);
    expect(described.Identity?.SourceIp).toContain('127.0.0.1');
    const closed = once(socket, 'close');
    await management.send(new DeleteConnectionCommand({ ConnectionId: connectionId }));
    await closed;
  });

  it('finds no connection at another stage than its own', async () => {
    const { connectionId } = await open('/other');
    const command = new PostToConnectionCommand({ ConnectionId: connectionId, Data: Buffer.from('pushed') });
    await expect(management.send(command)).rejects.toMatchObject({ name: 'GoneException' });
  });

  it('says that a connection is gone', async () => {
    const { socket, connectionId } = await open();
    const gone = next('$disconnect');
    socket.close();
    await gone;
    const command = new PostToConnectionCommand({ ConnectionId: connectionId, Data: 'too late' });
    await expect(management.send(command)).rejects.toMatchObject({
      name: 'GoneException',
      $metadata: { httpStatusCode: 410 },
    });
  });

  it('refuses messages of more than 128 KB', async () => {
    const { connectionId } = await open();
    const Data = 'x'.repeat(MESSAGE_BYTES_MAX + 1);
    const command = new PostToConnectionCommand({ ConnectionId: connectionId, Data });
    await expect(management.send(command)).rejects.toMatchObject({ name: 'PayloadTooLargeException' });
  });
});
