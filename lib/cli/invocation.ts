import { parseArgs } from 'node:util';
import { parseConnectString, ZooKeeperConnection } from '../client/tcp/index.js';
import { UsageError, type CliIo, type Command, type CliOptions, type Invocation } from './command.js';

export const SERVER_DEFAULT = '127.0.0.1:2181';
const TIMEOUT_SECONDS_DEFAULT = 10;

/** What every command understands. */
const COMMON_OPTIONS: CliOptions = {
  server: { type: 'string' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
};

type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

/** A command line for one command, and what must be closed when the command has ended. */
export interface ParsedInvocation extends Invocation {
  readonly help: boolean;
  close(): Promise<void>;
}

/** Takes a command line apart. Throws a UsageError when it is not one of the command's. */
export function parseInvocation(command: Command, args: readonly string[], io: CliIo): ParsedInvocation {
  const { values, positionals } = parse(command, args);
  if (positionals.length > command.argumentsMax) {
    throw new UsageError(`unexpected argument: ${positionals[command.argumentsMax] ?? ''}`);
  }
  return new CommandLine({ values, positionals, io });
}

function parse(command: Command, args: readonly string[]): { values: Values; positionals: string[] } {
  const options = { ...COMMON_OPTIONS, ...command.options };
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    // parseArgs throws a TypeError that tells the user what is wrong.
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

class CommandLine implements ParsedInvocation {
  readonly positionals: readonly string[];
  readonly io: CliIo;
  readonly server: string;
  readonly timeoutMs: number;
  readonly #values: Values;
  #connection: ZooKeeperConnection | undefined;

  constructor(init: { values: Values; positionals: readonly string[]; io: CliIo }) {
    this.#values = init.values;
    this.positionals = init.positionals;
    this.io = init.io;
    this.server = this.text('server') ?? init.io.env['ZEROKEEPER_SERVER'] ?? SERVER_DEFAULT;
    checkServer(this.server);
    this.timeoutMs = this.#timeout() * 1000;
  }

  get json(): boolean {
    return this.flag('json');
  }

  get help(): boolean {
    return this.flag('help');
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  integer(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!/^-?\d+$/.test(text)) throw new UsageError(`--${name} wants a whole number, not ${text}`);
    return Number(text);
  }

  argument(index: number, what: string): string {
    const value = this.positionals[index];
    if (value === undefined) throw new UsageError(`missing ${what}`);
    return value;
  }

  async connect(): Promise<ZooKeeperConnection> {
    this.#connection ??= await ZooKeeperConnection.connect(this.server, {
      timeoutMs: this.timeoutMs,
      connectTimeoutMs: this.timeoutMs,
    });
    return this.#connection;
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  #timeout(): number {
    const seconds = Number(this.text('timeout') ?? TIMEOUT_SECONDS_DEFAULT);
    if (!(seconds > 0 && seconds <= 86_400)) throw new UsageError('--timeout wants seconds, more than 0');
    return seconds;
  }
}

function checkServer(server: string): void {
  try {
    parseConnectString(server);
  } catch (cause) {
    throw new UsageError(`--server wants HOST:PORT[,HOST:PORT…], not ${server}`, { cause });
  }
}
