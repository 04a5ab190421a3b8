import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sleep, systemClock } from '../base/clock.js';
import { askFourLetterWord, dialer } from '../client/tcp/index.js';
import { identify, isRunning, type ProcessIdentity } from '../emulator/process-identity.js';
import { gatewaySettings } from '../gateway/config/settings.js';
import { ConfigError, sourceOfEnvironment, Values } from '../gateway/config/values.js';
import type { ZooCfg } from '../gateway/config/zoo-cfg.js';
import { UsageError } from './command.js';
import { readZooCfg } from './gateway.js';
import { failed } from './program.js';

export const HELP = `Usage: zerokeeper server start|stop|restart|status [zoo.cfg]

Runs ZeroKeeper in the background, as zkServer.sh runs ZooKeeper: by a zoo.cfg (default: $ZOOCFG, or zoo.cfg in this directory).
With a dataDir, everything runs on this machine and keeps its data there (zerokeeper start --config). Without one, or with an
endpoint or a region, it is a gateway on the tables in DynamoDB (zerokeeper gateway --config).

  start    returns when clients can connect
  stop     returns when it has ended; its clients may go on elsewhere
  restart  stop, then start
  status   asks the server how it is

The process's number is in $ZOOPIDFILE, or zerokeeper_server.pid in dataDir; what it writes is in zerokeeper-server.out in
$ZOO_LOG_DIR, or in dataDir. Without dataDir both are beside the zoo.cfg.
`;

const COMMANDS = ['start', 'stop', 'restart', 'status'] as const;

/** A server that is not ready by then is given up, and one that has not ended by then is reported. */
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 60_000;
const LOOK_MS = 50;
const STATUS_MS_MAX = 5_000;

/** What both kinds of server print when clients can connect. */
const READY = /^ZeroKeeper('s gateway)? is ready on .*$/m;

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));

/** One server of this machine, as its zoo.cfg describes it. */
interface Described {
  readonly path: string;
  readonly file: ZooCfg;
  readonly values: Values;
  readonly program: 'start' | 'gateway';
  readonly pidFile: string;
  readonly logFile: string;
}

/** `zerokeeper server`. Resolves to the exit code: 1 when it could not be done, or nothing runs; 2 for a wrong command line. */
export async function run(args: string[]): Promise<number> {
  try {
    const parsed = parse(args);
    if (parsed === 'help') {
      process.stdout.write(HELP);
      return 0;
    }
    const server = describe(parsed.path);
    say(`Using config: ${server.path}`);
    return await perform(parsed.command, server);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ConfigError)) throw error;
    return failed(`${error.message} (see zerokeeper server --help)`, 2);
  }
}

async function perform(command: (typeof COMMANDS)[number], server: Described): Promise<number> {
  switch (command) {
    case 'start':
      return start(server);
    case 'stop':
      return stop(server);
    case 'restart': {
      const code = runningOf(server) === undefined ? 0 : await stop(server);
      return code === 0 ? start(server) : code;
    }
    case 'status':
      return status(server);
  }
}

function parse(
  args: string[],
): { readonly command: (typeof COMMANDS)[number]; readonly path: string } | 'help' {
  const options = { help: { type: 'boolean', short: 'h' }, config: { type: 'string' } } as const;
  let parsed;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
  const { values, positionals } = parsed;
  if (values.help === true) return 'help';
  const [name, path = values.config ?? process.env['ZOOCFG'] ?? 'zoo.cfg', more] = positionals;
  const command = COMMANDS.find((one) => one === name);
  if (command === undefined) throw new UsageError(`say one of ${COMMANDS.join(', ')}`);
  if (more !== undefined) throw new UsageError(`unexpected argument: ${more}`);
  return { command, path: resolve(path) };
}

function describe(path: string): Described {
  const file = readZooCfg(path);
  const values = new Values([sourceOfEnvironment(process.env), file]);
  // Whatever is wrong with the settings is told here, not in a log.
  gatewaySettings(values);
  const isRemote = values.isGiven('endpoint') || values.isGiven('region');
  const directory = resolve(file.dataDir ?? dirname(path));
  return {
    path,
    file,
    values,
    program: file.dataDir === undefined || isRemote ? 'gateway' : 'start',
    pidFile: process.env['ZOOPIDFILE'] ?? join(directory, 'zerokeeper_server.pid'),
    logFile: join(process.env['ZOO_LOG_DIR'] ?? directory, 'zerokeeper-server.out'),
  };
}

