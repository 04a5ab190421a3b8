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

  reset(): void {
    this.#count = 0;
    this.#sumMs = 0;
    this.#minMs = Infinity;
    this.#maxMs = 0;
  }

  get count(): number {
    return this.#count;
  }

  get sumMs(): number {
    return this.#sumMs;
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
  /** The last answer: when it was given, monotonic ms, and after how long. */
  lastResponseMs = 0;
  lastLatencyMs = 0;

  answered(latencyMs: number, nowMs: number): void {
    this.latency.add(latencyMs);
    this.lastResponseMs = nowMs;
    this.lastLatencyMs = latencyMs;
  }

  reset(): void {
    this.received = 0;
    this.sent = 0;
    this.latency.reset();
    this.lastResponseMs = 0;
    this.lastLatencyMs = 0;
  }
}

/** What a gateway counts besides. */
export class GatewayStats extends PacketStats {
  readonly reads = new LatencyStats();
  readonly updates = new LatencyStats();
  /** These two count since the start, whatever is reset. */
  throttled = 0;
  authFailures = 0;
  /** Writes of anybody that went beyond a quota that this gateway knows. */
  quotasExceeded = 0;

  override reset(): void {
    super.reset();
    this.reads.reset();
    this.updates.reset();
  }
}

/** A number the way Java prints a double: a whole one keeps its `.0`. */
export function javaDouble(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
