import { type Clock, sleep } from '../../base/clock.js';
import { LambdaError } from './errors.js';
import type { InstanceOutcome } from './instance.js';

/** Events that wait or run, per function. Beyond it, `TooManyRequestsException`. */
export const ASYNC_EVENTS_MAX = 1_000;

/** Pauses before an event whose function failed is tried again: twice, as Lambda does by default. */
export const ASYNC_RETRY_MS: readonly number[] = [60_000, 120_000];

export interface AsyncQueueOptions {
  readonly clock: Clock;
  /** An event that failed for the last time. */
  readonly onGivenUp: (outcome: InstanceOutcome & { ok: false }) => void;
}

/** Events that were accepted and are run later. They are gone when the emulator ends: Lambda keeps them, this does not. */
export class AsyncQueue {
  readonly #options: AsyncQueueOptions;
  readonly #abort = new AbortController();
  readonly #events = new Set<Promise<void>>();

  constructor(options: AsyncQueueOptions) {
    this.#options = options;
  }

  /** Takes an event; `run` is called for every attempt. Throws {@link LambdaError} when there are too many. */
  add(run: () => Promise<InstanceOutcome>): void {
    if (this.#events.size >= ASYNC_EVENTS_MAX) {
      throw new LambdaError('TooManyRequestsException', 'Rate Exceeded.', {
        Reason: 'CallerRateLimitExceeded',
      });
    }
    const event = this.#run(run).finally(() => this.#events.delete(event));
    this.#events.add(event);
  }

  /** Resolves when no event is under way; those that wait for another attempt are dropped. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#events);
  }

  async #run(run: () => Promise<InstanceOutcome>): Promise<void> {
    for (const retryMs of [...ASYNC_RETRY_MS, undefined]) {
      const outcome = await attempt(run);
      if (outcome.ok || this.#abort.signal.aborted) return;
      if (retryMs === undefined) this.#options.onGivenUp(outcome);
      else if (!(await this.#pause(retryMs))) return;
    }
  }

  /** False when the queue was stopped meanwhile. */
  async #pause(delayMs: number): Promise<boolean> {
    await sleep(this.#options.clock, delayMs, this.#abort.signal).catch(() => undefined);
    return !this.#abort.signal.aborted;
  }
}

/** A function that could not be run at all counts as one that failed. */
async function attempt(run: () => Promise<InstanceOutcome>): Promise<InstanceOutcome> {
  try {
    return await run();
  } catch (error) {
    const { name, message } = error as Error;
    return { ok: false, error: { errorType: name, errorMessage: message } };
  }
}
