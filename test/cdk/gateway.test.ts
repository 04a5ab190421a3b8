import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { type IVpc, Vpc } from 'aws-cdk-lib/aws-ec2';
import { ContainerImage, Secret as EcsSecret } from 'aws-cdk-lib/aws-ecs';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { PrivateDnsNamespace } from 'aws-cdk-lib/aws-servicediscovery';
import { describe, expect, it } from 'vitest';
import { ZeroKeeperGateway } from '../../cdk/constructs/gateway.js';
import { gatewayImage } from '../../cdk/constructs/gateway-image.js';
import type { ZeroKeeperGatewayProps } from '../../cdk/constructs/gateway-props.js';
import { ZeroKeeper } from '../../cdk/constructs/zero-keeper.js';
import { standaloneSettings } from '../../lib/gateway/config/settings.js';
import { sourceOfEnvironment, Values } from '../../lib/gateway/config/values.js';
import { BUNDLES } from './bundles.js';

type Options = Partial<ZeroKeeperGatewayProps>;

function deploy(options: (stack: Stack, vpc: IVpc) => Options = () => ({})) {
  const stack = new Stack(new App({ analyticsReporting: false }), 'Test');
  const vpc = new Vpc(stack, 'Vpc') as IVpc;
  const zooKeeper = new ZeroKeeper(stack, 'ZeroKeeper', {
    ...{ deploymentName: 'zk', namespaces: ['first', 'second'], bundles: BUNDLES, enforceQuota: true },
  });
  const image = ContainerImage.fromRegistry('gateway:1');
  const props = { zooKeeper, vpc, image, namespace: 'second', ...options(stack, vpc) };
  const gateway = new ZeroKeeperGateway(stack, 'Gateway', props);
  const template = Template.fromStack(stack);
  const [task] = Object.values(template.findResources('AWS::ECS::TaskDefinition'));
  const { ContainerDefinitions: containers } = (task as unknown as Task).Properties;
  return { stack, gateway, template, containers };
}

interface Container {
  readonly Name: string;
  readonly Environment?: readonly { readonly Name: string; readonly Value: unknown }[];
}

interface Task {
  readonly Properties: { readonly ContainerDefinitions: readonly Container[] };
}

/** What the gateway itself makes of its container's environment. */
function settingsOf(containers: readonly Container[]) {
  const { Environment = [] } = containers.find(({ Name }) => Name === 'gateway') ?? {};
  const text = (value: unknown) => (typeof value === 'string' ? value : 'eu-central-1');
  const environment = Object.fromEntries(Environment.map(({ Name, Value }) => [Name, text(Value)]));
  return standaloneSettings(new Values([sourceOfEnvironment(environment)]));
}

const secretIn = (stack: Stack, id: string) => EcsSecret.fromSecretsManager(new Secret(stack, id) as ISecret);
const tlsIn = (stack: Stack) => ({
  certificate: secretIn(stack, 'Certificate'),
  privateKey: secretIn(stack, 'PrivateKey'),
});

const plain = deploy();
const secure = deploy((stack) => ({ tls: { ...tlsIn(stack), trustStore: secretIn(stack, 'Trust') } }));

describe('a gateway of the stack', () => {
  it('is told its namespace, tables, port and drain in words that it understands', () => {
    expect(settingsOf(plain.containers)).toMatchObject({
      ...{ namespace: 'second', tablePrefix: 'zk', region: 'eu-central-1', enforceQuota: true },
      ...{ client: { port: 2181 }, admin: { port: 8080 }, drainTimeoutMs: 10_000 },
    });
  });

  it('with TLS has no port without, and asks for certificates as soon as it can tell good ones', () => {
    const settings = settingsOf(secure.containers);
    expect(settings).not.toHaveProperty('client');
    expect(settings).toMatchObject({ secure: { port: 2281, tls: { clientAuth: 'need' } } });
    const withoutTrust = settingsOf(deploy((stack) => ({ tls: tlsIn(stack) })).containers);
    expect(withoutTrust).toMatchObject({ secure: { tls: { clientAuth: 'none', trustFiles: [] } } });
  });

  it.each([
    ['without TLS', plain],
    ['with TLS', secure],
  ])('%s is never root, and writes no file system but the volume of secrets', (_what, { containers }) => {
    for (const container of containers) {
      expect(container).toMatchObject({
        ...{ User: '1000:1000', ReadonlyRootFilesystem: true },
        LinuxParameters: { Capabilities: { Drop: ['ALL'] } },
        LogConfiguration: { LogDriver: 'awslogs' },
      });
    }
  });

  it('starts after its secrets have been written, and can only read them', () => {
    const [gateway, writer] = secure.containers;
    expect(gateway).toMatchObject({
      DependsOn: [{ Condition: 'SUCCESS', ContainerName: 'tls' }],
      MountPoints: [{ ContainerPath: '/run/zerokeeper-tls', ReadOnly: true }],
    });
    expect(gateway).not.toHaveProperty('Secrets');
    expect(writer).toMatchObject({ Essential: false, MountPoints: [{ ReadOnly: false }] });
    expect(JSON.stringify(writer)).toMatch(/TLS_FILE_CERTIFICATE.*TLS_FILE_KEY.*TLS_FILE_TRUST/);
  });

  it('has longer to stop than it drains', () => {
    const { containers } = deploy(() => ({ drainTimeout: Duration.seconds(60) }));
    expect(containers[0]).toMatchObject({ StopTimeout: 80 });
    expect(settingsOf(containers)).toMatchObject({ drainTimeoutMs: 60_000 });
  });

  it('has a read-only mode where it is asked for', () => {
    expect(settingsOf(deploy(() => ({})).containers).readOnlyMode).toBe(false);
    expect(settingsOf(deploy(() => ({ readOnlyMode: true })).containers).readOnlyMode).toBe(true);
  });

  it('may use the rows of its namespace alone', () => {
    const policies = Object.entries(plain.template.findResources('AWS::IAM::Policy'));
    const [, policy] = policies.find(([id]) => id.includes('TaskRole')) ?? [];
    const text = JSON.stringify(policy);
    expect(text).toContain('"second#*"');
    expect(text).not.toContain('first');
  });
});

