import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import type { IAlarmAction } from 'aws-cdk-lib/aws-cloudwatch';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { LOG_RETENTION_MS_MAX, LOG_RETENTION_MS_MIN } from '../../lib/keeper/limits.js';
import { ZeroKeeperConstructError } from './errors.js';
import type { FunctionName } from './functions.js';

/** Memory, time and instances of one function. */
export interface FunctionSettings {
  /** MiB. Lambda gives processor time in proportion. */
  readonly memorySize?: number;
  readonly timeout?: Duration;
  /** Instances that are set apart for this function, and its most. Default: none set apart, and no limit but the account's. */
  readonly reservedConcurrentExecutions?: number;
}

export interface ZeroKeeperProps {
  /**
   * What the deployment is called: tables are `name-log` and so on, functions `name-api` and so on. One account and Region has
   * one deployment of a name. A letter, then letters, digits and `-`, at most 40.
   *
   * @default 'zerokeeper'
   */
  readonly deploymentName?: string;

  /**
   * The trees, each with a log of its own. Every one gets an alias of the function `api`, which is what clients invoke. Letters,
   * digits, `_` and `-`, not digits alone, at most 64: what Lambda takes for an alias. At most {@link NAMESPACES_MAX}.
   *
   * The first is that of callers who invoke `api` without an alias. Each has a stage of the WebSocket API, of which an account has
   * ten unless it asks for more.
   *
   * @default ['default']
   */
  readonly namespaces?: readonly string[];

  /**
   * Whether each namespace gets a function URL with IAM authorization. Only callers that come by it have an identity that AWS
   * vouches for, so ACLs of the scheme `iam` need it.
   *
   * @default false
   */
  readonly functionUrl?: boolean;

  /**
   * What becomes of tables, and so of all data, when they leave the stack.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * Whether DynamoDB refuses to delete the tables.
   *
   * @default - true, unless `removalPolicy` is DESTROY
   */
  readonly deletionProtection?: boolean;

  /**
   * A key of your own for the tables. The queues and logs, which carry ids and no data of znodes, are not encrypted with it.
   *
   * @default - a key that DynamoDB owns
   */
  readonly encryptionKey?: IKey;

  /**
   * How long the functions' logs in CloudWatch are kept.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;

  /**
   * How long the history of namespaces is kept: of all of them, or by name. Whole days, {@link HISTORY_DAYS_MIN} to {@link HISTORY_DAYS_MAX}. What is
   * older can no longer be restored to, nor asked for by `changes`; the state is not concerned.
   *
   * @default - for good
   */
  readonly historyRetention?: Duration | Readonly<Record<string, Duration>>;

  /**
   * Whether writes that exceed a hard quota are refused, as ZooKeeper does with `enforceQuota`. It holds for the clients of
   * the functions and for each `ZeroKeeperGateway`; an embedded keeper has an option of its own.
   *
   * @default false
   */
  readonly enforceQuota?: boolean;

  /**
   * What the functions log.
   *
   * @default 'INFO'
   */
  readonly logLevel?: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';

  /**
   * Memory, time and instances of single functions, in place of {@link FUNCTION_SETTINGS}.
   *
   * @default - FUNCTION_SETTINGS
   */
  readonly functions?: Readonly<Partial<Record<FunctionName, FunctionSettings>>>;

  /**
   * Whether calls are traced with X-Ray.
   *
   * @default true
   */
  readonly tracing?: boolean;

  /**
   * Whether the WebSocket API logs connections. API Gateway then needs a role for CloudWatch in the account's settings, without
   * which the deployment fails.
   *
   * @default false
   */
  readonly accessLogs?: boolean;

  /**
   * What alarms call, such as a topic of SNS.
   *
   * @default - alarms show in CloudWatch and tell nobody
   */
  readonly alarmActions?: readonly IAlarmAction[];

  /**
   * Whether there is a dashboard. CloudWatch charges for dashboards beyond the third of an account.
   *
   * @default true
   */
  readonly dashboard?: boolean;

  /**
   * Where the functions' bundles are: `NAME/index.mjs` for each.
   *
   * @default - those that this package was built with
   */
  readonly bundles?: string;
}

/** History is kept at least so long, because functions and restores of that age may still ask for it. */
export const HISTORY_DAYS_MIN = Duration.millis(LOG_RETENTION_MS_MIN).toDays();

/** More is refused as a slip of the key: without `historyRetention` history is kept for good. */
export const HISTORY_DAYS_MAX = Duration.millis(LOG_RETENTION_MS_MAX).toDays();

/** Namespaces of one deployment: each has an alias, a version's permission and perhaps a URL, and a stack has 500 resources. */
export const NAMESPACES_MAX = 50;

/** What is called what. Throws {@link ZeroKeeperConstructError} `InvalidProps` for what could not be deployed. */
export function namesIn(props: ZeroKeeperProps): {
  name: string;
  namespaces: readonly [string, ...string[]];
} {
  const { deploymentName: name = 'zerokeeper', namespaces = ['default'] } = props;
  if (!/^[A-Za-z][A-Za-z0-9-]{0,39}$/.test(name)) {
    refuse(`deploymentName ${name}: a letter, then letters, digits and -, at most 40`);
  }
  const [first, ...others] = namespaces;
  if (first === undefined) return refuse('namespaces: at least one');
  if (namespaces.length > NAMESPACES_MAX)
    refuse(`namespaces: ${namespaces.length}, at most ${NAMESPACES_MAX}`);
  if (new Set(namespaces).size !== namespaces.length) refuse('namespaces: one is named twice');
  const wrong = namespaces.find((one) => !/^(?!\d+$)[A-Za-z0-9_-]{1,64}$/.test(one));
  if (wrong !== undefined) {
    refuse(`namespace ${wrong}: letters, digits, _ and -, not digits alone, at most 64`);
  }
  return { name, namespaces: [first, ...others] };
}

/**
 * As the function `expire` reads it: `30`, or `production=90,staging=7`. `undefined`: for good. Throws {@link ZeroKeeperConstructError}
 * `InvalidProps`.
 */
export function historyDaysIn({
  historyRetention,
  namespaces = ['default'],
}: ZeroKeeperProps): string | undefined {
  if (historyRetention === undefined) return undefined;
  if (historyRetention instanceof Duration) return String(daysOf('historyRetention', historyRetention));
  const days = Object.entries(historyRetention).map(([namespace, duration]) => {
    if (!namespaces.includes(namespace)) refuse(`historyRetention: there is no namespace ${namespace}`);
    return `${namespace}=${daysOf(`historyRetention of ${namespace}`, duration)}`;
  });
  return days.length === 0 ? undefined : days.join(',');
}

function daysOf(what: string, duration: Duration): number {
  const days = duration.toDays({ integral: false });
  if (Number.isInteger(days) && days >= HISTORY_DAYS_MIN && days <= HISTORY_DAYS_MAX) return days;
  return refuse(`${what}: whole days, ${HISTORY_DAYS_MIN} to ${HISTORY_DAYS_MAX}, and not ${days}`);
}

function refuse(message: string): never {
  throw new ZeroKeeperConstructError('InvalidProps', message);
}
