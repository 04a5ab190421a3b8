import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls';
import {
  FrameReader,
  JuteReader,
  JuteWriter,
  REPLY_BYTES_MAX,
  readConnectResponse,
  writeConnectRequest,
  type ConnectRequest,
  type ConnectResponse,
} from '../../wire/index.js';
import type { ServerAddress } from './servers.js';

export type { TlsOptions };

/** Opens a socket to a server. It need not be connected yet; it fails through its `error` event. */
export type Dial = (address: ServerAddress) => Socket;

/** Plain TCP, or TLS when options for it are given. */
export function dialer(tls?: TlsOptions): Dial {
  if (tls === undefined) return ({ host, port }) => connectTcp({ host, port });
  return ({ host, port }) => connectTls({ servername: host, ...tls, host, port });
}

/** What a channel tells its owner. After onClose nothing more comes. */
export interface ChannelHandlers {
  /** The server's answer to the handshake. */
  onConnected(response: ConnectResponse): void;
  /** A frame after the handshake. A throw breaks the channel. */
  onFrame(frame: Buffer): void;
  /** Called once, however the channel ends. */
  onClose(reason: Error): void;
}

/** One TCP connection to one server: the handshake, then frames both ways. It is not opened again. */
export class Channel {
  /** Requests are written here; {@link flushSoon} sends them. */
  readonly writer = new JuteWriter();
  readonly #socket: Socket;
  readonly #handlers: ChannelHandlers;
  readonly #frames = new FrameReader(REPLY_BYTES_MAX);
  #greeted = false;
  #closed = false;
  #flushing = false;

  constructor(socket: Socket, handlers: ChannelHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy(new Error('the server closed the connection')));
  }

  /** Sends the handshake; the socket keeps it until it is connected. */
  greet(request: ConnectRequest): void {
    this.writer.beginFrame();
    writeConnectRequest(this.writer, request);
    this.writer.endFrame();
    this.#flush();
  }

  /** Sends what has been written, after the requests that are made in the same turn have joined it. */
  flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  /** Ends the channel at once. Calling it again does nothing. */
  destroy(reason: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    this.#handlers.onClose(reason);
  }

  #flush(): void {
    this.#flushing = false;
    if (!this.#closed && this.writer.pending > 0) this.#socket.write(this.writer.take());
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#frames.push(chunk)) {
        if (this.#closed) return;
        this.#handle(frame);
      }
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #handle(frame: Buffer): void {
    if (this.#greeted) {
      this.#handlers.onFrame(frame);
      return;
    }
    this.#greeted = true;
    this.#handlers.onConnected(readConnectResponse(new JuteReader(frame)));
  }
}