describe('the service', () => {
  it('is behind an internal load balancer that asks for health and keeps clients’ addresses', () => {
    plain.template.hasResourceProperties('AWS::ElasticLoadBalancingV2::LoadBalancer', {
      ...{ Scheme: 'internal', Type: 'network' },
    });
    plain.template.hasResourceProperties('AWS::ElasticLoadBalancingV2::TargetGroup', {
      ...{ Port: 2181, Protocol: 'TCP', TargetType: 'ip' },
      ...{ HealthCheckPath: '/health', HealthCheckPort: '8080', HealthCheckProtocol: 'HTTP' },
      TargetGroupAttributes: Match.arrayWith([{ Key: 'preserve_client_ip.enabled', Value: 'true' }]),
    });
    expect(plain.gateway.server).toMatch(/:2181$/);
    expect(secure.gateway.server).toMatch(/:2281$/);
  });

  it('takes a version back that does not start, and keeps the old tasks until the new ones serve', () => {
    plain.template.hasResourceProperties('AWS::ECS::Service', {
      DesiredCount: 2,
      DeploymentConfiguration: {
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
        ...{ MinimumHealthyPercent: 100, MaximumPercent: 200 },
      },
      NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } },
    });
  });

  it('lets nobody in but its own load balancer, until it is told to', () => {
    const ingress = plain.template.findResources('AWS::EC2::SecurityGroupIngress');
    const ports = Object.values(ingress).map(
      ({ Properties }) => (Properties as { FromPort: number }).FromPort,
    );
    expect(ports.sort()).toEqual([2181, 8080]);
    for (const group of Object.values(plain.template.findResources('AWS::EC2::SecurityGroup'))) {
      expect(group['Properties']).not.toHaveProperty('SecurityGroupIngress');
    }
  });

  it('has a name of Cloud Map in place of the load balancer, if wanted', () => {
    const { gateway, template } = deploy((stack, vpc) => ({
      cloudMapOptions: {
        name: 'zookeeper',
        cloudMapNamespace: new PrivateDnsNamespace(stack, 'Names', { name: 'internal', vpc }),
      },
    }));
    template.resourceCountIs('AWS::ElasticLoadBalancingV2::LoadBalancer', 0);
    template.hasResourceProperties('AWS::ServiceDiscovery::Service', { Name: 'zookeeper' });
    expect(gateway.loadBalancer).toBeUndefined();
  });

  it.each<[string, (stack: Stack) => Options, string]>([
    ['a drain beyond Fargate’s patience', () => ({ drainTimeout: Duration.seconds(101) }), 'InvalidProps'],
    ['half a gateway', () => ({ desiredCount: 0.5 }), 'InvalidProps'],
    [
      'certificates that nobody can judge',
      (stack) => ({ tls: { ...tlsIn(stack), clientAuth: 'want' } }),
      'InvalidProps',
    ],
    ['a namespace that is not there', () => ({ namespace: 'third' }), 'NotDeployed'],
  ])('refuses %s', (_what, options, code) => {
    expect(() => deploy(options)).toThrow(expect.objectContaining({ code }));
  });

  it('says that an image is missing where there is nothing to build one of', () => {
    expect(() => gatewayImage([BUNDLES])).toThrow(expect.objectContaining({ code: 'ImageMissing' }));
  });
});
