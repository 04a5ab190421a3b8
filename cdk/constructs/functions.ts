import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Function as LambdaFunction,
  RecursiveLoop,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledgeUnscoped } from './acknowledgements.js';
import { bundleOf } from './bundles.js';
import { FUNCTION_ACTIONS, grantInvokeUnqualified, grantTables } from './permissions.js';
import { historyDaysIn, type FunctionSettings, type ZeroKeeperProps } from './props.js';
import type { ZeroKeeperTables } from './tables.js';

export type FunctionName = 'api' | 'materialize' | 'notify' | 'expire' | 'connect';

export const FUNCTION_NAMES: readonly FunctionName[] = ['api', 'materialize', 'notify', 'expire', 'connect'];

/**
 * What the functions get if nothing else is said. 1769 MB is a whole processor: `api` is what clients wait for, and a cold one
 * loads its code with it. The others are not waited for, or do little.
 * What they took in `npm run bench:functions` is in docs/DEPLOY.md.
 *
 * - `api`: a request answers within the 10 s after which clients send it again; the rest is for a batch that meets throttling.
 * - `materialize`, `notify`: work off the log until two seconds before their end, and are called again for the rest. A batch
 *   of rows in memory is what takes space.
 * - `expire`: the scheduled sweep looks at every session that is open.
 * - `connect`: API Gateway gives up after 29 s, and reads one session.
 */
export const FUNCTION_SETTINGS: Readonly<
  Record<FunctionName, Required<Pick<FunctionSettings, 'memorySize' | 'timeout'>>>
> = {
  api: { memorySize: 1769, timeout: Duration.seconds(29) },
  materialize: { memorySize: 1024, timeout: Duration.seconds(60) },
  notify: { memorySize: 512, timeout: Duration.seconds(60) },
  expire: { memorySize: 512, timeout: Duration.seconds(60) },
  connect: { memorySize: 512, timeout: Duration.seconds(10) },
};

/** Calls that wait longer are dropped: the stream and the schedule say the same again. */
const ASYNC_AGE_MAX = Duration.minutes(5);

const CALLED_LATER: ReadonlySet<FunctionName> = new Set(['materialize', 'notify', 'expire']);

const DESCRIPTIONS: Readonly<Record<FunctionName, string>> = {
  api: 'Answers the requests of thin clients',
  materialize: 'Writes the state after each entry of the log into rows',
  notify: 'Marks the watches that the log fires, and announces them',
  expire: 'Closes the sessions whose lease has ended',
  connect: 'Takes the WebSocket connections of thin clients',
};

export interface ZeroKeeperFunctionsProps extends ZeroKeeperProps {
  readonly name: string;
  readonly namespaceNames: readonly string[];
  readonly tables: ZeroKeeperTables;
  readonly timers: Queue;
  /** Where calls end that nobody waits for and that failed for good. */
  readonly failures: Queue;
}

/** The five functions, each with a role and a log of its own. */
export class ZeroKeeperFunctions extends Construct {
  readonly functions: Readonly<Record<FunctionName, LambdaFunction>>;
  readonly logGroups: Readonly<Record<FunctionName, LogGroup>>;
  readonly #props: ZeroKeeperFunctionsProps;

  constructor(scope: Construct, id: string, props: ZeroKeeperFunctionsProps) {
    super(scope, id);
    this.#props = props;
    const logs = FUNCTION_NAMES.map((name) => [name, this.#logGroup(name)] as const);
    this.logGroups = Object.fromEntries(logs) as Record<FunctionName, LogGroup>;
    const made = FUNCTION_NAMES.map((name) => [name, this.#function(name)] as const);
    this.functions = Object.fromEntries(made) as Record<FunctionName, LambdaFunction>;
    this.#wire();
    this.#options();
  }

  #logGroup(name: FunctionName): LogGroup {
    return new LogGroup(this, `${name}-log`, {
      retention: this.#props.logRetention ?? RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }

  #function(name: FunctionName): LambdaFunction {
    const { tables, tracing = true, bundles } = this.#props;
    const settings: FunctionSettings = { ...FUNCTION_SETTINGS[name], ...this.#props.functions?.[name] };
    const role = new Role(this, `${name}-role`, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `What ${this.#props.name}-${name} may do`,
    });
    this.logGroups[name].grantWrite(role);
    grantTables(tables, { grantee: role, actions: FUNCTION_ACTIONS[name] });
    acknowledgeUnscoped(role);
    return new LambdaFunction(this, name, {
      functionName: `${this.#props.name}-${name}`,
      description: DESCRIPTIONS[name],
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: bundleOf(name, bundles),
      handler: 'index.handler',
      role,
      ...settings,
      environment: this.#environment(),
      logGroup: this.logGroups[name],
      tracing: tracing ? Tracing.ACTIVE : Tracing.DISABLED,
      // A chain of timers calls expire by way of the queue for as long as a session lives: that loop is meant.
      ...(name === 'expire' ? { recursiveLoop: RecursiveLoop.ALLOW } : {}),
      ...(CALLED_LATER.has(name) ? this.#calledLater() : {}),
    });
  }

  #calledLater() {
    return { maxEventAge: ASYNC_AGE_MAX, onFailure: new SqsDestination(this.#props.failures) };
  }

  #environment(): Record<string, string> {
    const { tables, namespaceNames, logLevel = 'INFO' } = this.#props;
    return {
      ZEROKEEPER_TABLE_PREFIX: tables.tablePrefix,
      ZEROKEEPER_NAMESPACES: namespaceNames.join(','),
      POWERTOOLS_LOG_LEVEL: logLevel,
    };
  }

  /** Who sends timers and who calls whom, as `functions/shared/wiring.ts` reads it from the environment. */
  #wire(): void {
    const { api, materialize, notify, expire } = this.functions;
    const { timers } = this.#props;
    for (const sender of [api, materialize, expire]) {
      sender.addEnvironment('ZEROKEEPER_TIMER_QUEUE_URL', timers.queueUrl);
      timers.grant(sender, 'sqs:SendMessage');
    }
    api.addEnvironment('ZEROKEEPER_MATERIALIZE_FUNCTION', materialize.functionName);
    grantInvokeUnqualified(materialize, api);
    for (const caller of [api, expire]) {
      caller.addEnvironment('ZEROKEEPER_NOTIFY_FUNCTION', notify.functionName);
      grantInvokeUnqualified(notify, caller);
    }
  }

  /** Only `api` takes writes that a quota can refuse, and only `expire` trims: others' environments would say what is not so. */
  #options(): void {
    const { enforceQuota = false, namespaceNames } = this.#props;
    if (enforceQuota) this.functions.api.addEnvironment('ZEROKEEPER_ENFORCE_QUOTA', 'true');
    const days = historyDaysIn({ ...this.#props, namespaces: namespaceNames });
    if (days !== undefined) this.functions.expire.addEnvironment('ZEROKEEPER_LOG_RETENTION_DAYS', days);
  }
}
