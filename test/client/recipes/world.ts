/** ZooKeepers of every kind for the recipes' specifications, and clients whose way there can be broken. */
import { connect as dial, createServer, type AddressInfo, type Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { systemClock, type Clock } from '../../../lib/base/clock.js';
import { silentLogger } from '../../../lib/base/logger.js';
import { connect, type ClientOptions, type ZeroKeeperClient } from '../../../lib/client/index.js';
import { startEmulator, type MemoryEmulator } from '../../../lib/emulator/index.js';
import { FRAME_BYTES_MAX, FrameReader, operationName } from '../../../lib/wire/index.js';
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
  /** What it has sent, by the protocol's names, without heartbeats; over tcp only. */
  readonly requests: string[];
}

export interface World {
  readonly kind: WorldKind;
  readonly clock: Clock;
  /** A path of this test alone; it does not exist yet. */
  readonly base: string;
  /** A client with a session of half a minute that no other test uses meanwhile. */
  open(options?: PeerOptions): Promise<ZeroKeeperClient>;
  openPeer(options?: PeerOptions): Promise<Peer>;
  /** Moves time on. Only where {@link canAdvance}. */
  advance(byMs: number): Promise<void>;
  readonly canAdvance: boolean;
  readonly emulator: MemoryEmulator | undefined;
}

/** Runs the specification against each kind of server: a real ZooKeeper, too, where ZK_TARGET names one. */
export function describeOnAll(
  what: string,
  specify: (world: World) => void,
  only?: readonly WorldKind[],
): void {
  const zookeeper = process.env['ZK_TARGET'];
  const kinds: WorldKind[] = ['tcp', 'lambda', 'direct'];
  for (const kind of zookeeper === undefined ? kinds : [...kinds, 'zookeeper' as const]) {
    if (only?.includes(kind) === false) continue;
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

const DEFAULTS = { sessionTimeoutMs: 30_000, retry: { backoffMinMs: 5, backoffMaxMs: 50 } } as const;

class RunningWorld implements World {
  readonly kind: WorldKind;
  emulator: MemoryEmulator | undefined;
  base = `/${randomUUID()}`;
  readonly #zookeeper: string | undefined;
  readonly #peers: Peer[] = [];
  /** Those of {@link open}: a session is dear, so the next test goes on with it. */
  readonly #busy: ZeroKeeperClient[] = [];
  readonly #idle: ZeroKeeperClient[] = [];

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
    if (this.kind !== 'zookeeper') this.emulator = await startEmulator({ logger: silentLogger });
  }

  async open(options?: PeerOptions): Promise<ZeroKeeperClient> {
    if (options !== undefined) return (await this.openPeer(options)).client;
    const idle = this.#idle.pop() ?? (await this.#connect(DEFAULTS)).client;
    this.#busy.push(idle);
    return idle;
  }

  async openPeer(options: PeerOptions = {}): Promise<Peer> {
    const peer = await this.#connect({ ...DEFAULTS, ...options });
    this.#peers.push(peer);
    return peer;
  }

  advance(byMs: number): Promise<void> {
    if (this.emulator === undefined) throw new Error('the time of a real server does not move on');
    return this.emulator.advanceTime(byMs);
  }

  async closeClients(): Promise<void> {
    for (const peer of this.#peers) peer.heal();
    await Promise.all(this.#peers.splice(0).map(({ client }) => client.close()));
    this.#idle.push(...this.#busy.splice(0).filter(({ state }) => state === 'connected'));
    this.base = `/${randomUUID()}`;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((client) => client.close()));
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
  const { functionName, endpoints } = emulator;
  const url = `${endpoints.lambda}/2015-03-31/functions/${functionName}/invocations`;
  const network: { isCut: boolean; losesNext: boolean } = { isCut: false, losesNext: false };
  const isCut = () => network.isCut;
  const client = await connect({
    ...{ transport: 'lambda', functionName, webSocketUrl: endpoints.webSocket, clock: emulator.clock },
    ...options,
    // By plain HTTP, which costs a tenth of what the AWS SDK does.
    invoke: async (payload, { signal }) => {
      if (isCut()) throw new Error('the network is down');
      const answer = await fetch(url, { method: 'POST', body: new Uint8Array(payload), signal });
      const answered = new Uint8Array(await answer.arrayBuffer());
      if (!network.losesNext && !isCut()) return { payload: answered };
      network.losesNext = false;
      throw new Error('the reply was lost');
    },
  });
  return {
    client,
    requests: [],
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
    requests: [],
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
    requests: proxy.requests,
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
  readonly requests: string[] = [];
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
    const frames = new FrameReader(FRAME_BYTES_MAX);
    let isGreeted = false;
    inbound.on('close', end).on('data', (chunk) => {
      outbound.write(chunk);
      for (const frame of frames.push(chunk)) {
        const name = operationName(frame.readInt32BE(4));
        if (isGreeted && name !== undefined && name !== 'ping') this.requests.push(name);
        isGreeted = true;
      }
    });
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
