import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LogLevel } from '../base/logger.js';
import { EmulatorError } from './errors.js';
import { REGION } from './lambda/names.js';
import type { FunctionDefinition } from './lambda/pool.js';
import type { DeploymentSettings } from './template.js';

/** What the functions are called, as in the cloud. */
export const FUNCTION_NAMES = {
  api: 'zerokeeper-api',
  materialize: 'zerokeeper-materialize',
  notify: 'zerokeeper-notify',
  expire: 'zerokeeper-expire',
  connect: 'zerokeeper-connect',
} as const;

export type FunctionName = keyof typeof FUNCTION_NAMES;

/** Instances of `api` at the same time: beyond it callers get 429, as at a concurrency limit in the cloud. */
export const API_CONCURRENCY_MAX = 16;

/** Concurrency of each function: what one machine bears, where the cloud has an account's limit. The rest says the template. */
const LOCAL_CONCURRENCY_MAX: Readonly<Record<FunctionName, number>> = {
  api: API_CONCURRENCY_MAX,
  // These work on a namespace as a whole.
  materialize: 1,
  notify: 1,
  expire: 2,
  connect: 4,
};

/**
 * What runs in the cloud's own time, on this machine runs in the time that nobody else wants: keepers do without it, and what waits for it
 * grows no more than it may, because writers are slowed down then.
 */
const LOCAL_NICENESS: Partial<Readonly<Record<FunctionName, number>>> = { materialize: 10 };

/** Where the functions find what they work with. */
export interface Surroundings {
  readonly tablePrefix: string;
  readonly namespace: string;
  readonly logLevel: LogLevel;
  /** URLs. */
  readonly dynamo: string;
  readonly lambda: string;
  readonly management: string;
  /** Absent when there is no queue: sessions of thin clients are then found by the sweep. */
  readonly queue: { readonly endpoint: string; readonly url: string } | undefined;
}

/** The bundles that `npm run build` makes, beside the compiled sources. */
export const BUNDLES = new URL('../../functions-bundles/', import.meta.url);

/** The functions as the stack deploys them, with the template's settings, for this machine. Throws {@link EmulatorError} when one has not been built. */
export function deploy(
  surroundings: Surroundings,
  settings: DeploymentSettings['functions'],
  bundles = BUNDLES,
): readonly FunctionDefinition[] {
  const environment = environmentOf(surroundings);
  const names = Object.keys(FUNCTION_NAMES) as FunctionName[];
  for (const name of names) assertBuilt(bundleOf(name, bundles));
  return names.map((name) => ({
    name: FUNCTION_NAMES[name],
    module: bundleOf(name, bundles),
    handler: 'handler',
    memoryMb: settings[name].memoryMb,
    timeoutMs: settings[name].timeoutSeconds * 1000,
    asynchronous: settings[name].asynchronous,
    concurrencyMax: LOCAL_CONCURRENCY_MAX[name],
    niceness: LOCAL_NICENESS[name] ?? 0,
    environment,
  }));
}

function bundleOf(name: FunctionName, bundles: URL): URL {
  return new URL(`${name}/index.mjs`, bundles);
}

function assertBuilt(bundle: URL): void {
  if (existsSync(bundle)) return;
  throw new EmulatorError('FunctionsMissing', `${fileURLToPath(bundle)} is missing: run npm run build`);
}

/** Credentials are whatever the emulator was started with, and made-up ones if there are none: nothing here checks them. */
function environmentOf(surroundings: Surroundings): Record<string, string> {
  const { tablePrefix, namespace, logLevel, dynamo, lambda, management, queue } = surroundings;
  return {
    AWS_ACCESS_KEY_ID: process.env['AWS_ACCESS_KEY_ID'] ?? 'local',
    AWS_SECRET_ACCESS_KEY: process.env['AWS_SECRET_ACCESS_KEY'] ?? 'local',
    ...optional('AWS_SESSION_TOKEN', process.env['AWS_SESSION_TOKEN']),
    AWS_REGION: process.env['AWS_REGION'] ?? REGION,
    AWS_ENDPOINT_URL_DYNAMODB: dynamo,
    AWS_ENDPOINT_URL_LAMBDA: lambda,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    POWERTOOLS_LOG_LEVEL: logLevel.toUpperCase(),
    POWERTOOLS_METRICS_DISABLED: 'true',
    ZEROKEEPER_TABLE_PREFIX: tablePrefix,
    ZEROKEEPER_NAMESPACES: namespace,
    ZEROKEEPER_MATERIALIZE_FUNCTION: FUNCTION_NAMES.materialize,
    ZEROKEEPER_NOTIFY_FUNCTION: FUNCTION_NAMES.notify,
    ZEROKEEPER_PUSH_ENDPOINT: management,
    // The engine does one write at a time: an append must not wait behind a long row of znode rows.
    ZEROKEEPER_MATERIALIZE_PARALLEL: '2',
    ...(queue && { AWS_ENDPOINT_URL_SQS: queue.endpoint, ZEROKEEPER_TIMER_QUEUE_URL: queue.url }),
  };
}

function optional(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}
