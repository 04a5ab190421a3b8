import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Dice } from './dice.js';
import type { SimProcess } from './process.js';

const LATENCY_MS_MIN = 1;
const LATENCY_MS_MAX = 4;

/**
 * One end of a connection, as far as gateway and client use a socket: bytes arrive in order and late, and wait while the process that they
 * are for is frozen or has paused the socket. Who is cut off hears nothing more: not even that.
 */
class SimSocket extends EventEmitter {
  readonly process: SimProcess;
  readonly remoteAddress: string;
  readonly remotePort = 0;
  readonly writableLength = 0;
  readonly writableNeedDrain = false;
  peer: SimSocket | undefined;
  #dice: Dice;
  #destroyed = false;
  #broken = false;
  #ended = false;
  #paused = false;
  #corked: Buffer[] | undefined;
  #arrived: Buffer[] = [];
  #arrivesAtMs = 0;

  constructor(process: SimProcess, options: { readonly dice: Dice; readonly remoteAddress: string }) {
    super();
    this.process = process;
    this.#dice = options.dice;
    this.remoteAddress = options.remoteAddress;
  }

  get writable(): boolean {
    return !this.#destroyed && !this.#ended;
  }

  setNoDelay(): this {
    return this;
  }

  isPaused(): boolean {
    return this.#paused;
  }

  pause(): this {
    this.#paused = true;
    return this;
  }

  resume(): this {
    this.#paused = false;
    this.process.after(0, () => this.#drain());
    return this;
  }

  cork(): void {
    this.#corked ??= [];
  }

  uncork(): void {
    const corked = this.#corked;
    this.#corked = undefined;
    if (corked !== undefined && corked.length > 0) this.write(Buffer.concat(corked));
  }

  write(bytes: Uint8Array): boolean {
    if (this.#destroyed || this.#ended) return true;
    const copy = Buffer.from(bytes);
    if (this.#corked !== undefined) this.#corked.push(copy);
    else this.#toPeer((peer) => peer.#receive(copy));
    return true;
  }

  end(): this {
    this.uncork();
    if (this.#destroyed || this.#ended) return this;
    this.#ended = true;
    this.#toPeer((peer) => peer.#peerEnded());
    return this;
  }

  destroy(error?: Error): this {
    if (this.#destroyed) return this;
    this.#destroyed = true;
    this.#toPeer((peer) => peer.#close());
    this.process.after(0, () => {
      if (error !== undefined) this.emit('error', error);
      this.emit('close');
    });
    return this;
  }

  /** The network breaks the connection; both ends find out. */
  cut(): void {
    this.process.after(1, () => this.#close());
    const { peer } = this;
    if (peer !== undefined) peer.process.after(1, () => peer.#close());
  }

  #toPeer(deliver: (peer: SimSocket) => void): void {
    const { peer, process } = this;
    if (peer === undefined) return;
    // A stream has no holes: a connection that has lost something says nothing any more, and its ends find out by themselves.
    if (process.partitioned || peer.process.partitioned) this.#broken = peer.#broken = true;
    if (this.#broken) return;
    const { scheduler } = process;
    const latencyMs = this.#dice.between(LATENCY_MS_MIN, LATENCY_MS_MAX);
    this.#arrivesAtMs = Math.max(this.#arrivesAtMs, scheduler.nowMs + latencyMs);
    peer.process.after(this.#arrivesAtMs - scheduler.nowMs, () => deliver(peer));
  }

  #receive(bytes: Buffer): void {
    if (this.#destroyed) return;
    this.#arrived.push(bytes);
    this.#drain();
  }

  #drain(): void {
    while (!this.#paused && !this.#destroyed) {
      const bytes = this.#arrived.shift();
      if (bytes === undefined) return;
      this.emit('data', bytes);
    }
  }

  #peerEnded(): void {
    if (!this.#destroyed) this.emit('end');
    // A client of TCP that has read to the end closes its own side.
    if (this.listenerCount('end') === 0) this.destroy();
  }

  #close(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.emit('close');
  }
}

export interface Connection {
  readonly socket: Socket;
  readonly cut: () => void;
}

/** Connects two processes. `accept` gets the server's end, after the way there. */
export function connectSockets(options: {
  readonly client: SimProcess;
  readonly server: SimProcess | undefined;
  readonly dice: Dice;
  readonly accept: (socket: Socket) => void;
}): Connection {
  const { client, server, dice, accept } = options;
  const near = new SimSocket(client, { dice, remoteAddress: '10.0.0.1' });
  // Gateway and client use nothing of a socket but what SimSocket has.
  const socket = near as unknown as Socket;
  const isReachable = server !== undefined && server.isAlive && !server.partitioned && !client.partitioned;
  if (!isReachable) {
    client.after(dice.between(1, 20), () => near.destroy(new Error('connection refused')));
    return { socket, cut: () => undefined };
  }
  const far = new SimSocket(server, { dice, remoteAddress: '10.0.0.2' });
  near.peer = far;
  far.peer = near;
  server.after(1, () => accept(far as unknown as Socket));
  return { socket, cut: () => near.cut() };
}
