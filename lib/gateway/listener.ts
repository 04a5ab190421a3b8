import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type TlsOptions,
  type Server as TlsServer,
  type TLSSocket,
} from 'node:tls';

import type { Logger } from '../base/logger.js';

export interface ListenAt {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Connections that wait to be accepted; otherwise the system's choice. */
  readonly backlog?: number;
}

export interface ListenerOptions {
  readonly logger: Logger;
  /** Whether a connection from its address is let in. A false one is hung up at once, before it costs anything. */
  readonly admit: (socket: Socket) => boolean;
  /** Takes a connection whose bytes are the client's: with TLS, after its handshake. */
  readonly accept: (socket: Socket) => void;
  readonly tls?: {
    readonly options: TlsOptions;
    readonly handshakeTimeoutMs: number;
    readonly onFailure: () => void;
  };
}

/** One port that clients connect to, with TLS or without. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #tls: TlsServer | undefined;
  /** Connections whose TLS handshake is under way, by their client's address and port. */
  readonly #shaking = new Map<string, Socket>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#tls = options.tls === undefined ? undefined : this.#newTls(options.tls);
    // A client that closes its side after a four-letter word still gets its answer.
    this.#server = createTcpServer({ allowHalfOpen: true }, (socket) => this.#connected(socket));
  }

  /** TLS handshakes under way. */
  get shaking(): number {
    return this.#shaking.size;
  }

  /** Resolves with the address when clients can connect; rejects when it cannot be had. */
  async listen({ host, port, backlog }: ListenAt): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, ...(backlog !== undefined && { backlog }) }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#server.on('error', (error) => this.#options.logger.error('accept failed', { error }));
    return this.#server.address() as AddressInfo;
  }

  /** For the connections that come from now on. */
  useCertificates(options: TlsOptions): void {
    this.#tls?.setSecureContext(options);
  }

  /** Accepts nothing further. Resolves when the connections that it accepted are gone. */
  async close(): Promise<void> {
    for (const socket of this.#shaking.values()) socket.destroy();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #connected(socket: Socket): void {
    if (!this.#options.admit(socket)) {
      socket.on('error', () => undefined);
      socket.destroy();
    } else if (this.#tls === undefined) this.#options.accept(socket);
    else this.#shake(this.#tls, socket);
  }

  #shake(tls: TlsServer, socket: Socket): void {
    const peer = peerOf(socket);
    this.#shaking.set(peer, socket);
    socket.once('close', () => this.#shaking.delete(peer));
    tls.emit('connection', socket);
  }

  #newTls(tls: NonNullable<ListenerOptions['tls']>): TlsServer {
    const options = { ...tls.options, allowHalfOpen: true, handshakeTimeout: tls.handshakeTimeoutMs };
    const server = createTlsServer(options, (socket) => {
      if (isWelcome(socket)) this.#options.accept(socket);
      else socket.destroy();
    });
    server.on('tlsClientError', (error, socket) => {
      tls.onFailure();
      this.#options.logger.debug('a TLS handshake failed', { peer: socket.remoteAddress, error });
      socket.destroy();
    });
    return server;
  }
}

/** Who need not show a certificate must not show a wrong one. */
function isWelcome(socket: TLSSocket): boolean {
  return socket.authorized || socket.getPeerX509Certificate() === undefined;
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`;
}
