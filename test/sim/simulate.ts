import { createHash } from 'node:crypto';
import { Keeper } from '../../lib/keeper/keeper.js';
import type { TransportKind } from '../../lib/client/transport.js';
import { NO_SESSION, OPEN_ACL, type MultiOperation } from '../../lib/core/types.js';
import { checkRun, type Run } from './checkers/index.js';
import { SimClient } from './clients.js';
import { History, render, type Records } from './history.js';
import { Nemesis } from './nemesis.js';
import { scenarioOf, type Scenario } from './scenarios.js';
import { LogReader } from './log.js';
import type { FaultKind } from './world/faults.js';
import { NAMESPACE } from './world/ground.js';
import { World } from './world/world.js';
import { PERMANENT, Workload } from './workload.js';

export interface SimulationOptions {
  readonly seed: number;
  /** Events of the world while faults happen. */
  readonly steps: number;
  /** By default what the seed says. */
  readonly scenario?: string | undefined;
  /** Kinds of faults that are left out. */
  readonly without?: readonly FaultKind[] | undefined;
  /** Clients at most. */
  readonly clients?: number | undefined;
  /** Breaks something before the clients begin: how it is shown that the checkers would find it. */
  readonly meddle?: ((world: World) => void) | undefined;
}

export interface SimulationResult {
  readonly seed: number;
  readonly scenario: string;
  /** Events of the world in all, from the first to the last. */
  readonly steps: number;
  readonly calls: number;
  readonly answered: number;
  readonly transactions: number;
  /** The same for the same run, byte for byte. */
  readonly digest: string;
  /** How often each kind of fault happened; kinds that did not are left out. */
  readonly faults: ReadonlyMap<FaultKind, number>;
  /** Of the history, in words. None: all is well. */
  readonly violations: readonly string[];
  readonly history: Records;
  /** What the checkers looked at. */
  readonly run: Run;
}

/** What is under way is answered, and every session over, so long after the last fault. Virtual ms. */
const SETTLE_MS_MAX = 180_000;
/** Blobs may be garbage for days before anybody looks. */
const GARBAGE_LEAP_MS = 4 * 24 * 3600_000;
const GARBAGE_ROUNDS_MS = 200_000;

