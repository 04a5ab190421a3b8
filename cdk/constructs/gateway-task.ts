import { Duration, Stack } from 'aws-cdk-lib';
import {
  Capability,
  ContainerDependencyCondition,
  type ContainerDefinition,
  type ContainerImage,
  CpuArchitecture,
  FargateTaskDefinition,
  LinuxParameters,
  LogDrivers,
  OperatingSystemFamily,
  type Secret,
} from 'aws-cdk-lib/aws-ecs';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledgements.js';
import { gatewayImage } from './gateway-image.js';
import { clientAuthOf, STOP_MARGIN, type GatewayTls, type ZeroKeeperGatewayProps } from './gateway-props.js';

export const GATEWAY_PORT = 2181;
export const GATEWAY_TLS_PORT = 2281;
export const GATEWAY_ADMIN_PORT = 8080;

const USER = '1000:1000';
const TLS_VOLUME = 'tls';
const TLS_FOLDER = '/run/zerokeeper-tls';
const DRAIN_TIMEOUT = Duration.seconds(10);

/** Ends with an error when there is no file to write, so that the gateway beside it does not start. */
const WRITE_FILES = `
const { writeFileSync } = require('node:fs');
for (const [name, text] of Object.entries(process.env)) {
  const [, file] = /^TLS_FILE_(.*)$/.exec(name) ?? [];
  if (file !== undefined) writeFileSync('${TLS_FOLDER}/' + file.toLowerCase() + '.pem', text, { mode: 0o600 });
}`.trim();

const ASK_HEALTH =
  `fetch('http://127.0.0.1:${GATEWAY_ADMIN_PORT}/health')` +
  '.then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))';

export interface GatewayTaskProps extends ZeroKeeperGatewayProps {
  readonly logGroup: ILogGroup;
}

/** A task with a gateway, and nothing that is root or can write its file system. */
export class ZeroKeeperGatewayTask extends Construct {
  readonly definition: FargateTaskDefinition;
  readonly container: ContainerDefinition;
  readonly #props: GatewayTaskProps;
  readonly #image: ContainerImage;

  constructor(scope: Construct, id: string, props: GatewayTaskProps) {
    super(scope, id);
    this.#props = props;
    this.#image = props.image ?? gatewayImage();
    this.definition = new FargateTaskDefinition(this, 'Definition', {
      cpu: props.cpu ?? 512,
      memoryLimitMiB: props.memoryLimitMiB ?? 1024,
      runtimePlatform: {
        cpuArchitecture: CpuArchitecture.ARM64,
        operatingSystemFamily: OperatingSystemFamily.LINUX,
      },
    });
    const { zooKeeper, namespace, tls } = props;
    zooKeeper.grantGateway(this.definition.taskRole, namespace === undefined ? {} : { namespace });
    this.container = this.#gateway();
    if (tls !== undefined) this.#files(tls);
    acknowledge(
      this.definition,
      'AwsSolutions-ECS2',
      'What is in the environment are names and ports; keys and certificates are secrets.',
    );
    const execution = this.definition.obtainExecutionRole();
    acknowledge(
      execution,
      'AwsSolutions-IAM5[Resource::*]',
      'ecr:GetAuthorizationToken cannot be granted on single resources.',
    );
  }

  #gateway(): ContainerDefinition {
    const { drainTimeout = DRAIN_TIMEOUT, tls } = this.#props;
    const container = this.definition.addContainer('gateway', {
      ...this.#common(),
      environment: { ...this.#environment(drainTimeout), ...(tls === undefined ? {} : tlsEnvironment(tls)) },
      stopTimeout: drainTimeout.plus(STOP_MARGIN),
      healthCheck: {
        command: ['CMD', 'node', '-e', ASK_HEALTH],
        interval: Duration.seconds(5),
        timeout: Duration.seconds(2),
        retries: 3,
        startPeriod: Duration.seconds(20),
      },
    });
    const port = tls === undefined ? GATEWAY_PORT : GATEWAY_TLS_PORT;
    container.addPortMappings({ containerPort: port }, { containerPort: GATEWAY_ADMIN_PORT });
    return container;
  }

  #common() {
    const linuxParameters = new LinuxParameters(this, `Linux${this.definition.node.children.length}`, {
      initProcessEnabled: true,
    });
    linuxParameters.dropCapabilities(Capability.ALL);
    const { logGroup } = this.#props;
    return {
      image: this.#image,
      user: USER,
      readonlyRootFilesystem: true,
      linuxParameters,
      logging: LogDrivers.awsLogs({ logGroup, streamPrefix: 'zerokeeper' }),
    };
  }

  #environment(drainTimeout: Duration): Record<string, string> {
    const { zooKeeper, namespace, readOnlyMode = false } = this.#props;
    return {
      ZEROKEEPER_REGION: Stack.of(this).region,
      ZEROKEEPER_TABLE_PREFIX: zooKeeper.tablePrefix,
      ZEROKEEPER_NAMESPACE: namespace ?? zooKeeper.namespaces[0] ?? 'default',
      ZEROKEEPER_ADMIN_SERVER_PORT: String(GATEWAY_ADMIN_PORT),
      ZEROKEEPER_CLIENT_PORT: String(GATEWAY_PORT),
      ZEROKEEPER_ENFORCE_QUOTA: String(zooKeeper.enforceQuota),
      ZEROKEEPER_DRAIN_TIMEOUT_MS: String(drainTimeout.toMilliseconds()),
      ...(readOnlyMode && { ZEROKEEPER_READONLYMODE_ENABLED: 'true' }),
    };
  }

  /** ECS hands secrets to environments only, and the gateway reads files: a container that ends before it starts writes them. */
  #files({ certificate, privateKey, trustStore }: GatewayTls): void {
    this.definition.addVolume({ name: TLS_VOLUME });
    const secrets: Record<string, Secret> = {
      TLS_FILE_CERTIFICATE: certificate,
      TLS_FILE_KEY: privateKey,
      ...(trustStore === undefined ? {} : { TLS_FILE_TRUST: trustStore }),
    };
    const common = this.#common();
    const writer = this.definition.addContainer('tls', {
      ...{ ...common, secrets, essential: false },
      entryPoint: ['node', '-e', WRITE_FILES],
    });
    const volume = { sourceVolume: TLS_VOLUME, containerPath: TLS_FOLDER };
    writer.addMountPoints({ ...volume, readOnly: false });
    this.container.addMountPoints({ ...volume, readOnly: true });
    const condition = ContainerDependencyCondition.SUCCESS;
    this.container.addContainerDependencies({ container: writer, condition });
  }
}

function tlsEnvironment(tls: GatewayTls): Record<string, string> {
  return {
    ZEROKEEPER_CLIENT_PORT: '0',
    ZEROKEEPER_SECURE_CLIENT_PORT: String(GATEWAY_TLS_PORT),
    ZEROKEEPER_SSL_KEY_STORE_LOCATION: `${TLS_FOLDER}/certificate.pem,${TLS_FOLDER}/key.pem`,
    ZEROKEEPER_SSL_CLIENT_AUTH: clientAuthOf(tls),
    ...(tls.trustStore === undefined
      ? {}
      : { ZEROKEEPER_SSL_TRUST_STORE_LOCATION: `${TLS_FOLDER}/trust.pem` }),
  };
}
