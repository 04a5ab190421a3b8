import { sleep } from '../../base/clock.js';
import type { Entry } from '../../log/entry.js';
import type { Pending } from '../planner.js';
import type { Replica } from '../replica.js';
import { Inbox, isOutage } from './inbox.js';
import type { Role } from './inbox.js';
import {
  APPENDS_BETWEEN_LOOKS,
  CROWD_MS,
  CROWD_ROWS,
  CROWD_SESSIONS,
  FAR_BEHIND_TRANSACTIONS,
  FIRST_POLL_MS,
  LOSSES_BEFORE_PARKING,
  PARKED_BYTES_MAX,
  PARKED_MS_MAX,
  POLL_LONGEST_MS,
  POLL_MS,
  POLL_SLOWER,
  ROLE_MS,
  STAND_BACK_MS,
  STINT_MS,
  STINT_RESERVE_MS,
  UNPARKED_MS,
} from './limits.js';
import { stringify } from './rows.js';
import type { Outcomes, ParkedWrite, Ticket } from './rows.js';
import { Stint } from './stint.js';

interface TakenRole {
  readonly role: Role;
  /** When the stint has to be over, on the wall clock. */
  readonly endMs: number;
}

export interface CombiningOptions {
  /** Slots that a batch loses in a row before it is parked. */
  readonly lossesBeforeParking?: number;
  /** Whether it now and then leaves a slot to a combiner: for gateways, whose writes cannot be parked. Default: no. */
  readonly standsBack?: boolean;
}

/**
 * What a keeper does when many contend for the log (section 10 of the design): it parks its batch as one row in a sharded inbox
 * and waits for a small row of its own that tells the outcome. Whoever finds no combiner becomes it for a short stint ({@link Stint}).
 *
 * Parking promises nothing and takes nothing back: a parked write is a numbered write like any other, and it is its number in
 * the log that makes it happen once, whoever puts it there and however often that is tried (I6). So its owner may contend for
 * it at any time, and does when the inbox is of no help.
 */
export class Combining {
  readonly #replica: Replica;
  readonly #inbox: Inbox;
  readonly #keeper: string;
  readonly #lossesBeforeParking: number;
  readonly #standsBack: boolean;
  #parkings = 0;
  #stint: Stint | undefined;
  /** Until when there is said to be a combiner, on the wall clock. */
  #combinerUntilMs = 0;
  #crowdedUntilMs = Number.NEGATIVE_INFINITY;
  #unparkedUntilMs = Number.NEGATIVE_INFINITY;
  /** The log is known to reach so far, however far behind the view is. */
  #reaches = 0;
  #appends = 0;
  #appendsSinceMs = Number.NEGATIVE_INFINITY;
  /** A combiner was seen that it has not stood back for yet. */
  #owesSlot = false;
  #stopped = false;
  readonly statistics = { parked: 0, stints: 0, combined: 0, stoodBack: 0 };

  constructor(replica: Replica, options: CombiningOptions = {}) {
    const { lossesBeforeParking = LOSSES_BEFORE_PARKING, standsBack = false } = options;
    this.#replica = replica;
    this.#inbox = new Inbox(replica.options);
    this.#keeper = Buffer.from(replica.options.random.bytes(8)).toString('hex');
    this.#lossesBeforeParking = lossesBeforeParking;
    this.#standsBack = standsBack;
  }

  /** Whether this keeper combines just now: then {@link collect} brings more, until it does not any more. */
  get isCombining(): boolean {
    return this.#stint !== undefined;
  }

