import type { Random } from '../base/random.js';
import {
  RETRY_ATTEMPTS_DEFAULT,
  RETRY_BACKOFF_MS_MAX_DEFAULT,
  RETRY_BACKOFF_MS_MIN_DEFAULT,
} from './limits.js';

/** How requests are tried again. Never beyond the call's deadline. */
export interface RetryOptions {
  /** How often a read is tried in all, 1 for once. Default 5. Exactly-once writes are tried until the deadline. */
  readonly attempts?: number;
  /** The first wait, in ms. Default 50. */
  readonly backoffMinMs?: number;
  /** The longest wait, in ms. Default 2000. */
  readonly backoffMaxMs?: number;
}

/** A retry policy with its defaults. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
}

export function retryPolicy(options: RetryOptions = {}): RetryPolicy {
  return {
    attempts: options.attempts ?? RETRY_ATTEMPTS_DEFAULT,
    backoffMinMs: options.backoffMinMs ?? RETRY_BACKOFF_MS_MIN_DEFAULT,
    backoffMaxMs: options.backoffMaxMs ?? RETRY_BACKOFF_MS_MAX_DEFAULT,
  };
}

/** How long to wait after the `failures`th failure, 1 for the first: doubling, between half and all of the ceiling. */
export function backoffMs(policy: RetryPolicy, failures: number, random: Random): number {
  const ceilingMs = Math.min(policy.backoffMaxMs, policy.backoffMinMs * 2 ** Math.min(failures - 1, 30));
  return ceilingMs * (0.5 + random.float() / 2);
}
