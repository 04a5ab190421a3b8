/**
 * Exactly-once, ordered watches for clients without a view (I14).
 *
 * Every watch is a row by session and a row by path ({@link ../../keeper/watch-rows.ts}). Three parties work on them: `arm` and
 * `eventsFor`, which requests of a session call, and notify, which follows the log behind its cursor. Nothing is locked. Why an answer
 * at zxid H carries every event up to H, once, whatever the interleaving:
 *
 * 1. *The log is the truth.* What a watch fires is a function of its arming zxid and the log: for a one-shot watch the first trigger
 *    beyond it, for a persistent one every trigger beyond it. Marks only save reading the log again.
 * 2. *Marks are true in any order.* A mark is written only if it names a trigger beyond the row's arming, and only if it is
 *    below the mark that stands there. So a mark is always a trigger of the watch, it only ever goes down to the first one, and doubled, late
 *    and reordered writes change nothing. Each arming of a one-shot watch has rows of its own, so there is nothing that arming
 *    again could hide, and a write that was held up cannot meet a later arming.
 * 3. *Marks are complete up to the cursor.* Let a watch be armed at A, its rows be written, and E be the end of the log in a
 *    tail read that began after that. `arm` itself looks through (A, E] and marks. A transaction beyond E was not in the log when
 *    that read began, so notify read it later, and found the row. Notify moves its cursor only after the marks of everything up to
 *    it are written. So for a watch whose `arm` has returned, a cursor C that is read *before* the rows says: all triggers in (A, C] are in the
 *    marks. A cursor that was read long ago is as good, only older.
 * 4. *Beyond the cursor the log tells.* `eventsFor` looks through (C, H] itself. With 3, it knows all triggers in (A, H].
 * 5. *Persistent watches* do not keep their triggers, but where they begin: every trigger that is recorded and not acknowledged lies at or
 *    above `firstFired`, and `eventsFor` looks through the log from there. `firstFired` goes up only in a write that is
 *    conditional on `lastFired`, so a trigger that is recorded meanwhile is never passed over; `lastFired` only grows, so
 *    no state of the row ever comes back.
 * 6. *Acknowledgement.* A client acknowledges the event that it handed out last, and it hands out all events of an answer in order
 *    before it asks again. A watch that the client knows of is armed at or above every zxid that it has seen, so an
 *    event at or below the acknowledged one is an event that it was given: leaving it out, and deleting the one-shot rows that fired it, loses
 *    nothing. An answer that is lost acknowledges nothing, so the next one carries its events again.
 * 7. *Requests that arrive twice or late* may arm watches that the client does not know of. Their events are true triggers, stand in
 *    order among the others, and take nothing away from the watches that it knows; it drops them, because it holds no watch that was
 *    armed below them.
 */
import { recordKey } from '../../core/state.js';
import type { SessionId, Zxid } from '../../core/types.js';
import type { Replica } from '../../keeper/replica.js';
import { KeeperError } from '../../keeper/types.js';
import type { WatchIdentity, WatchRow } from '../../keeper/watch-rows.js';
import { isOneShot } from '../../keeper/watch-rows.js';
import type { ThinEvent } from '../../wire/thin-protocol.js';
import type { Told } from './events.js';
import { eventsOf, finished, firstUnacknowledged, fitting, scanFrom, tell } from './events.js';
import { fires } from './firing.js';
import { ARMINGS_SESSIONS_MAX, CURSOR_AGE_TRANSACTIONS_MAX } from './limits.js';
import { readable } from './readable.js';
import { RecentTriggers } from './recent-triggers.js';
import type { EventsInput, ThinEvents, ThinWatches, ThinWatchSubject } from './types.js';
import { WatchStore } from './watch-store.js';

/** The watches of one namespace, on the replica that answers its requests. Make it once for a keeper. */
export class StoredWatches implements ThinWatches {
  readonly #replica: Replica;
  readonly #store: WatchStore;
  readonly #recent: RecentTriggers;
  /** As it was last read. */
  #cursor: Zxid | undefined;
  /** Armings that have returned and no answer has told yet, the oldest session first. */
  readonly #armed = new Map<SessionId, WatchIdentity[]>();

  constructor(replica: Replica) {
    this.#replica = replica;
    this.#store = new WatchStore(replica.options);
    this.#recent = new RecentTriggers(replica);
  }

  async arm(input: ThinWatchSubject & { readonly zxid: Zxid }): Promise<void> {
    const { session, kind, path, zxid } = input;
    const watch: WatchIdentity = { session, kind, path, armed: zxid };
    await this.#store.add(watch);
    await this.#replica.sync();
    if (await this.#isOver(session)) return this.#store.forget([watch]);
    await this.#markMissed(watch);
    this.#remember(watch);
  }

  /** Rows that are written after notify has seen the session close are nobody's but ours. */
  async #isOver(session: SessionId): Promise<boolean> {
    const { view } = this.#replica;
    for (;;) {
      const record = view.session(session);
      if (record !== undefined) return record === null;
      await this.#replica.hydrate([recordKey.session(session)]);
    }
  }

