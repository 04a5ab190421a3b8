import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  Metric,
  Stats,
  TreatMissingData,
  type IAlarmAction,
  type IMetric,
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
      ...(['materialize', 'notify', 'expire'] as const).map((name) => this.#lag(name)),
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

  #lag(name: 'materialize' | 'notify' | 'expire'): Alarm {
    return this.#alarm(`${name}-lag`, {
      metric: iteratorAge(this.#props.functions[name]),
      threshold: ITERATOR_AGE_MS_MAX,
      minutes: 3,
      description: `${name} does not keep up with its stream; writers slow down while materialize lags`,
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
      this.#alarm('stream-failures', {
        metric: failures.metricApproximateNumberOfMessagesVisible(depth),
        threshold: 0,
        minutes: 1,
        description: 'Stream records were given up; the schedule does their work if the cause is gone',
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

  #dashboard(): Dashboard {
    const { functions, queues, name } = this.#props;
    const all = FUNCTION_NAMES.map((each) => functions[each]);
    const graph = (title: string, left: IMetric[]) => new GraphWidget({ title, left, width: 8 });
    const ofAll = (title: string, metric: (target: LambdaFunction) => IMetric) =>
      graph(title, all.map(metric));
    const ofTables = (title: string, metric: string) =>
      graph(
        title,
        TABLE_NAMES.map((table) => this.#tableMetric(metric, table)),
      );
    const depth = { period: MINUTE, statistic: Stats.MAXIMUM };
    return new Dashboard(this, 'Dashboard', {
      dashboardName: name,
      widgets: [
        [
          ofAll('Calls', (target) => target.metricInvocations({ period: MINUTE })),
          ofAll('Errors', (target) => target.metricErrors({ period: MINUTE })),
          ofAll('Throttles', (target) => target.metricThrottles({ period: MINUTE })),
        ],
        [
          ofAll('Duration, p99, ms', (target) => target.metricDuration({ period: MINUTE, statistic: 'p99' })),
          graph('Lag behind the streams, ms', [
            iteratorAge(functions.materialize),
            iteratorAge(functions.notify),
            iteratorAge(functions.expire),
          ]),
          graph('Queues', [
            queues.timers.metricApproximateAgeOfOldestMessage(depth),
            queues.deadTimers.metricApproximateNumberOfMessagesVisible(depth),
            queues.failures.metricApproximateNumberOfMessagesVisible(depth),
          ]),
        ],
        [
          ofTables('Write units a minute', 'ConsumedWriteCapacityUnits'),
          ofTables('Read units a minute', 'ConsumedReadCapacityUnits'),
          ofTables('Throttled writes', 'WriteThrottleEvents'),
        ],
      ],
    });
  }
}

function iteratorAge(target: LambdaFunction): Metric {
  return target.metric('IteratorAge', { period: MINUTE, statistic: Stats.MAXIMUM });
}
