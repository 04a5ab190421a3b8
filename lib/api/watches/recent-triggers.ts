import type { Zxid } from '../../core/types.js';
import { readLog, triggersOf } from '../../keeper/changes.js';
import type { Replica } from '../../keeper/replica.js';
import type { Commit } from '../../keeper/types.js';
import type { PlacedTrigger } from './firing.js';
import { placed } from './firing.js';
import { EVENTS_LOG_BYTES_MAX, RECENT_TRIGGERS_MAX } from './limits.js';

export interface Triggers {
  /** In order. */
  readonly triggers: readonly PlacedTrigger[];
  /** All up to here are there: what was asked for, or less when the log was too long to read. */
  readonly until: Zxid;
}

/** The triggers of the log: the last ones from memory, as the replica applied them, earlier ones from the store. */
export class RecentTriggers {
  readonly #replica: Replica;
  #triggers: PlacedTrigger[] = [];
  /** Everything in (base, end] is in memory. */
  #base: Zxid;
  #end: Zxid;

  constructor(replica: Replica) {
    this.#replica = replica;
    this.#base = this.#end = replica.head;
    replica.listen({ onCommit: (commit) => this.#add(commit), onEntry: () => undefined });
  }

  /** The triggers in (after, until], where `until` is at most the replica's head. Throws `Compacted` below a trim. */
  async between(after: Zxid, until: Zxid): Promise<Triggers> {
    if (after >= until) return { triggers: [], until };
    if (after < this.#base || until > this.#end) return this.#fromLog(after, until);
    return { triggers: this.#triggers.filter(({ zxid }) => zxid > after && zxid <= until), until };
  }

  #add({ position: { zxid }, triggers }: Commit): void {
    if (zxid !== this.#end + 1) {
      // The replica began at a watermark after this was made.
      this.#triggers = [];
      this.#base = zxid - 1;
    }
    this.#end = zxid;
    this.#triggers.push(...placed(zxid, triggers));
    if (this.#triggers.length > RECENT_TRIGGERS_MAX) this.#forget();
  }

  /** Half at a time, so that forgetting costs little for each. */
  #forget(): void {
    const last = this.#triggers[this.#triggers.length - RECENT_TRIGGERS_MAX / 2];
    if (last === undefined) return;
    this.#base = last.zxid;
    this.#triggers = this.#triggers.filter(({ zxid }) => zxid > this.#base);
  }

  async #fromLog(after: Zxid, until: Zxid): Promise<Triggers> {
    const triggers: PlacedTrigger[] = [];
    let reached = after;
    let bytesLeft = EVENTS_LOG_BYTES_MAX;
    const log = { ...this.#replica.options, blobs: this.#replica.blobs };
    for await (const { entry, bytes } of readLog(log, after + 1)) {
      for (const [index, txn] of entry.txns.entries()) {
        const zxid = entry.first + index;
        if (zxid > after && zxid <= until) triggers.push(...placed(zxid, triggersOf(txn)));
      }
      reached = Math.min(until, entry.last);
      bytesLeft -= bytes;
      if (reached === until || bytesLeft <= 0) break;
    }
    return { triggers, until: reached };
  }
}
