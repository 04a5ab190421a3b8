import { CfnOutput, Fn, Stack, type StackProps } from 'aws-cdk-lib';
import {
  FlowLogDestination,
  GatewayVpcEndpointAwsService,
  IpAddresses,
  type IVpc,
  Peer,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Cluster, ContainerImage, ContainerInsights, type ICluster } from 'aws-cdk-lib/aws-ecs';
import type { Construct } from 'constructs';
import { ZeroKeeperGateway } from './constructs/gateway.js';
import type { ZeroKeeperProps } from './constructs/props.js';
import { ZeroKeeper } from './constructs/zero-keeper.js';

export interface ZeroKeeperStackProps extends StackProps {
  /** @default - as the construct has them */
  readonly zeroKeeper?: ZeroKeeperProps;
  /**
   * Gateways for each namespace, which whoever is in the VPC may connect to.
   *
   * @default - none
   */
  readonly gateway?: StackGatewayProps;
}

export interface StackGatewayProps {
  /** @default - a VPC of its own, in two zones, with one NAT gateway */
  readonly network?: StackNetwork;
  /** @default - built of cdk/gateway/Dockerfile when the stack is deployed */
  readonly image?: string;
}

/** A VPC that is there, by everything that a template has to say of it: nothing is looked up while it is synthesized. */
export interface StackNetwork {
  readonly vpcId: string;
  /** Private ones, a zone each, from where DynamoDB, CloudWatch Logs and the image's registry can be reached. */
  readonly subnetIds: readonly string[];
  readonly vpcCidr: string;
}

/** One deployment by itself, with what clients have to know as outputs. */
export class ZeroKeeperStack extends Stack {
  readonly zeroKeeper: ZeroKeeper;

  constructor(scope: Construct, id: string, props: ZeroKeeperStackProps = {}) {
    const { zeroKeeper: options, gateway, ...stackProps } = props;
    super(scope, id, { description: 'ZeroKeeper: ZooKeeper on DynamoDB and Lambda', ...stackProps });
    this.zeroKeeper = new ZeroKeeper(this, 'ZeroKeeper', options);
    this.#outputs();
    if (gateway !== undefined) this.#gateways(gateway);
  }

  #gateways({ network, image }: StackGatewayProps): void {
    const { zooKeeper, vpc } = { zooKeeper: this.zeroKeeper, vpc: vpcOf(this, network) };
    const containerInsightsV2 = ContainerInsights.ENABLED;
    const cluster = new Cluster(this, 'Cluster', { vpc, containerInsightsV2 }) as ICluster;
    const common = {
      ...{ zooKeeper, vpc, cluster },
      ...(image === undefined ? {} : { image: ContainerImage.fromRegistry(image) }),
    };
    for (const [index, namespace] of zooKeeper.namespaces.entries()) {
      const gateway = new ZeroKeeperGateway(this, `Gateway-${namespace}`, { ...common, namespace });
      gateway.connections.allowDefaultPortFrom(Peer.ipv4(network?.vpcCidr ?? VPC_CIDR), 'the VPC');
      const description = `servers, of the transport tcp, for ${namespace}`;
      new CfnOutput(this, `GatewayServer${index}`, { value: gateway.server, description });
    }
  }

  /** Each is called after the option of the SDK that takes it. Namespaces are numbered, as their names are no names of outputs. */
  #outputs(): void {
    const { namespaces, functionUrls, tablePrefix } = this.zeroKeeper;
    const output = (id: string, value: string, description: string) =>
      new CfnOutput(this, id, { value, description });
    output('Region', this.region, 'region, of every transport');
    output('TablePrefix', tablePrefix, 'tablePrefix, of the transport direct');
    output('Namespaces', namespaces.join(','), 'namespace, of the transport direct: one of them');
    for (const [index, namespace] of namespaces.entries()) {
      const arn = this.zeroKeeper.functionNameOf(namespace);
      output(`FunctionName${index}`, arn, `functionName, of the transport lambda, for ${namespace}`);
      const webSocketUrl = this.zeroKeeper.webSocketUrlOf(namespace);
      output(`WebSocketUrl${index}`, webSocketUrl, `webSocketUrl, of the transport lambda, for ${namespace}`);
      const url = functionUrls.get(namespace);
      if (url !== undefined) output(`FunctionUrl${index}`, url.url, `The function URL of ${namespace}`);
    }
  }
}

const VPC_CIDR = '10.0.0.0/16';

function vpcOf(stack: Stack, network: StackNetwork | undefined): IVpc {
  if (network === undefined) {
    return new Vpc(stack, 'Vpc', {
      ipAddresses: IpAddresses.cidr(VPC_CIDR),
      ...{ maxAzs: 2, natGateways: 1 },
      // Logs and images go by way of the NAT gateway; what gateways live by does not.
      gatewayEndpoints: { DynamoDb: { service: GatewayVpcEndpointAwsService.DYNAMODB } },
      flowLogs: { FlowLog: { destination: FlowLogDestination.toCloudWatchLogs() } },
    }) as IVpc;
  }
  const { vpcId, vpcCidr, subnetIds } = network;
  return Vpc.fromVpcAttributes(stack, 'Vpc', {
    ...{ vpcId, vpcCidrBlock: vpcCidr, privateSubnetIds: [...subnetIds] },
    // The template does not say them; the CDK only wants as many as there are subnets.
    availabilityZones: subnetIds.map((_, index) => Fn.select(index, Fn.getAzs())),
  });
}