/** One run of the whole system in a world of its own, and what the checkers say of it. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const simulation = new Simulation(options);
  try {
    return await simulation.run();
  } finally {
    simulation.end();
  }
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #scenario: Scenario;
  readonly #world: World;
  readonly #history: History;
  readonly #workload: Workload;
  readonly #kinds: readonly TransportKind[];
  readonly #log: LogReader;
  #clients: SimClient[] = [];
  readonly #onRejection = (error: unknown) => this.#world.ground.problem(`nobody caught ${String(error)}`);

  constructor(options: SimulationOptions) {
    this.#options = options;
    const scenario = scenarioOf(options);
    this.#scenario = scenario;
    this.#world = new World({ seed: options.seed, rates: scenario.rates, gateways: scenario.gateways });
    const { scheduler, fires, tables } = this.#world.ground;
    this.#log = new LogReader(tables, NAMESPACE);
    this.#history = new History(scheduler);
    tables.onChange(({ table, keys }) => {
      if (table !== 'log') return;
      const last = tables.get(table, keys).result?.['last'];
      if (typeof last === 'number') this.#history.appended(last);
    });
    this.#workload = new Workload({ history: this.#history, fires, ...scenario.workload });
    this.#kinds = scenario.clients.slice(0, options.clients ?? Infinity);
    process.on('unhandledRejection', this.#onRejection);
  }

  end(): void {
    process.off('unhandledRejection', this.#onRejection);
  }

  async run(): Promise<SimulationResult> {
    const { ground } = this.#world;
    await this.#found();
    this.#options.meddle?.(this.#world);
    ground.stir();
    this.#clients = this.#kinds.map((kind) => this.#client(kind));
    const victims = () => ({
      clients: this.#clients,
      replaceClient: (client: SimClient) => this.#replace(client),
    });
    const nemesis = new Nemesis(this.#world, { history: this.#history, victims });
    const begin = ground.scheduler.executed;
    while (ground.scheduler.executed - begin < this.#options.steps) await ground.scheduler.step();
    ground.calm();
    nemesis.stop();
    this.#history.note('from now on nothing goes wrong');
    await this.#settle();
    return this.#result();
  }

  #client(kind: TransportKind): SimClient {
    return new SimClient(this.#world, { kind, history: this.#history, workload: this.#workload });
  }

  #replace(client: SimClient): void {
    this.#clients = this.#clients.map((one) => (one === client ? this.#client(client.kind) : one));
  }

  /** The znodes that are there from the beginning. */
  async #found(): Promise<void> {
    const { ground } = this.#world;
    const process = ground.process('founder');
    const { clock } = process;
    const options = {
      store: ground.store(process),
      namespace: NAMESPACE,
      clock,
      random: ground.dice.fork().random,
    };
    const keeper = new Keeper(options);
    const operations = PERMANENT.map((path): MultiOperation => {
      return { kind: 'create', path, data: Buffer.from('founded'), acl: OPEN_ACL, mode: 'persistent' };
    });
    const write = keeper
      .start()
      .then(() => keeper.write({ kind: 'multi', operations }, { session: NO_SESSION, epoch: 0, authIds: [] }))
      .then(() => keeper.stop());
    await this.#until('the first znodes', write);
  }

  /** Lets everybody finish, waits until all that is owed has been done, and looks what is left after days. */
  async #settle(): Promise<void> {
    const { ground, gateways } = this.#world;
    for (const client of this.#clients) client.stop();
    await this.#until('the clients', Promise.all(this.#clients.map(({ done }) => done)));
    await this.#untilTrue('the sessions of those who died', async () => {
      await this.#log.catchUp();
      return this.#log.state.sessions().next().done === true;
    });
    gateways.stop();
    // Twice: instances that slept until the first may leave something behind when they go on.
    for (let round = 0; round < 2; round++) {
      ground.scheduler.leap(GARBAGE_LEAP_MS);
      const endMs = ground.scheduler.nowMs + GARBAGE_ROUNDS_MS;
      while (await ground.scheduler.step(endMs));
    }
  }

  async #until(what: string, promise: Promise<unknown>): Promise<void> {
    let settled = false;
    const settle = () => (settled = true);
    promise.then(settle, settle);
    await new Promise((resolve) => setImmediate(resolve));
    const isSettled = () => settled;
    await this.#untilTrue(what, isSettled);
    if (isSettled()) await promise;
  }

  async #untilTrue(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
    const { ground } = this.#world;
    const { scheduler } = ground;
    const endMs = scheduler.nowMs + SETTLE_MS_MAX;
    for (;;) {
      if (await isTrue()) return;
      if (!(await scheduler.step(endMs))) {
        ground.problem(`liveness: ${what} did not come to an end within ${SETTLE_MS_MAX} ms`);
        return;
      }
    }
  }

  async #result(): Promise<SimulationResult> {
    const { ground } = this.#world;
    const { seed } = this.#options;
    await this.#log.catchUp();
    const log = this.#log;
    const run: Run = { history: this.#history, log, tables: ground.tables, namespace: NAMESPACE };
    const violations = [...ground.problems, ...checkRun(run)];
    const { calls } = this.#history;
    return {
      seed,
      scenario: this.#scenario.name,
      steps: ground.scheduler.executed,
      calls: calls.length,
      answered: calls.filter(({ outcome }) => outcome?.kind === 'answer').length,
      transactions: log.transactions.length,
      faults: ground.fired,
      digest: digestOf(this.#history, ground.scheduler.digest),
      violations,
      history: this.#history,
      run,
    };
  }
}

function digestOf(history: Records, schedule: number): string {
  const hash = createHash('sha256').update(String(schedule));
  for (const line of render(history)) hash.update(line);
  return hash.digest('hex').slice(0, 32);
}
