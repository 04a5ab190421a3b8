import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  Connections,
  type IConnectable,
  type ISecurityGroup,
  Port,
  SecurityGroup,
} from 'aws-cdk-lib/aws-ec2';
import { Cluster, ContainerInsights, FargateService, type ICluster } from 'aws-cdk-lib/aws-ecs';
import { NetworkLoadBalancer, Protocol } from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledgements.js';
import { checkGateway, type ZeroKeeperGatewayProps } from './gateway-props.js';
import { GATEWAY_ADMIN_PORT, GATEWAY_PORT, GATEWAY_TLS_PORT, ZeroKeeperGatewayTask } from './gateway-task.js';

/** A gateway hangs its clients up by itself: the load balancer only has to have stopped sending new ones. */
const DEREGISTRATION_DELAY = Duration.seconds(10);

/**
 * Gateways of one namespace as a Fargate service, for clients that speak ZooKeeper's protocol: behind an internal network load
 * balancer, or under a name of Cloud Map. Nobody can connect before {@link connections} allows it.
 *
 * Throws {@link ZeroKeeperConstructError} for properties that could not be deployed, and without an image.
 *
 * @example
 * const gateway = new ZeroKeeperGateway(this, 'Gateway', { zooKeeper, namespace: 'production', vpc });
 * gateway.connections.allowDefaultPortFrom(worker);
 * worker.addEnvironment('ZOOKEEPER_CONNECT', gateway.server);
 */
export class ZeroKeeperGateway extends Construct implements IConnectable {
  /** Who may connect, at the client port by default. */
  readonly connections: Connections;
  readonly service: FargateService;
  readonly task: ZeroKeeperGatewayTask;
  readonly logGroup: LogGroup;
  /** None with `cloudMapOptions`. */
  readonly loadBalancer: NetworkLoadBalancer | undefined;
  /** The client port: 2181, or 2281 with `tls`. */
  readonly port: number;
  /** `HOST:PORT` that clients connect to. */
  readonly server: string;

  constructor(scope: Construct, id: string, props: ZeroKeeperGatewayProps) {
    super(scope, id);
    checkGateway(props);
    this.port = props.tls === undefined ? GATEWAY_PORT : GATEWAY_TLS_PORT;
    this.logGroup = new LogGroup(this, 'Log', {
      retention: props.logRetention ?? RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.task = new ZeroKeeperGatewayTask(this, 'Task', { ...props, logGroup: this.logGroup });
    const tasks = this.#securityGroup('SecurityGroup', props);
    this.service = this.#service(props, tasks);
    if (props.cloudMapOptions === undefined) {
      const balancer = this.#securityGroup('BalancerSecurityGroup', props);
      this.loadBalancer = this.#loadBalancer(props, balancer);
      const from = `load balancer of ${this.node.id}`;
      tasks.addIngressRule(balancer, Port.tcp(this.port), from);
      tasks.addIngressRule(balancer, Port.tcp(GATEWAY_ADMIN_PORT), `health, from the ${from}`);
      this.connections = this.#connectionsOf(balancer);
      this.server = `${this.loadBalancer.loadBalancerDnsName}:${this.port}`;
    } else {
      this.connections = this.#connectionsOf(tasks);
      this.server = `${this.#nameInCloudMap()}:${this.port}`;
    }
  }

  #connectionsOf(group: ISecurityGroup): Connections {
    return new Connections({ securityGroups: [group], defaultPort: Port.tcp(this.port) });
  }

  #securityGroup(id: string, { vpc }: ZeroKeeperGatewayProps): SecurityGroup {
    return new SecurityGroup(this, id, { vpc, description: `${id} of the gateways of ZeroKeeper` });
  }

  #service(props: ZeroKeeperGatewayProps, tasks: ISecurityGroup): FargateService {
    const { vpc, vpcSubnets, cloudMapOptions, desiredCount = 2 } = props;
    // The CDK's own types disagree with themselves about optional members under exactOptionalPropertyTypes.
    const own = () =>
      new Cluster(this, 'Cluster', { vpc, containerInsightsV2: ContainerInsights.ENABLED }) as ICluster;
    const cluster = props.cluster ?? own();
    return new FargateService(this, 'Service', {
      cluster,
      taskDefinition: this.task.definition,
      desiredCount,
      assignPublicIp: false,
      securityGroups: [tasks],
      // The new ones serve before the old ones go, and a version that does not start is taken back.
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { rollback: true },
      ...(vpcSubnets === undefined ? {} : { vpcSubnets }),
      ...(cloudMapOptions === undefined
        ? { healthCheckGracePeriod: Duration.seconds(60) }
        : { cloudMapOptions }),
    });
  }

  #loadBalancer(props: ZeroKeeperGatewayProps, group: ISecurityGroup): NetworkLoadBalancer {
    const { vpc, vpcSubnets } = props;
    const balancer = new NetworkLoadBalancer(this, 'LoadBalancer', {
      ...{ vpc, internetFacing: false, crossZoneEnabled: true, securityGroups: [group] },
      ...(vpcSubnets === undefined ? {} : { vpcSubnets }),
    });
    const { port } = this;
    balancer.addListener('Clients', { port, protocol: Protocol.TCP }).addTargets('Gateways', {
      ...{ port, protocol: Protocol.TCP, deregistrationDelay: DEREGISTRATION_DELAY },
      // Otherwise all clients share the balancer's few addresses: with maxClientCnxns, and in ACLs of the scheme ip.
      preserveClientIp: true,
      targets: [this.service.loadBalancerTarget({ containerName: 'gateway', containerPort: port })],
      healthCheck: {
        ...{ protocol: Protocol.HTTP, path: '/health', port: String(GATEWAY_ADMIN_PORT) },
        ...{ interval: Duration.seconds(5), timeout: Duration.seconds(2) },
        ...{ healthyThresholdCount: 2, unhealthyThresholdCount: 2 },
      },
    });
    acknowledge(
      balancer,
      'AwsSolutions-ELB2',
      'A network load balancer logs connections of listeners with TLS only, and here TLS is the gateway’s.',
    );
    return balancer;
  }

  #nameInCloudMap(): string {
    const { cloudMapService } = this.service;
    if (cloudMapService === undefined) throw new TypeError('the service has no name in Cloud Map');
    return `${cloudMapService.serviceName}.${cloudMapService.namespace.namespaceName}`;
  }
}
