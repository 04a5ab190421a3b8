import type { ParseArgsConfig } from 'node:util';
import type { ZooKeeperConnection } from '../client/tcp/index.js';

/** What a command has to do with the world, so that tests can stand in for it. */
export interface CliIo {
  readonly stdout: (text: string | Uint8Array) => void;
  readonly stderr: (text: string) => void;
  readonly stdin: () => Promise<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves when somebody presses Ctrl-C. */
  readonly interrupted: () => Promise<void>;
}

export type CliOptions = NonNullable<ParseArgsConfig['options']>;

/** A command line, taken apart. */
export interface Invocation {
  readonly positionals: readonly string[];
  readonly io: CliIo;
  readonly json: boolean;
  /** HOST:PORT,HOST:PORT…, with a chroot perhaps. */
  readonly server: string;
  readonly timeoutMs: number;
  flag(name: string): boolean;
  text(name: string): string | undefined;
  /** A whole number; a UsageError when it is something else. */
  integer(name: string): number | undefined;
  /** The positional at `index`; a UsageError naming `what` when it is missing. */
  argument(index: number, what: string): string;
  /** Opens a session; it is closed when the command ends. */
  connect(): Promise<ZooKeeperConnection>;
}

/** One command: what the help says of it, and what it does. */
export interface Command {
  readonly name: string;
  /** After the name, e.g. `[-s] PATH`. */
  readonly usage: string;
  /** One line, without a period. */
  readonly summary: string;
  /** More about it: options, an example. */
  readonly details: string;
  readonly options: CliOptions;
  /** How many positional arguments it takes at most. */
  readonly argumentsMax: number;
  /** Resolves to the exit code. ZooKeeper's errors may be thrown; the dispatcher reports them. */
  run(invocation: Invocation): Promise<number>;
}

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
