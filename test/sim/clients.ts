import { sleep } from '../../lib/base/clock.js';
import { retryPolicy } from '../../lib/client/backoff.js';
import type { ZeroKeeperClient } from '../../lib/client/client.js';
import { connectOver } from '../../lib/client/connect.js';
import { createDirectTransport } from '../../lib/client/direct/index.js';
import { ZeroKeeperError } from '../../lib/client/errors.js';
import type { Transport, TransportKind } from '../../lib/client/transport.js';
import { LambdaTransport } from '../../lib/client/transports/lambda/lambda-transport.js';
import { TcpTransport } from '../../lib/client/transports/tcp/tcp-transport.js';
import type { History, SessionHistory } from './history.js';
import { RecordingTransport } from './recording.js';
import type { Dice } from './world/dice.js';
import { NAMESPACE } from './world/ground.js';
import type { SimProcess } from './world/process.js';
import type { World } from './world/world.js';
import type { Workload } from './workload.js';

const CONNECT_TIMEOUT_MS = 20_000;
/** When all is well again, everybody gets an answer within this time. */
const FINALE_MS = 60_000;

/** An application: a process with one client after the other, which works until it is told to stop. */
export class SimClient {
  readonly process: SimProcess;
  readonly kind: TransportKind;
  readonly #world: World;
  readonly #history: History;
  readonly #workload: Workload;
  readonly #dice: Dice;
  #stopping = false;
  /** The session that it has, while it has one. */
  current: { readonly client: ZeroKeeperClient; readonly record: SessionHistory } | undefined;
  /** Resolves when it has stopped; a dead process's never does. */
  readonly done: Promise<void>;

  constructor(world: World, options: { kind: TransportKind; history: History; workload: Workload }) {
    this.#world = world;
    this.kind = options.kind;
    this.#history = options.history;
    this.#workload = options.workload;
    this.process = world.ground.process(options.kind);
    this.#dice = world.ground.dice.fork();
    this.done = this.#run().catch((error: unknown) =>
      world.ground.thrown(`${this.process.name} ended`, error),
    );
  }

  /** No new work: what is under way comes to its end, and the session is closed. */
  stop(): void {
    this.#stopping = true;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      await this.#session();
      await sleep(this.process.clock, this.#dice.between(1, 2_000));
    }
  }

  async #session(): Promise<void> {
    const { process } = this;
    const transport = new RecordingTransport(this.#transport(), {
      history: this.#history,
      client: process.name,
    });
    let client: ZeroKeeperClient;
    try {
      client = await connectOver(transport, {
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        clock: process.clock,
        random: this.#dice.fork().random,
      });
    } catch (error) {
      this.#look('connecting', error);
      return;
    }
    this.current = { client, record: transport.record };
    client.on('error', (error) => this.#world.ground.thrown(`a listener of ${process.name}`, error));
    const { clock } = process;
    const worker = { clock, dice: this.#dice, record: transport.record, look: this.#look };
    while (!this.#stopping && !isOver(client)) {
      await this.#workload.burst(client, worker);
      await sleep(clock, this.#dice.between(0, this.#workload.pauseMsMax));
      if (this.#dice.chance(0.01)) break;
    }
    if (!isOver(client) && this.#stopping) await this.#finale(client);
    this.current = undefined;
    await client.close();
  }

  /** Sees everything that there is to see, so that whatever is due to it has been told. */
  async #finale(client: ZeroKeeperClient): Promise<void> {
    const { clock } = this.process;
    const endMs = clock.monotonic() + FINALE_MS;
    while (!isOver(client) && clock.monotonic() < endMs) {
      const isDone = await client.sync('/', { timeoutMs: FINALE_MS }).then(
        () => true,
        (error: unknown) => this.#look('the last sync', error),
      );
      if (isDone === true) return;
      await sleep(clock, 500);
    }
    if (!isOver(client))
      this.#world.ground.problem(`liveness: ${this.process.name} gets no answer though all is well`);
  }

  readonly #look = (what: string, error: unknown): void => {
    // A client's errors are for its application; SystemError is what a bug looks like from there.
    if (error instanceof ZeroKeeperError && error.name !== 'SystemError') return;
    this.#world.ground.problem(
      `${this.process.name}, ${what}: ${String(error)} ${String((error as Error).cause)}`,
    );
  };

  #transport(): Transport {
    const { clock } = this.process;
    const random = this.#dice.fork().random;
    const sessionTimeoutMs = this.#dice.pick([4_000, 6_000, 10_000]);
    const common = { sessionTimeoutMs, closeTimeoutMs: 2_000, clock, random };
    switch (this.kind) {
      case 'direct':
        return createDirectTransport({
          ...common,
          store: this.#world.ground.store(this.process),
          namespace: NAMESPACE,
          retry: retryPolicy(),
        });
      case 'tcp':
        return new TcpTransport({
          ...common,
          servers: this.#world.servers(),
          auth: [],
          dial: ({ port }) => this.#world.gateways.dial(this.process, port),
        });
      case 'lambda':
        return new LambdaTransport({
          ...common,
          invoke: (payload) => this.#world.invokeApi(this.process, payload),
          invokeTimeoutMs: Math.min(3_000, sessionTimeoutMs / 2),
          pollMs: 500,
          retry: retryPolicy(),
        });
    }
  }
}

export function isOver(client: ZeroKeeperClient): boolean {
  return client.state === 'lost' || client.state === 'closed';
}
