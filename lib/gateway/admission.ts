/**
 * The bound on unanswered requests of all connections together. A connection that finds the gateway full stops reading
 * and is woken, in the order of arrival, when there is room again.
 */
export class Admission {
  readonly #max: number;
  readonly #waiting = new Set<() => void>();
  #outstanding = 0;
  #waking = false;

  constructor(outstandingMax: number) {
    this.#max = outstandingMax;
  }

  get outstanding(): number {
    return this.#outstanding;
  }

  get full(): boolean {
    return this.#outstanding >= this.#max;
  }

  enter(): void {
    this.#outstanding += 1;
  }

  leave(count = 1): void {
    this.#outstanding -= count;
    if (!this.#waking) this.#wake();
  }

  /** Calls `resume` once, when the gateway is not full any more. The same function twice waits once. */
  wait(resume: () => void): void {
    this.#waiting.add(resume);
  }

  forget(resume: () => void): void {
    this.#waiting.delete(resume);
  }

  #wake(): void {
    this.#waking = true;
    try {
      for (const resume of this.#waiting) {
        if (this.full) return;
        this.#waiting.delete(resume);
        resume();
      }
    } finally {
      this.#waking = false;
    }
  }
}
