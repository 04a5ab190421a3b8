import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEngine, type Engine } from '../../lib/emulator/engine.js';
import { Proxy } from './proxy.js';

export const GATEWAYS = 3;
export const TABLE_PREFIX = 'zerokeeper';
const READY_MS_MAX = 60_000;
/** Of the file system that the engine's data is on, where one can be mounted. */
const DISK_MEGABYTES = 512;

interface Ports {
  readonly engine: number;
  /** Of the first; the others' follow. */
  readonly gateway: number;
  readonly lambda: number;
}

/** Engine, emulator with its functions, gateways: each a process of its own, with a proxy wherever one talks to another. */
export class Cluster {
  readonly #root = mkdtempSync(join(tmpdir(), 'zerokeeper-chaos-'));
  readonly #ports: Ports;
  /** Between everybody and the engine. */
  readonly engineProxy: Proxy;
  /** Between clients and gateways. */
  readonly gatewayProxies: readonly Proxy[];
  readonly lambdaProxy: Proxy;
  /** Whether the engine has a disk of its own, which can be filled. */
  readonly hasDisk: boolean;
  #engine: Engine | undefined;
  /** Waited for before the end: an engine that is being started would outlive it. */
  #starting: Promise<Engine> | undefined;
  #emulator: ChildProcess | undefined;
  #printed = '';
  #stopped: Promise<void> | undefined;

  /** Whether the engine is this cluster's own, to be killed and frozen, or one that somebody else has started. */
  readonly ownsEngine: boolean;

