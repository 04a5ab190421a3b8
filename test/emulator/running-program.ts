import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { identify, killNow, type ProcessIdentity } from '../../lib/emulator/process-identity.js';
import { PROGRAM } from '../support/build.js';

/** `zerokeeper start` as a process. */
export class RunningProgram {
  readonly #child: ChildProcess;
  /** What it printed on stderr so far. */
  stderr = '';
  /** The lines that tell where what is. */
  readonly #urls: Promise<{ lambda: string; webSocket: string }>;
  /** The line that says that it is ready. Rejects when it ends before. */
  readonly ready: Promise<string>;
  /** Exit code or signal, when it has ended and all of its output has been read. */
  readonly ended: Promise<number | string>;

  constructor(args: string[], cwd: string) {
    const child = spawn(process.execPath, [PROGRAM, 'start', ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.ended = new Promise((resolve) =>
      child.once('close', (code, signal) => resolve(code ?? signal ?? '')),
    );
    const lines = createInterface(child.stdout);
    this.#urls = new Promise((resolve) => {
      lines.on('line', (line) => {
        const [, lambda, webSocket] = /^ +Lambda +(\S+) .* WebSocket (\S+)$/.exec(line) ?? [];
        if (lambda !== undefined && webSocket !== undefined) resolve({ lambda, webSocket });
      });
    });
    this.ready = new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        if (line.startsWith('ZeroKeeper is ready')) resolve(line);
      });
      void this.ended.then((end) => reject(new Error(`it ended with ${end}: ${this.stderr}`)));
    });
    this.ready.catch(() => undefined);
  }

  /** HOST:PORT of each gateway. */
  async addresses(): Promise<string[]> {
    const [, list = ''] = /^ZeroKeeper is ready on (.*) \(/.exec(await this.ready) ?? [];
    return list.split(', ');
  }

  /** Of Lambda's API and of the WebSocket API. */
  async urls(): Promise<{ lambda: string; webSocket: string }> {
    await this.ready;
    return this.#urls;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The program itself, its gateways and its engine. */
  family(): { own: ProcessIdentity; gateways: ProcessIdentity[]; engines: ProcessIdentity[] } {
    const own = identify(this.#child.pid ?? 0);
    if (own === undefined) throw new Error('it has ended');
    const children = childrenOf(own.pid);
    const named = (name: string) => children.filter(({ pid }) => commandOf(pid).includes(name));
    return { own, gateways: named('gateway-process'), engines: named('dynoxide') };
  }

  /** For the end of a test, however it went. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const { gateways, engines } = this.family();
    this.kill('SIGKILL');
    await this.ended;
    for (const left of [...gateways, ...engines]) killNow(left);
  }
}

function childrenOf(parent: number): ProcessIdentity[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
    .flatMap((name) => identify(Number(name)) ?? []);
}

function parentOf(pid: string): number | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function commandOf(pid: number): string {
  return readIfThere(`/proc/${pid}/cmdline`) ?? '';
}

/** A process may end while it is looked at. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
