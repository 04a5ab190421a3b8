import type { SimulatedTables, WriteCall } from '../../../lib/log/simulated-tables.js';
import { StoreError } from '../../../lib/log/store.js';
import type { DeleteInput, Item, Key, Page, PutInput, QueryInput, Store } from '../../../lib/log/store.js';
import type { TableName, UpdateInput, WriteOutcome } from '../../../lib/log/store.js';
import type { Dice } from './dice.js';
import type { Ground } from './ground.js';
import type { SimProcess } from './process.js';

/** A call takes this long each way, ms. */
const LATENCY_MS_MIN = 1;
const LATENCY_MS_MAX = 6;
const SLOW_MS_MAX = 900;
/** A caller gives a call up after this long, ms. */
const TIMEOUT_MS = 1_000;
/** A write that is held up on its way is done this much later at most, ms. */
const HELD_MS_MAX = 30_000;
/** A request that comes later than this after its signature is refused, ms. */
export const SIGNATURE_MS_MAX = 15 * 60_000;

/** Pages are as short as this while they are, as pages of many megabytes would be. */
const SHORT_PAGE_ITEMS = 3;

type Fate = 'done' | 'lostRequest' | 'lostReply' | 'throttle' | 'delayedWrite';

/**
 * A process's connection to the tables, with the network's faults. What is on its way to the store arrives whatever becomes of the
 * process meanwhile; what is on its way back waits while the process is frozen.
 */
export class SimStore implements Store {
  readonly #process: SimProcess;
  readonly #tables: SimulatedTables;
  readonly #dice: Dice;
  readonly #ground: Ground;

  constructor(options: { readonly process: SimProcess; readonly ground: Ground; readonly dice: Dice }) {
    this.#process = options.process;
    this.#tables = options.ground.tables;
    this.#dice = options.dice;
    this.#ground = options.ground;
  }

  get(table: TableName, key: Key): Promise<Item | undefined> {
    return this.#call(() => this.#tables.get(table, key).result, false);
  }

  put(input: PutInput): Promise<WriteOutcome> {
    return this.#write({ operation: 'put', table: input.table, input });
  }

  update(input: UpdateInput): Promise<WriteOutcome> {
    return this.#write({ operation: 'update', table: input.table, input });
  }

  delete(input: DeleteInput): Promise<WriteOutcome> {
    return this.#write({ operation: 'delete', table: input.table, input });
  }

  query(input: QueryInput): Promise<Page> {
    const isShort = this.#ground.rates().shortPages > 0;
    return this.#call(() => {
      const page = this.#tables.query(input, isShort ? SHORT_PAGE_ITEMS : Infinity).result;
      if (isShort && page.next !== undefined && page.items.length === SHORT_PAGE_ITEMS)
        this.#ground.happened('shortPages');
      return page;
    }, false);
  }

  #write(call: WriteCall): Promise<WriteOutcome> {
    return this.#call(() => this.#tables.write(call).result, true);
  }

  #call<Result>(effect: () => Result, isWrite: boolean): Promise<Result> {
    return new Promise((resolve, reject) => {
      const fate = this.#fate(isWrite);
      const { scheduler } = this.#process;
      const signedMs = scheduler.nowMs;
      const arrive = () => attempt(effect, scheduler.nowMs - signedMs);
      const sent = { wallMs: this.#process.machineClock.now(), monotonicMs: scheduler.nowMs };
      const refuse = (delayMs: number, error: StoreError) =>
        this.#process.after(delayMs, () => reject(error));
      const unavailable = () => new StoreError('Unavailable', 'simulated: no answer');
      if (fate === 'throttle') {
        refuse(this.#latencyMs() * 2, new StoreError('Throttled', 'simulated: slow down'));
        return;
      }
      if (fate === 'delayedWrite') scheduler.after(this.#dice.between(1, HELD_MS_MAX), arrive);
      if (fate === 'lostReply') scheduler.after(this.#latencyMs(), arrive);
      if (fate !== 'done') {
        refuse(TIMEOUT_MS, unavailable());
        return;
      }
      scheduler.after(this.#latencyMs(), () => {
        const outcome = arrive();
        const serverMs = Math.floor(scheduler.nowMs / 1000) * 1000;
        this.#process.after(this.#latencyMs(), () => {
          this.#process.clock.observe({
            serverMs,
            sentMs: sent.wallMs,
            receivedMs: this.#process.machineClock.now(),
            roundTripMonotonicMs: scheduler.nowMs - sent.monotonicMs,
          });
          if ('error' in outcome) reject(outcome.error);
          else resolve(outcome.result);
        });
      });
    });
  }

  #fate(isWrite: boolean): Fate {
    if (this.#process.partitioned) return 'lostRequest';
    const fate = this.#chosenFate();
    if (fate === 'done') return fate;
    // A call that changes nothing is as good as lost when its reply is.
    const isLost = !isWrite && fate !== 'throttle';
    this.#ground.happened(isLost ? 'lostRequest' : fate);
    return isLost ? 'lostRequest' : fate;
  }

  #chosenFate(): Fate {
    const rates = this.#ground.rates();
    let dice = this.#dice.random.float();
    if ((dice -= 0.02 * rates.lostReply) < 0) return 'lostReply';
    if ((dice -= 0.015 * rates.lostRequest) < 0) return 'lostRequest';
    if ((dice -= 0.02 * rates.throttle) < 0) return 'throttle';
    if ((dice -= 0.01 * rates.delayedWrite) < 0) return 'delayedWrite';
    return 'done';
  }

  #latencyMs(): number {
    const isSlow = this.#ground.fires('slowCall', 0.01, this.#dice);
    return this.#dice.between(LATENCY_MS_MIN, isSlow ? SLOW_MS_MAX : LATENCY_MS_MAX);
  }
}

/** The store refuses what is wrong in itself; everything else that is thrown is a bug. */
function attempt<Result>(
  effect: () => Result,
  ageMs: number,
): { readonly result: Result } | { readonly error: StoreError } {
  if (ageMs > SIGNATURE_MS_MAX)
    return { error: new StoreError('Unavailable', 'simulated: the signature is too old') };
  try {
    return { result: effect() };
  } catch (error) {
    if (error instanceof StoreError) return { error };
    throw error;
  }
}
