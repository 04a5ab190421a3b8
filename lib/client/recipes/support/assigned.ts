import type { ZeroKeeperClient } from '../../index.js';
import { Mutex } from '../mutex.js';
import type { Held } from './lock.js';
import { warn } from './metrics.js';
import { join } from './names.js';
import type { RecipeOptions } from './recipe.js';
import { backoff, isOver, tellsOver } from './waiting.js';

/** Works on one item until its signal aborts. */
export type Worker = (item: string, held: Held) => Promise<unknown>;

interface Task {
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

/** Works on a set of items that changes, each under a lock of its own: whoever had it before has let go of it then. */
export class AssignedItems {
  readonly #client: ZeroKeeperClient;
  readonly #init: { readonly directory: string; readonly options: RecipeOptions; readonly work: Worker };
  readonly #tasks = new Map<string, Task>();
  readonly #held = new Map<string, Held>();
  #wanted: ReadonlySet<string> = new Set();

  constructor(
    client: ZeroKeeperClient,
    init: { readonly directory: string; readonly options: RecipeOptions; readonly work: Worker },
  ) {
    this.#client = client;
    this.#init = init;
  }

  /** Those whose lock is held. */
  get items(): readonly string[] {
    return [...this.#held].flatMap(([item, { isHeld }]) => (isHeld ? [item] : [])).sort();
  }

  /** Begins with what is new and tells what is not among them any more to end. */
  assign(items: readonly string[]): void {
    this.#wanted = new Set(items);
    for (const [item, { stop }] of this.#tasks) if (!this.#wanted.has(item)) stop.abort();
    for (const item of this.#wanted) if (!this.#tasks.has(item)) this.#begin(item);
  }

  /** Ends all; resolves when each has let go. */
  async stop(): Promise<void> {
    this.assign([]);
    await Promise.all([...this.#tasks.values()].map(({ done }) => done));
  }

  #begin(item: string): void {
    const stop = new AbortController();
    const done = this.#keep(item, stop.signal).finally(() => {
      this.#tasks.delete(item);
      // It came back while what was done with it before was still ending.
      if (this.#wanted.has(item) && !isOver(this.#client)) this.#begin(item);
    });
    this.#tasks.set(item, { stop, done });
  }

  /** Has the item, and takes its lock again when that was lost, until it is to be given up or the session is over. */
  async #keep(item: string, signal: AbortSignal): Promise<void> {
    const path = join(this.#init.directory, item);
    for (let failures = 0; !signal.aborted && !isOver(this.#client);) {
      try {
        await this.#have(item, { path, signal });
        failures = 0;
      } catch (error) {
        if (failures++ === 0 && !tellsOver(this.#client, error)) warn(`${path} cannot be had`, error);
        // Rejects when it is given up meanwhile, which is looked at next.
        await backoff(this.#client, failures, { path, signal }).catch(() => undefined);
      }
    }
  }

  /** Works under the lock; resolves when that was lost or the item is to be given up. */
  async #have(item: string, { path, signal }: { path: string; signal: AbortSignal }): Promise<void> {
    const mutex = new Mutex(this.#client, path, this.#init.options);
    const lock = await mutex.acquire({ signal }).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      throw error;
    });
    if (lock === undefined) return mutex.settled();
    await using held = new EndingHold(lock, signal);
    // It may have been given up while the lock's answer was on its way; a listener that is added now would never hear of it.
    if (held.signal.aborted) return;
    this.#held.set(item, held);
    try {
      await this.#work(item, held);
      // Who is done early, or has failed, keeps the item, so that nobody else begins with it.
      await ended(held.signal);
    } finally {
      this.#held.delete(item);
    }
  }

  async #work(item: string, held: Held): Promise<void> {
    try {
      await this.#init.work(item, held);
    } catch (error) {
      if (!held.signal.aborted && !tellsOver(this.#client, error)) warn(`the work on ${item} failed`, error);
    }
  }
}

/** A hold whose signal aborts also when the item is to be given up. */
class EndingHold implements Held {
  readonly signal: AbortSignal;
  readonly #lock: Held;

  constructor(lock: Held, signal: AbortSignal) {
    this.#lock = lock;
    this.signal = AbortSignal.any([lock.signal, signal]);
  }

  get path(): string {
    return this.#lock.path;
  }

  get fencingToken(): number {
    return this.#lock.fencingToken;
  }

  get isHeld(): boolean {
    return this.#lock.isHeld;
  }

  release(): Promise<void> {
    return this.#lock.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}

function ended(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
