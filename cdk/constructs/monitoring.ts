import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  AlarmStatusWidget,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  MathExpression,
  Metric,
  Stats,
  TreatMissingData,
  type IAlarmAction,
  type IMetric,
  type MetricOptions,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { TABLE_NAMES } from '../../lib/log/tables.js';
import { FUNCTION_NAMES, type FunctionName } from './functions.js';
import type { ZeroKeeperQueues } from './queues.js';
import type { ZeroKeeperTables } from './tables.js';

/** A stream's reader that is this far behind: writers slow down when materialize lags by more than a minute. */
export const ITERATOR_AGE_MS_MAX = 60_000;
/** A timer that waited this long: sessions expire by the sweep, and no longer to the second. */
export const TIMER_AGE_SECONDS_MAX = 120;
const MINUTE = Duration.minutes(1);

/** What the functions write into their logs in the embedded metric format; see `functions/shared/observability.ts`. */
export type HealthMetric = 'MaterializeLagMs' | 'NotifyLagMs' | 'ExpiryDelayMs' | 'Conflicts';

export const METRIC_NAMESPACE = 'ZeroKeeper';

/** Lags from which an alarm rings: writers slow down when state is a minute behind; watches and expiry are promised in seconds. */
export const MATERIALIZE_LAG_MS_MAX = 60_000;
export const NOTIFY_LAG_MS_MAX = 10_000;
export const EXPIRY_DELAY_MS_MAX = 10_000;
/** Slots lost in a minute: fifty a second are more than a few writers that meet now and then. */
export const CONFLICTS_MAX = 3_000;

/** A metric of a deployment, with the dimensions that the functions give it. */
export function healthMetric(
  deployment: string,
  metricName: HealthMetric,
  options: MetricOptions = {},
): Metric {
  return new Metric({
    namespace: METRIC_NAMESPACE,
    metricName,
    dimensionsMap: { service: 'zerokeeper', deployment },
    statistic: metricName === 'Conflicts' ? Stats.SUM : Stats.MAXIMUM,
    period: MINUTE,
    ...options,
  });
}

export interface ZeroKeeperMonitoringProps {
  readonly name: string;
  readonly functions: Readonly<Record<FunctionName, LambdaFunction>>;
  readonly tables: ZeroKeeperTables;
  readonly queues: ZeroKeeperQueues;
  readonly alarmActions?: readonly IAlarmAction[];
  readonly dashboard?: boolean;
}

interface AlarmDefinition {
  readonly metric: IMetric;
  /** The alarm rings above it. */
  readonly threshold: number;
  /** Minutes above it, of as many looked at. */
  readonly minutes: number;
  readonly description: string;
}

/** Alarms for what a deployment does not get over by itself, and a dashboard. */
export class ZeroKeeperMonitoring extends Construct {
  readonly alarms: readonly Alarm[];
  readonly dashboard: Dashboard | undefined;
  readonly #props: ZeroKeeperMonitoringProps;

