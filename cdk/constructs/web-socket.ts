import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { LogGroupLogDestination, WebSocketApi, WebSocketStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { WebSocketIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Grant, Policy, PolicyStatement, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeResource } from './acknowledgements.js';

export const STAGE = 'push';

/** Connections and messages a second, for the API as a whole: a client sends one message a connection. */
export const RATE_MAX = 500;
export const BURST_MAX = 1000;

export interface ZeroKeeperWebSocketProps {
  readonly name: string;
  readonly connect: LambdaFunction;
  readonly notify: LambdaFunction;
  readonly accessLogs?: boolean;
  readonly logRetention?: RetentionDays;
}

/** The WebSocket API over which thin clients are told that there is something to fetch. It takes signed connections only. */
export class ZeroKeeperWebSocket extends Construct {
  readonly api: WebSocketApi;
  readonly stage: WebSocketStage;

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
    this.stage = new WebSocketStage(this, 'Stage', {
      webSocketApi: this.api,
      stageName: STAGE,
      autoDeploy: true,
      throttle: { rateLimit: RATE_MAX, burstLimit: BURST_MAX },
      ...this.#accessLogs(props),
    });
    this.#acknowledgeRoutes();
    props.notify.addEnvironment('ZEROKEEPER_PUSH_ENDPOINT', this.stage.callbackUrl);
    this.#grantPush(props.notify);
  }

  /** Grants opening connections; what is told over one, its session's password decides. */
  grantConnect(grantee: IGrantable): Grant {
    const resource = this.#arn(`${STAGE}/$connect`);
    return Grant.addToPrincipal({ grantee, actions: ['execute-api:Invoke'], resourceArns: [resource] });
  }

  /** A policy of its own, so that what cdk-nag finds in it is acknowledged for this one statement. */
  #grantPush(notify: LambdaFunction): void {
    const resource = this.#arn(`${STAGE}/POST/@connections/*`);
    const actions = ['execute-api:ManageConnections'];
    const statement = new PolicyStatement({ actions, resources: [resource] });
    const policy = new Policy(this, 'PushPolicy', { statements: [statement] });
    if (notify.role !== undefined) policy.attachToRole(notify.role);
    acknowledgeResource(
      policy,
      resource,
      'Connections have random ids that API Gateway gives them: what can be named is the stage, and POST is all that is granted.',
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
