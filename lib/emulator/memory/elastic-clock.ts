import type { CancelTimer, Clock } from '../../base/clock.js';

/** Longest step of an advance, ms: between two steps the event loop turns, so that clients' signs of life get through. */
const STEP_MS_MAX = 200;

/** Turns of the event loop after each step: enough for a request over loopback and its answer. */
const TURNS_PER_STEP = 4;

interface Timer {
  readonly dueMs: number;
  readonly fire: () => void;
}

/** A clock that runs as its base does, and that can be moved on at any time. Timers fire in the order in which they fall due. */
export class ElasticClock implements Clock {
  readonly #base: Clock;
  readonly #timers = new Set<Timer>();
  #aheadMs = 0;
  #armedMs = Infinity;
  #cancel: CancelTimer = () => undefined;
  #advancing = false;

  constructor(base: Clock) {
    this.#base = base;
  }

  now(): number {
    return this.#base.now() + this.#aheadMs;
  }

  monotonic(): number {
    return this.#base.monotonic() + this.#aheadMs;
  }

  after(delayMs: number, fire: () => void): CancelTimer {
    const timer: Timer = { dueMs: this.monotonic() + Math.max(0, delayMs), fire };
    this.#timers.add(timer);
    if (timer.dueMs < this.#armedMs) this.#arm(timer.dueMs);
    return () => this.#timers.delete(timer);
  }

  /** Moves on by `byMs` in steps, firing what falls due on the way. One advance at a time. */
  async advance(byMs: number): Promise<void> {
    if (this.#advancing) throw new Error('time is being advanced already: await that first');
    this.#advancing = true;
    try {
      let leftMs = byMs;
      while (leftMs > 0) {
        const stepMs = Math.min(
          leftMs,
          STEP_MS_MAX,
          Math.max(0, this.#nextDueMs() - this.monotonic()) || leftMs,
        );
        this.#aheadMs += stepMs;
        leftMs -= stepMs;
        this.#fireDue();
        for (let turn = 0; turn < TURNS_PER_STEP; turn++)
          await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      this.#advancing = false;
    }
  }

  #nextDueMs(): number {
    let next = Infinity;
    for (const { dueMs } of this.#timers) next = Math.min(next, dueMs);
    return next;
  }

  #fireDue(): void {
    const nowMs = this.monotonic();
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= nowMs).sort((a, b) => a.dueMs - b.dueMs);
    for (const timer of due) if (this.#timers.delete(timer)) timer.fire();
    this.#arm(this.#nextDueMs());
  }

  /** One timer of the base stands for all. */
  #arm(dueMs: number): void {
    this.#cancel();
    this.#cancel = () => undefined;
    this.#armedMs = dueMs;
    if (dueMs === Infinity) return;
    this.#cancel = this.#base.after(Math.max(0, dueMs - this.monotonic()), () => this.#fireDue());
  }
}
