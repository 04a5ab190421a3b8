import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { EmulatorError } from './errors.js';
import { findProcesses, isRunning, killNow, ownIdentity, type ProcessIdentity } from './process-identity.js';

const LOCK_FILE = 'emulator.lock';

/** Claims that meet one stale lock after the other; more than two means that several emulators start and die here. */
const CLAIM_ATTEMPTS_MAX = 10;

/**
 * The directory that holds the engine's database. One emulator at a time owns it: the lock names its process, and a lock
 * whose process is gone (kill -9, power cut) is taken over, an engine that was left behind is ended.
 */
export class DataDirectory {
  readonly path: string;
  readonly #lockFile: string;
  readonly #lock: string;
  #temporaries = 0;

  private constructor(path: string, lock: string) {
    this.path = path;
    this.#lockFile = join(path, LOCK_FILE);
    this.#lock = lock;
  }

  /** Throws {@link EmulatorError} `DataDirectoryInUse` or `DataDirectoryUnusable`. */
  static claim(directory: string): DataDirectory {
    const path = resolve(directory);
    const claimed = new DataDirectory(path, JSON.stringify(ownIdentity()));
    try {
      mkdirSync(path, { recursive: true });
      claimed.#claim();
    } catch (error) {
      if (error instanceof EmulatorError) throw error;
      const { message } = error as Error;
      const advice = 'choose another directory with --data, or --memory for none';
      throw new EmulatorError(
        'DataDirectoryUnusable',
        `cannot use the data directory ${path} (${message}): ${advice}`,
        {
          cause: error,
        },
      );
    }
    claimed.#endLeftEngine();
    return claimed;
  }

  /** The engine's database file. */
  get database(): string {
    return join(this.path, 'dynamodb.sqlite');
  }

  /** Lets the directory go, if it is still this emulator's. */
  release(): void {
    if (readIfThere(this.#lockFile) === this.#lock) rmSync(this.#lockFile, { force: true });
  }

  /** The lock appears with its content at once, because it is linked: nobody can read half of one. */
  #claim(): void {
    const draft = this.#temporary();
    writeFileSync(draft, this.#lock);
    try {
      for (let attempt = 0; attempt < CLAIM_ATTEMPTS_MAX; attempt++) {
        if (linked(draft, this.#lockFile)) return;
        this.#removeStaleLock();
      }
    } finally {
      rmSync(draft, { force: true });
    }
    throw this.#inUse('other emulators');
  }

  #removeStaleLock(): void {
    const found = readIfThere(this.#lockFile);
    if (found === undefined) return;
    const holder = identityIn(found);
    if (holder !== undefined && isRunning(holder))
      throw this.#inUse(`the emulator with process id ${holder.pid}`);
    const aside = this.#temporary();
    if (!renamed(this.#lockFile, aside)) return;
    // Between the look and the renaming another emulator may have claimed the directory: its lock goes back.
    if (readFileSync(aside, 'utf8') !== found) linked(aside, this.#lockFile);
    rmSync(aside);
  }

  #inUse(by: string): EmulatorError {
    const advice = 'end it, or choose another directory with --data';
    return new EmulatorError(
      'DataDirectoryInUse',
      `the data directory ${this.path} is in use by ${by}: ${advice}`,
    );
  }

  /** Whoever serves this database without an emulator was left behind by one that was killed. */
  #endLeftEngine(): void {
    const left = findProcesses(
      ([program = '', ...args]) => basename(program).startsWith('dynoxide') && args.includes(this.database),
    );
    for (const engine of left) killNow(engine);
  }

  #temporary(): string {
    return `${this.#lockFile}.${process.pid}.${++this.#temporaries}`;
  }
}

/** `undefined` for a lock that is no lock, which a crash of the machine may leave. */
function identityIn(lock: string): ProcessIdentity | undefined {
  try {
    const { pid, started } = JSON.parse(lock) as Partial<ProcessIdentity>;
    return typeof pid === 'number' && typeof started === 'string' ? { pid, started } : undefined;
  } catch {
    return undefined;
  }
}

function linked(from: string, to: string): boolean {
  return unlessCode('EEXIST', () => linkSync(from, to));
}

function renamed(from: string, to: string): boolean {
  return unlessCode('ENOENT', () => renameSync(from, to));
}

function unlessCode(code: string, action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return false;
    throw error;
  }
}

function readIfThere(path: string): string | undefined {
  let content: string | undefined;
  unlessCode('ENOENT', () => (content = readFileSync(path, 'utf8')));
  return content;
}
