import type { CancelTimer } from '../base/clock.js';
import { FOLLOW_BUSY_MS, FOLLOW_IDLE_MS, LAG_CALL_MS, WATERMARK_POLL_MS } from './limits.js';
import type { Replica } from './replica.js';
import { KeeperError } from './types.js';

const SLOWER = 1.5;

/**
 * Follows the log by polling its tail: often while foreign entries come in, ever more rarely while none do. Also reads the
 * watermark now and then, so that the window does not grow, and calls the materializer when it lags.
 */
export class Follower {
  readonly #options: { replica: Replica; callMaterializer: () => void; idleMs?: number };
  #pauseMs = FOLLOW_BUSY_MS;
  #cancel: CancelTimer | undefined;
  #stopped = true;
  #watermarkAtMs = Number.NEGATIVE_INFINITY;
  #failures = 0;

  constructor(options: { replica: Replica; callMaterializer: () => void; idleMs?: number }) {
    this.#options = options;
  }

  /** Reads of the tail or the watermark that failed in a row. */
  get failures(): number {
    return this.#failures;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #arm(): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.replica.options.clock.after(this.#pauseMs, () => {
      void this.#look().finally(() => this.#arm());
    });
  }

  async #look(): Promise<void> {
    const { replica, idleMs = FOLLOW_IDLE_MS } = this.#options;
    const before = replica.head;
    try {
      // Whoever wins slots knows that nothing else has come in between, and need not look.
      if (replica.currentAgeMs >= this.#pauseMs) await replica.sync();
      await this.#lookAtWatermark();
      this.#failures = 0;
    } catch (error) {
      // The store does not answer: the next look comes with the idle pause. Requests meet the same and tell their callers.
      if (!(error instanceof KeeperError)) throw error;
      this.#failures++;
    }
    this.#pauseMs = replica.head > before ? FOLLOW_BUSY_MS : Math.min(idleMs, this.#pauseMs * SLOWER);
  }

  async #lookAtWatermark(): Promise<void> {
    const { replica, callMaterializer } = this.#options;
    const { clock } = replica.options;
    const oldestMs = replica.window.oldestTimeMs;
    if (oldestMs === undefined || clock.monotonic() - this.#watermarkAtMs < WATERMARK_POLL_MS) return;
    this.#watermarkAtMs = clock.monotonic();
    await replica.refreshWatermark();
    const stillOldestMs = replica.window.oldestTimeMs;
    if (stillOldestMs !== undefined && clock.now() - stillOldestMs > LAG_CALL_MS) callMaterializer();
  }
}
