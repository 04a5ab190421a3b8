import { InvariantError } from '../../../lib/base/assert.js';
import type { LogFields, Logger } from '../../../lib/base/logger.js';
import { KeeperError } from '../../../lib/keeper/types.js';
import { SimulatedTables } from '../../../lib/log/simulated-tables.js';
import { StoreError } from '../../../lib/log/store.js';
import { Dice } from './dice.js';
import { NO_FAULT_RATES, type FaultKind, type FaultRates } from './faults.js';
import { SimProcess } from './process.js';
import { Scheduler } from './scheduler.js';
import { SimStore } from './store.js';

export const NAMESPACE = 'sim';

/** Machine clocks are wrong by so much at most, ms: the store's time corrects them. */
const SKEW_MS_MAX = 60_000;
/** Problems that are kept: the first ones tell the most. */
const PROBLEMS_MAX = 20;

/** What everything in a simulated world stands on: time, tables, chance, faults. */
export class Ground {
  readonly scheduler = new Scheduler();
  readonly tables = new SimulatedTables();
  readonly dice: Dice;
  /** What nobody should ever see: broken assertions, errors of no known type. */
  readonly problems: string[] = [];
  /** How often each kind of fault has happened. */
  readonly fired = new Map<FaultKind, number>();
  readonly #rates: FaultRates;
  #calm = true;
  #names = 0;

  constructor(seed: number, rates: FaultRates) {
    this.dice = new Dice(seed);
    this.#rates = rates;
  }

  /** Faults at the moment. */
  readonly rates = (): FaultRates => (this.#calm ? NO_FAULT_RATES : this.#rates);

  /** Whether a fault of this kind happens now: with so much chance on a bad day. */
  readonly fires = (kind: FaultKind, probability: number, dice = this.dice): boolean => {
    if (!dice.chance(probability * this.rates()[kind])) return false;
    this.happened(kind);
    return true;
  };

  readonly happened = (kind: FaultKind): void => {
    this.fired.set(kind, (this.fired.get(kind) ?? 0) + 1);
  };

  get isCalm(): boolean {
    return this.#calm;
  }

  /** From now on things go wrong. A world begins without. */
  stir(): void {
    this.#calm = false;
  }

  /** From now on nothing goes wrong any more. */
  calm(): void {
    this.#calm = true;
  }

  process(kind: string): SimProcess {
    const skewMs = this.fires('clockSkew', 0.3) ? this.dice.between(-SKEW_MS_MAX, SKEW_MS_MAX) : 0;
    return new SimProcess({ name: `${kind}-${++this.#names}`, scheduler: this.scheduler, skewMs });
  }

  store(process: SimProcess): SimStore {
    return new SimStore({ process, ground: this, dice: this.dice.fork() });
  }

  problem(what: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(what);
  }

  /** An error that a part of the product let out. */
  thrown(where: string, error: unknown): void {
    if (!isOperatingError(error)) this.problem(`${where}: ${describe(error)}`);
  }

  /** Looks at the errors that are logged, and keeps nothing else. */
  logger(where: string): Logger {
    const look = (message: string, fields?: LogFields) => {
      if (fields?.['error'] !== undefined) this.thrown(`${where}: ${message}`, fields['error']);
    };
    const logger: Logger = { debug: look, info: look, warn: look, error: look, with: () => logger };
    return logger;
  }
}

/** What an operator has to expect. Everything else that is thrown is a bug. */
function isOperatingError(error: unknown): boolean {
  if (error instanceof InvariantError) return false;
  if (error instanceof AggregateError) return error.errors.every(isOperatingError);
  if (error instanceof KeeperError || error instanceof StoreError) {
    return error.cause === undefined || isOperatingError(error.cause);
  }
  return error instanceof Error && OPERATING.has(error.name);
}

const OPERATING: ReadonlySet<string> = new Set(['UnfinishedError', 'SimulatedFault']);

export class SimulatedFault extends Error {
  override readonly name = 'SimulatedFault';
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = error.stack
    ?.split('\n')
    .slice(1, 4)
    .map((line) => line.trim().replace(/file:.*\/(?=lib|functions|test)/, ''));
  return `${error.name}: ${error.message} ${place?.join(' ') ?? ''}`;
}
