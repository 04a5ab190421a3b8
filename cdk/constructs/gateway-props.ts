import { Duration } from 'aws-cdk-lib';
import type { IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { CloudMapOptions, ContainerImage, ICluster, Secret } from 'aws-cdk-lib/aws-ecs';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { ZeroKeeperConstructError } from './errors.js';
import type { ZeroKeeper } from './zero-keeper.js';

/** Certificates as PEM, each a secret of Secrets Manager or a parameter of Systems Manager. */
export interface GatewayTls {
  readonly certificate: Secret;
  readonly privateKey: Secret;

  /**
   * Certificates of those who sign clients' certificates.
   *
   * @default - clients show none
   */
  readonly trustStore?: Secret;

  /**
   * Whether clients have to show a certificate. With `need` and `want` there has to be a `trustStore`.
   *
   * @default 'need' with a `trustStore`, 'none' without
   */
  readonly clientAuth?: 'need' | 'want' | 'none';
}

export interface ZeroKeeperGatewayProps {
  /** The deployment whose tables the gateways use. */
  readonly zooKeeper: ZeroKeeper;

  /**
   * The namespace that is served: a gateway has one.
   *
   * @default - the first of the deployment
   */
  readonly namespace?: string;

  /** Where the gateways run. Their tasks have to reach DynamoDB, CloudWatch Logs and the image's registry from `vpcSubnets`. */
  readonly vpc: IVpc;

  /**
   * The subnets of tasks and load balancer.
   *
   * @default - the private ones of the VPC
   */
  readonly vpcSubnets?: SubnetSelection;

  /**
   * The cluster of the service.
   *
   * @default - one of its own, with Container Insights
   */
  readonly cluster?: ICluster;

  /**
   * The gateway's image, for arm64, which runs `zerokeeper gateway` as user 1000 and, for `tls`, has a volume `/run/zerokeeper-tls` that is
   * this user's.
   *
   * @default - built of this repository's cdk/gateway/Dockerfile when the stack is deployed. The package does not carry the sources
   * of that: there an image has to be given.
   */
  readonly image?: ContainerImage;

  /**
   * Registers the tasks under a name of Cloud Map, in place of the load balancer: clients are then told the name, and come directly.
   *
   * @default - an internal network load balancer
   */
  readonly cloudMapOptions?: CloudMapOptions;

  /**
   * TLS, in place of the port without. The tasks are given the secrets as they start: deploy anew for a renewed certificate.
   *
   * @default - none: whoever is let in by the security group is spoken to in the clear
   */
  readonly tls?: GatewayTls;

  /**
   * How many gateways there are.
   *
   * @default 2
   */
  readonly desiredCount?: number;

  /**
   * Processor units of a task, of which 1024 are one processor.
   *
   * @default 512
   */
  readonly cpu?: number;

  /**
   * MiB of a task.
   *
   * @default 1024
   */
  readonly memoryLimitMiB?: number;

  /**
   * How long a gateway that is told to end waits for requests under way. It is killed {@link STOP_MARGIN} later. Whole milliseconds,
   * {@link DRAIN_MAX} at most.
   *
   * @default Duration.seconds(10)
   */
  readonly drainTimeout?: Duration;

  /**
   * Whether clients that allow it are served reads while DynamoDB cannot be reached (ZooKeeper's readonlymode.enabled).
   *
   * @default false
   */
  readonly readOnlyMode?: boolean;

  /**
   * How long the gateways' logs are kept.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;
}

/** What hanging up and the last renewal of the lease may take after the drain. */
export const STOP_MARGIN = Duration.seconds(20);

/** Fargate kills a container two minutes after it told it to end. */
export const DRAIN_MAX = Duration.seconds(120 - STOP_MARGIN.toSeconds());

/** Throws {@link ZeroKeeperConstructError} `InvalidProps` for what could not be deployed, or would not start. */
export function checkGateway({ tls, drainTimeout, desiredCount = 1 }: ZeroKeeperGatewayProps): void {
  if (drainTimeout !== undefined && drainTimeout.toMilliseconds() > DRAIN_MAX.toMilliseconds()) {
    refuse(`drainTimeout: ${DRAIN_MAX.toSeconds()} s at most`);
  }
  if (!Number.isInteger(desiredCount) || desiredCount < 0) refuse('desiredCount: a whole number from 0 on');
  if (tls !== undefined && clientAuthOf(tls) !== 'none' && tls.trustStore === undefined) {
    refuse(`tls: clientAuth ${clientAuthOf(tls)} needs a trustStore, to tell whose certificates are good`);
  }
}

export function clientAuthOf({ clientAuth, trustStore }: GatewayTls): 'need' | 'want' | 'none' {
  return clientAuth ?? (trustStore === undefined ? 'none' : 'need');
}

function refuse(message: string): never {
  throw new ZeroKeeperConstructError('InvalidProps', message);
}
