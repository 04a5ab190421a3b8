import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import type { Random } from '../../base/random.js';
import { uuid } from '../identifiers.js';
import { type ConnectionInfo, connectionInfo, WebSocketConnection } from './connections.js';

/** API Gateway's limit on a message, bytes. */
export const MESSAGE_BYTES_MAX = 128 * 1024;

/** Connections at the same time. Beyond it, 429 instead of an upgrade. */
export const CONNECTIONS_MAX = 1_000;

/** Messages of one connection that wait for the function; beyond it the socket is not read. */
const MESSAGES_WAITING_MAX = 16;

/** Name of the made-up deployment. */
const API_ID = 'emulator';

export interface WebSocketApiOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Namespaces: each has a stage of its name. */
  readonly stages: readonly string[];
  /** The function behind every route; resolves to what it returned. */
  readonly call: (event: WebSocketEvent) => Promise<unknown>;
}

/** What API Gateway sends to the function behind a route, as far as it is filled in here. */
export interface WebSocketEvent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly queryStringParameters?: Readonly<Record<string, string>>;
  readonly requestContext: Readonly<Record<string, unknown>> & {
    readonly routeKey: RouteKey;
    readonly connectionId: string;
  };
  readonly body?: string;
  readonly isBase64Encoded: boolean;
}

export type RouteKey = '$connect' | '$disconnect' | '$default';

const EVENT_TYPES: Readonly<Record<RouteKey, string>> = {
  $connect: 'CONNECT',
  $disconnect: 'DISCONNECT',
  $default: 'MESSAGE',
};

/** API Gateway's WebSocket API with one function behind the routes $connect, $default and $disconnect. */
export class WebSocketApi {
  readonly #options: WebSocketApiOptions;
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_BYTES_MAX });
  readonly #connections = new Map<string, WebSocketConnection>();
  readonly #closing = new Set<Promise<void>>();
  #connecting = 0;

  constructor(options: WebSocketApiOptions) {
    this.#options = options;
  }

  /** An open connection; `undefined` when it is gone. */
  get(connectionId: string): WebSocketConnection | undefined {
    return this.#connections.get(connectionId);
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Takes an upgrade: the function at $connect decides. */
  async accept(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // Without a listener an error would end the process; the end of the socket is told by its close.
    socket.on('error', (error) => this.#options.logger.debug('a WebSocket failed', { error }));
    if (this.#connections.size + this.#connecting >= CONNECTIONS_MAX) {
      refuse(socket, 429);
      return;
    }
    const { clock, random, stages } = this.#options;
    const [, stage = ''] = (request.url ?? '').split(/[/?]/);
    if (!stages.includes(stage)) {
      refuse(socket, 403);
      return;
    }
    this.#connecting++;
    try {
      const connectionId = Buffer.from(random.bytes(11)).toString('base64url') + '=';
      const info = connectionInfo(request, { connectionId, stage, connectedAtMs: clock.now() });
      const status = await this.#connect(info, request);
      if (status < 200 || status > 299) refuse(socket, status);
      else this.#server.handleUpgrade(request, socket, head, (opened) => this.#open(info, opened));
    } finally {
      this.#connecting--;
    }
  }

  /** Closes every connection and resolves when the function has heard of it. */
  async stop(): Promise<void> {
    for (const { socket } of this.#connections.values()) socket.terminate();
    await Promise.all(this.#closing);
  }

  async #connect(info: ConnectionInfo, request: IncomingMessage): Promise<number> {
    const url = new URL(request.url ?? '/', 'http://emulator');
    const answer = await this.#call(info, '$connect', {
      headers: Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      ),
      queryStringParameters: Object.fromEntries(url.searchParams),
    });
    return statusOf(answer);
  }

  #open(info: ConnectionInfo, socket: WebSocket): void {
    const { clock, logger } = this.#options;
    const connection = new WebSocketConnection({ info, socket, clock });
    this.#connections.set(info.connectionId, connection);
    let waiting = Promise.resolve();
    let count = 0;
    socket.on('error', (error) => logger.debug('a WebSocket failed', { error }));
    socket.on('message', (data) => {
      if (++count >= MESSAGES_WAITING_MAX) socket.pause();
      waiting = waiting
        .then(() => this.#message(connection, data))
        .finally(() => {
          if (--count < MESSAGES_WAITING_MAX) socket.resume();
        });
    });
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve())).then(async () => {
      connection.release();
      this.#connections.delete(info.connectionId);
      await waiting;
      await this.#call(info, '$disconnect', {});
    });
    const done: Promise<void> = closed.finally(() => this.#closing.delete(done));
    this.#closing.add(done);
  }

  /** The function's `body` goes back to the client, as with a route response. */
  async #message(connection: WebSocketConnection, data: RawData): Promise<void> {
    connection.touch();
    const body = (data as Buffer).toString();
    const answer = await this.#call(connection.info, '$default', { body });
    const reply = answer === undefined ? failure(connection.info) : bodyOf(answer);
    if (reply === undefined) return;
    await connection
      .send(reply)
      .catch((error: unknown) => this.#options.logger.debug('an answer did not arrive', { error }));
  }

  /** `undefined` when the function failed. */
  async #call(
    info: ConnectionInfo,
    routeKey: RouteKey,
    parts: Pick<WebSocketEvent, 'headers' | 'queryStringParameters' | 'body'>,
  ): Promise<unknown> {
    try {
      const requestContext = this.#context(info, routeKey);
      return await this.#options.call({ ...parts, requestContext, isBase64Encoded: false });
    } catch (error) {
      this.#options.logger.error('the function of a WebSocket route failed', { routeKey, error });
      return undefined;
    }
  }

  #context(info: ConnectionInfo, routeKey: RouteKey): WebSocketEvent['requestContext'] {
    const { clock, random } = this.#options;
    const requestId = uuid(random);
    return {
      routeKey,
      eventType: EVENT_TYPES[routeKey],
      messageDirection: 'IN',
      ...(routeKey === '$default' && { messageId: uuid(random) }),
      connectionId: info.connectionId,
      connectedAt: info.connectedAtMs,
      requestId,
      extendedRequestId: requestId,
      requestTimeEpoch: clock.now(),
      apiId: API_ID,
      stage: info.stage,
      domainName: 'emulator',
      identity: { sourceIp: info.sourceIp, userAgent: info.userAgent },
    };
  }
}

function statusOf(answer: unknown): number {
  const { statusCode } = (answer ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : 502;
}

function bodyOf(answer: unknown): string | undefined {
  const { body } = (answer ?? {}) as { body?: unknown };
  return typeof body === 'string' ? body : undefined;
}

function refuse(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function failure({ connectionId }: ConnectionInfo): string {
  return JSON.stringify({ message: 'Internal server error', connectionId });
}
