import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../base/clock.js';
import { jsonLogger, type LogLevel } from '../base/logger.js';
import { systemRandom } from '../base/random.js';
import { gatewaySettings, type GatewaySettings } from '../gateway/config/settings.js';
import { ConfigError, Values } from '../gateway/config/values.js';
import { readZooCfg } from './gateway.js';
import { failed, isNodeTooOld, NODE_MIN, signalled } from './program.js';
import { UsageError } from './command.js';
import { FUNCTION_NAMES } from '../emulator/deployment.js';
import type { Emulator, EmulatorOptions, TablesAt } from '../emulator/supervisor.js';

const GATEWAYS_MAX = 16;
const PORT_MAX = 65_535;
/** A zoo.cfg opens its clientPort to the network, as ZooKeeper does; whoever invokes a function is trusted, so that stays here. */
const LAMBDA_HOST_BY_CONFIG = '127.0.0.1';
const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export const HELP = `Usage: zerokeeper start [options]

Runs ZeroKeeper on this machine: a DynamoDB engine, the functions, and gateways that speak ZooKeeper's protocol.
Prints one line that begins with "ZeroKeeper is ready" when clients can connect. Ctrl-C ends everything.

  --port PORT        port of the first gateway, the others take those that follow; 0: free ones (2181)
  --host HOST        address that the gateways listen on (127.0.0.1)
  --lambda-port PORT port of Lambda's API and of the WebSocket, on the same address, or
                     127.0.0.1 with --config (9001, or a free one)
  --gateways N       gateways, each a process of its own (1)
  --data DIR         directory that keeps the data (.zerokeeper)
  --memory           keep nothing
  --endpoint URL     use the DynamoDB that runs there instead of an engine of our own
  --namespace NAME   the tree that the gateways serve (default)
  --config FILE      a zoo.cfg: port, address, dataDir and everything that zerokeeper gateway takes from one
  --log-level LEVEL  debug, info, warn or error, as JSON on stderr (warn)
  --help             this text
`;

export type StartArguments = Pick<
  EmulatorOptions,
  | 'tables'
  | 'host'
  | 'port'
  | 'lambdaHost'
  | 'lambdaPort'
  | 'gateways'
  | 'namespace'
  | 'logLevel'
  | 'gatewaySettings'
>;

/**
 * `zerokeeper start`. Resolves to the exit code when everything has ended: 0 after a signal, 1 when it could not start or
 * go on, 2 for a wrong command line.
 */
export async function run(args: string[]): Promise<number> {
  if (isNodeTooOld(process.versions.node)) {
    return failed(`Node.js ${process.versions.node} is too old: install ${NODE_MIN.join('.')} or newer`, 1);
  }
  let parsed: StartArguments | 'help';
  try {
    parsed = parseStart(args);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ConfigError)) throw error;
    return failed(`${error.message} (see zerokeeper start --help)`, 2);
  }
  if (parsed !== 'help') return serve(parsed);
  process.stdout.write(HELP);
  return 0;
}

/** Throws {@link UsageError}. */
export function parseStart(args: string[]): StartArguments | 'help' {
  const flags = parseFlags(args);
  if (flags.help === true) return 'help';
  const { settings, ...given } = readConfig(flags.config);
  const values = { ...given, ...flags };
  if (settings !== undefined && values.gateways !== undefined && values.gateways !== '1') {
    throw new UsageError('--config describes one gateway: it cannot be given with --gateways');
  }
  const gateways = integer('--gateways', values.gateways ?? '1', { min: 1, max: GATEWAYS_MAX });
  const port = integer('--port', values.port ?? '2181', { min: 0, max: PORT_MAX - gateways + 1 });
  const logLevel = LOG_LEVELS.find((level) => level === (values['log-level'] ?? 'warn'));
  if (logLevel === undefined) throw new UsageError(`--log-level has to be one of ${LOG_LEVELS.join(', ')}`);
  const namespace = values.namespace ?? 'default';
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(namespace)) {
    throw new UsageError('--namespace has to be 1 to 64 letters, digits, dots, dashes or underscores');
  }
  const host = values.host ?? '127.0.0.1';
  if (host === '') throw new UsageError('--host has to be an address');
  return {
    tables: tablesAt(values),
    host,
    port,
    ...lambdaPort(values['lambda-port']),
    gateways,
    namespace,
    logLevel,
    ...(settings !== undefined && { gatewaySettings: settings, lambdaHost: LAMBDA_HOST_BY_CONFIG }),
  };
}

