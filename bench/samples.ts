/** Latencies kept per run; what comes after is counted and not kept. 16 MB. */
export const SAMPLES_MAX = 2_000_000;

export interface Summary {
  readonly operations: number;
  readonly errors: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Ms. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly slowest: number;
}

/** The latencies of a run, exact up to their bound. */
export class Samples {
  #values = new Float64Array(4096);
  #kept = 0;
  #operations = 0;
  errors = 0;

  add(latencyMs: number): void {
    this.#operations++;
    if (this.#kept === SAMPLES_MAX) return;
    if (this.#kept === this.#values.length) {
      const grown = new Float64Array(Math.min(SAMPLES_MAX, this.#values.length * 2));
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#kept++] = latencyMs;
  }

  summarize(elapsedMs: number): Summary {
    const sorted = this.#values.slice(0, this.#kept).sort();
    const at = (quantile: number) => sorted[Math.ceil(sorted.length * quantile) - 1] ?? NaN;
    return {
      operations: this.#operations,
      errors: this.errors,
      seconds: elapsedMs / 1000,
      perSecond: (this.#operations * 1000) / elapsedMs,
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
      slowest: sorted.at(-1) ?? NaN,
    };
  }
}
