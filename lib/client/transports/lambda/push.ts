import type { CancelTimer, Clock } from '../../../base/clock.js';
import type { Random } from '../../../base/random.js';
import type { ThinHello } from '../../../wire/thin-protocol.js';
import { backoffMs, type RetryPolicy } from '../../backoff.js';
import { missingPackage } from './invoke.js';

/** What is used of a WebSocket: the global one, that of the package `ws`, or any other like it. */
export interface WebSocketLike {
  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: () => void): void;
  send(text: string): void;
  close(): void;
}

export type WebSocketFactory = (url: string) => WebSocketLike | Promise<WebSocketLike>;

export interface PushOptions {
  readonly url: string | (() => string | Promise<string>);
  readonly open: WebSocketFactory;
  readonly hello: () => ThinHello | undefined;
  /** Something may have happened: fetch. */
  readonly onHint: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly retry: RetryPolicy;
}

/** The global WebSocket (Node.js 22 and browsers), else the package `ws`. */
export const openWebSocket: WebSocketFactory = async (url) => {
  const known = (globalThis as { WebSocket?: new (url: string) => WebSocketLike }).WebSocket;
  if (known !== undefined) return new known(url);
  // A name that the compiler does not resolve: the package is optional and has types of its own.
  const name = 'ws';
  const { WebSocket } = (await import(name).catch((error: unknown) => {
    throw missingPackage(name, error);
  })) as { WebSocket: new (url: string) => WebSocketLike };
  return new WebSocket(url);
};

/**
 * The WebSocket over which events are announced. A push is a hint: nothing depends on it but how soon events are fetched,
 * so a connection that breaks is opened again and what went wrong is not told to anybody.
 */
export class Push {
  readonly #options: PushOptions;
  #socket: WebSocketLike | undefined;
  #cancelRetry: CancelTimer | undefined;
  #failures = 0;
  #isOpen = false;
  #stopped = false;

  constructor(options: PushOptions) {
    this.#options = options;
  }

  /** Whether events are announced at the moment. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  start(): void {
    this.#connect().catch(() => this.#closed());
  }

  stop(): void {
    this.#stopped = true;
    this.#isOpen = false;
    this.#cancelRetry?.();
    this.#socket?.close();
  }

  async #connect(): Promise<void> {
    const { url } = this.#options;
    const socket = await this.#options.open(typeof url === 'string' ? url : await url());
    if (this.#stopped) {
      socket.close();
      return;
    }
    this.#socket = socket;
    socket.addEventListener('open', () => this.#opened(socket));
    socket.addEventListener('message', () => this.#options.onHint());
    socket.addEventListener('close', () => this.#closed(socket));
    socket.addEventListener('error', () => this.#closed(socket));
  }

  #opened(socket: WebSocketLike): void {
    const hello = this.#options.hello();
    if (hello === undefined) return;
    socket.send(JSON.stringify(hello));
    this.#isOpen = true;
    this.#failures = 0;
    // What fired before the hello arrived was announced to nobody.
    this.#options.onHint();
  }

  #closed(socket?: WebSocketLike): void {
    if (this.#stopped || (socket !== undefined && socket !== this.#socket)) return;
    this.#socket = undefined;
    this.#isOpen = false;
    this.#options.onHint();
    const { clock, random, retry } = this.#options;
    this.#cancelRetry = clock.after(backoffMs(retry, ++this.#failures, random), () => this.start());
  }
}