interface Given {
  readonly settings: GatewaySettings;
  readonly port: string;
  readonly host: string;
  readonly 'log-level': string;
  readonly namespace: string;
  readonly data: string;
}

/** What a zoo.cfg gives in place of options. Its data are in a directory of their own: a ZooKeeper's may be beside them. */
function readConfig(path: string | undefined): Partial<Given> {
  if (path === undefined) return {};
  const file = readZooCfg(path);
  const values = new Values([file]);
  return {
    settings: gatewaySettings(values),
    port: values.text('clientPort'),
    host: values.text('clientPortAddress'),
    'log-level': values.text('logLevel'),
    namespace: values.text('namespace'),
    ...(file.dataDir !== undefined && { data: join(file.dataDir, 'zerokeeper') }),
  };
}

function lambdaPort(text: string | undefined): Pick<EmulatorOptions, 'lambdaPort'> {
  if (text === undefined) return {};
  return { lambdaPort: integer('--lambda-port', text, { min: 0, max: PORT_MAX }) };
}

function parseFlags(args: string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    const { values } = parseArgs({
      args,
      options: {
        ...{ port: text, host: text, gateways: text, data: text, endpoint: text, namespace: text },
        ...{ 'lambda-port': text, 'log-level': text, config: text, memory: flag, help: flag },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function tablesAt(values: { data?: string; memory?: boolean; endpoint?: string }): TablesAt {
  const { data, memory, endpoint } = values;
  if ([data, memory, endpoint].filter((value) => value !== undefined).length > 1) {
    throw new UsageError('only one of --data, --memory and --endpoint can be given');
  }
  if (memory === true) return { kind: 'memory' };
  if (data === '') throw new UsageError('--data has to be a directory');
  if (endpoint === undefined) return { kind: 'directory', path: data ?? '.zerokeeper' };
  if (!/^https?:$/.test(URL.canParse(endpoint) ? new URL(endpoint).protocol : '')) {
    throw new UsageError('--endpoint has to be a URL such as http://127.0.0.1:8000');
  }
  return { kind: 'endpoint', url: endpoint };
}

function integer(name: string, value: string, { min, max }: { min: number; max: number }): number {
  const number = /^\d{1,6}$/.test(value) ? Number(value) : NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(`${name} has to be a number from ${min} to ${max}, but is ${JSON.stringify(value)}`);
}

async function serve(parsed: StartArguments): Promise<number> {
  // Loaded only now, so that an old Node.js gets a message instead of a syntax error.
  const { silenceNodeVersionNotice } = await import('../log/dynamo-client.js');
  const { Emulator } = await import('../emulator/supervisor.js');
  const { EmulatorError } = await import('../emulator/errors.js');
  silenceNodeVersionNotice();
  const signal = signalled();
  const write = (line: string) => void process.stderr.write(line);
  const logger = jsonLogger({ level: parsed.logLevel, now: () => systemClock.now(), write });
  const fixed = { tablePrefix: 'zerokeeper', logger, clock: systemClock, random: systemRandom };
  const emulator = new Emulator({ ...parsed, ...fixed });
  try {
    await serveUntil(signal, emulator);
    return 0;
  } catch (error) {
    if (!(error instanceof EmulatorError)) throw error;
    return failed(error.message, 1);
  }
}

async function serveUntil(signal: Promise<'signal'>, emulator: Emulator): Promise<void> {
  try {
    if ((await Promise.race([signal, emulator.start()])) === 'signal') return;
    process.stdout.write(readyText(emulator));
    await Promise.race([signal, emulator.failed]);
  } finally {
    await emulator.stop();
  }
}

/** The first line is for programs, too; what follows is to be copied by people. */
function readyText(emulator: Emulator): string {
  const { addresses, description, lambdaUrl, webSocketUrl, dynamoUrl } = emulator;
  return [
    `ZeroKeeper is ready on ${addresses.join(', ')} (${description})`,
    `  Lambda     ${lambdaUrl} (function ${FUNCTION_NAMES.api}), WebSocket ${webSocketUrl}`,
    '  for the AWS SDK:',
    `    export AWS_ENDPOINT_URL_LAMBDA=${lambdaUrl} AWS_ENDPOINT_URL_DYNAMODB=${dynamoUrl}`,
    '    export AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local',
    '',
  ].join('\n');
}
