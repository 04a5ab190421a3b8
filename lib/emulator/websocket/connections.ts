import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import type { CancelTimer, Clock } from '../../base/clock.js';

/** API Gateway's limits: how long a connection may live and be silent, ms. */
export const CONNECTION_MS_MAX = 2 * 3600_000;
export const CONNECTION_IDLE_MS_MAX = 10 * 60_000;

/** WebSocket's code for an end that the server wants. */
const GOING_AWAY = 1001;

/** Who is at the other end. */
export interface ConnectionInfo {
  readonly connectionId: string;
  /** The first part of the path: each namespace has a stage of its name. */
  readonly stage: string;
  readonly connectedAtMs: number;
  readonly sourceIp: string;
  readonly userAgent: string;
}

export function connectionInfo(
  request: IncomingMessage,
  own: Pick<ConnectionInfo, 'connectionId' | 'stage' | 'connectedAtMs'>,
): ConnectionInfo {
  return {
    ...own,
    sourceIp: request.socket.remoteAddress ?? '',
    userAgent: request.headers['user-agent'] ?? '',
  };
}

/** One open WebSocket, with the time limits that API Gateway has. */
export class WebSocketConnection {
  readonly info: ConnectionInfo;
  readonly socket: WebSocket;
  readonly #clock: Clock;
  readonly #cancelLife: CancelTimer;
  #cancelIdle: CancelTimer = () => undefined;
  /** Wall time of the last message in either direction, ms. */
  lastActiveAtMs: number;

  constructor(options: { info: ConnectionInfo; socket: WebSocket; clock: Clock }) {
    this.info = options.info;
    this.socket = options.socket;
    this.#clock = options.clock;
    this.lastActiveAtMs = options.info.connectedAtMs;
    this.#cancelLife = this.#clock.after(CONNECTION_MS_MAX, () => this.close('Going away'));
    this.touch();
  }

  /** Something was sent or received. */
  touch(): void {
    this.#cancelIdle();
    this.lastActiveAtMs = this.#clock.now();
    this.#cancelIdle = this.#clock.after(CONNECTION_IDLE_MS_MAX, () => this.close('Connection idle'));
  }

  /** Resolves when the message has left; rejects when the connection is gone. */
  send(text: string): Promise<void> {
    this.touch();
    return new Promise((resolve, reject) => {
      this.socket.send(text, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  close(reason: string): void {
    this.socket.close(GOING_AWAY, reason);
  }

  /** The connection has ended. */
  release(): void {
    this.#cancelIdle();
    this.#cancelLife();
  }
}