  /** Notify may have been past these transactions before it could find the row. */
  async #markMissed(watch: WatchIdentity): Promise<void> {
    let after = watch.armed;
    const head = this.#replica.head;
    while (after < head) {
      const { triggers, until } = await this.#recent.between(after, head);
      const fired = triggers.filter((trigger) => fires(trigger, watch));
      const [first] = fired;
      if (first !== undefined && isOneShot(watch.kind)) {
        await this.#store.mark(watch, first);
        return;
      }
      const zxids = fired.map(({ zxid }) => zxid);
      if (zxids.length > 0) await this.#store.recordFired(watch, zxids, { again: true });
      after = until;
    }
  }

  #remember(watch: WatchIdentity): void {
    if (!isOneShot(watch.kind)) return;
    const armed = this.#armed.get(watch.session) ?? [];
    this.#armed.delete(watch.session);
    this.#armed.set(watch.session, [...armed, watch]);
    const [oldest] = this.#armed.keys();
    if (this.#armed.size > ARMINGS_SESSIONS_MAX && oldest !== undefined) this.#armed.delete(oldest);
  }

  async remove(input: ThinWatchSubject & { readonly upTo?: Zxid }): Promise<boolean> {
    const { session, kind, path, upTo = Infinity } = input;
    const rows = await this.#store.ofSession(session);
    const own = rows.filter((row) => row.kind === kind && row.path === path && row.armed <= upTo);
    await this.#store.remove(own);
    return own.length > 0;
  }

  async closeSession(session: SessionId): Promise<void> {
    this.#armed.delete(session);
    await this.#store.forget(await this.#store.ofSession(session));
  }

  async eventsFor(input: EventsInput): Promise<readonly ThinEvent[]> {
    const { events, until } = await this.eventsUpTo(input);
    if (until < (await input.head)) {
      throw new KeeperError('Overloaded', `more events than fit an answer: only those up to ${until} do`);
    }
    return events;
  }

  async eventsUpTo(input: EventsInput): Promise<ThinEvents> {
    const { session, acknowledged } = input;
    const [{ cursor, rows }, head] = await Promise.all([this.#rowsBehindCursor(session), input.head]);
    if (!(await this.#replica.reach(head))) {
      throw new KeeperError('Compacted', `events up to ${head} of a log that ends at ${this.#replica.head}`);
    }
    if (rows.length === 0) return { events: [], until: head };
    const from = scanFrom({ rows, cursor, acknowledged });
    const { triggers, until } = await this.#recent.between(from, head);
    const told = tell({ rows, triggers, cursor, acknowledged, until });
    await this.#letGo(told, input, until);
    const fitted = fitting(eventsOf(told, acknowledged), until);
    const { authIds } = input;
    if (authIds === undefined) return fitted;
    return { ...fitted, events: await readable(this.#replica, { events: fitted.events, triggers, authIds }) };
  }

  /** The rows of a session, and a cursor that was read before them. */
  async #rowsBehindCursor(session: SessionId): Promise<{ cursor: Zxid; rows: WatchRow[] }> {
    const known = this.#cursor;
    if (known === undefined || known < this.#replica.head - CURSOR_AGE_TRANSACTIONS_MAX) {
      const cursor = await this.#readCursor();
      return { cursor, rows: await this.#store.ofSession(session) };
    }
    // The cursor that is read beside the rows is for the next time.
    const [rows] = await Promise.all([this.#store.ofSession(session), this.#readCursor()]);
    return { cursor: known, rows };
  }

  async #readCursor(): Promise<Zxid> {
    const cursor = await this.#store.cursor();
    this.#cursor = Math.max(cursor, this.#cursor ?? 0);
    return cursor;
  }

  /** Lets go of what was acknowledged and of what is there twice. */
  async #letGo(told: readonly Told[], input: EventsInput, until: Zxid): Promise<void> {
    const { acknowledged } = input;
    const over = finished(told, acknowledged);
    await this.#store.forget([...over, ...this.#redundant(told, input, until)]);
    if (acknowledged === undefined) return;
    for (const one of told) {
      const { row } = one;
      if (isOneShot(row.kind) || row.firstFired > acknowledged.zxid) continue;
      const firstFired = firstUnacknowledged(one, until);
      // When another one writes to the row, the next request comes to the same.
      if (firstFired > row.firstFired) {
        await this.#store.replaceFired(row, { firstFired, lastFired: row.lastFired });
      }
    }
  }

  /**
   * Watches that were armed again before they fired: all of them would fire at once, so one will do. It is one whose `arm` has
   * returned, for only of those it is sure that they will; and the log has been looked through up to its arming.
   *
   * Those that go are armed below what the client had seen. Beyond, a row may be of another copy of this very request, whose
   * `arm` has not returned: what fired it before notify could find it is in no mark yet, and that copy's answer may be the one that
   * the client takes. A copy arms at or above what the request says was seen.
   */
  #redundant(
    told: readonly Told[],
    { session, seen = Infinity }: Pick<EventsInput, 'session' | 'seen'>,
    until: Zxid,
  ): WatchRow[] {
    const armed = this.#armed.get(session) ?? [];
    this.#armed.delete(session);
    const open = told.filter(({ row, triggers }) => isOneShot(row.kind) && triggers.length === 0);
    const isOpen = (watch: WatchIdentity) =>
      watch.armed <= until && open.some(({ row }) => sameWatch(row, watch) && row.armed === watch.armed);
    const kept = armed.filter(isOpen);
    return open
      .map(({ row }) => row)
      .filter((row) => row.armed < seen)
      .filter((row) => kept.some((watch) => sameWatch(row, watch) && row.armed < watch.armed));
  }
}

function sameWatch(a: WatchIdentity, b: WatchIdentity): boolean {
  return a.kind === b.kind && a.path === b.path;
}
