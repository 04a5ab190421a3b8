import type { CancelTimer, Clock } from '../../../base/clock.js';

/**
 * Whether the session is known to be alive. The function renews its lease with every request; what the client knows is
 * when it sent the newest request that was answered. Two thirds of the timeout after that it calls `onSilent`, while
 * the session certainly still lives.
 */
export class Liveness {
  readonly #clock: Clock;
  readonly #onSilent: () => void;
  #timeoutMs = 0;
  #heardAtMs = 0;
  #cancel: CancelTimer | undefined;

  constructor(clock: Clock, onSilent: () => void) {
    this.#clock = clock;
    this.#onSilent = onSilent;
  }

  /** A request that was sent at `sentAtMs` (monotonic) was answered. */
  heard(sentAtMs: number, timeoutMs: number): void {
    this.#heardAtMs = Math.max(this.#heardAtMs, sentAtMs);
    this.#timeoutMs = timeoutMs;
    if (this.#cancel === undefined) this.#arm();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(): void {
    const leftMs = this.#heardAtMs + (this.#timeoutMs * 2) / 3 - this.#clock.monotonic();
    this.#cancel = this.#clock.after(Math.max(0, Math.ceil(leftMs)), () => {
      this.#cancel = undefined;
      const silentMs = this.#clock.monotonic() - this.#heardAtMs;
      if (silentMs >= (this.#timeoutMs * 2) / 3) this.#onSilent();
      else this.#arm();
    });
  }
}
