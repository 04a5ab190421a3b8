import { assert } from '../base/assert.js';
import { INLINE_DATA_BYTES_MAX } from '../keeper/limits.js';

/** One request on its way through a connection. */
export interface Step {
  /** Bytes of the request's frame, for the connection's bound. */
  readonly bytes: number;
  /** Writes run beside the writes before them, and reads can wait in place between them; everything else runs alone. */
  readonly kind: 'write' | 'read' | 'alone';
  /** Monotonic ms at which the request arrived. */
  readonly startedMs: number;
  /**
   * Begins the work. `finish` is called exactly once, now or later, with what puts the reply on the wire; it runs `reply`
   * at once unless an earlier request has not been answered yet.
   */
  start(finish: (reply: () => void) => void): void;
  /**
   * Of a read: makes sure that {@link start} finishes at once whenever its turn comes, until the returned function is called.
   * `undefined` when that cannot be promised.
   */
  hold?(): Release | undefined;
}

type Release = () => void;

interface Running {
  readonly step: Step;
  /** Of a read that is held until its turn. */
  release: Release | undefined;
  reply: (() => void) | undefined;
}

/**
 * The requests of one connection, first in, first out.
 *
 * Consecutive writes are handed to the keeper without waiting for each other, so that they share an entry. A read between
 * writes holds nobody up, either, when all that it takes is known: it is held, and answered when the write before it has
 * been applied and the one after it has not, which is a moment that the keeper tells even within an entry. Everything
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
  readonly #onMissed: () => void;
  /** Writes under way whose data may be kept aside, where no read gets at it at once. */
  #large = 0;
  #pumping = false;
  #emitting = false;
  #closed = false;
  #bytes = 0;

  /**
   * `onMissed`: a held read could not be answered at its turn, and a write after it is on its way. No answer would be right any
   * more, so the connection has to end.
   */
  constructor(hooks: { mayStart: () => boolean; onSettled: (step: Step) => void; onMissed: () => void }) {
    this.#mayStart = hooks.mayStart;
    this.#onSettled = hooks.onSettled;
    this.#onMissed = hooks.onMissed;
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
        if (next === undefined || !this.#mayStart()) break;
        const place = this.#placeOf(next);
        if (place === 'none') break;
        this.#shift();
        if (place === 'now') this.#start({ step: next, release: undefined, reply: undefined });
        else this.#running.push({ step: next, release: place, reply: undefined });
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
    for (const { release } of this.#running.splice(0)) release?.();
    this.#large = 0;
    this.#bytes = 0;
    return forgotten;
  }

  /** Whether a step may begin, is held, or has to wait. */
  #placeOf(step: Step): 'now' | Release | 'none' {
    const first = this.#running[0];
    if (first === undefined) return 'now';
    // What runs alone is the first, and has begun.
    if (first.step.kind !== 'write' && first.release === undefined) return 'none';
    if (step.kind === 'write') return 'now';
    return (this.#large === 0 ? step.hold?.() : undefined) ?? 'none';
  }

  /** An array with a moving head: shifting a long array for each request would cost time quadratic in its length. */
  #shift(): void {
    this.#waitingHead += 1;
    if (this.#waitingHead * 2 < this.#waiting.length) return;
    this.#waiting.splice(0, this.#waitingHead);
    this.#waitingHead = 0;
  }

  #start(running: Running): void {
    this.#running.push(running);
    if (isLarge(running.step)) this.#large++;
    this.#begin(running);
  }

  #begin(running: Running): void {
    running.step.start((reply) => {
      if (this.#closed) return;
      assert(running.reply === undefined, 'a request is answered once');
      running.reply = reply;
      if (this.#emitting) return;
      this.#emit();
      this.pump();
    });
  }

  /** Answers what has its answer and its turn. */
  #emit(): void {
    this.#emitting = true;
    try {
      for (let first = this.#running[0]; first !== undefined; first = this.#running[0]) {
        if (first.release !== undefined) this.#beginHeld(first);
        if (this.#closed || first.reply === undefined) return;
        this.#running.shift();
        if (isLarge(first.step)) this.#large--;
        this.#bytes -= first.step.bytes;
        first.reply();
        this.#onSettled(first.step);
      }
    } finally {
      this.#emitting = false;
    }
  }

  #beginHeld(read: Running): void {
    read.release?.();
    read.release = undefined;
    this.#begin(read);
    if (read.reply === undefined && this.#running.length > 1) this.#onMissed();
  }
}

function isLarge({ kind, bytes }: Step): boolean {
  return kind === 'write' && bytes > INLINE_DATA_BYTES_MAX;
}
