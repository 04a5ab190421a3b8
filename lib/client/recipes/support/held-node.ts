import { NoNodeError } from '../../index.js';
import { LockLostError } from '../errors.js';
import { remove } from './cleanup.js';
import type { RecipeContext } from './recipe.js';
import { tellsOver, untilAnswered } from './waiting.js';

/** The own znode by which something is held, and how its holder hears that it no longer is. */
export class HeldNode {
  readonly path: string;
  readonly fencingToken: number;
  readonly #context: RecipeContext;
  readonly #controller = new AbortController();
  readonly #heldSinceMs: number;
  readonly #lease: AbortSignal;
  readonly #onLapse: () => void;
  #releasing: Promise<void> | undefined;
  #isReplaced = false;

  constructor(context: RecipeContext, node: { readonly path: string; readonly fencingToken: number }) {
    this.path = node.path;
    this.fencingToken = node.fencingToken;
    this.#context = context;
    this.#heldSinceMs = context.client.clock.monotonic();
    this.#lease = context.client.lease.signal;
    this.#onLapse = () => this.#lose(this.#lease.reason);
    if (this.#lease.aborted) this.#onLapse();
    else this.#lease.addEventListener('abort', this.#onLapse, { once: true });
    void this.#watch();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Looks at the clock, too: after a pause of the process no timer has had its turn yet. */
  get isHeld(): boolean {
    if (this.#releasing !== undefined || this.signal.aborted) return false;
    return this.#context.client.lease.remainingMs > 0;
  }

  throwIfLost(): void {
    this.signal.throwIfAborted();
    if (!this.isHeld) throw this.#lost(UNVOUCHED);
  }

  get heldMs(): number {
    return this.#context.client.clock.monotonic() - this.#heldSinceMs;
  }

  release(): Promise<void> {
    this.#releasing ??= this.#release();
    return this.#releasing;
  }

  /** Runs the transaction by which the znode goes as it should; if that is done, nothing is left to release. */
  async replace(work: () => Promise<void>): Promise<void> {
    this.#isReplaced = true;
    try {
      await work();
      this.#releasing ??= Promise.resolve();
      this.#lease.removeEventListener('abort', this.#onLapse);
    } catch (error) {
      this.#isReplaced = false;
      // The old watch may have seen its end.
      void this.#watch();
      throw error;
    }
  }

  async #release(): Promise<void> {
    const { client } = this.#context;
    this.#lease.removeEventListener('abort', this.#onLapse);
    if (!this.signal.aborted) this.#context.report({ name: 'released', durationMs: this.heldMs });
    // Also what is lost: its znode may still be there, and others wait for it.
    await remove(client, this.path);
  }

  /** The own deletion ends the watch, so that a release has nothing to take off. */
  async #watch(): Promise<void> {
    const { client } = this.#context;
    const { path, signal } = this;
    try {
      for (let isThere = true; isThere && this.#isWatched();) {
        const watch = await untilAnswered(client, { path, signal }, () =>
          client.watch(path, { type: 'data', signal }),
        );
        const { value, done } = await watch.next();
        isThere = done !== true && value.type !== 'deleted';
      }
      this.#lose(undefined);
    } catch (error) {
      // A session that is over is told by its lease, with the reason.
      if (error instanceof NoNodeError || !tellsOver(client, error)) this.#lose(error);
    }
  }

  #isWatched(): boolean {
    return this.#releasing === undefined && !this.signal.aborted;
  }

  #lost(message: string, cause?: unknown): LockLostError {
    return new LockLostError({ code: 0, path: this.path, message, cause });
  }

  #lose(cause: unknown): void {
    if (!this.#isWatched()) return;
    const isDeleted = cause === undefined || cause instanceof NoNodeError;
    if (isDeleted && this.#isReplaced) return;
    this.#lease.removeEventListener('abort', this.#onLapse);
    this.#controller.abort(this.#lost(isDeleted ? DELETED : UNVOUCHED, cause));
    this.#context.report({ name: 'lost', durationMs: this.heldMs, error: cause });
  }
}

const UNVOUCHED = 'nobody can vouch any more for what was held';
const DELETED = 'somebody deleted the znode by which it was held';
