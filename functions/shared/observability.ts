import { Logger as PowertoolsLogger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { ThinMetricName, ThinMetrics } from '../../lib/api/metrics.js';
import type { LogFields, Logger } from '../../lib/base/logger.js';

const SERVICE = 'zerokeeper';

/** The logger of the functions: one JSON object a line, its level from `POWERTOOLS_LOG_LEVEL`. */
export function functionLogger(): Logger {
  return adapted(new PowertoolsLogger({ serviceName: SERVICE }), {});
}

function adapted(logger: PowertoolsLogger, common: LogFields): Logger {
  const fieldsOf = (fields: LogFields | undefined) => ({ ...common, ...fields });
  return {
    debug: (message, fields) => logger.debug(message, fieldsOf(fields)),
    info: (message, fields) => logger.info(message, fieldsOf(fields)),
    warn: (message, fields) => logger.warn(message, fieldsOf(fields)),
    error: (message, fields) => logger.error(message, fieldsOf(fields)),
    with: (fields) => adapted(logger, { ...common, ...fields }),
  };
}

const UNITS: Readonly<Record<ThinMetricName, (typeof MetricUnit)[keyof typeof MetricUnit]>> = {
  Requests: MetricUnit.Count,
  Errors: MetricUnit.Count,
  Transactions: MetricUnit.Count,
  DurationMs: MetricUnit.Milliseconds,
};

/** What tells whether a deployment is well. Alarms look at these, of all namespaces together. */
export type HealthMetricName = 'MaterializeLagMs' | 'NotifyLagMs' | 'ExpiryDelayMs' | 'Conflicts';

const HEALTH_UNITS: Readonly<Record<HealthMetricName, (typeof MetricUnit)[keyof typeof MetricUnit]>> = {
  MaterializeLagMs: MetricUnit.Milliseconds,
  NotifyLagMs: MetricUnit.Milliseconds,
  ExpiryDelayMs: MetricUnit.Milliseconds,
  Conflicts: MetricUnit.Count,
};

/** Metrics as lines of the log in CloudWatch's embedded metric format, written when they are flushed. */
export interface FunctionMetrics {
  of(namespace: string): ThinMetrics;
  health(name: HealthMetricName, value: number): void;
  flush(): void;
}

/** `deployment` is what its tables are called: what tells deployments of one account apart. */
export function functionMetrics(deployment: string): FunctionMetrics {
  const metrics = new Metrics({ namespace: 'ZeroKeeper', serviceName: SERVICE });
  const pending = new Map<string, [ThinMetricName, number][]>();
  return {
    of: (namespace) => ({
      add(name, value) {
        const added = pending.get(namespace) ?? [];
        added.push([name, value]);
        pending.set(namespace, added);
      },
    }),
    // Not by namespace: an alarm is about one metric, and each costs.
    health(name, value) {
      const single = metrics.singleMetric();
      single.addDimension('deployment', deployment);
      single.addMetric(name, HEALTH_UNITS[name], value);
    },
    // Publishing lets go of dimensions and values, so each namespace has lines of its own.
    flush() {
      for (const [namespace, added] of pending) {
        metrics.addDimensions({ deployment, namespace });
        for (const [name, value] of added) metrics.addMetric(name, UNITS[name], value);
        metrics.publishStoredMetrics();
      }
      pending.clear();
    },
  };
}