  private constructor(parts: {
    ports: Ports;
    ownsEngine: boolean;
    engineProxy: Proxy;
    gatewayProxies: Proxy[];
    lambdaProxy: Proxy;
  }) {
    this.#ports = parts.ports;
    this.engineProxy = parts.engineProxy;
    this.gatewayProxies = parts.gatewayProxies;
    this.lambdaProxy = parts.lambdaProxy;
    this.ownsEngine = parts.ownsEngine;
    mkdirSync(this.#disk);
    this.hasDisk = this.ownsEngine && mounted(this.#disk);
  }

  /** On an engine of its own, or on the one that listens at this port of this machine. */
  static async start(enginePort?: number): Promise<Cluster> {
    const first = await freePorts(2 + GATEWAYS);
    const [engine, lambda, gateway] = [enginePort ?? first, first + 1, first + 2];
    const cluster = new Cluster({
      ports: { engine, gateway, lambda },
      ownsEngine: enginePort === undefined,
      engineProxy: await Proxy.listen({ port: engine }),
      gatewayProxies: await Promise.all(
        Array.from({ length: GATEWAYS }, (_, index) => Proxy.listen({ port: gateway + index })),
      ),
      lambdaProxy: await Proxy.listen({ port: lambda }),
    });
    // Its processes and its disk do not end with this one.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => void cluster.stop().finally(() => process.exit(1)));
    }
    try {
      if (cluster.ownsEngine) await cluster.startEngine();
      await cluster.startEmulator();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get #disk(): string {
    return join(this.#root, 'disk');
  }

  /** For whoever looks at the end: past the proxy. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#ports.engine}`;
  }

  get enginePid(): number | undefined {
    return this.#engine?.pid;
  }

  get emulatorPid(): number | undefined {
    return this.#emulator?.pid;
  }

  /** What the emulator printed last, for people. */
  get printed(): string {
    return this.#printed;
  }

  async startEngine(): Promise<void> {
    this.#checkRunning();
    this.#starting = startEngine({ dataFile: join(this.#disk, 'data.db'), port: this.#ports.engine });
    this.#engine = await this.#starting;
  }

  async killEngine(): Promise<void> {
    const engine = this.#engine;
    if (engine === undefined) return;
    process.kill(engine.pid, 'SIGKILL');
    await engine.exited;
    this.#engine = undefined;
  }

  async startEmulator(): Promise<void> {
    this.#checkRunning();
    const { gateway, lambda } = this.#ports;
    const options = [
      '--endpoint',
      `http://127.0.0.1:${this.engineProxy.port}`,
      '--gateways',
      String(GATEWAYS),
    ];
    const ports = ['--port', String(gateway), '--lambda-port', String(lambda)];
    const child = spawn(process.execPath, ['dist/lib/cli/main.js', 'start', ...options, ...ports], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        AWS_ACCESS_KEY_ID: 'local',
        AWS_SECRET_ACCESS_KEY: 'local',
        AWS_REGION: 'us-east-1',
      },
    });
    this.#emulator = child;
    const keep = (chunk: Buffer) => (this.#printed = (this.#printed + chunk.toString()).slice(-8_000));
    child.stderr.on('data', keep);
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`the emulator is not ready: ${this.#printed}`)),
        READY_MS_MAX,
      );
      child.stdout.on('data', (chunk: Buffer) => {
        keep(chunk);
        if (!chunk.toString().includes('ZeroKeeper is ready')) return;
        clearTimeout(late);
        resolve();
      });
      child.once('exit', (code) => reject(new Error(`the emulator ended with ${code}: ${this.#printed}`)));
    });
  }

  /** Kills the emulator with its functions; its gateways find out and end themselves. */
  async killEmulator(): Promise<void> {
    const child = this.#emulator;
    if (child?.pid === undefined) return;
    const gateways = this.gatewayPids();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    for (const pid of gateways) signal(pid, 'SIGKILL');
    this.#emulator = undefined;
  }

  /** The processes of the gateways at this moment. */
  gatewayPids(): number[] {
    const parent = this.#emulator?.pid;
    if (parent === undefined) return [];
    return childrenOf(parent).filter((pid) => commandOf(pid).includes('gateway-process'));
  }

  /** Leaves nothing free on the engine's disk. */
  fillDisk(): void {
    try {
      writeFileSync(this.#filler, Buffer.alloc(DISK_MEGABYTES * 1024 * 1024));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  freeDisk(): void {
    unlinkSync(this.#filler);
  }

  get #filler(): string {
    return join(this.#disk, 'filler');
  }

  /** May be called again. */
  /** What is started once the end has begun would outlive it. */
  #checkRunning(): void {
    if (this.#stopped !== undefined) throw new Error('the cluster is being stopped');
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    const proxies = [this.engineProxy, this.lambdaProxy, ...this.gatewayProxies];
    // What cannot be stopped keeps nothing else from being stopped.
    const ends = await Promise.allSettled([
      this.killEmulator(),
      this.#stopEngine(),
      ...proxies.map((proxy) => proxy.close()),
    ]);
    if (this.hasDisk) execFileSync('umount', ['--lazy', this.#disk]);
    rmSync(this.#root, { recursive: true, force: true });
    const errors = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
    if (errors.length > 0) throw new AggregateError(errors, 'not everything could be stopped');
  }

  async #stopEngine(): Promise<void> {
    // One that could not be started has told whoever started it.
    await this.#starting?.catch(() => undefined);
    await this.#engine?.stop();
  }
}

/** Mounts a small file system in memory there, which takes root. */
function mounted(directory: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MEGABYTES}m`, 'tmpfs', directory], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    // Not root: the disk cannot be filled here, and the run says so.
    return false;
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It ended between being found and now.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      const stat = read(`/proc/${name}/stat`);
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
    })
    .map(Number);
}

const commandOf = (pid: number) => read(`/proc/${pid}/cmdline`);

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // A process that ended meanwhile has no file any more.
    return '';
  }
}

/** Below what the system hands out to connections, any of which might take a port between being found and used. */
const PORT_MIN = 15_000;
const PORT_MAX = 32_000;

/** The first of so many ports in a row that were free a moment ago. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN - count));
    const servers = Array.from({ length: count }, () => createServer());
    const areFree = await Promise.all(
      servers.map(
        (server, index) =>
          new Promise<boolean>((resolve) => {
            server.once('error', () => resolve(false));
            server.listen(first + index, '127.0.0.1', () => resolve(true));
          }),
      ),
    );
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    if (areFree.every(Boolean)) return first;
  }
}