  /** Whether a batch is to be parked that has lost so many slots in a row. */
  wants(batch: readonly Pending[], losses: number): boolean {
    const nowMs = this.#replica.options.clock.monotonic();
    if (this.isCombining || nowMs < this.#unparkedUntilMs) return false;
    if (losses < this.#lossesBeforeParking && nowMs >= this.#crowdedUntilMs) return false;
    return this.canPark(batch);
  }

  /** Only numbered writes that wait for a while can be carried out by others. */
  canPark(batch: readonly Pending[]): boolean {
    if (this.isCombining) return false;
    const soonestMs = this.#replica.options.clock.now() + ROLE_MS;
    return batch.every(
      ({ origin: { once, deadlineMs } }) => once !== undefined && (deadlineMs ?? 0) > soonestMs,
    );
  }

  /**
   * Who appends again and again, each time right after it has won, hears of nobody: others lose to it and park, and their
   * combiner loses as well. So now and then it looks, beside its append, whether there is a crowd.
   */
  onAppend(): void {
    const nowMs = this.#replica.options.clock.monotonic();
    if (this.isCombining || ++this.#appends < APPENDS_BETWEEN_LOOKS) return;
    const isSteady = nowMs - this.#appendsSinceMs < CROWD_MS;
    this.#appends = 0;
    this.#appendsSinceMs = nowMs;
    if (isSteady) void this.#look();
  }

  /**
   * Lets a combiner have a slot that was seen to be there. Where all are equally far from the store, whoever has just lost is always
   * too late for the next slot, too, and a combiner without a crowd would lose until its deadline.
   */
  async standBack(): Promise<void> {
    if (!this.#owesSlot) return;
    this.#owesSlot = false;
    this.statistics.stoodBack++;
    await sleep(this.#replica.options.clock, STAND_BACK_MS);
  }

  async #look(): Promise<void> {
    try {
      const role = await this.#inbox.role();
      if (role === undefined || !this.#isAlive(role)) return;
      this.#owesSlot = this.#standsBack;
      if (role.crowd >= CROWD_ROWS) this.noteCrowd();
    } catch (error) {
      // Then it goes on as if there was nobody.
      if (!isOutage(error)) throw error;
    }
  }

  /** One that is said to last for longer than a role does comes from a clock that is ahead. */
  #isAlive({ untilMs }: Role): boolean {
    const nowMs = this.#replica.options.clock.now();
    return nowMs < untilMs && untilMs <= nowMs + 2 * ROLE_MS;
  }

  /** Numbered writes of several sessions stand in one entry when somebody has combined them. */
  onForeignEntry({ txns }: Entry): void {
    if (txns.length < CROWD_SESSIONS) return;
    const sessions = new Set(txns.filter(({ cxid }) => cxid > 0).map(({ session }) => session));
    if (sessions.size >= CROWD_SESSIONS) this.noteCrowd();
  }

  /** There are many, whatever the losses: the next write is parked at once. */
  noteCrowd(): void {
    this.#crowdedUntilMs = this.#replica.options.clock.monotonic() + CROWD_MS;
  }

  /**
   * Parks a batch and waits until it is settled; settled requests have been told and taken out of it. What is left is to
   * be committed by this keeper: because it combines from now on, or because parking came to nothing.
   */
  async park(batch: Pending[]): Promise<void> {
    const writes = batch.map(parkedWrite);
    try {
      if (stringify(writes).length <= PARKED_BYTES_MAX && (await this.#parkAndWait(batch, writes))) return;
    } catch (error) {
      // The inbox does not answer: the log may.
      if (!isOutage(error)) throw error;
    }
    this.#unparkedUntilMs = this.#replica.options.clock.monotonic() + UNPARKED_MS;
  }

  /** False when nothing came of it. */
  async #parkAndWait(batch: Pending[], writes: readonly ParkedWrite[]): Promise<boolean> {
    const { clock, random } = this.#replica.options;
    const ticket = { keeper: this.#keeper, number: ++this.#parkings };
    const ownDeadlineMs = Math.min(...batch.map(({ origin }) => origin.deadlineMs ?? 0));
    const deadlineMs = Math.floor(Math.min(ownDeadlineMs, clock.now() + PARKED_MS_MAX));
    this.statistics.parked++;
    const parking = this.#inbox.park({ ticket, deadlineMs, writes });
    const [role] = await Promise.all([this.#tryToTake(ownDeadlineMs), parking]);
    if (role !== undefined) return this.#begin(role, ticket);
    await sleep(clock, FIRST_POLL_MS * (0.8 + random.float() * 0.4));
    for (let pauseMs = POLL_MS; clock.now() < deadlineMs && !this.#stopped; pauseMs *= POLL_SLOWER) {
      const told = await this.#inbox.outcomes(ticket);
      if (told !== undefined) {
        this.#settle(batch, told);
        return true;
      }
      const vacant = await this.#tryToTake(ownDeadlineMs);
      if (vacant !== undefined) return this.#begin(vacant, ticket);
      await sleep(clock, Math.min(pauseMs, POLL_LONGEST_MS) * (0.8 + random.float() * 0.4));
    }
    return false;
  }

  /** Takes the role if nobody has it. */
  async #tryToTake(deadlineMs: number): Promise<TakenRole | undefined> {
    const { clock } = this.#replica.options;
    if (clock.now() < this.#combinerUntilMs) return undefined;
    const found = await this.#inbox.role();
    const nowMs = clock.now();
    if (found !== undefined && this.#isAlive(found)) {
      this.#combinerUntilMs = found.untilMs;
      return undefined;
    }
    const endMs = Math.min(nowMs + STINT_MS, deadlineMs - STINT_RESERVE_MS);
    if (endMs <= nowMs + ROLE_MS) return undefined;
    const role: Role = {
      keeper: this.#keeper,
      untilMs: Math.floor(nowMs) + ROLE_MS,
      crowd: found?.crowd ?? 0,
    };
    const holder = await this.#inbox.take(role, found);
    this.#combinerUntilMs = holder.untilMs;
    return holder.keeper === this.#keeper ? { role: holder, endMs } : undefined;
  }

  /** A view that others' writes have left far behind would read for long. */
  async #begin({ role, endMs }: TakenRole, ticket: Ticket): Promise<true> {
    this.#stint = new Stint({ replica: this.#replica, inbox: this.#inbox, role, ticket, endMs });
    this.statistics.stints++;
    const behind = this.#reaches - this.#replica.head;
    if (behind > FAR_BEHIND_TRANSACTIONS) await this.#replica.startAfresh();
    await this.#replica.sync();
    return true;
  }

  #settle(batch: Pending[], told: Outcomes): void {
    const { clock } = this.#replica.options;
    this.#combinerUntilMs = told.combinerUntilMs;
    this.#crowdedUntilMs = told.crowd >= CROWD_ROWS ? clock.monotonic() + CROWD_MS : Number.NEGATIVE_INFINITY;
    this.#reaches = Math.max(this.#reaches, told.head);
    const pendings = batch.splice(0);
    pendings.forEach((pending, index) => {
      const outcome = told.outcomes[index];
      if (outcome !== undefined) pending.settle(outcome);
      else batch.push(pending);
    });
  }

  /** Waits for no outcome any more, and ends its stint with what is under way. */
  stop(): void {
    this.#stopped = true;
  }

  /** Gives the role up without a word, after an error of the program; it lapses, and who had parked commits by itself. */
  abandon(): void {
    this.#stint = undefined;
  }

  /** What the next batch of a combiner takes up beside its own. */
  async collect(): Promise<Pending[]> {
    const stint = this.#stint;
    if (stint === undefined) return [];
    const collected = this.#stopped ? [] : await stint.collect();
    this.statistics.combined += collected.length;
    if ((stint.isOver || this.#stopped) && collected.length === 0) {
      await stint.end();
      this.#stint = undefined;
      // Its own last word is that it is gone; whether it was crowded says how the next write begins.
      this.#combinerUntilMs = 0;
      if (stint.crowd >= CROWD_ROWS) this.noteCrowd();
      else this.#crowdedUntilMs = Number.NEGATIVE_INFINITY;
    }
    return collected;
  }
}

function parkedWrite({ request, origin }: Pending): ParkedWrite {
  const { session, epoch, authIds, once } = origin;
  if (once === undefined) throw new Error('only numbered writes are parked');
  return { request, session, epoch, authIds, once };
}
