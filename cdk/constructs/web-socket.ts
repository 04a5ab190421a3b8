import { Annotations, ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { LogGroupLogDestination, WebSocketApi, WebSocketStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { WebSocketIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Grant, Policy, PolicyStatement, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeResource } from './acknowledgements.js';

/** Connections and messages a second, for each namespace: a client sends one message a connection. */
export const RATE_MAX = 500;
export const BURST_MAX = 1000;

/** API Gateway's quota of stages for each API, which it raises when asked. */
export const STAGES_QUOTA = 10;

export interface ZeroKeeperWebSocketProps {
  readonly name: string;
  readonly namespaceNames: readonly string[];
  readonly connect: LambdaFunction;
  readonly notify: LambdaFunction;
  readonly accessLogs?: boolean;
  readonly logRetention?: RetentionDays;
}

/**
 * The WebSocket API over which thin clients are told that there is something to fetch. It takes signed connections only. Each
 * namespace has a stage of its name: by it IAM opens one and no other, and the functions learn whose a connection is.
 */
export class ZeroKeeperWebSocket extends Construct {
  readonly api: WebSocketApi;
  /** By namespace. */
  readonly stages: ReadonlyMap<string, WebSocketStage>;

  constructor(scope: Construct, id: string, props: ZeroKeeperWebSocketProps) {
    super(scope, id);
    const route = (name: string) => ({ integration: new WebSocketLambdaIntegration(name, props.connect) });
    this.api = new WebSocketApi(this, 'Api', {
      apiName: `${props.name}-push`,
      description: 'Tells thin clients that there are events to fetch',
      connectRouteOptions: { ...route('OnConnect'), authorizer: new WebSocketIamAuthorizer() },
      disconnectRouteOptions: route('OnDisconnect'),
      defaultRouteOptions: route('OnMessage'),
    });
    this.stages = this.#stages(props);
    this.#acknowledgeRoutes();
    this.#warnOfQuota(props.namespaceNames.length);
    const { region, urlSuffix } = Stack.of(this);
    const endpoint = `https://${this.api.apiId}.execute-api.${region}.${urlSuffix}`;
    props.notify.addEnvironment('ZEROKEEPER_PUSH_ENDPOINT', endpoint);
    this.#grantPush(props);
  }

  /** Grants opening connections of a namespace; what is told over one, its session's password decides. */
  grantConnect(grantee: IGrantable, namespace: string): Grant {
    const resource = this.#arn(`${namespace}/$connect`);
    return Grant.addToPrincipal({ grantee, actions: ['execute-api:Invoke'], resourceArns: [resource] });
  }

  /** A policy of its own, so that what cdk-nag finds in it is acknowledged for this one statement. */
  #grantPush({ notify, namespaceNames }: ZeroKeeperWebSocketProps): void {
    const resources = namespaceNames.map((namespace) => this.#arn(`${namespace}/POST/@connections/*`));
    const actions = ['execute-api:ManageConnections'];
    const statement = new PolicyStatement({ actions, resources });
    const policy = new Policy(this, 'PushPolicy', { statements: [statement] });
    if (notify.role !== undefined) policy.attachToRole(notify.role);
    for (const resource of resources) {
      acknowledgeResource(
        policy,
        resource,
        'Connections have random ids that API Gateway gives them: what can be named is the stage, and POST is all that is granted.',
      );
    }
  }

  #stages(props: ZeroKeeperWebSocketProps): ReadonlyMap<string, WebSocketStage> {
    const common = {
      webSocketApi: this.api,
      autoDeploy: true,
      throttle: { rateLimit: RATE_MAX, burstLimit: BURST_MAX },
      ...this.#accessLogs(props),
    };
    const made = props.namespaceNames.map((stageName) => {
      return [stageName, new WebSocketStage(this, `Stage-${stageName}`, { ...common, stageName })] as const;
    });
    return new Map(made);
  }

  #warnOfQuota(stages: number): void {
    if (stages <= STAGES_QUOTA) return;
    Annotations.of(this).addWarningV2(
      'zerokeeper:stages',
      `${stages} namespaces are as many stages of one WebSocket API, of which an account has ${STAGES_QUOTA} unless it asked for more`,
    );
  }

  #arn(resourceName: string): string {
    return Stack.of(this).formatArn({
      service: 'execute-api',
      resource: this.api.apiId,
      resourceName,
      arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
    });
  }

  #accessLogs(props: ZeroKeeperWebSocketProps) {
    if (props.accessLogs !== true) {
      acknowledge(
        this,
        'AwsSolutions-APIG1',
        'Access logs need a role in the settings of the account, which a construct must not change; accessLogs turns them on.',
      );
      return {};
    }
    const logGroup = new LogGroup(this, 'AccessLog', {
      retention: props.logRetention ?? RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    return { accessLogSettings: { destination: new LogGroupLogDestination(logGroup) } };
  }

  #acknowledgeRoutes(): void {
    acknowledge(
      this.api,
      'AwsSolutions-APIG4',
      'A WebSocket API authorizes $connect only, and that route has IAM: the others are of connections it let in.',
    );
  }
}
