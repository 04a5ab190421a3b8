import type { SimClient } from './clients.js';
import type { History } from './history.js';
import type { Dice } from './world/dice.js';
import type { SimProcess } from './world/process.js';
import type { World } from './world/world.js';

const PAUSE_MS_MIN = 200;
const PAUSE_MS_MAX = 4_000;
const FREEZE_MS_MAX = 15_000;
const PARTITION_MS_MAX = 15_000;
const SKEW_MS_MAX = 60_000;
const LEAP_MS_MAX = 40 * 3600_000;

export interface Victims {
  readonly clients: readonly SimClient[];
  /** Ends a client's process and begins another one. */
  readonly replaceClient: (client: SimClient) => void;
}

/** Does to processes what happens to processes: stops them, kills them, cuts them off, sets their clocks. */
export class Nemesis {
  readonly #world: World;
  readonly #history: History;
  readonly #victims: () => Victims;
  readonly #dice: Dice;
  readonly #frozen = new Set<SimProcess>();
  #stopped = false;

  constructor(world: World, options: { readonly history: History; readonly victims: () => Victims }) {
    this.#world = world;
    this.#history = options.history;
    this.#victims = options.victims;
    this.#dice = world.ground.dice.fork();
    this.#next();
  }

  /** Sets everything right again. */
  stop(): void {
    this.#stopped = true;
    for (const process of this.#processes()) process.partitioned = false;
    for (const process of this.#frozen) this.#thaw(process);
  }

  #next(): void {
    this.#world.ground.scheduler.after(this.#dice.between(PAUSE_MS_MIN, PAUSE_MS_MAX), () => {
      if (this.#stopped) return;
      this.#strike();
      this.#next();
    });
  }

  #processes(): SimProcess[] {
    const clients = this.#victims().clients.map(({ process }) => process);
    return [...clients, ...this.#world.gateways.processes(), ...this.#world.lambda.processes()];
  }

  #strike(): void {
    const rates = this.#world.ground.rates();
    const { freeze, kill, partition, clockStep, socketCut, coldStart } = rates;
    const kind = this.#dice.weighted({
      ...{ freeze, kill, partition, clockStep, socketCut, coldStart },
      leap: rates.leap * 0.05,
      nothing: 0.5,
    });
    const victim = this.#dice.pick(this.#processes());
    const { happened } = this.#world.ground;
    switch (kind) {
      case 'freeze':
        this.#freeze(victim);
        return;
      case 'kill':
        this.#kill(victim);
        return;
      case 'partition':
        this.#partition(victim);
        return;
      case 'clockStep':
        happened('clockStep');
        this.#note(`sets the clock of ${victim.name}`);
        victim.stepClock(this.#dice.between(-SKEW_MS_MAX, SKEW_MS_MAX));
        return;
      case 'socketCut':
        this.#world.gateways.cutConnection();
        return;
      case 'coldStart':
        happened('coldStart');
        this.#note('retires idle instances');
        this.#world.lambda.retireIdle();
        return;
      case 'leap':
        this.#leap();
        return;
      case 'nothing':
        return;
    }
  }

  #freeze(victim: SimProcess): void {
    if (!victim.isRunning) return;
    this.#world.ground.happened('freeze');
    this.#note(`freezes ${victim.name}`);
    this.#tell(victim, 'frozen');
    victim.freeze();
    this.#frozen.add(victim);
    this.#world.ground.scheduler.after(this.#dice.between(50, FREEZE_MS_MAX), () => this.#thaw(victim));
  }

  #thaw(victim: SimProcess): void {
    if (!this.#frozen.delete(victim)) return;
    this.#note(`thaws ${victim.name}`);
    this.#tell(victim, 'thawed');
    victim.thaw();
  }

  #kill(victim: SimProcess): void {
    this.#world.ground.happened('kill');
    this.#note(`kills ${victim.name}`);
    const { clients, replaceClient } = this.#victims();
    const client = clients.find(({ process }) => process === victim);
    if (client === undefined) {
      this.#world.gateways.kill(victim);
      this.#world.lambda.kill(victim);
      return;
    }
    this.#tell(victim, 'killed');
    victim.kill();
    replaceClient(client);
  }

  #partition(victim: SimProcess): void {
    if (victim.partitioned) return;
    this.#world.ground.happened('partition');
    this.#note(`cuts ${victim.name} off`);
    victim.partitioned = true;
    this.#world.ground.scheduler.after(this.#dice.between(50, PARTITION_MS_MAX), () => {
      victim.partitioned = false;
    });
  }

  /** Everybody sleeps; some sleep on for a while longer than the others. */
  #leap(): void {
    const byMs = this.#dice.between(60_000, LEAP_MS_MAX);
    this.#world.ground.happened('leap');
    this.#note(`everybody sleeps for ${byMs} ms`);
    for (const process of this.#processes()) {
      if (process.isRunning) {
        this.#tell(process, 'frozen');
        process.freeze();
        this.#frozen.add(process);
        this.#world.ground.scheduler.after(byMs + this.#dice.between(0, FREEZE_MS_MAX), () =>
          this.#thaw(process),
        );
      }
    }
    this.#world.ground.scheduler.leap(byMs);
  }

  #tell(victim: SimProcess, what: 'killed' | 'frozen' | 'thawed'): void {
    const client = this.#victims().clients.find(({ process }) => process === victim);
    client?.current?.record.process.push({ at: this.#history.moment(), what });
  }

  #note(text: string): void {
    this.#history.note(text);
  }
}
