import type { Logger } from '../../base/logger.js';
import type { GatewayStatus } from '../status.js';
import { HttpServer, notServed } from './http.js';
import { Metrics } from './metrics.js';

/** Where the metrics are served by themselves. */
export interface MetricsSettings {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Whether the figures of the process come, too. */
  readonly ofProcess: boolean;
}

/** What ZooKeeper's PrometheusMetricsProvider serves: `/metrics`, on a port of its own. */
export class MetricsServer extends HttpServer {
  constructor(options: {
    readonly ofProcess: boolean;
    readonly status: () => GatewayStatus;
    readonly logger: Logger;
  }) {
    const metrics = new Metrics(options.status, { ofProcess: options.ofProcess });
    const answer = ({ pathname }: URL) =>
      pathname === '/metrics' ? metrics.answer() : Promise.resolve(notServed(pathname));
    super({ answer, logger: options.logger });
  }
}
