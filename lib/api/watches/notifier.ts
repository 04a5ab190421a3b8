import type { Logger } from '../../base/logger.js';
import { silentLogger } from '../../base/logger.js';
import type { SessionId, Zxid } from '../../core/types.js';
import { Blobs } from '../../keeper/blobs.js';
import { itemsOf, readLogAfter, triggersOf } from '../../keeper/changes.js';
import { withRetries } from '../../keeper/retry.js';
import { stateKey, watermarkOfRow } from '../../keeper/rows.js';
import { Semaphore } from '../../keeper/semaphore.js';
import type { WatchPathRow } from '../../keeper/watch-rows.js';
import { isOneShot } from '../../keeper/watch-rows.js';
import type { Entry } from '../../log/entry.js';
import { Connections } from './connections.js';
import type { PlacedTrigger } from './firing.js';
import { compareIds, fires, placed } from './firing.js';
import { NOTIFY_ENTRIES_MAX, NOTIFY_PARALLEL_MAX, ORPHAN_MS_MIN } from './limits.js';
import type { Pusher } from './types.js';
import type { Marked, WatchStoreOptions } from './watch-store.js';
import { WatchStore } from './watch-store.js';

export interface NotifierOptions extends WatchStoreOptions {
  /** Without one nothing is pushed, and clients find out when they ask. */
  readonly pusher?: Pusher;
  readonly logger?: Logger;
}

export interface NotifyReport {
  /** The cursor after the run: all marks up to here are written. */
  readonly cursor: Zxid;
  /** Transactions of the log that the run went through. */
  readonly transactions: number;
  /** Watches that were found to have fired. */
  readonly marked: number;
  readonly pushed: number;
  /** How old the first entry above the cursor was when the run came to it, at its worst, ms. */
  readonly lagMs: number;
  /** True when the run ended before the log's end, because of its deadline. */
  readonly more: boolean;
}

const NOTHING: NotifyReport = { cursor: 0, transactions: 0, marked: 0, pushed: 0, lagMs: 0, more: false };

