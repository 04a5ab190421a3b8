import type { CancelTimer, Clock } from '../base/clock.js';

/** Samples that took this long, by either clock, say too little about the offset, but may show that it is wrong. */
const ROUND_TRIP_MS_MAX = 1000;
/** The Date header counts whole seconds. */
const DATE_RESOLUTION_MS = 1000;
/** Samples that contradict each other by more than this mean that a clock has stepped: nothing is certain then. */
const DISAGREEMENT_MS_MAX = 5000;
/** A call that took longer by one clock than by the other by more than this saw the wall clock being set. */
const SET_MS_MIN = 250;

/** The server's own time, cut off to whole seconds, and when by this machine's clock the call was sent and answered. */
export interface ServerTimeSample {
  readonly serverMs: number;
  readonly sentMs: number;
  readonly receivedMs: number;
  readonly roundTripMonotonicMs: number;
}

/** What server time minus this machine's time can be, in ms. */
interface Interval {
  readonly lowMs: number;
  readonly highMs: number;
}

/**
 * This machine's clock, corrected by the offset that the store's Date headers show (I13).
 *
 * Each sample gives an interval that holds the offset. Their running intersection is kept. While zero is in it, a good clock
 * is left alone; otherwise the offset is its middle, so that no clock is off by more than half of it. When a sample contradicts
 * the intersection by no more than five seconds, clocks have drifted and the interval starts again. By more,
 * {@link ServerClock.trusted} is false until two samples in a row agree: until then nothing that depends on time may be
 * written. A clock that is set during a call spoils that call's own sample, and a slow call's sample is
 * not exact enough to correct by: either distrusts a clock that it contradicts until the next sample that is good.
 */
export class ServerClock implements Clock {
  readonly #base: Clock;
  #interval: Interval = { lowMs: -Infinity, highMs: Infinity };
  /** The sample that caused the distrust, or the latest since. */
  #doubtful: Interval | undefined;
  /** The clock was set during a call, or before a slow one, and no sample since tells by how much. */
  #wasSet = false;

  constructor(base: Clock) {
    this.#base = base;
  }

  /** The store's time in ms since 1970, as well as it is known. */
  now(): number {
    return this.#base.now() + this.offsetMs;
  }

  monotonic(): number {
    return this.#base.monotonic();
  }

  after(delayMs: number, fire: () => void): CancelTimer {
    return this.#base.after(delayMs, fire);
  }

  /** What is added to this machine's clock. */
  get offsetMs(): number {
    const { lowMs, highMs } = this.#interval;
    return lowMs <= 0 && highMs >= 0 ? 0 : Math.round((lowMs + highMs) / 2);
  }

  /** False while samples contradict each other, and from when a call showed that the clock was set until a quick one tells by how much. */
  get trusted(): boolean {
    return this.#doubtful === undefined && !this.#wasSet;
  }

  /** Takes a sample in, made with the same base clock. */
  observe(sample: ServerTimeSample): void {
    const roundTripMs = sample.receivedMs - sample.sentMs;
    if (Math.abs(roundTripMs - sample.roundTripMonotonicMs) > SET_MS_MIN) {
      this.#wasSet = true;
      return;
    }
    if (roundTripMs < 0) return;
    const seen: Interval = {
      lowMs: sample.serverMs - sample.receivedMs,
      highMs: sample.serverMs + DATE_RESOLUTION_MS - sample.sentMs,
    };
    if (Math.max(roundTripMs, sample.roundTripMonotonicMs) >= ROUND_TRIP_MS_MAX) {
      if (this.offsetMs < seen.lowMs || this.offsetMs > seen.highMs) this.#wasSet = true;
      return;
    }
    this.#wasSet = false;
    const known = this.#doubtful ?? this.#interval;
    if (gapMs(known, seen) > DISAGREEMENT_MS_MAX) {
      this.#doubtful = seen;
      return;
    }
    this.#doubtful = undefined;
    this.#interval = gapMs(known, seen) > 0 ? seen : intersection(known, seen);
  }
}

/** How far two intervals lie apart; at most 0 when they meet. */
function gapMs(a: Interval, b: Interval): number {
  return Math.max(a.lowMs, b.lowMs) - Math.min(a.highMs, b.highMs);
}

function intersection(a: Interval, b: Interval): Interval {
  return { lowMs: Math.max(a.lowMs, b.lowMs), highMs: Math.min(a.highMs, b.highMs) };
}
