import type { Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import {
  Alias,
  FunctionUrlAuthType,
  type Function as LambdaFunction,
  type FunctionUrl,
  type IVersion,
} from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { ZeroKeeperConstructError } from './errors.js';
import { FUNCTION_SETTINGS, ZeroKeeperFunctions, type FunctionName } from './functions.js';
import { healthMetric, type HealthMetric, ZeroKeeperMonitoring } from './monitoring.js';
import { DIRECT_ACTIONS, grantRegistry, grantTables, READ_ACTIONS } from './permissions.js';
import { namesIn, type ZeroKeeperProps } from './props.js';
import { ZeroKeeperQueues } from './queues.js';
import { ZeroKeeperTables } from './tables.js';
import { ZeroKeeperTriggers } from './triggers.js';
import { ZeroKeeperWebSocket } from './web-socket.js';

/** Which namespace a grant is for. */
export interface NamespaceGrantOptions {
  /**
   * One of the deployment's namespaces.
   *
   * @default - the first one
   */
  readonly namespace?: string;
}

/**
 * ZooKeeper with zero servers to keep: tables, functions, triggers, WebSocket API, alarms.
 *
 * Who gets what: {@link grantClient} opens one namespace by way of the function `api`, which checks ACLs; {@link grantDirect}
 * and {@link grantGateway} give permissions on the rows of one namespace, which ACLs do not bind; {@link grantRead} gives their
 * reading half. The tables are kept when the stack is deleted, unless `removalPolicy` says otherwise.
 *
 * Throws {@link ZeroKeeperConstructError} for properties that could not be deployed, and when the functions' bundles have not been
 * built.
 *
 * @example
 * const zooKeeper = new ZeroKeeper(this, 'ZeroKeeper', { deploymentName: 'orders', namespaces: ['production', 'staging'] });
 * zooKeeper.grantClient(worker, { namespace: 'production' });
 * worker.addEnvironment('ZEROKEEPER_FUNCTION_NAME', zooKeeper.functionNameOf('production'));
 */
export class ZeroKeeper extends Construct {
  /** Functions are called `deploymentName-api` and so on. */
  readonly deploymentName: string;
  /** Tables are called `tablePrefix-log` and so on: `tablePrefix` of the transport `direct`. */
  readonly tablePrefix: string;
  readonly namespaces: readonly string[];
  /** Whether hard quotas are enforced, by the functions and by gateways of the stack. */
  readonly enforceQuota: boolean;
  readonly tables: ZeroKeeperTables;
  readonly queues: ZeroKeeperQueues;
  readonly functions: Readonly<Record<FunctionName, LambdaFunction>>;
  /** The alias of `api` for each namespace. */
  readonly aliases: ReadonlyMap<string, Alias>;
  /** The function URL of each namespace. Empty without `functionUrl`. */
  readonly functionUrls: ReadonlyMap<string, FunctionUrl>;
  readonly triggers: ZeroKeeperTriggers;
  readonly webSocket: ZeroKeeperWebSocket;
  readonly monitoring: ZeroKeeperMonitoring;

  constructor(scope: Construct, id: string, props: ZeroKeeperProps = {}) {
    super(scope, id);
    const { name, namespaces } = namesIn(props);
    this.deploymentName = name;
    this.tablePrefix = name;
    this.namespaces = namespaces;
    this.enforceQuota = props.enforceQuota ?? false;
    this.tables = new ZeroKeeperTables(this, 'Tables', { ...props, tablePrefix: name });
    const expireTimeout = props.functions?.expire?.timeout ?? FUNCTION_SETTINGS.expire.timeout;
    this.queues = new ZeroKeeperQueues(this, 'Queues', { name, expireTimeout });
    const { tables, queues } = this;
    const made = {
      name,
      tables,
      namespaceNames: namespaces,
      timers: queues.timers,
      failures: queues.failures,
    };
    this.functions = new ZeroKeeperFunctions(this, 'Functions', { ...props, ...made }).functions;
    const { functions } = this;
    this.triggers = new ZeroKeeperTriggers(this, 'Triggers', { name, functions, tables, queues });
    const { connect, notify } = functions;
    this.webSocket = new ZeroKeeperWebSocket(this, 'WebSocket', {
      ...props,
      ...{ name, connect, notify, namespaceNames: namespaces },
    });
    this.aliases = this.#aliases();
    this.functionUrls = this.#functionUrls(props.functionUrl ?? false);
    this.monitoring = new ZeroKeeperMonitoring(this, 'Monitoring', {
      ...props,
      ...{ name, functions, tables, queues },
    });
  }

  /** The ARN of a namespace's alias of `api`: `functionName` of the transport `lambda`. Throws `NotDeployed`. */
  functionNameOf(namespace: string): string {
    return this.#alias(namespace).functionArn;
  }

  /** `wss://…`, to be signed by its caller: `webSocketUrl` of the transport `lambda`. Throws `NotDeployed`. */
  webSocketUrlOf(namespace: string): string {
    const stage = this.webSocket.stages.get(namespace);
    if (stage !== undefined) return stage.url;
    throw this.#notDeployed(namespace);
  }

  /** Grants `lambda:InvokeFunction` on the alias of one namespace, and on nothing else. Throws `NotDeployed`. */
  grantClient(grantee: IGrantable, { namespace = this.#first() }: NamespaceGrantOptions = {}): Grant {
    return Grant.addToPrincipal({
      grantee,
      actions: ['lambda:InvokeFunction'],
      resourceArns: [this.#alias(namespace).functionArn],
    });
  }

  /** Grants calling the function URL of one namespace. Throws `NotDeployed`, also when there are no function URLs. */
  grantClientUrl(grantee: IGrantable, { namespace = this.#first() }: NamespaceGrantOptions = {}): Grant {
    const url = this.functionUrls.get(namespace);
    if (url !== undefined) return url.grantInvokeUrl(grantee);
    throw new ZeroKeeperConstructError(
      'NotDeployed',
      `there is no function URL of the namespace ${namespace}`,
    );
  }

  /**
   * Grants opening WebSocket connections of one namespace. What is told over one depends on the session whose password it presents.
   * Throws `NotDeployed`.
   */
  grantWebSocket(grantee: IGrantable, { namespace = this.#first() }: NamespaceGrantOptions = {}): Grant {
    this.#alias(namespace);
    return this.webSocket.grantConnect(grantee, namespace);
  }

  /**
   * Grants what an embedded keeper (transport `direct`) calls, on the rows of one namespace in `log`, `state` and `leases`. ACLs
   * bind it no more than they bind DynamoDB. Throws `NotDeployed`.
   */
  grantDirect(grantee: IGrantable, options: NamespaceGrantOptions = {}): void {
    this.#grantRows(grantee, DIRECT_ACTIONS, options);
  }

  /** Grants what a gateway calls: the same as an embedded keeper, for it is one. Throws `NotDeployed`. */
  grantGateway(grantee: IGrantable, options: NamespaceGrantOptions = {}): void {
    this.#grantRows(grantee, DIRECT_ACTIONS, options);
  }

  /** Grants reading the rows of one namespace: for observers, exports and diagnosis. Throws `NotDeployed`. */
  grantRead(grantee: IGrantable, options: NamespaceGrantOptions = {}): void {
    this.#grantRows(grantee, READ_ACTIONS, options);
  }

  /**
   * Grants creating, listing, limiting and deleting namespaces, as `openNamespaces` and `zerokeeper namespace` do, and the aliases of those
   * that are not in the stack. It opens no namespace.
   */
  grantNamespaces(grantee: IGrantable): void {
    grantRegistry(this.tables, grantee);
    Grant.addToPrincipal({
      grantee,
      actions: ['lambda:CreateAlias', 'lambda:DeleteAlias'],
      resourceArns: [this.functions.api.functionArn],
    });
  }

  /**
   * One of the deployment's own metrics, of all namespaces together: `MaterializeLagMs`, `NotifyLagMs`, `ExpiryDelayMs`, `Conflicts`.
   *
   * @default - the maximum over a minute; of `Conflicts` the sum
   */
  metric(name: HealthMetric, options?: MetricOptions): Metric {
    return healthMetric(this.deploymentName, name, options);
  }

  /** How old the oldest entry was that was not in the state tables yet, ms. Beyond a minute writers slow down. */
  metricMaterializeLag(options?: MetricOptions): Metric {
    return this.metric('MaterializeLagMs', options);
  }

  /** How old the oldest entry was whose watches were not marked yet, ms. */
  metricNotifyLag(options?: MetricOptions): Metric {
    return this.metric('NotifyLagMs', options);
  }

  /** How long after its lease's end a session was closed by its timer, ms. */
  metricExpiryDelay(options?: MetricOptions): Metric {
    return this.metric('ExpiryDelayMs', options);
  }

  /** Slots of the log that another writer won, each of which cost a write unit and a round trip. */
  metricConflicts(options?: MetricOptions): Metric {
    return this.metric('Conflicts', options);
  }

  #grantRows(
    grantee: IGrantable,
    actions: typeof READ_ACTIONS,
    { namespace = this.#first() }: NamespaceGrantOptions,
  ): void {
    this.#alias(namespace);
    grantTables(this.tables, { grantee, actions, namespace });
  }

  #first(): string {
    return [...this.aliases.keys()][0] ?? 'default';
  }

  #alias(namespace: string): Alias {
    const alias = this.aliases.get(namespace);
    if (alias !== undefined) return alias;
    throw this.#notDeployed(namespace);
  }

  #notDeployed(namespace: string): ZeroKeeperConstructError {
    const known = this.namespaces.join(', ');
    return new ZeroKeeperConstructError(
      'NotDeployed',
      `the namespace ${namespace} is none of this deployment's, which are ${known}`,
    );
  }

  #aliases(): ReadonlyMap<string, Alias> {
    // The CDK's own types disagree with themselves about optional members under exactOptionalPropertyTypes.
    const version = this.functions.api.currentVersion as IVersion;
    return new Map(
      this.namespaces.map((aliasName) => {
        const description = `What clients of the namespace ${aliasName} invoke`;
        return [aliasName, new Alias(this, `Alias-${aliasName}`, { aliasName, version, description })];
      }),
    );
  }

  #functionUrls(wanted: boolean): ReadonlyMap<string, FunctionUrl> {
    if (!wanted) return new Map();
    const authType = FunctionUrlAuthType.AWS_IAM;
    return new Map(
      [...this.aliases].map(([namespace, alias]) => [namespace, alias.addFunctionUrl({ authType })]),
    );
  }
}
