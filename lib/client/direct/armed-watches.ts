import { ErrorCode } from '../../core/errors.js';
import type { Commit } from '../../keeper/types.js';
import { WatchTable, type WatchKind } from '../../keeper/watches.js';
import { errorFrom, type ZeroKeeperError } from '../errors.js';
import type { OneShotWatchType, PersistentWatchType, TransportEvent } from '../transport.js';
import { DIRECT_WATCHES_MAX } from './limits.js';

export type WatchType = OneShotWatchType | PersistentWatchType;

const KIND: Readonly<Record<WatchType, WatchKind>> = {
  data: 'data',
  exists: 'data',
  children: 'child',
  persistent: 'persistent',
  persistentRecursive: 'persistentRecursive',
};

/** The client's watches, one at most of a type at a path, and the events that the log's transactions mean for them. */
export class ArmedWatches {
  /** The table knows data watches and those left by exists as the same: a watcher for each keeps them apart. */
  readonly #watchers: Readonly<Record<WatchType, object>> = {
    data: {},
    exists: {},
    children: {},
    persistent: {},
    persistentRecursive: {},
  };
  #table = new WatchTable<object>(DIRECT_WATCHES_MAX);

  get size(): number {
    return this.#table.total;
  }

  arm(type: WatchType, path: string): ZeroKeeperError | undefined {
    const watcher = this.#watchers[type];
    if (!this.#table.has(watcher, KIND[type], path) && this.#table.total >= DIRECT_WATCHES_MAX) {
      const message = `more than ${DIRECT_WATCHES_MAX} watches`;
      return errorFrom({ code: ErrorCode.ThrottledOp, path, message });
    }
    this.#table.add(watcher, KIND[type], path);
    return undefined;
  }

  disarm(type: WatchType, path: string): void {
    this.#table.delete(this.#watchers[type], KIND[type], path);
  }

  clear(): void {
    this.#table = new WatchTable(DIRECT_WATCHES_MAX);
  }

  /** The events of a transaction, each once however many watches it fires; one-shot watches that fire are gone. */
  fire({ position, triggers }: Commit): TransportEvent[] {
    if (this.size === 0) return [];
    const events: TransportEvent[] = [];
    for (const [index, trigger] of triggers.entries()) {
      const [told] = this.#table.fire(trigger);
      if (told === undefined) continue;
      const { event: type, path } = trigger;
      events.push({ type, path, zxid: position.zxid, position: index });
    }
    return events;
  }
}
