import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Node } from 'constructs';
import { ZeroKeeperConstructError } from './constructs/errors.js';
import type { ZeroKeeperProps } from './constructs/props.js';
import type { StackGatewayProps, StackNetwork } from './stack.js';

const REMOVAL_POLICIES: Readonly<Record<string, RemovalPolicy>> = {
  retain: RemovalPolicy.RETAIN,
  destroy: RemovalPolicy.DESTROY,
};

const YES_OR_NO = { true: true, false: false };

/** By their days, and `forever`. */
const RETENTIONS = Object.fromEntries(
  Object.values(RetentionDays)
    .filter((one): one is RetentionDays => typeof one === 'number')
    .map((one) => [one === RetentionDays.INFINITE ? 'forever' : String(one), one]),
);

/**
 * The construct's properties from the app's context, as `cdk deploy -c name=orders -c namespaces=production,staging` gives it:
 * `name`, `namespaces` (separated by commas), `functionUrl`, `enforceQuota` (true, false), `removalPolicy` (retain, destroy),
 * `logRetention` (days that CloudWatch knows), `historyRetention` (days, or `production=90,staging=7`). Throws
 * {@link ZeroKeeperConstructError} `InvalidProps`.
 */
export function propsFromContext(node: Node): ZeroKeeperProps {
  const name = textIn(node, 'name');
  const namespaces = textIn(node, 'namespaces');
  const functionUrl = oneOf(node, 'functionUrl', YES_OR_NO);
  const enforceQuota = oneOf(node, 'enforceQuota', YES_OR_NO);
  const logRetention = oneOf(node, 'logRetention', RETENTIONS);
  const historyRetention = textIn(node, 'historyRetention');
  const removalPolicy = oneOf(node, 'removalPolicy', REMOVAL_POLICIES);
  return {
    ...(name === undefined ? {} : { deploymentName: name }),
    ...(namespaces === undefined ? {} : { namespaces: namespaces.split(',').map((one) => one.trim()) }),
    ...(functionUrl === undefined ? {} : { functionUrl }),
    ...(enforceQuota === undefined ? {} : { enforceQuota }),
    ...(removalPolicy === undefined ? {} : { removalPolicy }),
    ...(logRetention === undefined ? {} : { logRetention }),
    ...(historyRetention === undefined ? {} : { historyRetention: durations(historyRetention) }),
  };
}

/** `30`, or `production=90,staging=7`: the construct looks whether namespaces and days are ones that can be. */
function durations(text: string): NonNullable<ZeroKeeperProps['historyRetention']> {
  if (!text.includes('=')) return days(text);
  const pairs = text.split(',').map((part) => part.trim().split(/=(.*)/s, 2));
  return Object.fromEntries(pairs.map(([namespace = '', value = '']) => [namespace, days(value)]));
}

function days(text: string): Duration {
  if (/^\d{1,5}$/.test(text)) return Duration.days(Number(text));
  throw new ZeroKeeperConstructError(
    'InvalidProps',
    `the context historyRetention has to be days, or NAMESPACE=DAYS,…, and not ${JSON.stringify(text)}`,
  );
}

/**
 * What the app's context says of gateways: `gateway` (true, false), `gatewayImage`, and `vpcId`, `subnetIds`, `vpcCidr` for a VPC that is
 * there, all three or none. Throws {@link ZeroKeeperConstructError} `InvalidProps`.
 */
export function gatewayFromContext(node: Node): StackGatewayProps | undefined {
  const wanted = oneOf(node, 'gateway', YES_OR_NO) ?? false;
  const image = textIn(node, 'gatewayImage');
  const network = networkIn(node);
  if (wanted) {
    return { ...(image === undefined ? {} : { image }), ...(network === undefined ? {} : { network }) };
  }
  if (image === undefined && network === undefined) return undefined;
  throw new ZeroKeeperConstructError(
    'InvalidProps',
    'the context gatewayImage, vpcId, subnetIds and vpcCidr are for gateway=true',
  );
}

function networkIn(node: Node): StackNetwork | undefined {
  const [vpcId, subnetIds, vpcCidr] = ['vpcId', 'subnetIds', 'vpcCidr'].map((key) => textIn(node, key));
  if (vpcId === undefined && subnetIds === undefined && vpcCidr === undefined) return undefined;
  if (vpcId !== undefined && subnetIds !== undefined && vpcCidr !== undefined) {
    return { vpcId, vpcCidr, subnetIds: subnetIds.split(',').map((one) => one.trim()) };
  }
  throw new ZeroKeeperConstructError(
    'InvalidProps',
    'the context vpcId, subnetIds and vpcCidr: all three or none, as nothing is looked up',
  );
}

function textIn(node: Node, key: string): string | undefined {
  const value: unknown = node.tryGetContext(key);
  if (value === undefined) return undefined;
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
    return String(value);
  throw new ZeroKeeperConstructError('InvalidProps', `the context ${key} has to be text`);
}

function oneOf<T>(node: Node, key: string, values: Readonly<Record<string, T>>): T | undefined {
  const text = textIn(node, key);
  if (text === undefined) return undefined;
  const known = new Map(Object.entries(values));
  if (known.has(text)) return known.get(text);
  const choice = [...known.keys()].join(' or ');
  throw new ZeroKeeperConstructError(
    'InvalidProps',
    `the context ${key} is ${text}, and has to be ${choice}`,
  );
}

const KEYS: readonly string[] = [
  ...[
    'name',
    'namespaces',
    'functionUrl',
    'enforceQuota',
    'removalPolicy',
    'logRetention',
    'historyRetention',
  ],
  ...['gateway', 'gatewayImage', 'vpcId', 'subnetIds', 'vpcCidr'],
];

/** `key=value` each, with or without a `-c` before it. Throws {@link ZeroKeeperConstructError} `InvalidProps` for anything else. */
export function contextOfArguments(words: readonly string[]): Record<string, string> {
  const pairs = words.filter((word) => word !== '-c').map((word) => word.split(/=(.*)/s, 2));
  for (const [key = '', value] of pairs) {
    if (KEYS.includes(key) && value !== undefined) continue;
    throw new ZeroKeeperConstructError(
      'InvalidProps',
      `${key}: known are ${KEYS.join(', ')}, each as key=value`,
    );
  }
  return Object.fromEntries(pairs) as Record<string, string>;
}
