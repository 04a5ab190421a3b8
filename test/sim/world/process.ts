import type { CancelTimer, Clock } from '../../../lib/base/clock.js';
import { ServerClock } from '../../../lib/log/server-clock.js';
import type { Scheduler } from './scheduler.js';

/**
 * A process of the simulated world. All that it hears of the outside (its timers, answers of the store, the network) comes to it
 * through {@link SimProcess.after}, so that it can be stopped and killed between any two of its steps.
 */
export class SimProcess {
  readonly name: string;
  readonly scheduler: Scheduler;
  /** The machine's own clock: it may be wrong, and may step. */
  readonly machineClock: Clock;
  /** The machine's clock, corrected by the store's time as production does it. */
  readonly clock: ServerClock;
  /** Nothing that it sends or is sent arrives. */
  partitioned = false;
  #state: 'running' | 'frozen' | 'dead' = 'running';
  #skewMs: number;
  /** What has come while it was frozen. */
  #held: (() => void)[] = [];

  constructor(options: { readonly name: string; readonly scheduler: Scheduler; readonly skewMs: number }) {
    this.name = options.name;
    this.scheduler = options.scheduler;
    this.#skewMs = options.skewMs;
    const { scheduler } = options;
    this.machineClock = {
      now: () => scheduler.nowMs + this.#skewMs,
      monotonic: () => scheduler.nowMs,
      after: (delayMs, fire) => this.after(delayMs, fire),
    };
    this.clock = new ServerClock(this.machineClock);
  }

  get isAlive(): boolean {
    return this.#state !== 'dead';
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** The wall clock is set to another time. */
  stepClock(toSkewMs: number): void {
    this.#skewMs = toSkewMs;
  }

  /** Comes to the process after `delayMs`: later if it is frozen then, never if it is dead. */
  after(delayMs: number, run: () => void): CancelTimer {
    let cancelled = false;
    const cancel = this.scheduler.after(delayMs, () => this.#deliver(() => !cancelled && run()));
    return () => {
      cancelled = true;
      cancel();
    };
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    const held = this.#held;
    this.#held = [];
    for (const run of held) this.after(0, run);
  }

  kill(): void {
    this.#state = 'dead';
    this.#held = [];
  }

  #deliver(run: () => void): void {
    if (this.#state === 'running') run();
    else if (this.#state === 'frozen') this.#held.push(run);
  }
}
