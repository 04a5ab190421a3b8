import type { TransportAnswer, TransportCall, TransportWrite } from '../transport.js';
import type { ZeroKeeperError } from '../errors.js';
import { READS_PARALLEL_MAX } from './limits.js';
import type { ViewRead } from './reads.js';
import type { SentWrite, Writes } from './writes.js';

type WriteCall = TransportCall & { readonly operation: TransportWrite };

/** An operation that waits for its turn. */
export type Step =
  | { readonly kind: 'write'; readonly call: WriteCall; sent?: SentWrite }
  | { readonly kind: 'read'; readonly call: TransportCall; readonly read: ViewRead };

export interface QueueOptions {
  readonly writes: Writes;
  /** Whether anything may be answered now. */
  readonly mayAnswer: () => boolean;
  readonly settle: (call: TransportCall, outcome: TransportAnswer | ZeroKeeperError) => void;
  readonly onEmpty: () => void;
}

/**
 * The operations of a client, in the order in which they were handed over. Writes are sent without waiting for each other,
 * so that they share an entry. A read waits for the writes before it and holds back the writes behind it; reads behind each
 * other bring what they need side by side and are answered in their order.
 */
export class OperationQueue {
  readonly #options: QueueOptions;
  #waiting: Step[] = [];
  #pumping = false;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.length + this.#options.writes.pending;
  }

  /** Takes an operation up. The next {@link pump} begins with it, when its turn has come. */
  push(step: Step): void {
    this.#waiting.push(step);
  }

  /** Returns whether a write may have happened, or may still happen. */
  giveUp(step: Step): boolean {
    if (step.kind === 'write' && step.sent !== undefined) {
      step.sent.giveUp();
      return true;
    }
    this.#waiting = this.#waiting.filter((other) => other !== step);
    queueMicrotask(() => this.pump());
    return false;
  }

  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        if (!this.#options.mayAnswer() || !this.#begin(next)) return;
      }
    } finally {
      this.#pumping = false;
    }
    if (this.size === 0) this.#options.onEmpty();
  }

  /** Ends what waits. */
  end(error: ZeroKeeperError): void {
    const left = this.#waiting;
    this.#waiting = [];
    for (const { call } of left) this.#options.settle(call, error);
  }

  /** False when it has to wait. */
  #begin(step: Step): boolean {
    if (step.kind === 'write') {
      this.#waiting.shift();
      step.sent = this.#options.writes.send(step.call);
      return true;
    }
    if (this.#options.writes.pending > 0) return false;
    const answer = step.read.attempt();
    if (answer === undefined) {
      this.#bringReads();
      return false;
    }
    this.#waiting.shift();
    this.#options.settle(step.call, answer);
    return true;
  }

  #bringReads(): void {
    for (const step of this.#waiting.slice(0, READS_PARALLEL_MAX)) {
      if (step.kind !== 'read') return;
      step.read.bring(() => this.pump());
    }
  }
}
