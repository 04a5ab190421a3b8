import { assert } from '../base/assert.js';
import { keysTouched } from '../core/machine.js';
import type { RecordKey } from '../core/state.js';
import type { Position, Txn, Zxid } from '../core/types.js';
import type { Entry } from '../log/entry.js';
import { narrowed } from './narrow.js';

export interface WindowItem {
  readonly position: Position;
  /** Of a large transaction the part that touches the record. */
  readonly txn: Txn;
}

/** Reserves the window from the base at which a row's read was sent, until the row was folded. */
export interface WindowHold {
  readonly base: Zxid;
  release(): void;
}

interface WindowEntry {
  readonly entry: Entry;
  readonly bytes: number;
}

/**
 * The entries in (base, head] of a replica: what may have to be folded over a row that was read from the state tables. The
 * base is never above a watermark that had been read before a row's read was sent (I8), so nothing between a row and
 * the window can be missing. Indexed by the records that a transaction touches.
 */
export class Window {
  #base: Zxid;
  #entries: WindowEntry[] = [];
  #bytes = 0;
  readonly #items = new Map<RecordKey, WindowItem[]>();
  /** Of the oldest entries, how many are in the index: most entries leave the window before anybody asks for them. */
  #indexed = 0;
  readonly #holds = new Set<WindowHold>();
  #trimTo: Zxid;

  constructor(base: Zxid) {
    this.#base = base;
    this.#trimTo = base;
  }

  /** Everything up to here is in the state tables and not in the window. */
  get base(): Zxid {
    return this.#base;
  }

  /** Approximate bytes of log in the window. */
  get bytes(): number {
    return this.#bytes;
  }

  get oldestTimeMs(): number | undefined {
    return this.#entries[0]?.entry.timeMs;
  }

  /** The keys that the window's transactions touch. */
  keys(): IterableIterator<RecordKey> {
    this.#index();
    return this.#items.keys();
  }

  /** The transactions that touch a record, oldest first. */
  items(key: RecordKey): readonly WindowItem[] {
    this.#index();
    return this.#items.get(key) ?? [];
  }

  /** A transaction of the window as it stands in the log, whole. */
  transaction(zxid: Zxid): WindowItem {
    let [low, high] = [0, this.#entries.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      const last = this.#entries[middle]?.entry.last;
      if (last !== undefined && last < zxid) low = middle + 1;
      else high = middle;
    }
    const entry = this.#entries[low]?.entry;
    const txn = entry?.txns[zxid - entry.first];
    assert(entry !== undefined && txn !== undefined, 'the window has no such transaction');
    return { txn, position: { zxid, timeMs: entry.timeMs } };
  }

  push(entry: Entry, bytes: number): void {
    this.#entries.push({ entry, bytes });
    this.#bytes += bytes;
  }

  #index(): void {
    for (; this.#indexed < this.#entries.length; this.#indexed++) {
      const entry = this.#entries[this.#indexed]?.entry;
      entry?.txns.forEach((txn, index) => {
        const position = { zxid: entry.first + index, timeMs: entry.timeMs };
        for (const [key, part] of narrowed(txn)) {
          const item = { position, txn: part };
          const items = this.#items.get(key);
          if (items === undefined) this.#items.set(key, [item]);
          else items.push(item);
        }
      });
    }
  }

  get isHeld(): boolean {
    return this.#holds.size > 0;
  }

  hold(): WindowHold {
    const hold: WindowHold = {
      base: this.#base,
      release: () => {
        if (this.#holds.delete(hold)) this.#trim();
      },
    };
    this.#holds.add(hold);
    return hold;
  }

  /** Lets go of everything up to `watermark` as soon as no hydration in flight needs it. */
  trimTo(watermark: Zxid): void {
    this.#trimTo = Math.max(this.#trimTo, watermark);
    this.#trim();
  }

  #trim(): void {
    let limit = this.#trimTo;
    for (const hold of this.#holds) limit = Math.min(limit, hold.base);
    let count = 0;
    for (const { entry, bytes } of this.#entries) {
      if (entry.last > limit) break;
      count++;
      this.#bytes -= bytes;
      this.#base = entry.last;
    }
    if (count === 0) return;
    const gone = this.#entries.splice(0, count);
    this.#forget(gone.slice(0, this.#indexed));
    this.#indexed = Math.max(0, this.#indexed - count);
  }

  #forget(entries: readonly WindowEntry[]): void {
    const keys = new Set<RecordKey>();
    for (const { entry } of entries) {
      for (const txn of entry.txns) for (const key of keysTouched(txn)) keys.add(key);
    }
    for (const key of keys) {
      const items = this.#items.get(key);
      assert(items !== undefined, 'the window lost an index');
      const kept = items.filter((item) => item.position.zxid > this.#base);
      if (kept.length === 0) this.#items.delete(key);
      else this.#items.set(key, kept);
    }
  }
}