  constructor(scope: Construct, id: string, props: ZeroKeeperMonitoringProps) {
    super(scope, id);
    this.#props = props;
    this.alarms = [
      ...FUNCTION_NAMES.flatMap((name) => this.#ofFunction(name)),
      ...(['materialize', 'notify', 'expire'] as const).map((name) => this.#iteratorAge(name)),
      ...this.#ofHealth(),
      ...this.#ofQueues(),
      ...TABLE_NAMES.map((name) => this.#throttledWrites(name)),
    ];
    this.dashboard = props.dashboard === false ? undefined : this.#dashboard();
  }

  #alarm(id: string, { metric, threshold, minutes, description }: AlarmDefinition): Alarm {
    const alarm = new Alarm(this, id, {
      metric,
      threshold,
      evaluationPeriods: minutes,
      datapointsToAlarm: minutes,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      alarmName: `${this.#props.name}-${id}`,
      alarmDescription: description,
    });
    for (const action of this.#props.alarmActions ?? []) alarm.addAlarmAction(action);
    return alarm;
  }

  /** One failure is got over by the next attempt; three minutes in a row are not chance. */
  #ofFunction(name: FunctionName): Alarm[] {
    const target = this.#props.functions[name];
    const common = { threshold: 0, minutes: 3 };
    return [
      this.#alarm(`${name}-errors`, {
        ...common,
        metric: target.metricErrors({ period: MINUTE }),
        description: `${name} fails: see its log`,
      }),
      this.#alarm(`${name}-throttles`, {
        ...common,
        metric: target.metricThrottles({ period: MINUTE }),
        description: `${name} is kept from running: the account's or its own concurrency is used up`,
      }),
    ];
  }

  #ofHealth(): Alarm[] {
    const rings = (id: string, name: HealthMetric, rest: Omit<AlarmDefinition, 'metric' | 'minutes'>) =>
      this.#alarm(id, { metric: healthMetric(this.#props.name, name), minutes: 3, ...rest });
    return [
      rings('materializer-lag', 'MaterializeLagMs', {
        threshold: MATERIALIZE_LAG_MS_MAX,
        description:
          'The state tables are more than a minute behind the log: writers slow down, and stop in the end',
      }),
      rings('notify-lag', 'NotifyLagMs', {
        threshold: NOTIFY_LAG_MS_MAX,
        description: 'Watches of thin clients are announced late',
      }),
      rings('expiry-delay', 'ExpiryDelayMs', {
        threshold: EXPIRY_DELAY_MS_MAX,
        description: 'Sessions of thin clients end late: locks of the dead are held for longer',
      }),
      rings('conflicts', 'Conflicts', {
        threshold: CONFLICTS_MAX,
        description:
          'Many writers of one namespace take each other the slots of its log: writes cost more and take longer',
      }),
    ];
  }

  #iteratorAge(name: 'materialize' | 'notify' | 'expire'): Alarm {
    return this.#alarm(`${name}-iterator-age`, {
      metric: iteratorAge(this.#props.functions[name]),
      threshold: ITERATOR_AGE_MS_MAX,
      minutes: 3,
      description: `${name} does not keep up with its stream`,
    });
  }

  #ofQueues(): Alarm[] {
    const { timers, deadTimers, failures } = this.#props.queues;
    const depth = { period: MINUTE, statistic: Stats.MAXIMUM };
    return [
      this.#alarm('timers-late', {
        metric: timers.metricApproximateAgeOfOldestMessage(depth),
        threshold: TIMER_AGE_SECONDS_MAX,
        minutes: 3,
        description: 'Timers wait: sessions of thin clients expire late',
      }),
      this.#alarm('timers-dead', {
        metric: deadTimers.metricApproximateNumberOfMessagesVisible(depth),
        threshold: 0,
        minutes: 1,
        description: 'Timers failed again and again; their sessions are left to the sweep',
      }),
      this.#alarm('failures', {
        metric: failures.metricApproximateNumberOfMessagesVisible(depth),
        threshold: 0,
        minutes: 1,
        description:
          'Stream records or calls were given up; the schedule does their work if the cause is gone',
      }),
    ];
  }

  #throttledWrites(name: (typeof TABLE_NAMES)[number]): Alarm {
    return this.#alarm(`${name}-throttled-writes`, {
      metric: this.#tableMetric('WriteThrottleEvents', name),
      threshold: 0,
      minutes: 5,
      description: `DynamoDB throttles writes to ${name}: a namespace is at a partition's limit, or the table at its own`,
    });
  }

  #tableMetric(metricName: string, name: (typeof TABLE_NAMES)[number]): Metric {
    const { tableName } = this.#props.tables.tables[name];
    return new Metric({
      namespace: 'AWS/DynamoDB',
      metricName,
      dimensionsMap: { TableName: tableName },
      statistic: Stats.SUM,
      period: MINUTE,
      label: name,
    });
  }

  /** The first two rows say whether it is healthy, the others how busy it is. */
  #dashboard(): Dashboard {
    return new Dashboard(this, 'Dashboard', {
      dashboardName: this.#props.name,
      widgets: [
        [new AlarmStatusWidget({ title: 'Alarms', alarms: [...this.alarms], width: 24, height: 4 })],
        this.#healthRow(),
        this.#functionRow(),
        this.#queueRow(),
        this.#tableRow(),
      ],
    });
  }

  #healthRow(): GraphWidget[] {
    const { name } = this.#props;
    const health = (metric: HealthMetric) => healthMetric(name, metric);
    return [
      graph('Lag behind the log, ms', [health('MaterializeLagMs'), health('NotifyLagMs')]),
      graph('Sessions ended late by, ms', [health('ExpiryDelayMs')]),
      graph('Slots lost to other writers', [health('Conflicts')]),
    ];
  }

  #functionRow(): GraphWidget[] {
    const { functions } = this.#props;
    const ofAll = (title: string, metric: (target: LambdaFunction) => IMetric) =>
      graph(
        title,
        FUNCTION_NAMES.map((each) => metric(functions[each])),
      );
    return [
      ofAll('Errors', (target) => target.metricErrors({ period: MINUTE })),
      ofAll('Throttles', (target) => target.metricThrottles({ period: MINUTE })),
      ofAll('Duration, p99, ms', (target) => target.metricDuration({ period: MINUTE, statistic: 'p99' })),
    ];
  }

  #queueRow(): GraphWidget[] {
    const { functions, queues } = this.#props;
    const depth = { period: MINUTE, statistic: Stats.MAXIMUM };
    return [
      graph('Requests by namespace', [this.#requests()]),
      graph('Age of what streams deliver, ms', [
        iteratorAge(functions.materialize),
        iteratorAge(functions.notify),
        iteratorAge(functions.expire),
      ]),
      graph('Queues', [
        queues.timers.metricApproximateAgeOfOldestMessage(depth),
        queues.deadTimers.metricApproximateNumberOfMessagesVisible(depth),
        queues.failures.metricApproximateNumberOfMessagesVisible(depth),
      ]),
    ];
  }

  #tableRow(): GraphWidget[] {
    const ofTables = (title: string, metric: string) =>
      graph(
        title,
        TABLE_NAMES.map((table) => this.#tableMetric(metric, table)),
      );
    return [
      ofTables('Write units a minute', 'ConsumedWriteCapacityUnits'),
      ofTables('Read units a minute', 'ConsumedReadCapacityUnits'),
      ofTables('Throttled writes', 'WriteThrottleEvents'),
    ];
  }

  #requests(): MathExpression {
    const dimensions = `{${METRIC_NAMESPACE},deployment,namespace,service}`;
    const wanted = `MetricName="Requests" deployment="${this.#props.name}"`;
    const expression = `SEARCH('${dimensions} ${wanted}', 'Sum', 60)`;
    return new MathExpression({ expression, usingMetrics: {}, period: MINUTE, label: '' });
  }
}

function graph(title: string, left: IMetric[]): GraphWidget {
  return new GraphWidget({ title, left, width: 8 });
}

function iteratorAge(target: LambdaFunction): Metric {
  return target.metric('IteratorAge', { period: MINUTE, statistic: Stats.MAXIMUM });
}
