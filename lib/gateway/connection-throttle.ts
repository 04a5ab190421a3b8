import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { GatewayLimits } from './options.js';

export type ThrottleLimits = Pick<
  GatewayLimits,
  | 'connectionMaxTokens'
  | 'connectionTokenFillTimeMs'
  | 'connectionTokenFillCount'
  | 'connectionFreezeTimeMs'
  | 'connectionDropIncrease'
  | 'connectionDropDecrease'
  | 'connectionDecreaseRatio'
>;

/**
 * ZooKeeper's bound on how fast clients may open sessions: a bucket of tokens, one a handshake. With a freeze time, handshakes are also
 * dropped by chance, more of them the longer the bucket stays empty, so that a crowd that comes back spreads out.
 */
export class ConnectionThrottle {
  readonly #limits: ThrottleLimits;
  readonly #clock: Clock;
  readonly #random: Random;
  #tokens: number;
  #filledAtMs: number;
  #frozenAtMs: number;
  #dropProbability = 0;

  constructor(limits: ThrottleLimits, time: { readonly clock: Clock; readonly random: Random }) {
    this.#limits = limits;
    this.#clock = time.clock;
    this.#random = time.random;
    this.#tokens = limits.connectionMaxTokens;
    this.#filledAtMs = this.#frozenAtMs = time.clock.monotonic();
  }

  get dropProbability(): number {
    return this.#dropProbability;
  }

  /** Takes a token; false when the handshake is to be refused. */
  admit(): boolean {
    const { connectionMaxTokens, connectionFreezeTimeMs } = this.#limits;
    if (connectionMaxTokens === 0) return true;
    const nowMs = this.#clock.monotonic();
    this.#fill(nowMs);
    if (connectionFreezeTimeMs >= 0 && this.#isDropped(nowMs)) return false;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #fill(nowMs: number): void {
    const { connectionTokenFillTimeMs, connectionTokenFillCount, connectionMaxTokens } = this.#limits;
    const fills = Math.floor((nowMs - this.#filledAtMs) / connectionTokenFillTimeMs);
    if (fills === 0) return;
    this.#tokens = Math.min(connectionMaxTokens, this.#tokens + fills * connectionTokenFillCount);
    this.#filledAtMs += fills * connectionTokenFillTimeMs;
  }

  #isDropped(nowMs: number): boolean {
    if (nowMs - this.#frozenAtMs > this.#limits.connectionFreezeTimeMs) {
      this.#frozenAtMs = nowMs;
      this.#adapt();
    }
    return this.#random.float() < this.#dropProbability;
  }

  #adapt(): void {
    const { connectionMaxTokens, connectionDecreaseRatio } = this.#limits;
    const spent = connectionMaxTokens - this.#tokens;
    if (this.#tokens < 1) {
      this.#dropProbability = Math.min(1, this.#dropProbability + this.#limits.connectionDropIncrease);
    } else if (spent <= Math.round(connectionMaxTokens * connectionDecreaseRatio)) {
      this.#dropProbability = Math.max(0, this.#dropProbability - this.#limits.connectionDropDecrease);
    }
  }
}
