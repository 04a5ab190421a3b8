import { assert } from '../base/assert.js';

/** One request on its way through a connection. */
export interface Step {
  /** Bytes of the request's frame, for the connection's bound. */
  readonly bytes: number;
  /** Writes run beside the writes before them; everything else runs alone. */
  readonly kind: 'write' | 'alone';
  /** Monotonic ms at which the request arrived. */
  readonly startedMs: number;
  /**
   * Begins the work. `finish` is called exactly once, now or later, with what puts the reply on the wire; it runs `reply`
   * at once unless an earlier request has not been answered yet.
   */
  start(finish: (reply: () => void) => void): void;
}

interface Running {
  readonly step: Step;
  reply: (() => void) | undefined;
}

/**
 * The requests of one connection, first in, first out.
 *
 * Consecutive writes are handed to the keeper without waiting for each other, so that they share an entry. Everything
 * else waits until all requests before it are answered, and holds back all requests after it. The keeper settles writes in
 * the order of their submission, so a reply is hardly ever held; only a write that was turned away at once (overload) has to wait
 * for its turn, because clients take a reply out of order for a broken connection.
 */
export class Pipeline {
  readonly #waiting: Step[] = [];
  #waitingHead = 0;
  readonly #running: Running[] = [];
  readonly #mayStart: () => boolean;
  readonly #onSettled: (step: Step) => void;
  #pumping = false;
  #closed = false;
  #bytes = 0;

  constructor(hooks: { mayStart: () => boolean; onSettled: (step: Step) => void }) {
    this.#mayStart = hooks.mayStart;
    this.#onSettled = hooks.onSettled;
  }

  /** Requests that are not answered yet. */
  get outstanding(): number {
    return this.#waiting.length - this.#waitingHead + this.#running.length;
  }

  /** Bytes of those requests. */
  get outstandingBytes(): number {
    return this.#bytes;
  }

  push(step: Step): void {
    if (this.#closed) return;
    this.#waiting.push(step);
    this.#bytes += step.bytes;
    this.pump();
  }

  /** Starts what may start. Call it when `mayStart` may have become true. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (!this.#closed) {
        const next = this.#waiting[this.#waitingHead];
        if (next === undefined || !this.#fits(next) || !this.#mayStart()) break;
        this.#shift();
        this.#start(next);
      }
    } finally {
      this.#pumping = false;
    }
  }

  /** Forgets everything; tells how many requests that were. Work that is under way goes on, its replies are dropped. */
  close(): number {
    const forgotten = this.outstanding;
    this.#closed = true;
    this.#waiting.length = 0;
    this.#waitingHead = 0;
    this.#running.length = 0;
    this.#bytes = 0;
    return forgotten;
  }

  #fits(step: Step): boolean {
    const first = this.#running[0];
    if (first === undefined) return true;
    return step.kind === 'write' && first.step.kind === 'write';
  }

  /** An array with a moving head: shifting a long array for each request would cost time quadratic in its length. */
  #shift(): void {
    this.#waitingHead += 1;
    if (this.#waitingHead * 2 < this.#waiting.length) return;
    this.#waiting.splice(0, this.#waitingHead);
    this.#waitingHead = 0;
  }

  #start(step: Step): void {
    const running: Running = { step, reply: undefined };
    this.#running.push(running);
    step.start((reply) => {
      if (this.#closed) return;
      assert(running.reply === undefined, 'a request is answered once');
      running.reply = reply;
      this.#emit();
      this.pump();
    });
  }

  #emit(): void {
    for (;;) {
      const first = this.#running[0];
      if (first?.reply === undefined) return;
      this.#running.shift();
      this.#bytes -= first.step.bytes;
      first.reply();
      this.#onSettled(first.step);
    }
  }
}
