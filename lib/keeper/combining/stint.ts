import { sleep } from '../../base/clock.js';
import { dataBytesOf } from '../externalize.js';
import type { Pending } from '../planner.js';
import type { Replica } from '../replica.js';
import { Semaphore } from '../semaphore.js';
import { KeeperError } from '../types.js';
import { isOutage } from './inbox.js';
import type { Inbox, Role } from './inbox.js';
import {
  CROWD_ROWS,
  CROWD_WEIGHT,
  CROWDED_LEAN_MS,
  LEAN_MS,
  LEAN_PAUSE_MS,
  OUTCOMES_PARALLEL_MAX,
  ROLE_MS,
  ROLE_RENEW_MS,
} from './limits.js';
import type { Parked, ParkedOutcome, Ticket } from './rows.js';

/** Errors that are about one write, and true for good: its owner is told. All others leave it parked. */
const TOLD: ReadonlySet<KeeperError['code']> = new Set(['OutOfOrder', 'CxidReused', 'MaybeApplied']);

export interface StintOptions {
  readonly replica: Replica;
  readonly inbox: Inbox;
  /** As it was taken. */
  readonly role: Role;
  /** The combiner's own parking, which it carries out itself. */
  readonly ticket: Ticket;
  /** On the wall clock. */
  readonly endMs: number;
}

/**
 * The time in which a keeper commits what others have parked. To the log a combiner is nobody special: it puts parked
 * writes into its own batches, with their own sessions, numbers and rights, and contends for slots as everybody does. Two combiners
 * at once, one that was frozen for days, or one that dies between any two steps cost time and capacity, but no write and
 * no order (I6): what is in the log already is answered from there.
 */
export class Stint {
  readonly #options: StintOptions;
  readonly #outcomes = new Semaphore(OUTCOMES_PARALLEL_MAX);
  readonly #writing = new Set<Promise<void>>();
  /** The newest parking of each keeper that was taken up and is not to be taken up again. Bounded by the stint's length. */
  readonly #taken = new Map<string, number>();
  #role: Role;
  #freshAtMs: number;
  #crowd = 0;
  #over = false;

  constructor(options: StintOptions) {
    this.#options = options;
    this.#role = options.role;
    this.#freshAtMs = options.replica.options.clock.monotonic();
    this.#write(() => options.inbox.clear(options.ticket));
    this.#renewLater();
  }

  /** Rows that a look at the inbox brings, on a moving average. */
  get crowd(): number {
    return this.#crowd;
  }

  /** True when there is nothing more to collect. What was collected may still be on its way into the log. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Writes that are to go into the next batch. */
  async collect(): Promise<Pending[]> {
    const { inbox, replica, endMs } = this.#options;
    const { clock } = replica.options;
    if (clock.now() >= endMs) this.#over = true;
    if (this.#over) return [];
    try {
      const parked = await inbox.list();
      const fresh = parked.filter((row) => this.#isFresh(row));
      this.#crowd += CROWD_WEIGHT * (fresh.length - this.#crowd);
      if (fresh.length > 0) {
        this.#freshAtMs = clock.monotonic();
        return fresh.flatMap((row) => this.#pendingOf(row));
      }
    } catch (error) {
      // The inbox does not answer: its writers find out by themselves, and contend.
      if (!isOutage(error)) throw error;
      this.#over = true;
      return [];
    }
    const patienceMs = this.#crowd >= CROWD_ROWS ? CROWDED_LEAN_MS : LEAN_MS;
    if (clock.monotonic() - this.#freshAtMs >= patienceMs) this.#over = true;
    else await sleep(clock, LEAN_PAUSE_MS);
    return [];
  }

  /** Awaits everything that the stint has begun to write, and gives the role back. */
  async end(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#writing);
    this.#hold(0);
    await Promise.all(this.#writing);
  }

  /** Writes that nobody waits for any more are cleared instead. */
  #isFresh({ ticket, deadlineMs, writes }: Parked): boolean {
    if (ticket.keeper === this.#role.keeper || ticket.number <= (this.#taken.get(ticket.keeper) ?? 0))
      return false;
    const isOverdue = deadlineMs < this.#options.replica.options.clock.now();
    if (!isOverdue && writes.length === 0) return false;
    this.#taken.set(ticket.keeper, ticket.number);
    if (isOverdue) this.#write(() => this.#options.inbox.clear(ticket));
    return !isOverdue;
  }

  #pendingOf({ ticket, deadlineMs, writes }: Parked): Pending[] {
    const mark = this.#options.replica.mark();
    const outcomes: ParkedOutcome[] = [];
    let waiting = writes.length;
    const settle = (index: number, outcome: ParkedOutcome) => {
      outcomes[index] = outcome;
      if (--waiting === 0) this.#onSettled(ticket, outcomes);
    };
    return writes.map(({ request, session, epoch, authIds, once }, index) => ({
      request,
      origin: { session, epoch, authIds, once, deadlineMs },
      mark,
      bytes: dataBytesOf(request),
      settle: (outcome) => settle(index, outcome),
    }));
  }

  #onSettled(ticket: Ticket, outcomes: readonly ParkedOutcome[]): void {
    const isTold = outcomes.every((outcome) => !(outcome instanceof KeeperError) || TOLD.has(outcome.code));
    const { inbox, replica } = this.#options;
    if (!isTold) {
      // Left parked, for this combiner's next look or for another.
      this.#taken.delete(ticket.keeper);
      return;
    }
    const told = {
      ticket,
      outcomes,
      crowd: this.#crowd,
      combinerUntilMs: this.#role.untilMs,
      head: replica.head,
    };
    // The row goes last: while it stands, another combiner tells the outcome if this one does not get to it.
    this.#write(() => inbox.tell(told).then(() => inbox.clear(ticket)));
  }

  /** By a timer: a batch may be long on its way. A process that was frozen finds that the role is another's by now. */
  #renewLater(): void {
    const { clock } = this.#options.replica.options;
    clock.after(ROLE_RENEW_MS, () => {
      if (this.#over || clock.now() >= this.#options.endMs) return;
      this.#hold(Math.floor(Math.min(clock.now() + ROLE_MS, this.#options.endMs)));
      this.#renewLater();
    });
  }

  #hold(untilMs: number): void {
    const before = this.#role;
    if (before.untilMs === untilMs) return;
    const role = { keeper: before.keeper, untilMs, crowd: this.#crowd };
    this.#write(async () => {
      const holder = await this.#options.inbox.take(role, before);
      if (holder.keeper === role.keeper) this.#role = holder;
      else this.#over = true;
    });
  }

  /** What fails is left as it is: a parking that stays is found again, a role that is not renewed lapses. */
  #write(work: () => Promise<void>): void {
    const writing = this.#outcomes.run(work).catch((error: unknown) => {
      if (!isOutage(error)) throw error;
    });
    this.#writing.add(writing);
    void writing.finally(() => this.#writing.delete(writing));
  }
}
