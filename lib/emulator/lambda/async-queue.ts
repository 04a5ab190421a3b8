import { type Clock, sleep } from '../../base/clock.js';
import { LambdaError } from './errors.js';
import type { InstanceOutcome } from './instance.js';

/** Events that wait or run, per function. Beyond it, `TooManyRequestsException`. */
export const ASYNC_EVENTS_MAX = 1_000;

/** Pauses before an event whose function failed is tried again. Lambda's own: how often it is tried is a setting, the pauses are not. */
export const ASYNC_RETRY_MS: readonly number[] = [60_000, 120_000];

export interface AsyncQueueOptions {
  readonly clock: Clock;
  /** Attempts after the first. */
  readonly retriesMax: number;
  /** An event that is older is not tried again. */
  readonly ageMaxMs: number;
}

/** Why an event is tried no more, after how many attempts. */
export interface GivenUp {
  readonly condition: 'RetriesExhausted' | 'EventAgeExceeded';
  readonly attempts: number;
  readonly outcome: InstanceOutcome & { ok: false };
}

export interface AsyncEvent {
  /** Called for every attempt. */
  readonly run: () => Promise<InstanceOutcome>;
  /** Never rejects. */
  readonly onGivenUp: (givenUp: GivenUp) => Promise<void>;
}

/** Events that were accepted and are run later. They are gone when the emulator ends: Lambda keeps them, this does not. */
export class AsyncQueue {
  readonly #options: AsyncQueueOptions;
  readonly #abort = new AbortController();
  readonly #events = new Set<Promise<void>>();

  constructor(options: AsyncQueueOptions) {
    this.#options = options;
  }

  /** Takes an event. Throws {@link LambdaError} when there are too many. */
  add(event: AsyncEvent): void {
    if (this.#events.size >= ASYNC_EVENTS_MAX) {
      throw new LambdaError('TooManyRequestsException', 'Rate Exceeded.', {
        Reason: 'CallerRateLimitExceeded',
      });
    }
    const running = this.#run(event).finally(() => this.#events.delete(running));
    this.#events.add(running);
  }

  /** Resolves when no event is under way; those that wait for another attempt are dropped. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#events);
  }

  async #run({ run, onGivenUp }: AsyncEvent): Promise<void> {
    const { clock, retriesMax, ageMaxMs } = this.#options;
    const untilMs = clock.monotonic() + ageMaxMs;
    for (let attempts = 1; ; attempts++) {
      const outcome = await attempt(run);
      if (outcome.ok || this.#abort.signal.aborted) return;
      if (attempts > retriesMax) return onGivenUp({ condition: 'RetriesExhausted', attempts, outcome });
      const leftMs = Math.max(0, untilMs - clock.monotonic());
      const retryMs = ASYNC_RETRY_MS[attempts - 1] ?? leftMs;
      if (!(await this.#pause(Math.min(retryMs, leftMs)))) return;
      if (retryMs >= leftMs) return onGivenUp({ condition: 'EventAgeExceeded', attempts, outcome });
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
