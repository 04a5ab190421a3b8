import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { silentLogger } from '../../lib/base/logger.js';
import { startEmulator } from '../../lib/emulator/index.js';
import { ask } from '../gateway/support/wire-client.js';
import { digestId, SASL_SUPER_USER, SASL_USERS, SUPER_USER } from './values.js';

/** A server that programs run on. */
export interface RunningServer {
  readonly name: string;
  readonly port: number;
  stop(): Promise<void>;
}

const READY_MS_MAX = 60_000;
const ANSWER_MS_MAX = 1_000;
const POLL_MS = 50;
const HEAP_MB = 512;

const JARS_SCRIPT = fileURLToPath(new URL('../support/zookeeper/jars.sh', import.meta.url));

/** A ZooKeeper of its own on a free port, with everything switched on that ZeroKeeper has always on. */
export async function startZooKeeper(javaOptions: readonly string[] = []): Promise<RunningServer> {
  const jars = execFileSync('bash', [JARS_SCRIPT], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
  const directory = mkdtempSync(join(tmpdir(), 'zookeeper-'));
  const port = await freePort();
  const config = join(directory, 'zoo.cfg');
  const jaas = join(directory, 'jaas.conf');
  writeFileSync(jaas, users());
  writeFileSync(config, settings(directory, port));
  const main = 'org.apache.zookeeper.server.ZooKeeperServerMain';
  const options = [...JAVA_OPTIONS, `-Djava.security.auth.login.config=${jaas}`, ...javaOptions];
  const child = spawn('java', [...options, '-cp', `${jars}/*`, main, config], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  // It must not outlive a run that is ended from outside.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const server = {
    name: 'ZooKeeper',
    port,
    async stop() {
      await ended(child);
      process.off('exit', kill);
      rmSync(directory, { recursive: true, force: true });
    },
  };
  try {
    await ready(child, port);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

const JAVA_OPTIONS = [
  `-Xmx${HEAP_MB}m`,
  '-XX:+UseSerialGC',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=off',
  '-Dzookeeper.extendedTypesEnabled=true',
  // Nothing is lost when it is: this server ends with the run.
  '-Dzookeeper.forceSync=no',
  // Containers and TTL nodes stay for the length of a program.
  '-Dznode.container.checkIntervalMs=86400000',
  '-Dzookeeper.enforceQuota=true',
  `-Dzookeeper.DigestAuthenticationProvider.superDigest=${digestId(SUPER_USER)}`,
  `-Dzookeeper.superUser=${SASL_SUPER_USER}`,
  '-Dzookeeper.authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider',
  '-Dzookeeper.authProvider.2=org.apache.zookeeper.server.auth.X509AuthenticationProvider',
  // DIGEST-MD5 is off by default for those who have to follow FIPS.
  '-Dzookeeper.fips-mode=false',
];

/** The users of SASL, as Java reads them. */
function users(): string {
  const options = Object.entries(SASL_USERS).map(([user, password]) => `user_${user}="${password}"`);
  return `Server { org.apache.zookeeper.server.auth.DigestLoginModule required ${options.join(' ')}; };\n`;
}

function settings(directory: string, port: number): string {
  const lines = [
    ...[`dataDir=${directory}`, `clientPort=${port}`, 'clientPortAddress=127.0.0.1', 'tickTime=2000'],
    ...['maxClientCnxns=0', 'admin.enableServer=false', '4lw.commands.whitelist=*'],
  ];
  return `${lines.join('\n')}\n`;
}

async function ready(child: ChildProcess, port: number): Promise<void> {
  const until = Date.now() + READY_MS_MAX;
  while (Date.now() < until) {
    if (child.exitCode !== null)
      throw new Error(`ZooKeeper ended with ${child.exitCode} before it was ready`);
    // One that is asked too early may leave the question open for good.
    const late = delay(ANSWER_MS_MAX, '');
    const answer = await Promise.race([ask(port, 'isro').catch(() => ''), late]);
    if (answer.startsWith('rw')) return;
    await delay(POLL_MS);
  }
  throw new Error(`ZooKeeper is not ready after ${READY_MS_MAX} ms`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** A port that nobody listens on at the moment. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** A ZeroKeeper in this process: everything is as in production, but for the simulated DynamoDB. */
export async function startZeroKeeper(): Promise<RunningServer> {
  const auth = {
    saslUsers: SASL_USERS,
    superUser: SASL_SUPER_USER,
    superDigest: digestId(SUPER_USER),
  };
  const emulator = await startEmulator({
    logger: silentLogger,
    enforceQuota: true,
    auth,
  });
  const [address = ''] = emulator.endpoints.tcp;
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  return { name: 'ZeroKeeper', port, stop: () => emulator.stop() };
}