async function start(server: Described): Promise<number> {
  const running = runningOf(server);
  if (running !== undefined) return failed(`already running as process ${running.pid}`, 1);
  for (const line of [...server.file.notices, ...server.file.warnings]) say(line);
  for (const file of [server.pidFile, server.logFile]) mkdirSync(dirname(file), { recursive: true });
  const log = openSync(server.logFile, 'w', 0o600);
  const child = spawn(process.execPath, [MAIN, server.program, '--config', server.path], {
    cwd: dirname(server.logFile),
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  const identity = identify(child.pid ?? 0);
  if (identity !== undefined) writeFileSync(server.pidFile, `${identity.pid}\n${identity.started}\n`);
  const ready = identity === undefined ? undefined : await untilReady(server, identity);
  if (ready !== undefined) {
    say(`Starting zerokeeper ... STARTED\n${ready}`);
    return 0;
  }
  if (identity === undefined || !isRunning(identity)) rmSync(server.pidFile, { force: true });
  return failed(`it did not start; the end of ${server.logFile}:\n${lastLines(server.logFile)}`, 1);
}

/** The line that says that it is ready; `undefined` when the process has ended, or takes too long. */
async function untilReady({ logFile }: Described, identity: ProcessIdentity): Promise<string | undefined> {
  const endsAtMs = systemClock.monotonic() + START_MS_MAX;
  while (systemClock.monotonic() < endsAtMs) {
    const alive = isRunning(identity);
    const [line] = READY.exec(readFileSync(logFile, 'utf8')) ?? [];
    if (line !== undefined || !alive) return alive ? line : undefined;
    await sleep(systemClock, LOOK_MS);
  }
  return undefined;
}

async function stop(server: Described): Promise<number> {
  const running = runningOf(server);
  if (running === undefined) {
    say(`Stopping zerokeeper ... no zerokeeper to stop (could not find a running one by ${server.pidFile})`);
    return 0;
  }
  process.kill(running.pid, 'SIGTERM');
  const endsAtMs = systemClock.monotonic() + STOP_MS_MAX;
  while (isRunning(running)) {
    if (systemClock.monotonic() > endsAtMs) {
      return failed(`process ${running.pid} has not ended after ${STOP_MS_MAX / 1000} s`, 1);
    }
    await sleep(systemClock, LOOK_MS);
  }
  rmSync(server.pidFile, { force: true });
  say('Stopping zerokeeper ... STOPPED');
  return 0;
}

async function status({ values }: Described): Promise<number> {
  const port = values.port('clientPort');
  const listensOn = values.text('clientPortAddress');
  const host = listensOn === '0.0.0.0' ? 'localhost' : listensOn;
  if (port === 0) return failed('clientPort is 0: ask the admin server, or `zerokeeper status`', 1);
  say(`Client port found: ${port}. Client address: ${host}. Client SSL: false.`);
  const question = { address: { host, port }, dial: dialer(), clock: systemClock, timeoutMs: STATUS_MS_MAX };
  // Whatever keeps it from answering, zkServer.sh says the same.
  const answer = await askFourLetterWord('srvr', question).catch(() => '');
  const [mode] = /^Mode: .*$/m.exec(answer) ?? [];
  if (mode === undefined) return failed('Error contacting service. It is probably not running.', 1);
  say(mode);
  return 0;
}

/** The process that the pid file names, if it is still that one. */
function runningOf({ pidFile }: Described): ProcessIdentity | undefined {
  let text: string;
  try {
    text = readFileSync(pidFile, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UsageError(`${pidFile} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  const [pid = '', started = ''] = text.split('\n');
  const identity = { pid: Number(pid), started };
  return Number.isSafeInteger(identity.pid) && identity.pid > 0 && isRunning(identity) ? identity : undefined;
}

function lastLines(path: string): string {
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-10).join('\n');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
