import { ZooKeeperError } from '../client/tcp/index.js';
import { PACKAGE_VERSION } from '../gateway/version.js';
import { UsageError, type CliIo, type Command } from './command.js';
import { command as create } from './commands/create.js';
import { command as deleteNode } from './commands/delete.js';
import { command as deleteAll } from './commands/deleteall.js';
import { command as doctor } from './commands/doctor.js';
import { command as get } from './commands/get.js';
import { command as ls } from './commands/ls.js';
import { command as restore } from './commands/restore.js';
import { command as namespace } from './commands/namespace.js';
import { command as set } from './commands/set.js';
import { command as smokeTest } from './commands/smoke-test.js';
import { command as stat } from './commands/stat.js';
import { command as status } from './commands/status.js';
import { command as watch } from './commands/watch.js';
import { parseInvocation } from './invocation.js';

const COMMANDS: readonly Command[] = [
  create,
  get,
  set,
  ls,
  stat,
  deleteNode,
  deleteAll,
  watch,
  status,
  doctor,
  smokeTest,
  restore,
  namespace,
];

const COMMON_HELP = `Options of the commands that ask a server:
  --server HOST:PORT[,HOST:PORT…][/CHROOT]
                     where to connect (default: $ZEROKEEPER_SERVER or 127.0.0.1:2181)
  --timeout SECONDS  how long to try, and the session's timeout (default: 10)
  --json             print JSON, a line per result
  -h, --help         help for a command

Exit codes: 0 done, 1 ZooKeeper's error (one line on standard error), 2 wrong usage
`;

/** A command that serves instead of asking a server, and takes its own arguments apart. */
export type Program = (args: string[]) => Promise<number>;

const PROGRAMS = {
  start: 'run ZeroKeeper on this machine: tables, functions and a gateway',
  gateway: 'run a gateway alone, on the tables in DynamoDB',
  server: 'start, stop or restart a server in the background by a zoo.cfg, or ask how it is',
} as const;

export type Programs = Readonly<Record<keyof typeof PROGRAMS, Program>>;

/** Runs one command line and resolves to its exit code. Never rejects for what a user or a server did. */
export async function dispatch(args: readonly string[], io: CliIo, programs: Programs): Promise<number> {
  const [name, ...rest] = commandFirst(args);
  if (name === undefined) {
    io.stderr(overview());
    return 2;
  }
  if (name === 'help' || name === '--help' || name === '-h') return help(rest[0], io, programs);
  if (name === '--version') {
    io.stdout(`${PACKAGE_VERSION}\n`);
    return 0;
  }
  if (isProgram(name)) return await programs[name](rest);
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command !== undefined) return await runCommand(command, rest, io);
  io.stderr(`zerokeeper: no such command: ${name}\nSee "zerokeeper help".\n`);
  return 2;
}

/** Options of every command may also stand before it, as in `zerokeeper --server HOST:PORT ls /`. */
function commandFirst(args: readonly string[]): readonly string[] {
  let index = 0;
  while (index < args.length) {
    const argument = args[index] ?? '';
    if (argument === '--server' || argument === '--timeout') index += 2;
    else if (argument === '--json' || /^--(server|timeout)=/.test(argument)) index += 1;
    else break;
  }
  if (index >= args.length) return args;
  return [...args.slice(index, index + 1), ...args.slice(0, index), ...args.slice(index + 1)];
}

async function runCommand(command: Command, args: readonly string[], io: CliIo): Promise<number> {
  try {
    const invocation = parseInvocation(command, args, io);
    if (invocation.help) {
      io.stdout(commandHelp(command));
      return 0;
    }
    try {
      return await command.run(invocation);
    } finally {
      await invocation.close();
    }
  } catch (error) {
    return reportFailure(error, command, io);
  }
}

function reportFailure(error: unknown, command: Command, io: CliIo): number {
  if (error instanceof UsageError) {
    io.stderr(
      `zerokeeper ${command.name}: ${error.message}\nUsage: zerokeeper ${command.name} ${command.usage}\n`,
    );
    return 2;
  }
  if (!(error instanceof ZooKeeperError)) throw error;
  const doubt = error.maybeApplied ? ' (the write may have been applied)' : '';
  const cause = error.cause instanceof Error && error.cause.message !== '' ? ` (${error.cause.message})` : '';
  io.stderr(`${error.name}: ${error.path ?? error.message}${cause}${doubt}\n`);
  return 1;
}

async function help(name: string | undefined, io: CliIo, programs: Programs): Promise<number> {
  if (name === undefined) {
    io.stdout(overview());
    return 0;
  }
  if (isProgram(name)) return await programs[name](['--help']);
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command !== undefined) io.stdout(commandHelp(command));
  else io.stderr(`zerokeeper: no such command: ${name}\n`);
  return command === undefined ? 2 : 0;
}

function overview(): string {
  const lines = COMMANDS.map((command) => `  ${command.name.padEnd(10)} ${command.summary}\n`);
  const programs = Object.entries(PROGRAMS).map(([name, does]) => `  ${name.padEnd(10)} ${does}\n`);
  const all = [...programs, ...lines].join('');
  return `Usage: zerokeeper COMMAND [OPTIONS] [ARGUMENTS]\n\n${all}\n${COMMON_HELP}`;
}

function isProgram(name: string): name is keyof Programs {
  return Object.hasOwn(PROGRAMS, name);
}

function commandHelp(command: Command): string {
  const details = command.details === '' ? '' : `\n${command.details}\n`;
  const usage = `${command.name} ${command.usage}`.trim();
  return `Usage: zerokeeper ${usage}\n\n${command.summary}\n${details}\n${COMMON_HELP}`;
}
