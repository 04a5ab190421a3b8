import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

import { figures } from '../monitor.js';
import type { GatewayStatus } from '../status.js';
import type { Answer } from './http.js';

/**
 * What a gateway tells Prometheus: the figures of `mntr` under ZooKeeper's names without `zk_`, as ZooKeeper's own provider has them,
 * and those of the process.
 */
export class Metrics {
  readonly #status: () => GatewayStatus;
  readonly #registry = new Registry();

  /** `ofProcess`: whether the figures of the process come, too (default: true). */
  constructor(status: () => GatewayStatus, { ofProcess = true }: { readonly ofProcess?: boolean } = {}) {
    this.#status = status;
    this.#registry.setDefaultLabels({ namespace: status().namespace });
    if (ofProcess) collectDefaultMetrics({ register: this.#registry });
  }

  /** In Prometheus' text format. */
  async answer(): Promise<Answer> {
    return { code: 200, type: this.#registry.contentType, body: await this.#text() };
  }

  async #text(): Promise<string> {
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
