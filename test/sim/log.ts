import { ManualClock } from '../../lib/base/clock.js';
import { seededRandom } from '../../lib/base/random.js';
import { FullState } from '../../lib/core/full-state.js';
import { apply } from '../../lib/core/machine.js';
import type { Position, Txn } from '../../lib/core/types.js';
import { blobsOfEntry } from '../../lib/keeper/blob-references.js';
import { Blobs } from '../../lib/keeper/blobs.js';
import { readEntry } from '../../lib/keeper/log-rows.js';
import type { Entry } from '../../lib/log/entry.js';
import { SimulatedStore } from '../../lib/log/simulated-store.js';
import type { SimulatedTables } from '../../lib/log/simulated-tables.js';

export interface Transaction {
  readonly txn: Txn;
  readonly position: Position;
}

/** The log, with the contents of the blobs that it names. */
export interface Log {
  readonly entries: readonly Entry[];
  readonly transactions: readonly Transaction[];
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

/** Follows the tables' log without a network in between, and keeps the state at its end. */
export class LogReader implements Log {
  readonly entries: Entry[] = [];
  readonly transactions: Transaction[] = [];
  readonly blobs = new Map<string, Uint8Array>();
  readonly state = new FullState();
  readonly #namespace: string;
  readonly #store: SimulatedStore;
  readonly #blobs: Blobs;

  constructor(tables: SimulatedTables, namespace: string) {
    this.#namespace = namespace;
    const clock = new ManualClock();
    const random = seededRandom(1);
    this.#store = new SimulatedStore({ tables, clock, random });
    this.#blobs = new Blobs({ store: this.#store, namespace, clock, random });
  }

  async catchUp(): Promise<void> {
    for (;;) {
      const from = (this.entries.at(-1)?.last ?? 0) + 1;
      const { items } = await this.#store.query({ table: 'log', partition: this.#namespace, from });
      if (items.length === 0) return;
      for (const item of items) this.#take((await readEntry(item, this.#blobs)).entry);
      await this.#fetchBlobs();
    }
  }

  #take(entry: Entry): void {
    this.entries.push(entry);
    entry.txns.forEach((txn, index) => {
      const position = { zxid: entry.first + index, timeMs: entry.timeMs };
      this.transactions.push({ txn, position });
      apply(txn, position, this.state);
    });
  }

  async #fetchBlobs(): Promise<void> {
    for (const reference of this.entries.flatMap(blobsOfEntry)) {
      if (this.blobs.has(reference.blob)) continue;
      this.blobs.set(reference.blob, await this.#blobs.read(reference));
    }
  }
}
