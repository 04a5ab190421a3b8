/** Stops a timer. Calling it twice, or after the timer has fired, does nothing. */
export type CancelTimer = () => void;

/**
 * Time as a parameter. Nothing outside `lib/base` reads the machine's clock or sets a timer, so tests and the
 * simulation run in a time of their own.
 */
export interface Clock {
  /** Wall time in ms since 1970. May step. Compared with times that other machines wrote. */
  now(): number;
  /** Monotonic ms from an arbitrary origin. Never steps. For durations on this machine. */
  monotonic(): number;
  /** Runs `fire` once, after at least `delayMs`. A pending timer does not keep the process alive. */
  after(delayMs: number, fire: () => void): CancelTimer;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs` of the clock's time; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = () => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** A clock that moves only when it is told to. Timers fire in order of their due time, then of their setting. */
export class ManualClock implements Clock {
  #now: number;
  #monotonic = 0;
  #sequence = 0;
  readonly #timers = new Map<number, { dueMs: number; fire: () => void }>();

  constructor(startMs = 1_700_000_000_000) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(delayMs: number, fire: () => void): CancelTimer {
    const id = ++this.#sequence;
    this.#timers.set(id, { dueMs: this.#monotonic + Math.max(0, delayMs), fire });
    return () => this.#timers.delete(id);
  }

  /** Steps the wall clock alone, as NTP or an operator would. */
  step(byMs: number): void {
    this.#now += byMs;
  }

  /** The number of timers that are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /**
   * Moves time on by `byMs`, firing what falls due. Between two timers the event loop turns once, so that what a
   * timer started can set further timers within the same advance.
   */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#monotonic + byMs;
    for (;;) {
      const next = this.#next(endMs);
      if (next === undefined) break;
      this.#moveTo(next.dueMs);
      this.#timers.delete(next.id);
      next.fire();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#moveTo(endMs);
    await new Promise((resolve) => setImmediate(resolve));
  }

  #next(endMs: number): { id: number; dueMs: number; fire: () => void } | undefined {
    let best: { id: number; dueMs: number; fire: () => void } | undefined;
    for (const [id, timer] of this.#timers) {
      if (timer.dueMs > endMs) continue;
      if (best === undefined || timer.dueMs < best.dueMs) best = { id, ...timer };
    }
    return best;
  }

  #moveTo(monotonicMs: number): void {
    if (monotonicMs <= this.#monotonic) return;
    this.#now += monotonicMs - this.#monotonic;
    this.#monotonic = monotonicMs;
  }
}
