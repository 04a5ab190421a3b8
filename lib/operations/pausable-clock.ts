import type { CancelTimer, Clock } from '../base/clock.js';

/**
 * A clock whose timers can be held back, so that who lives by it falls silent as a frozen process does: time goes on for
 * everybody else. What fell due meanwhile fires when it is resumed.
 */
export class PausableClock implements Clock {
  readonly #base: Clock;
  readonly #held = new Set<() => void>();
  #paused = false;

  constructor(base: Clock) {
    this.#base = base;
  }

  now(): number {
    return this.#base.now();
  }

  monotonic(): number {
    return this.#base.monotonic();
  }

  after(delayMs: number, fire: () => void): CancelTimer {
    const due = () => {
      if (this.#paused) this.#held.add(fire);
      else fire();
    };
    const cancel = this.#base.after(delayMs, due);
    return () => {
      cancel();
      this.#held.delete(fire);
    };
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const held = [...this.#held];
    this.#held.clear();
    for (const fire of held) fire();
  }
}
