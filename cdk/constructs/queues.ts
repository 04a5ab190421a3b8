import { Duration } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledgements.js';

/** Deliveries of a timer before it is put aside. */
export const TIMER_DELIVERIES_MAX = 5;

/** Somebody has to look at what is put aside: as long as SQS keeps anything. */
const DEAD_RETENTION = Duration.days(14);

/** A timer is due within 15 minutes and is of no use when it is a day late: the sweep has long done its work. */
const TIMER_RETENTION = Duration.days(1);

export interface ZeroKeeperQueuesProps {
  readonly name: string;
  /** How long `expire` may work on a message. */
  readonly expireTimeout: Duration;
}

/** The queue of timers, and where messages and stream records go that failed again and again. */
export class ZeroKeeperQueues extends Construct {
  readonly timers: Queue;
  readonly deadTimers: Queue;
  /** Stream records and calls that were given up. */
  readonly failures: Queue;

  constructor(scope: Construct, id: string, { name, expireTimeout }: ZeroKeeperQueuesProps) {
    super(scope, id);
    const common = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };
    this.deadTimers = new Queue(this, 'DeadTimers', {
      ...common,
      queueName: `${name}-timers-dead`,
      retentionPeriod: DEAD_RETENTION,
    });
    this.timers = new Queue(this, 'Timers', {
      ...common,
      queueName: `${name}-timers`,
      retentionPeriod: TIMER_RETENTION,
      // Longer than the function by enough for it to be told so. AWS advises six times for sources that are throttled for
      // long; a timer that failed would then come six minutes late.
      visibilityTimeout: expireTimeout.plus(Duration.seconds(30)),
      deadLetterQueue: { queue: this.deadTimers, maxReceiveCount: TIMER_DELIVERIES_MAX },
    });
    this.failures = new Queue(this, 'Failures', {
      ...common,
      queueName: `${name}-failures`,
      retentionPeriod: DEAD_RETENTION,
    });
    acknowledge(
      this.failures,
      'AwsSolutions-SQS3',
      'It is itself where failures end: the destination of event sources, of calls that nobody waits for, and of the schedule. Nobody receives from it but people.',
    );
  }
}
