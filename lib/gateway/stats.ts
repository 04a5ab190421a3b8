/** Latencies of answered requests, in ms. */
export class LatencyStats {
  #count = 0;
  #sumMs = 0;
  #minMs = Infinity;
  #maxMs = 0;

  add(latencyMs: number): void {
    this.#count += 1;
    this.#sumMs += latencyMs;
    if (latencyMs < this.#minMs) this.#minMs = latencyMs;
    if (latencyMs > this.#maxMs) this.#maxMs = latencyMs;
  }

  get minMs(): number {
    return this.#count === 0 ? 0 : Math.floor(this.#minMs);
  }

  /** With four decimals, as ZooKeeper prints it. */
  get averageMs(): number {
    return this.#count === 0 ? 0 : Math.round((this.#sumMs / this.#count) * 10_000) / 10_000;
  }

  get maxMs(): number {
    return Math.ceil(this.#maxMs);
  }
}

/** What a gateway, or one of its connections, counts. */
export class PacketStats {
  received = 0;
  sent = 0;
  readonly latency = new LatencyStats();
}

/** A number the way Java prints a double: a whole one keeps its `.0`. */
export function javaDouble(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