/**
 * Marks the watches of thin clients that the log fires, and tells their clients to come and fetch. It reads the log from its own
 * cursor, so that nothing depends on who calls it, how often, or with what: calls may be late, doubled, side by side, or die midway.
 * It deletes nothing. Why its marks are exact is told in `thin-watches.ts`.
 *
 * *What is skipped.* An entry after which no thin session is open fires nothing that anybody will ask for: whoever had rows when it
 * was written is closed by its end, or belongs to a gateway now, and a session that comes back from there begins
 * without watches; whoever opens a session later arms beyond it. The counter in the entry itself says so, never an
 * older or a newer one. For the same reason a namespace without a cursor may begin at a watermark with no thin sessions. It says
 * so at once: else one whose every entry is materialized before notify comes would never have a cursor, and nothing be trimmed.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #store: WatchStore;
  readonly #connections: Connections;
  readonly #blobs: Blobs;
  readonly #logger: Logger;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#store = new WatchStore(options);
    this.#connections = new Connections(options);
    this.#blobs = new Blobs(options);
    this.#logger = options.logger ?? silentLogger;
  }

  /** Works up to the log's end, or until `deadlineMs` of wall time. Batches that were done stay done. */
  async run(options: { deadlineMs?: number } = {}): Promise<NotifyReport> {
    const { clock } = this.#options;
    const { deadlineMs = Infinity } = options;
    let report: NotifyReport = { ...NOTHING, cursor: await this.#begin() };
    let thinBefore = true; // nobody knows what was open before the first entry
    for await (const batch of this.#batches(report.cursor)) {
      const [first] = batch;
      const last = batch[batch.length - 1];
      if (first === undefined || last === undefined) break;
      const lagMs = Math.max(report.lagMs, clock.now() - first.timeMs);
      const done = await this.#work(batch, thinBefore);
      await this.#store.moveCursor(last.last);
      thinBefore = last.counters.thinSessions > 0;
      report = {
        cursor: last.last,
        transactions: report.transactions + last.last - report.cursor,
        marked: report.marked + done.marked,
        pushed: report.pushed + done.pushed,
        lagMs,
        more: false,
      };
      if (clock.now() >= deadlineMs) return { ...report, more: true };
    }
    return report;
  }

  async #begin(): Promise<Zxid> {
    const cursor = await this.#store.cursor();
    if (cursor > 0) return cursor;
    const { store, namespace } = this.#options;
    const row = await withRetries(this.#options, () => store.get('state', stateKey.watermark(namespace)));
    if (row === undefined) return 0;
    const watermark = watermarkOfRow(row);
    if (watermark.counters.thinSessions > 0) return 0;
    await this.#store.moveCursor(watermark.zxid);
    return watermark.zxid;
  }

  async *#batches(after: Zxid): AsyncGenerator<Entry[]> {
    let batch: Entry[] = [];
    const log = { ...this.#options, blobs: this.#blobs };
    for await (const { entry } of readLogAfter(log, after, NOTIFY_ENTRIES_MAX)) {
      batch.push(entry);
      if (batch.length < NOTIFY_ENTRIES_MAX) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  async #work(batch: readonly Entry[], thinBefore: boolean): Promise<{ marked: number; pushed: number }> {
    await this.#leaveClosed(batch, thinBefore);
    const triggers = batch
      .filter(({ counters }) => counters.thinSessions > 0)
      .flatMap(itemsOf)
      .flatMap(({ txn, position }) => placed(position.zxid, triggersOf(txn)));
    if (triggers.length === 0) return { marked: 0, pushed: 0 };
    const fired = new Fired();
    await Promise.all([this.#markByPath(triggers, fired), this.#markRecursive(triggers, fired)]);
    return { marked: fired.marked, pushed: await this.#pushAll(fired) };
  }

  /** One query a path, however often the batch touches it. */
  async #markByPath(triggers: readonly PlacedTrigger[], fired: Fired): Promise<void> {
    const byPath = new Map<string, PlacedTrigger[]>();
    for (const trigger of triggers) {
      const same = byPath.get(trigger.path);
      if (same === undefined) byPath.set(trigger.path, [trigger]);
      else same.push(trigger);
    }
    const parallel = new Semaphore(NOTIFY_PARALLEL_MAX);
    await Promise.all(
      Array.from(byPath, ([path, same]) =>
        parallel.run(async () => {
          for (const row of await this.#store.ofPath(path)) await this.#mark(row, same, fired);
        }),
      ),
    );
  }

  async #markRecursive(triggers: readonly PlacedTrigger[], fired: Fired): Promise<void> {
    const parallel = new Semaphore(NOTIFY_PARALLEL_MAX);
    const rows = await this.#store.recursive();
    await Promise.all(rows.map((row) => parallel.run(() => this.#mark(row, triggers, fired))));
  }

  async #mark(row: WatchPathRow, triggers: readonly PlacedTrigger[], fired: Fired): Promise<void> {
    // When a persistent watch was armed is in its row by session, which may have gone down.
    const watch = isOneShot(row.kind) ? row : { ...row, armed: 0 };
    const firing = triggers.filter((trigger) => fires(trigger, watch));
    const first = firing[0];
    const last = firing.at(-1);
    if (first === undefined || last === undefined) return;
    const { session } = row;
    if (isOneShot(row.kind)) {
      const marked = await this.#store.mark(row, first);
      await this.#settle(row, marked, () => fired.add(session, first));
    } else {
      const zxids = firing.map(({ zxid }) => zxid);
      const marked = await this.#store.recordFired(row, zxids);
      await this.#settle(row, marked, () => fired.add(session, last));
    }
  }

  async #settle(row: WatchPathRow, marked: Marked, add: () => void): Promise<void> {
    if (marked === 'marked') add();
    if (marked !== 'absent' || this.#options.clock.now() - row.timeMs < ORPHAN_MS_MIN) return;
    await this.#store.expireOrphan(row);
  }

  /** Rows of sessions that closed are garbage; the session's own client may have deleted them already. */
  async #leaveClosed(batch: readonly Entry[], thinBefore: boolean): Promise<void> {
    let mayBeThin = thinBefore;
    for (const { txns, counters } of batch) {
      const here = mayBeThin || counters.thinSessions > 0;
      for (const { effect } of txns) {
        if (here && effect.type === 'closeSession') await this.#store.expireSession(effect.session);
      }
      mayBeThin = counters.thinSessions > 0;
    }
  }

  async #pushAll(fired: Fired): Promise<number> {
    const { pusher } = this.#options;
    if (pusher === undefined) return 0;
    const parallel = new Semaphore(NOTIFY_PARALLEL_MAX);
    const sent = await Promise.all(
      Array.from(fired.sessions, ([session, trigger]) =>
        parallel.run(() => this.#push(pusher, session, trigger)),
      ),
    );
    return sent.reduce((sum, count) => sum + count, 0);
  }

  /** A push that fails is a hint that is missing: the marks are written, so it is told of and not tried again. */
  async #push(pusher: Pusher, session: SessionId, { type, path, zxid }: PlacedTrigger): Promise<number> {
    let sent = 0;
    for (const connectionId of await this.#connections.of(session)) {
      try {
        if ((await pusher.push(connectionId, { type, path, zxid })) === 'sent') sent++;
        else await this.#connections.removeOf(session, connectionId);
      } catch (error) {
        this.#logger.warn('a push could not be sent', { connectionId, error });
      }
    }
    return sent;
  }
}

/** The sessions that a batch concerns, each with the last of its triggers: one push says that there is something to fetch. */
class Fired {
  readonly sessions = new Map<SessionId, PlacedTrigger>();
  marked = 0;

  add(session: SessionId, trigger: PlacedTrigger): void {
    this.marked++;
    const before = this.sessions.get(session);
    if (before === undefined || compareIds(before, trigger) < 0) this.sessions.set(session, trigger);
  }
}
