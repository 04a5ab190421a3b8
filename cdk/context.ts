import { RemovalPolicy } from 'aws-cdk-lib';
import type { Node } from 'constructs';
import { ZeroKeeperConstructError } from './constructs/errors.js';
import type { ZeroKeeperProps } from './constructs/props.js';

const REMOVAL_POLICIES: Readonly<Record<string, RemovalPolicy>> = {
  retain: RemovalPolicy.RETAIN,
  destroy: RemovalPolicy.DESTROY,
};

/**
 * The construct's properties from the app's context, as `cdk deploy -c name=orders -c namespaces=production,staging` gives it:
 * `name`, `namespaces` (separated by commas), `functionUrl` (true, false), `removalPolicy` (retain, destroy). Throws
 * {@link ZeroKeeperConstructError} `InvalidProps`.
 */
export function propsFromContext(node: Node): ZeroKeeperProps {
  const name = textIn(node, 'name');
  const namespaces = textIn(node, 'namespaces');
  const functionUrl = oneOf(node, 'functionUrl', { true: true, false: false });
  const removalPolicy = oneOf(node, 'removalPolicy', REMOVAL_POLICIES);
  return {
    ...(name === undefined ? {} : { deploymentName: name }),
    ...(namespaces === undefined ? {} : { namespaces: namespaces.split(',').map((one) => one.trim()) }),
    ...(functionUrl === undefined ? {} : { functionUrl }),
    ...(removalPolicy === undefined ? {} : { removalPolicy }),
  };
}

function textIn(node: Node, key: string): string | undefined {
  const value: unknown = node.tryGetContext(key);
  if (value === undefined) return undefined;
  if (typeof value === 'string' || typeof value === 'boolean') return String(value);
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

const KEYS: readonly string[] = ['name', 'namespaces', 'functionUrl', 'removalPolicy'];

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
