import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../lib/base/clock.js';
import { askFourLetterWord, dialer } from '../lib/client/tcp/index.js';

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;
const JARS = ['/usr/share/java/zookeeper.jar', '/usr/share/zookeeper/zookeeper.jar'];
const CLI = new URL('../dist/lib/cli/main.js', import.meta.url).pathname;

/** A server that runs for a benchmark. */
export interface Server {
  readonly target: string;
  stop(): Promise<void>;
}

/** Starts ZeroKeeper from its build, with data in a directory of its own. */
export async function startZeroKeeper(): Promise<Server> {
  if (!existsSync(CLI)) throw new Error('ZeroKeeper is not built: npm run build');
  return await start((at) => ({
    command: process.execPath,
    args: [CLI, 'start', '--port', String(at.port), '--data', at.directory],
  }));
}

/** Starts the ZooKeeper that is installed on this machine, with data in a directory of its own. */
export async function startZooKeeper(): Promise<Server> {
  const jar = JARS.find((candidate) => existsSync(candidate));
  if (jar === undefined) {
    throw new Error('no ZooKeeper found: apt-get install zookeeper, or name one with --zookeeper HOST:PORT');
  }
  return await start(async (at) => {
    const config = join(at.directory, 'zoo.cfg');
    const lines = [
      'tickTime=2000',
      `dataDir=${at.directory}`,
      'clientPortAddress=127.0.0.1',
      `clientPort=${at.port}`,
      'maxClientCnxns=0',
      'admin.enableServer=false',
      '4lw.commands.whitelist=*',
    ];
    await writeFile(config, lines.join('\n') + '\n');
    const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
    return { command: 'java', args: ['-Xmx1g', '-cp', `/etc/zookeeper/conf:${jar}`, main, config] };
  });
}

/** A server that somebody else runs. */
export function runningServer(target: string): Server {
  return { target, stop: () => Promise.resolve() };
}

interface CommandLine {
  command: string;
  args: string[];
}

async function start(
  commandLine: (at: { port: number; directory: string }) => CommandLine | Promise<CommandLine>,
): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), 'zerokeeper-bench-'));
  const port = await freePort();
  const { command, args } = await commandLine({ port, directory });
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: directory });
  const complaints: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => complaints.length < 100 && complaints.push(chunk));
  const stop = async () => {
    await ended(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await ready(child, port);
  } catch (error) {
    await stop();
    throw new Error(`${command} did not start: ${Buffer.concat(complaints).toString()}`, { cause: error });
  }
  return { target: `127.0.0.1:${port}`, stop };
}

async function ready(child: ChildProcess, port: number): Promise<void> {
  const address = { host: '127.0.0.1', port };
  const begun = performance.now();
  while (performance.now() - begun < START_MS_MAX) {
    if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`);
    const question = { address, dial: dialer(), clock: systemClock, timeoutMs: 1000 };
    // Refused connections are what one waits out here.
    const answer = await askFourLetterWord('isro', question).catch(() => '');
    if (answer.startsWith('rw')) return;
    await delay(100);
  }
  throw new Error(`it was not ready in ${START_MS_MAX} ms`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const killed = delay(STOP_MS_MAX, undefined, { ref: false }).then(() => child.kill('SIGKILL'));
  await Promise.race([exited, killed]);
  await exited;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
