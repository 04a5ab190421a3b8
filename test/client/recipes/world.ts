/** ZooKeepers of every kind for the recipes' specifications, and clients whose way there can be broken. */
import { connect as dial, createServer, type AddressInfo, type Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { systemClock, type Clock } from '../../../lib/base/clock.js';
import { connect, type ClientOptions, type ZeroKeeperClient } from '../../../lib/client/index.js';
import { startEmulator, type MemoryEmulator } from '../../../lib/emulator/index.js';
import type { SimulatedStore } from '../../../lib/log/simulated-store.js';

export type WorldKind = 'tcp' | 'lambda' | 'direct' | 'zookeeper';
type PeerOptions = Omit<ClientOptions, 'clock' | 'chroot'>;

/** A client and its way to the servers. */
export interface Peer {
  readonly client: ZeroKeeperClient;
  /** Nothing gets through until {@link heal}. */
  cut(): void;
  heal(): void;
  /** The next answer is lost, after the request was carried out. */
  loseNextReply(): void;
}

export interface World {
  readonly kind: WorldKind;
  readonly clock: Clock;
  /** A path of this test alone; it does not exist yet. */
  readonly base: string;
  /** A client with a session of ten seconds, closed after the test. */
  open(options?: PeerOptions): Promise<ZeroKeeperClient>;
  openPeer(options?: PeerOptions): Promise<Peer>;
  /** Moves time on. Only where {@link canAdvance}. */
  advance(byMs: number): Promise<void>;
  readonly canAdvance: boolean;
  readonly emulator: MemoryEmulator | undefined;
}

/** Runs the specification against each kind of server: a real ZooKeeper, too, where ZK_TARGET names one. */
export function describeOnAll(what: string, specify: (world: World) => void): void {
  const zookeeper = process.env['ZK_TARGET'];
  const kinds: WorldKind[] = ['tcp', 'lambda', 'direct'];
  for (const kind of zookeeper === undefined ? kinds : [...kinds, 'zookeeper' as const]) {
    const name = kind === 'zookeeper' ? 'tcp to ZooKeeper' : kind;
    describe(`${what}, over ${name}`, () => {
      const world = new RunningWorld(kind, zookeeper);
      beforeAll(() => world.start());
      afterEach(() => world.closeClients());
      afterAll(() => world.stop());
      specify(world);
    });
  }
}

class RunningWorld implements World {
  readonly kind: WorldKind;
  emulator: MemoryEmulator | undefined;
  base = `/${randomUUID()}`;
  readonly #zookeeper: string | undefined;
  readonly #clients: ZeroKeeperClient[] = [];
  readonly #closers: (() => void)[] = [];

  constructor(kind: WorldKind, zookeeper: string | undefined) {
    this.kind = kind;
    this.#zookeeper = zookeeper;
  }

  get clock(): Clock {
    return this.emulator?.clock ?? systemClock;
  }

  get canAdvance(): boolean {
    return this.kind !== 'zookeeper';
  }

  async start(): Promise<void> {
    if (this.kind !== 'zookeeper') this.emulator = await startEmulator();
  }

  async open(options?: PeerOptions): Promise<ZeroKeeperClient> {
    return (await this.openPeer(options)).client;
  }

  async openPeer(options: PeerOptions = {}): Promise<Peer> {
    const retry = { backoffMinMs: 5, backoffMaxMs: 50 };
    const peer = await this.#connect({ sessionTimeoutMs: 10_000, retry, ...options });
    this.#clients.push(peer.client);
    this.#closers.push(() => peer.heal());
    return peer;
  }

  advance(byMs: number): Promise<void> {
    if (this.emulator === undefined) throw new Error('the time of a real server does not move on');
    return this.emulator.advanceTime(byMs);
  }

  async closeClients(): Promise<void> {
    for (const close of this.#closers.splice(0)) close();
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
    this.base = `/${randomUUID()}`;
  }

  async stop(): Promise<void> {
    await this.emulator?.stop();
  }

  #connect(options: PeerOptions): Promise<Peer> {
    switch (this.kind) {
      case 'lambda':
        return lambdaPeer(this.#running, options);
      case 'direct':
        return directPeer(this.#running, options);
      case 'tcp':
        return tcpPeer(this.#running.endpoints.tcp[0]!, options, this.clock);
      case 'zookeeper':
        return tcpPeer(this.#zookeeper!, options, systemClock);
    }
  }

  get #running(): MemoryEmulator {
    if (this.emulator === undefined) throw new Error('the emulator does not run');
    return this.emulator;
  }
}

async function lambdaPeer(emulator: MemoryEmulator, options: PeerOptions): Promise<Peer> {
  const shared = emulator.connectOptions('lambda');
  const network = { isCut: false, losesNext: false };
  const inner = shared.client!;
  const client = await connect({
    ...shared,
    ...options,
    client: {
      async send(command: never, how: { readonly abortSignal: AbortSignal }) {
        if (network.isCut) throw new Error('the network is down');
        const answer = await inner.send(command, how);
        if (!network.losesNext && !network.isCut) return answer;
        network.losesNext = false;
        throw new Error('the reply was lost');
      },
    },
  });
  return {
    client,
    cut: () => {
      network.isCut = true;
    },
    heal: () => {
      network.isCut = false;
    },
    loseNextReply: () => {
      network.losesNext = true;
    },
  };
}

async function directPeer(emulator: MemoryEmulator, options: PeerOptions): Promise<Peer> {
  const shared = emulator.connectOptions('direct');
  const store = (shared.store as SimulatedStore).connect();
  const client = await connect({ ...shared, ...options, store });
  const setFaults = (faults: { lostReply: number; lostRequest: number }) =>
    Object.assign(store.faults, faults);
  return {
    client,
    cut: () => setFaults({ lostReply: 0, lostRequest: 1 }),
    heal: () => setFaults({ lostReply: 0, lostRequest: 0 }),
    loseNextReply: () => {
      setFaults({ lostReply: 1, lostRequest: 0 });
      setImmediate(() => setFaults({ lostReply: 0, lostRequest: 0 }));
    },
  };
}

/** By a proxy of its own, because what is to be lost are the server's answers. */
async function tcpPeer(server: string, options: PeerOptions, clock: Clock): Promise<Peer> {
  const proxy = await Proxy.listen(server);
  const client = await connect({ transport: 'tcp', servers: proxy.address, clock, ...options });
  return {
    client,
    cut: () => proxy.cut(),
    heal: () => {
      proxy.isCut = false;
    },
    loseNextReply: () => {
      proxy.losesNext = true;
    },
  };
}

class Proxy {
  address = '';
  isCut = false;
  losesNext = false;
  readonly #sockets = new Set<Socket>();
  readonly #target: { readonly host: string; readonly port: number };

  private constructor(server: string) {
    const at = server.lastIndexOf(':');
    this.#target = { host: server.slice(0, at), port: Number(server.slice(at + 1)) };
  }

  static async listen(server: string): Promise<Proxy> {
    const proxy = new Proxy(server);
    const listener = createServer((socket) => proxy.#accept(socket));
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    listener.unref();
    proxy.address = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
    return proxy;
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(inbound: Socket): void {
    if (this.isCut) {
      inbound.destroy();
      return;
    }
    const outbound = dial(this.#target);
    for (const socket of [inbound, outbound]) this.#keep(socket);
    const end = () => {
      inbound.destroy();
      outbound.destroy();
    };
    inbound.on('close', end).on('data', (chunk) => outbound.write(chunk));
    outbound.on('close', end).on('data', (chunk) => {
      if (!this.losesNext) inbound.write(chunk);
      else {
        this.losesNext = false;
        end();
      }
    });
  }

  #keep(socket: Socket): void {
    socket.setNoDelay(true);
    this.#sockets.add(socket);
    // What breaks is told by `close`, too.
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
  }
}

/** Resolves when the signal aborts, with its reason. */
export function abortOf(signal: AbortSignal): Promise<unknown> {
  if (signal.aborted) return Promise.resolve(signal.reason);
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });
}

/** Whether the promise is still pending after everything that is ready has run. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  const turn = new Promise((resolve) => setImmediate(() => resolve(pending)));
  return (await Promise.race([promise, turn])) === pending;
}
