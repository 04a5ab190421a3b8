import type { CancelTimer, Clock } from '../../base/clock.js';

/**
 * Keeps a connection's session alive: calls `ping` when nothing was sent for a third of the session's timeout, and
 * `silent` when nothing was received for two thirds, while there is still time to find another server.
 */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #actions: { readonly ping: () => void; readonly silent: () => void };
  #sentAtMs: number;
  #receivedAtMs: number;
  #cancel: CancelTimer | undefined;
  #stopped = false;

  constructor(clock: Clock, timeoutMs: number, actions: { ping: () => void; silent: () => void }) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#actions = actions;
    this.#sentAtMs = this.#receivedAtMs = clock.monotonic();
    this.#arm();
  }

  sent(): void {
    this.#sentAtMs = this.#clock.monotonic();
  }

  received(): void {
    this.#receivedAtMs = this.#clock.monotonic();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #arm(): void {
    if (this.#stopped) return;
    const now = this.#clock.monotonic();
    const pingInMs = this.#sentAtMs + this.#timeoutMs / 3 - now;
    const silentInMs = this.#receivedAtMs + (this.#timeoutMs * 2) / 3 - now;
    this.#cancel = this.#clock.after(Math.ceil(Math.max(1, Math.min(pingInMs, silentInMs))), () =>
      this.#tick(),
    );
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    if (now - this.#receivedAtMs >= (this.#timeoutMs * 2) / 3) {
      this.stop();
      this.#actions.silent();
      return;
    }
    if (now - this.#sentAtMs >= this.#timeoutMs / 3) {
      this.sent();
      this.#actions.ping();
    }
    this.#arm();
  }
}
