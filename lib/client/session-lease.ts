import { setMaxListeners } from 'node:events';
import type { CancelTimer, Clock } from '../base/clock.js';
import { elapsedMs, instantOf } from '../base/instant.js';
import { LeaseLapsedError, type ZeroKeeperError } from './errors.js';
import { LEASE_LOOK_MS_MAX, VOUCHED_FRACTION } from './limits.js';
import type { Transport } from './transport.js';

/**
 * What this process may conclude by its own clock about its session, and therefore about its ephemerals: as long as the
 * lease has time left, nobody can have expired the session.
 *
 * It is conservative. The time counts from when the newest request was *sent* that was answered, by the wall or the
 * monotonic clock, whichever says more, and it is two thirds of the session's timeout: no keeper of a session gives it up
 * earlier. A process that was paused for longer finds no time left when it goes on.
 */
export class SessionLease {
  readonly #transport: Transport;
  readonly #clock: Clock;
  #controller: AbortController | undefined;
  #cancel: CancelTimer = () => undefined;
  #over: ZeroKeeperError | undefined;

  /** @internal */
  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /** For how many ms the session certainly lives on; 0 when nobody can tell, and without a session. */
  get remainingMs(): number {
    const { session, vouchedAt } = this.#transport;
    if (session === undefined || this.#over !== undefined) return 0;
    const ageMs = elapsedMs(vouchedAt, instantOf(this.#clock));
    return Math.max(0, session.timeoutMs * VOUCHED_FRACTION - ageMs);
  }

  /**
   * Aborts the moment the lease has no time left (the reason is a LeaseLapsedError), and when the session is lost or
   * closed. A session that is answered for again after its lease has lapsed gets another signal: what hung on the first
   * one stays lost.
   */
  get signal(): AbortSignal {
    const present = this.#controller;
    if (present !== undefined && !this.#isRevived(present)) return present.signal;
    const controller = new AbortController();
    // Whoever holds something listens, and that may be many.
    setMaxListeners(0, controller.signal);
    this.#controller = controller;
    if (this.#over === undefined) this.#look(controller);
    else controller.abort(this.#over);
    return controller.signal;
  }

  /** @internal The session is over. */
  end(reason: ZeroKeeperError): void {
    if (this.#over !== undefined) return;
    this.#over = reason;
    this.#cancel();
    this.#controller?.abort(reason);
  }

  #isRevived(controller: AbortController): boolean {
    return controller.signal.aborted && this.remainingMs > 0;
  }

  /** Looks often enough, because timers stand still with the monotonic clock while a machine sleeps. */
  #look(controller: AbortController): void {
    const { remainingMs } = this;
    if (remainingMs <= 0) {
      controller.abort(new LeaseLapsedError({ code: 0, message: LAPSED }));
      return;
    }
    this.#cancel = this.#clock.after(Math.min(remainingMs, LEASE_LOOK_MS_MAX), () => this.#look(controller));
  }
}

const LAPSED = 'nobody answers: the session may be over, and its ephemerals gone';
