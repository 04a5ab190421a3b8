import type { Clock } from './clock.js';

/**
 * A moment by both clocks of a machine. The monotonic one may stand still while the machine sleeps, the wall clock may be
 * stepped; where too much time must not have passed, the one that says more counts.
 */
export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** Longer ago than anything. */
export const NEVER: Instant = { monotonicMs: Number.NEGATIVE_INFINITY, wallMs: Number.NEGATIVE_INFINITY };

export function instantOf(clock: Clock): Instant {
  return { monotonicMs: clock.monotonic(), wallMs: clock.now() };
}

/** Ms from `since` to `until`, by the clock that says more. */
export function elapsedMs(since: Instant, until: Instant): number {
  return Math.max(until.monotonicMs - since.monotonicMs, until.wallMs - since.wallMs);
}
