import type { Socket } from 'node:net';
import { openGateway } from '../../../lib/gateway/open.js';
import type { GatewaySettings } from '../../../lib/gateway/config/settings.js';
import type { Gateway } from '../../../lib/gateway/gateway.js';
import type { Dice } from './dice.js';
import { NAMESPACE, type Ground } from './ground.js';
import type { SimProcess } from './process.js';
import { connectSockets, type Connection } from './sockets.js';

/** A dead gateway is started again after this long. */
const RESTART_MS_MAX = 20_000;
const FOLLOW_IDLE_MS = 250;
/** No port: connections are brought to it. */
const SETTINGS: GatewaySettings = {
  limits: {},
  auth: {},
  audit: false,
  fourLetterWords: [],
  enforceQuota: false,
  advertisedAddress: 'gateway:2181',
  drainTimeoutMs: 0,
};

interface Running {
  readonly process: SimProcess;
  gateway: Gateway | undefined;
}

/** The gateways, each at an address of its own; one that dies is started anew there, as a new process. */
export class SimGateways {
  readonly #ground: Ground;
  readonly #running: Running[] = [];
  readonly #dice: Dice;
  #stopped = false;
  readonly #connections: (Connection & { readonly server: SimProcess | undefined })[] = [];

  constructor(ground: Ground, count: number) {
    this.#ground = ground;
    this.#dice = ground.dice.fork();
    for (let index = 0; index < count; index++) this.#start(index);
  }

  processes(): SimProcess[] {
    return this.#running.map(({ process }) => process);
  }

  /** As a client's `dial`: the port is the gateway's number. */
  dial(client: SimProcess, port: number): Socket {
    const running = this.#running[port - 1];
    const connection = connectSockets({
      client,
      server: running?.gateway === undefined ? undefined : running.process,
      dice: this.#dice,
      accept: (socket) => running?.gateway?.accept(socket),
    });
    this.#connections.push({ ...connection, server: running?.process });
    if (this.#connections.length > 50) this.#connections.shift();
    return connection.socket;
  }

  get count(): number {
    return this.#running.length;
  }

  kill(process: SimProcess): void {
    const index = this.#running.findIndex((one) => one.process === process);
    // One that is dead is started anew once: whom nobody knows any more, nobody can stop.
    if (index < 0 || !process.isAlive) return;
    // A process that is killed has its connections closed; a machine that is gone has not.
    if (this.#dice.chance(0.5)) {
      for (const { server, cut } of this.#connections) if (server === process) cut();
    }
    process.kill();
    this.#running[index]!.gateway = undefined;
    this.#ground.scheduler.after(this.#dice.between(200, RESTART_MS_MAX), () => this.#start(index));
  }

  /** They end, and none is started again. */
  stop(): void {
    this.#stopped = true;
    for (const { process } of this.#running) process.kill();
  }

  cutConnection(): void {
    if (this.#connections.length === 0) return;
    this.#ground.happened('socketCut');
    this.#dice.pick(this.#connections).cut();
  }

  #start(index: number): void {
    if (this.#stopped) return;
    const process = this.#ground.process('gateway');
    const running: Running = { process, gateway: undefined };
    this.#running[index] = running;
    this.#open(running).catch((error: unknown) => {
      // A gateway that does not come up is started again, as its supervisor would do.
      this.#ground.thrown(`${process.name} did not start`, error);
      this.kill(process);
    });
  }

  async #open(running: Running): Promise<void> {
    const { process } = running;
    const { clock } = process;
    await openGateway({
      ...{ store: this.#ground.store(process), clock, random: this.#ground.dice.fork().random },
      logger: this.#ground.logger(process.name),
      isClockTrusted: () => clock.trusted,
      ...{ namespace: NAMESPACE, settings: SETTINGS, followIdleMs: FOLLOW_IDLE_MS },
      onServing: (gateway) => {
        running.gateway = gateway;
      },
    });
  }
}
