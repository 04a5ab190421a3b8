import { type CancelTimer, type Clock } from '../base/clock.js';

export interface ScheduleOptions {
  readonly clock: Clock;
  /** Pause between the end of one run and the start of the next, ms: runs never overlap. */
  readonly intervalMs: number;
  readonly run: () => Promise<void>;
  /** A run that failed before {@link Schedule.stop}. The next one comes when it is due. */
  readonly onError: (error: unknown) => void;
}

/** Calls something again and again, as EventBridge does. */
export class Schedule {
  readonly #options: ScheduleOptions;
  #cancel: CancelTimer | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: ScheduleOptions) {
    this.#options = options;
  }

  /** The first run begins at once. */
  start(): void {
    this.#turn();
  }

  /** Resolves when a run that is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
  }

  #turn(): void {
    if (this.#stopped) return;
    const { clock, intervalMs, run, onError } = this.#options;
    this.#running = run()
      .catch((error: unknown) => {
        if (!this.#stopped) onError(error);
      })
      .then(() => {
        if (!this.#stopped) this.#cancel = clock.after(intervalMs, () => this.#turn());
      });
  }
}
