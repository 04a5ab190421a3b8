import { Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import { FilterCriteria, StartingPosition, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { DynamoEventSource, SqsDlq, SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Construct } from 'constructs';
import type { FunctionName } from './functions.js';
import type { ZeroKeeperQueues } from './queues.js';
import type { ZeroKeeperTables } from './tables.js';

/** Records of a log's stream are an alarm clock and nothing else: many at once cost what one does. */
export const LOG_BATCH_MAX = 1000;

/** Leases that are gone cost some calls each. */
export const LEASE_BATCH_MAX = 100;

export const TIMER_BATCH_MAX = 10;

/** Instances of `expire` that timers may take, so that a storm of them leaves the account's concurrency to others. */
export const TIMER_CONCURRENCY_MAX = 10;

/** Attempts after the first. A shard waits meanwhile, and the schedule comes within a minute. */
export const STREAM_RETRIES_MAX = 5;

/** Older records are given up: what they say has long been found by the schedule. */
const RECORD_AGE_MAX = Duration.hours(1);

/**
 * What changes again and again is written once in so long, and the function is called that much less often. Nobody waits for it: until then
 * a keeper has the newest from the log.
 */
const MATERIALIZE_WINDOW = Duration.seconds(1);
/** How often everything is looked after without a cause. */
const SWEEP_INTERVAL = Duration.minutes(1);

export interface ZeroKeeperTriggersProps {
  readonly name: string;
  readonly functions: Readonly<Record<FunctionName, LambdaFunction>>;
  readonly tables: ZeroKeeperTables;
  readonly queues: ZeroKeeperQueues;
}

/** What wakes the functions: two streams, the timers' queue, and the schedule as the backstop of all of them. */
export class ZeroKeeperTriggers extends Construct {
  readonly schedule: Rule;

  constructor(scope: Construct, id: string, props: ZeroKeeperTriggersProps) {
    super(scope, id);
    const { materialize, notify, expire } = props.functions;
    // The CDK's own types disagree with themselves about optional members under exactOptionalPropertyTypes.
    const log = props.tables.tables.log as ITable;
    const leases = props.tables.tables.leases as ITable;
    const stream = {
      startingPosition: StartingPosition.TRIM_HORIZON,
      bisectBatchOnError: true,
      retryAttempts: STREAM_RETRIES_MAX,
      maxRecordAge: RECORD_AGE_MAX,
      onFailure: new SqsDlq(props.queues.failures),
    };
    const ofLog = { ...stream, batchSize: LOG_BATCH_MAX };
    materialize.addEventSource(
      new DynamoEventSource(log, { ...ofLog, maxBatchingWindow: MATERIALIZE_WINDOW }),
    );
    notify.addEventSource(new DynamoEventSource(log, ofLog));
    const removed = FilterCriteria.filter({ eventName: ['REMOVE'] });
    expire.addEventSource(
      new DynamoEventSource(leases, { ...stream, batchSize: LEASE_BATCH_MAX, filters: [removed] }),
    );
    expire.addEventSource(
      new SqsEventSource(props.queues.timers, {
        batchSize: TIMER_BATCH_MAX,
        maxConcurrency: TIMER_CONCURRENCY_MAX,
        reportBatchItemFailures: true,
      }),
    );
    this.schedule = this.#schedule(props, [materialize, notify, expire]);
  }

  /** An event that Lambda does not take is not sent again: the next minute's does the same. One that it took is retried as other calls. */
  #schedule({ name, queues }: ZeroKeeperTriggersProps, functions: readonly LambdaFunction[]): Rule {
    const rule = new Rule(this, 'Schedule', {
      ruleName: `${name}-sweep`,
      description: 'Materializes, notifies and expires what streams and timers have missed',
      schedule: Schedule.rate(SWEEP_INTERVAL),
    });
    for (const target of functions) {
      rule.addTarget(
        new LambdaTarget(target, {
          ...{ retryAttempts: 0, maxEventAge: Duration.minutes(1) },
          deadLetterQueue: queues.failures,
        }),
      );
    }
    return rule;
  }
}
