import { App, Stack } from 'aws-cdk-lib';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Key } from 'aws-cdk-lib/aws-kms';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import type { ZeroKeeperProps } from '../../cdk/constructs/props.js';
import { ZeroKeeper } from '../../cdk/constructs/zero-keeper.js';
import { ZeroKeeperStack, type StackGatewayProps } from '../../cdk/stack.js';
import { BUNDLES } from './bundles.js';

/** What cdk-nag finds, each as `rule at path`. */
function findings(build: (stack: Stack) => void, env?: { account: string; region: string }): string[] {
  const app = new App({ analyticsReporting: false });
  const stack = new Stack(app, 'Test', env && { env });
  build(stack);
  const { violations } = new AwsSolutionsChecks(app).validateScope(stack);
  return violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map((resource) => `${ruleName} at ${resource.constructPath ?? '?'}`),
  );
}

function deployed(props: ZeroKeeperProps) {
  return (stack: Stack) => {
    new ZeroKeeper(stack, 'ZeroKeeper', { bundles: BUNDLES, ...props });
  };
}

describe('cdk-nag’s AwsSolutions', () => {
  it.each<[string, ZeroKeeperProps]>([
    ['the defaults', {}],
    ['several namespaces and function URLs', { namespaces: ['a', 'b'], functionUrl: true }],
    ['access logs and without traces', { accessLogs: true, tracing: false }],
  ])('finds nothing with %s', (_what, props) => {
    expect(findings(deployed(props))).toEqual([]);
  });

  it('finds nothing in a stack whose account and Region are known', () => {
    expect(findings(deployed({}), { account: '111122223333', region: 'eu-central-1' })).toEqual([]);
  });

  it('finds nothing with a customer’s key', () => {
    const build = (stack: Stack) =>
      deployed({ encryptionKey: new Key(stack, 'Key', { enableKeyRotation: true }) })(stack);
    expect(findings(build)).toEqual([]);
  });

  it.each<[string, StackGatewayProps]>([
    ['in a VPC of the stack', {}],
    [
      'in a VPC that is there',
      { image: 'gateway:1', network: { vpcId: 'vpc-1', vpcCidr: '10.1.0.0/16', subnetIds: ['subnet-1'] } },
    ],
  ])('finds nothing with gateways %s', (_what, gateway) => {
    const app = new App({ analyticsReporting: false });
    const stack = new ZeroKeeperStack(app, 'Test', { zeroKeeper: { bundles: BUNDLES }, gateway });
    expect(new AwsSolutionsChecks(app).validateScope(stack).violations).toEqual([]);
  });

  it('would say so if there were something', () => {
    expect(findings((stack) => new Bucket(stack, 'Bucket'))).toContain(
      'AwsSolutions-S10 at Test/Bucket/Resource',
    );
  });
});
