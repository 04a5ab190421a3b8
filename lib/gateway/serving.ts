import type { CancelTimer, Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { GATEWAY_RENEW_IDLE_MS } from '../keeper/limits.js';

/**
 * What a gateway serves, as `isro` answers: everything; reads to clients that are content with them; or, when its lease has ended and
 * the store still cannot be reached, nothing.
 */
export type ServingMode = 'rw' | 'ro' | 'null';

/** How well the store can be reached, in ms. */
export interface Reach {
  /** By how much the last successful look at the log's end is older than it should be. */
  readonly logOverdueMs: number;
  /** Since the last renewal of the gateway's lease that succeeded was sent. */
  readonly leaseAgeMs: number;
  /** Until the lease ends; 0 or less when it has. */
  readonly leaseLeftMs: number;
}

/** A store that does not answer is given this long, or a tick when that is longer, as ZooKeeper gives its quorum. */
export const READ_ONLY_GRACE_MS = 2_000;
/** How often the gateway looks. */
export const SERVING_TICK_MS = 200;
/** A look that comes this much too late means that the process slept: the store is asked first. */
const STALL_MS = 500;

export interface ServingOptions {
  /** ZooKeeper's readonlymode.enabled. Without it the mode is always `rw`. */
  readonly readOnlyMode: boolean;
  readonly tickTimeMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly reach: () => Reach;
  readonly onChange: (mode: ServingMode) => void;
  /** Called at every look while the mode is `ro`. */
  readonly onReadOnlyTick: () => void;
}

/**
 * Decides when a gateway that cannot reach the store serves reads alone, and until when. One such time lasts until the lease ends that
 * the gateway had when it began: by then nobody answers for this gateway any more, and so its view is never older than that.
 */
export class Serving {
  readonly #options: ServingOptions;
  readonly #graceMs: number;
  #mode: ServingMode = 'rw';
  #endsAtMs = 0;
  #lookedAtMs = 0;
  #cancel: CancelTimer = () => undefined;

  constructor(options: ServingOptions) {
    this.#options = options;
    this.#graceMs = Math.max(READ_ONLY_GRACE_MS, options.tickTimeMs);
  }

  get mode(): ServingMode {
    return this.#mode;
  }

  start(): void {
    if (!this.#options.readOnlyMode) return;
    this.#lookedAtMs = this.#options.clock.monotonic();
    this.#arm();
  }

  stop(): void {
    this.#cancel();
  }

  #arm(): void {
    this.#cancel = this.#options.clock.after(SERVING_TICK_MS, () => {
      this.#look();
      this.#arm();
    });
  }

  #look(): void {
    const nowMs = this.#options.clock.monotonic();
    const stalled = nowMs - this.#lookedAtMs > SERVING_TICK_MS + STALL_MS;
    this.#lookedAtMs = nowMs;
    this.#change(this.#next(nowMs, stalled));
    if (this.#mode === 'ro') this.#options.onReadOnlyTick();
  }

  #next(nowMs: number, stalled: boolean): ServingMode {
    const reach = this.#options.reach();
    if (this.#isReached(reach)) return 'rw';
    if (this.#mode === 'ro') return nowMs < this.#endsAtMs ? 'ro' : 'null';
    // A gateway whose lease has ended does not begin anew with what it had: it has to reach the store first.
    if (this.#mode === 'null' || stalled || reach.leaseLeftMs <= 0) return this.#mode;
    this.#endsAtMs = nowMs + reach.leaseLeftMs;
    return 'ro';
  }

  #isReached({ logOverdueMs, leaseAgeMs }: Reach): boolean {
    return logOverdueMs <= this.#graceMs && leaseAgeMs <= GATEWAY_RENEW_IDLE_MS + this.#graceMs;
  }

  #change(mode: ServingMode): void {
    if (mode === this.#mode) return;
    this.#mode = mode;
    const { logger, onChange } = this.#options;
    if (mode === 'rw') logger.info('the store is reached again: everything is served');
    else logger.warn(mode === 'ro' ? 'the store cannot be reached: only reads are served' : LEASE_ENDED);
    onChange(mode);
  }
}

const LEASE_ENDED = 'the lease has ended, and the store cannot be reached: nothing is served';
