import type { Clock } from '../base/clock.js';
import { sleep } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { StoreError } from '../log/store.js';
import { KeeperError } from './types.js';
import { READ_ATTEMPTS_MAX, RETRY_FIRST_MS, RETRY_LONGEST_MS } from './limits.js';

export interface Pacing {
  readonly clock: Clock;
  readonly random: Random;
}

/** Doubling pause with full jitter in its upper half: attempt 0, 1, 2 … */
export function backoffMs(attempt: number, random: Random): number {
  const full = Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** attempt);
  return full * (0.5 + random.float() / 2);
}

/**
 * Reads from the store, trying again while that may help. Only for calls without effect, or whose repetition is without
 * effect. After the last attempt the caller gets `StoreUnavailable`.
 */
export async function withRetries<T>(pacing: Pacing, call: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (!error.retriable || attempt + 1 >= READ_ATTEMPTS_MAX) {
        throw new KeeperError('StoreUnavailable', error.message, { cause: error });
      }
      await sleep(pacing.clock, backoffMs(attempt, pacing.random));
    }
  }
}
