import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { systemClock } from '../base/clock.js';
import { jsonLogger, type Logger } from '../base/logger.js';
import { systemRandom } from '../base/random.js';
import { KEYS, variableOf, type Key } from '../gateway/config/keys.js';
import { standaloneSettings, type StandaloneSettings } from '../gateway/config/settings.js';
import { ConfigError, sourceOfEnvironment, Values, type Source } from '../gateway/config/values.js';
import { parseZooCfg, type ZooCfg } from '../gateway/config/zoo-cfg.js';
import { failed, isNodeTooOld, NODE_MIN, signalled } from './program.js';
import { UsageError } from './command.js';

/** What a command line, a zoo.cfg and the environment say together. */
export interface Configuration {
  readonly values: Values;
  readonly file: ZooCfg | undefined;
}

/**
 * `zerokeeper gateway`. Resolves to the exit code when it has ended: 0 after a signal, 1 when it could not start, 2 for a wrong
 * command line or setting.
 */
export async function run(args: string[]): Promise<number> {
  if (isNodeTooOld(process.versions.node)) {
    return failed(`Node.js ${process.versions.node} is too old: install ${NODE_MIN.join('.')} or newer`, 1);
  }
  try {
    const configuration = readConfiguration(args, process.env);
    if (configuration === 'help') {
      process.stdout.write(HELP);
      return 0;
    }
    return await serve(standaloneSettings(configuration.values), configuration.file);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ConfigError)) throw error;
    return failed(`${error.message} (see zerokeeper gateway --help)`, 2);
  }
}

/**
 * The settings, by precedence: the command line, the environment, the file that `--config` names. Throws {@link UsageError}
 * or {@link ConfigError}.
 */
export function readConfiguration(
  args: string[],
  env: Readonly<Record<string, string | undefined>>,
): Configuration | 'help' {
  const flags = parseFlags(args);
  if (flags.has('help')) return 'help';
  const path = flags.get('config') ?? env['ZEROKEEPER_CONFIG'];
  const file = path === undefined ? undefined : readZooCfg(path);
  const commandLine: Source = { called: 'the command line', values: flags };
  const sources = [commandLine, sourceOfEnvironment(env), ...(file === undefined ? [] : [file])];
  return { values: new Values(sources), file };
}

export function readZooCfg(path: string): ZooCfg {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  return parseZooCfg(text, path);
}

/** What a file has that is left out, on behalf of whoever wrote it. */
export function report(file: ZooCfg | undefined, logger: Logger): void {
  for (const notice of file?.notices ?? []) logger.info(notice);
  for (const warning of file?.warnings ?? []) logger.warn(warning);
}

function parseFlags(args: string[]): Map<string, string> {
  const text = { type: 'string' } as const;
  const names = KEYS.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
  const options = Object.fromEntries(['config', ...names].map((name) => [name, text]));
  try {
    const { values } = parseArgs({ args, options: { ...options, help: { type: 'boolean', short: 'h' } } });
    return new Map(Object.entries(values).map(([name, value]) => [name, String(value)]));
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

async function serve(settings: StandaloneSettings, file: ZooCfg | undefined): Promise<number> {
  // Loaded only now: --help does without.
  const { silenceNodeVersionNotice } = await import('../log/dynamo-client.js');
  const { openStandalone } = await import('../gateway/standalone.js');
  silenceNodeVersionNotice();
  const signal = signalled();
  const write = (line: string) => void process.stderr.write(line);
  const logger = jsonLogger({ level: settings.logLevel, now: () => systemClock.now(), write });
  report(file, logger);
  // Who asks for the audit log gets all of it, whatever else is logged.
  const auditLogger = jsonLogger({ level: 'info', now: () => systemClock.now(), write });
  const base = { clock: systemClock, random: systemRandom, logger, auditLogger };
  const opening = openStandalone(settings, base);
  try {
    const gateway = await opening;
    const { port, adminPort, metricsPort } = gateway;
    logger.info('the gateway serves', { port, adminPort, metricsPort });
    process.stdout.write(`ZeroKeeper's gateway is ready on ${addressesOf(settings, gateway).join(', ')}\n`);
    await signal;
    logger.info('the gateway is stopping');
    await gateway.stop();
    return 0;
  } catch (error) {
    return failed(`the gateway could not serve: ${reasonOf(error)}`, 1);
  }
}

function addressesOf(
  { client, secure }: StandaloneSettings,
  { port, securePort }: { readonly port: number; readonly securePort: number | undefined },
): string[] {
  return [
    ...(client === undefined ? [] : [`${client.host}:${port}`]),
    ...(secure === undefined ? [] : [`${secure.host}:${securePort ?? 0} (TLS)`]),
  ];
}

function reasonOf(error: unknown): string {
  const { name, message } = error as Error;
  const advice = name === 'KeeperError' ? ' (check endpoint or region, credentials, and tablePrefix)' : '';
  return `${message === '' ? name : message}${advice}`.replaceAll(/\s*\n\s*/g, ' ');
}

function line({ name, standard, meaning }: Key): string {
  const byDefault = standard === '' ? '' : ` (${standard})`;
  return `  --${name.padEnd(30)} ${meaning}${byDefault}\n`;
}

const HELP = `Usage: zerokeeper gateway [--config zoo.cfg] [--SETTING VALUE …]

Runs a gateway alone: it speaks ZooKeeper's protocol and keeps everything in DynamoDB. Prints one line that begins with
"ZeroKeeper's gateway is ready" when clients can connect. SIGTERM lets its clients go on at other gateways and ends it.

Settings have ZooKeeper's names and defaults. They are taken from the command line, else from the environment (admin.serverPort is
${variableOf('admin.serverPort')}), else from the file that --config names.

  --config FILE                    a zoo.cfg
${KEYS.map(line).join('')}`;
