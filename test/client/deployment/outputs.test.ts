/** What a stack's outputs and the environment make of `connect()`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, describe, expect, it } from 'vitest';
import { ZeroKeeperStack } from '../../../cdk/stack.js';
import { connect } from '../../../lib/client/index.js';
import { readStackOutputs } from '../../../lib/client/deployment/outputs.js';
import { resolveOptions } from '../../../lib/client/deployment/resolve.js';
import { BUNDLES } from '../../cdk/bundles.js';

const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:orders-api';
const OUTPUTS = {
  Region: 'eu-central-1',
  TablePrefix: 'orders',
  WebSocketUrl0: 'wss://abc.execute-api.eu-central-1.amazonaws.com/production',
  WebSocketUrl1: 'wss://abc.execute-api.eu-central-1.amazonaws.com/staging',
  FunctionName0: `${ARN}:production`,
  FunctionName1: `${ARN}:staging`,
  FunctionUrl1: 'https://xyz.lambda-url.eu-central-1.on.aws/',
};
const LIST = Object.entries(OUTPUTS).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue }));
const folder = mkdtempSync(join(tmpdir(), 'zerokeeper-outputs-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the outputs of a stack', () => {
  it.each([
    ['names and values', OUTPUTS],
    ["the CDK's file, by stack", { Network: { VpcId: 'vpc-1' }, Orders: OUTPUTS }],
    ["CloudFormation's list", LIST],
    ['the answer of describe-stacks', { Stacks: [{ StackName: 'Orders', Outputs: LIST }] }],
  ])('are understood as %s', async (_, outputs) => {
    const options = await resolveOptions({ stackOutputs: outputs, namespace: 'staging' }, {});
    expect(options).toEqual({
      transport: 'lambda',
      functionName: `${ARN}:staging`,
      namespace: 'staging',
      region: 'eu-central-1',
      webSocketUrl: OUTPUTS.WebSocketUrl1,
    });
  });

  it('are read from the file whose path the environment names', async () => {
    const path = join(folder, 'outputs.json');
    writeFileSync(path, JSON.stringify({ Orders: OUTPUTS }));
    const options = await resolveOptions(
      {},
      { ZEROKEEPER_STACK_OUTPUTS: path, ZEROKEEPER_NAMESPACE: 'staging' },
    );
    expect(options).toMatchObject({ transport: 'lambda', functionName: `${ARN}:staging` });
  });

  it('give the table prefix to the transport direct, and the first namespace to whoever names none', async () => {
    const options = await resolveOptions({ stackOutputs: OUTPUTS, transport: 'direct' }, {});
    expect(options).toEqual({
      transport: 'direct',
      namespace: 'production',
      region: 'eu-central-1',
      tablePrefix: 'orders',
    });
  });

  it("have the names that the stack's template has", async () => {
    const app = new App();
    const stack = new ZeroKeeperStack(app, 'Orders', {
      zeroKeeper: { namespaces: ['production', 'staging'], functionUrl: true, bundles: BUNDLES },
      gateway: { image: 'example.org/zerokeeper' },
    });
    const names = Object.keys(Template.fromStack(stack).findOutputs('*'));
    const made = Object.fromEntries(
      names.map((name) => [name, name.startsWith('FunctionName') ? `${ARN}:n${name.slice(-1)}` : name]),
    );
    expect(await readStackOutputs(made)).toEqual({
      region: 'Region',
      tablePrefix: 'TablePrefix',
      namespaces: [0, 1].map((index) => ({
        name: `n${index}`,
        functionName: `${ARN}:n${index}`,
        functionUrl: `FunctionUrl${index}`,
        webSocketUrl: `WebSocketUrl${index}`,
        server: `GatewayServer${index}`,
      })),
    });
  });

  it('give the gateways of a namespace to the transport tcp', async () => {
    const outputs = { ...OUTPUTS, GatewayServer0: 'one.internal:2181', GatewayServer1: 'two.internal:2181' };
    const staging = { stackOutputs: outputs, namespace: 'staging', transport: 'tcp' } as const;
    expect(await resolveOptions(staging, {})).toEqual({
      transport: 'tcp',
      servers: 'two.internal:2181',
      namespace: 'staging',
    });
    const said = { ...staging, servers: 'other:2181' };
    expect(await resolveOptions(said, {})).toMatchObject({ servers: 'other:2181' });
    // A function goes before a server, for whoever names no transport.
    expect(await resolveOptions({ stackOutputs: outputs }, {})).toMatchObject({ transport: 'lambda' });
  });

  it.each([
    [
      'a namespace that is not there',
      { stackOutputs: OUTPUTS, namespace: 'other' },
      /no namespace other: .*production, staging/,
    ],
    [
      'outputs of another stack',
      { stackOutputs: { VpcId: 'vpc-1' } },
      /no stack has the output FunctionName0/,
    ],
    ['two stacks and no choice', { stackOutputs: { A: OUTPUTS, B: OUTPUTS } }, /several stacks.*A, B/],
    ['a stack that is not there', { stackOutputs: { A: OUTPUTS }, stack: 'C' }, /no stack C: there are A/],
    ['a file that is not there', { stackOutputs: '/nowhere/outputs.json' }, /cannot be read from \/nowhere/],
    ['a function without an alias', { stackOutputs: { FunctionName0: 'orders-api' } }, /no ARN of an alias/],
    ['nothing at all', {}, /nothing says where to connect/],
    ['an unknown transport', { transport: 'pigeon' as never }, /no transport "pigeon"/],
    ['tcp without a server', { transport: 'tcp' as const }, /ZEROKEEPER_SERVER/],
  ])('are refused with a clear error: %s', async (_, options, message) => {
    await expect(resolveOptions(options, {})).rejects.toThrow(message);
    await expect(resolveOptions(options, {})).rejects.toHaveProperty('name', 'BadArguments');
  });

  it('are refused by connect() itself', async () => {
    await expect(connect({ stackOutputs: OUTPUTS, namespace: 'other' })).rejects.toThrow(
      /no namespace other/,
    );
    await expect(connect({ transport: 'lambda' })).rejects.toThrow(/functionName or functionUrl/);
  });
});

describe('the environment', () => {
  it.each([
    [{ ZEROKEEPER_SERVER: 'zk:2181' }, { transport: 'tcp', servers: 'zk:2181' }],
    [{ ZEROKEEPER_TABLE_PREFIX: 'p' }, { transport: 'direct', tablePrefix: 'p' }],
    [{ ZEROKEEPER_FUNCTION_URL: 'https://f/' }, { transport: 'lambda', functionUrl: 'https://f/' }],
    [
      { ZEROKEEPER_FUNCTION_NAME: 'f', ZEROKEEPER_TRANSPORT: 'direct', ZEROKEEPER_NAMESPACE: 'n' },
      { transport: 'direct', namespace: 'n' },
    ],
  ])('%j is enough', async (environment, options) => {
    expect(await resolveOptions({}, environment)).toEqual(options);
  });

  it('goes before the outputs, and what the application says before both', async () => {
    const environment = { ZEROKEEPER_FUNCTION_NAME: 'mine', ZEROKEEPER_REGION: 'us-west-2' };
    const options = await resolveOptions(
      { stackOutputs: OUTPUTS, region: 'ap-south-1', timeoutMs: 5 },
      environment,
    );
    expect(options).toMatchObject({ functionName: 'mine', region: 'ap-south-1', timeoutMs: 5 });
  });
});
