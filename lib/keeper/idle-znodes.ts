import type { CancelTimer, Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { recordKey } from '../core/state.js';
import { NO_SESSION } from '../core/types.js';
import type { NodeRecord } from '../core/types.js';
import type { Store } from '../log/store.js';
import { dueOf, idleKey, idlePartition, idleRow, markerOfRow, type IdleMarker } from './idle-markers.js';
import type { Keeper } from './keeper.js';
import {
  IDLE_ATTEMPTS_MAX,
  IDLE_MARKERS_MAX,
  IDLE_ROUNDS_MAX,
  IDLE_SAME_SECOND_MS,
  IDLE_TICK_MS,
} from './limits.js';
import { withRetries } from './retry.js';
import { TIMER_DELAY_MS_MAX } from './thin-limits.js';
import type { Timers } from './thin-timers.js';
import { KeeperError } from './types.js';

export interface IdleZnodesOptions {
  readonly store: Store;
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  /** False while the clock cannot be trusted: nothing is taken to be due then. */
  readonly isClockTrusted?: (() => boolean) | undefined;
}

/** What became of a marker's znode. */
type Verdict = 'removed' | 'left' | 'not yet';

/**
 * Removes containers that have lost their last child, and TTL znodes that nobody has written for their time. What is due is
 * found by its marker, looked at in the current state, and removed by a transaction that is prepared on the state at its own
 * place in the log: it is refused if anything has touched the znode since it was looked at.
 *
 * Any number of these may run side by side, and be repeated.
 */
export class IdleZnodes {
  readonly #options: IdleZnodesOptions;
  #cancel: CancelTimer | undefined;
  #stopped = true;
  /** When the next marker that was seen falls due. */
  #nextDueMs = 0;
  #watermark = -1;

  constructor(options: IdleZnodesOptions) {
    this.#options = options;
  }

  /**
   * Looks whenever something may have fallen due: when a marker that was seen does, and when the watermark has moved, for
   * that is when there may be new ones. A namespace at rest costs nothing.
   */
  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #arm(): void {
    if (this.#stopped) return;
    const { clock, random } = this.#options;
    // With jitter, so that gateways do not all append the same.
    this.#cancel = clock.after(IDLE_TICK_MS * (0.8 + 0.4 * random.float()), () => {
      void this.#tick().then(() => this.#arm());
    });
  }

  async #tick(): Promise<void> {
    const { keeper, clock } = this.#options;
    const { watermark } = keeper;
    if (watermark === this.#watermark && clock.now() < this.#nextDueMs) return;
    try {
      await this.sweep();
      this.#watermark = watermark;
    } catch (error) {
      // The store does not answer: the markers stay, and the next tick looks again.
      if (!(error instanceof KeeperError)) throw error;
    }
  }

  /** A timer that was set for a marker has fired. One that came early, because it was set for long, is set again. */
  async onTimer(deadlineMs: number): Promise<void> {
    const { clock, timers, keeper } = this.#options;
    if (clock.now() < deadlineMs) {
      await scheduleIdle({ timers, clock, namespace: keeper.namespace }, [deadlineMs]);
      return;
    }
    await this.sweep();
  }

  /** Removes everything that is due, as far as one sweep's bounds go. Returns how many znodes that were. */
  async sweep(): Promise<number> {
    if (this.#options.isClockTrusted?.() === false) return 0;
    let removed = 0;
    for (let round = 0; round < IDLE_ROUNDS_MAX; round++) {
      const { due, nextDueMs } = await this.#dueMarkers();
      this.#nextDueMs = nextDueMs;
      if (due.length === 0) break;
      const verdicts = await this.#settleAll(due);
      removed += verdicts.filter((verdict) => verdict === 'removed').length;
    }
    return removed;
  }

  async #dueMarkers(): Promise<{ due: IdleMarker[]; nextDueMs: number }> {
    const { store, keeper, clock } = this.#options;
    const partition = idlePartition(keeper.namespace);
    const page = await withRetries(this.#options, () =>
      store.query({ table: 'state', partition, limit: IDLE_MARKERS_MAX }),
    );
    const markers = page.items.map(markerOfRow);
    const nowMs = clock.now();
    const due = markers.filter(({ dueMs }) => dueMs <= nowMs);
    return { due, nextDueMs: markers[due.length]?.dueMs ?? Infinity };
  }

  /** All at once, so that what is removed shares an entry of the log. */
  async #settleAll(markers: readonly IdleMarker[]): Promise<Verdict[]> {
    const { replica } = this.#options.keeper;
    const keys = markers.map(({ path }) => recordKey.node(path));
    const unpin = replica.view.pin(keys);
    try {
      await replica.sync();
      await replica.hydrate(keys.filter((key) => !replica.isKnown(key)));
      return await Promise.all(markers.map((marker) => this.#settle(marker)));
    } finally {
      unpin();
    }
  }

  async #settle(marker: IdleMarker): Promise<Verdict> {
    for (let attempt = 0; attempt < IDLE_ATTEMPTS_MAX; attempt++) {
      const record = await this.#current(marker);
      const dueMs = record === undefined ? undefined : dueOf(record, marker.dueMs);
      if (record === undefined || dueMs === undefined) return this.#drop(marker, 'left');
      if (record.lifetime !== 'container' && dueMs > this.#options.clock.now()) {
        await this.#mark({ ...marker, dueMs });
        return this.#drop(marker, 'not yet');
      }
      if (await this.#remove(marker.path, record)) return this.#drop(marker, 'removed');
    }
    // Others write it faster than it is looked at. The marker stays for the next sweep.
    return 'left';
  }

  /** The znode that the marker is about, `undefined` when it has gone, or is a matter of another marker by now. */
  async #current({ path, since }: IdleMarker): Promise<NodeRecord | undefined> {
    const { replica } = this.#options.keeper;
    let record = replica.view.node(path);
    while (record === undefined) {
      await replica.hydrate([recordKey.node(path)]);
      record = replica.view.node(path);
    }
    return record?.pzxid === since ? record : undefined;
  }

  /** False when something has touched the znode in the meantime. */
  async #remove(path: string, { mzxid, pzxid }: NodeRecord): Promise<boolean> {
    const origin = { session: NO_SESSION, epoch: 0, authIds: [] };
    const outcome = await this.#options.keeper.write({ kind: 'removeIdle', path, mzxid, pzxid }, origin);
    return outcome.ok;
  }

  /** The new marker stands, and its timer is set, before the old one goes. */
  async #mark(marker: IdleMarker): Promise<void> {
    const { store, keeper, clock, timers } = this.#options;
    const item = idleRow(keeper.namespace, marker);
    await withRetries(this.#options, () => store.put({ table: 'state', item }));
    await scheduleIdle({ timers, clock, namespace: keeper.namespace }, [marker.dueMs]);
    this.#nextDueMs = Math.min(this.#nextDueMs, marker.dueMs);
  }

  async #drop(marker: IdleMarker, verdict: Verdict): Promise<Verdict> {
    const { store, keeper } = this.#options;
    const key = idleKey(keeper.namespace, marker);
    await withRetries(this.#options, () => store.delete({ table: 'state', key }));
    return verdict;
  }
}

/** Sets timers for markers, one for all that fall due within the same second. */
export async function scheduleIdle(
  at: { readonly timers: Timers; readonly clock: Clock; readonly namespace: string },
  dueTimesMs: readonly number[],
): Promise<void> {
  const { timers, clock, namespace } = at;
  const seconds = new Set(dueTimesMs.map((dueMs) => Math.ceil(dueMs / IDLE_SAME_SECOND_MS)));
  await Promise.all(
    [...seconds].map((second) => {
      const deadlineMs = second * IDLE_SAME_SECOND_MS;
      const delayMs = Math.min(TIMER_DELAY_MS_MAX, Math.max(0, deadlineMs - clock.now()));
      return timers.schedule({ kind: 'idle', namespace, chain: '', deadlineMs }, delayMs);
    }),
  );
}
