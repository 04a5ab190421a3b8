import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

import { figures } from '../monitor.js';
import type { GatewayStatus } from '../status.js';

/**
 * What a gateway tells Prometheus: the figures of `mntr` under ZooKeeper's names without `zk_`, as ZooKeeper's own provider has them,
 * and those of the process.
 */
export class Metrics {
  readonly #status: () => GatewayStatus;
  readonly #registry = new Registry();

  constructor(status: () => GatewayStatus) {
    this.#status = status;
    this.#registry.setDefaultLabels({ namespace: status().namespace });
    collectDefaultMetrics({ register: this.#registry });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** In Prometheus' text format. */
  async text(): Promise<string> {
    const registers = [new Registry()];
    for (const { key, value, kind, meaning } of figures(this.#status())) {
      const description = { name: key, help: meaning, registers };
      if (kind === 'gauge') new Gauge(description).set(value);
      else new Counter(description).inc(value);
    }
    const own = await Promise.all(registers.map((registry) => registry.metrics()));
    return [...own, await this.#registry.metrics()].join('\n');
  }
}
