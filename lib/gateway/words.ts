import { arch, hostname, platform, release, userInfo } from 'node:os';

import type { Counters } from '../log/entry.js';
import type { GatewayInfo } from '../keeper/types.js';
import type { Zxid } from '../core/types.js';
import type { GatewayLimits } from './options.js';
import { javaDouble, type PacketStats } from './stats.js';
import { FULL_VERSION } from './version.js';
import type { WatchSummary } from '../keeper/watches.js';

/** A connection as `cons` and `stat` list it. */
export interface ConnectionStatus {
  /** HOST:PORT of the client. */
  readonly peer: string;
  readonly outstanding: number;
  readonly stats: PacketStats;
  /** Undefined before the handshake is over. */
  readonly session:
    | {
        readonly id: bigint;
        readonly timeoutMs: number;
        readonly establishedAtMs: number;
        readonly lastXid: number;
        readonly lastZxid: Zxid;
      }
    | undefined;
}

/** What the words tell about: one gateway, at one moment. */
export interface GatewayStatus {
  readonly namespace: string;
  /** False until the keeper has read the log's tail for the first time. */
  readonly ready: boolean;
  readonly port: number;
  /** Undefined without TLS. */
  readonly securePort: number | undefined;
  readonly uptimeMs: number;
  readonly stats: PacketStats;
  readonly outstanding: number;
  readonly connections: readonly ConnectionStatus[];
  readonly head: Zxid;
  readonly watermark: Zxid;
  readonly counters: Counters;
  readonly sessions: number;
  readonly limits: GatewayLimits;
  watches(): WatchSummary;
  gateways(): Promise<readonly GatewayInfo[]>;
}

type Word = (status: GatewayStatus) => string | Promise<string>;

/**
 * Every gateway calls itself `standalone`: it serves reads and writes by itself, and who leads is decided anew with every
 * entry of the log. Of ZooKeeper's modes this is the one from which no tool expects an ensemble around it.
 */
const MODE = 'standalone';

const NOT_SERVING = 'This ZooKeeper instance is not currently serving requests\n';

/** Only once the gateway serves. */
function serving(word: Word): Word {
  return (status) => (status.ready ? word(status) : NOT_SERVING);
}

/** The words that a gateway has. All only read. */
const WORDS: ReadonlyMap<string, Word> = new Map<string, Word>([
  ['ruok', () => 'imok'],
  ['isro', (status) => (status.ready ? 'rw' : 'null')],
  ['srvr', serving(srvr)],
  ['stat', serving(stat)],
  ['envi', envi],
  ['mntr', serving(mntr)],
  ['conf', serving(conf)],
  ['cons', serving(cons)],
  ['wchs', serving(wchs)],
  ['gwys', gwys],
]);

/** ZooKeeper's words that a gateway does not have: they change something, or would list what no gateway holds. */
const ABSENT_WORDS = ['crst', 'dirs', 'dump', 'gtmk', 'hash', 'srst', 'stmk', 'wchc', 'wchp'];

export const FOUR_LETTER_WORDS: readonly string[] = [...WORDS.keys()];

/** True for the first four bytes of a connection that asks a question instead of shaking hands. */
export function isFourLetterWord(word: string): boolean {
  return WORDS.has(word) || ABSENT_WORDS.includes(word);
}

/** The answer to a word, `allowed` or not. */
export async function answerWord(input: {
  readonly word: string;
  readonly allowed: ReadonlySet<string>;
  readonly status: GatewayStatus;
}): Promise<string> {
  const word = WORDS.get(input.word);
  if (word === undefined || !input.allowed.has(input.word)) {
    return `${input.word} is not executed because it is not in the whitelist.\n`;
  }
  return word(input.status);
}

function srvr(status: GatewayStatus): string {
  return `Zookeeper version: ${FULL_VERSION}\n${figures(status)}`;
}

function stat(status: GatewayStatus): string {
  const clients = status.connections.map((connection) => `${connectionLine(connection, true)}\n`).join('');
  return `Zookeeper version: ${FULL_VERSION}\nClients:\n${clients}\n${figures(status)}`;
}

function figures(status: GatewayStatus): string {
  const { latency, received, sent } = status.stats;
  return [
    `Latency min/avg/max: ${latency.minMs}/${javaDouble(latency.averageMs)}/${latency.maxMs}`,
    `Received: ${received}`,
    `Sent: ${sent}`,
    `Connections: ${status.connections.length}`,
    `Outstanding: ${status.outstanding}`,
    `Zxid: 0x${status.head.toString(16)}`,
    `Mode: ${MODE}`,
    `Node count: ${status.counters.znodes}`,
    '',
  ].join('\n');
}

function connectionLine(connection: ConnectionStatus, brief: boolean): string {
  const { peer, outstanding, stats, session } = connection;
  const counts = `queued=${outstanding},recved=${stats.received},sent=${stats.sent}`;
  if (brief || session === undefined) return ` /${peer}[1](${counts})`;
  const { latency } = stats;
  const details = [
    `sid=0x${session.id.toString(16)}`,
    `est=${session.establishedAtMs}`,
    `to=${session.timeoutMs}`,
    `lcxid=0x${(session.lastXid >>> 0).toString(16)}`,
    `lzxid=0x${session.lastZxid.toString(16)}`,
    `minlat=${latency.minMs}`,
    `avglat=${javaDouble(latency.averageMs)}`,
    `maxlat=${latency.maxMs}`,
  ];
  return ` /${peer}[1](${counts},${details.join(',')})`;
}

function cons(status: GatewayStatus): string {
  return status.connections.map((connection) => `${connectionLine(connection, false)}\n`).join('') + '\n';
}

function wchs(status: GatewayStatus): string {
  const { watchers, paths, watches } = status.watches();
  return `${watchers} connections watching ${paths} paths\nTotal watches:${watches}\n`;
}

function mntr(status: GatewayStatus): string {
  const { latency, received, sent } = status.stats;
  const figures: readonly (readonly [string, string | number])[] = [
    ['version', FULL_VERSION],
    ['server_state', MODE],
    ['uptime', Math.floor(status.uptimeMs)],
    ['avg_latency', javaDouble(latency.averageMs)],
    ['max_latency', latency.maxMs],
    ['min_latency', latency.minMs],
    ['packets_received', received],
    ['packets_sent', sent],
    ['num_alive_connections', status.connections.length],
    ['outstanding_requests', status.outstanding],
    ['znode_count', status.counters.znodes],
    ['watch_count', status.watches().watches],
    ['approximate_data_size', status.counters.bytes],
    ['global_sessions', status.counters.sessions],
    ['local_sessions', 0],
    ['gateway_sessions', status.sessions],
    ['head_zxid', status.head],
    ['watermark_zxid', status.watermark],
  ];
  return figures.map(([key, value]) => `zk_${key}\t${value}\n`).join('');
}

function conf(status: GatewayStatus): string {
  const { limits } = status;
  return [
    `clientPort=${status.port}`,
    `namespace=${status.namespace}`,
    `tickTime=${limits.tickTimeMs}`,
    `maxClientCnxns=${limits.maxClientConnections}`,
    `minSessionTimeout=${limits.minSessionTimeoutMs}`,
    `maxSessionTimeout=${limits.maxSessionTimeoutMs}`,
    `juteMaxBuffer=${limits.juteMaxBuffer}`,
    `globalOutstandingLimit=${limits.globalOutstandingLimit}`,
    '',
  ].join('\n');
}

function envi(): string {
  const megabyte = 1024 * 1024;
  const memory = process.memoryUsage();
  return [
    'Environment:',
    `zookeeper.version=${FULL_VERSION}`,
    `host.name=${hostname()}`,
    `node.version=${process.version}`,
    `os.name=${platform()}`,
    `os.arch=${arch()}`,
    `os.version=${release()}`,
    `user.name=${userName()}`,
    `user.dir=${process.cwd()}`,
    `memory.heap.used=${Math.floor(memory.heapUsed / megabyte)}MB`,
    `memory.heap.total=${Math.floor(memory.heapTotal / megabyte)}MB`,
    `memory.resident=${Math.floor(memory.rss / megabyte)}MB`,
    '',
  ].join('\n');
}

/** A container's user id need not have a name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '<NA>';
  }
}

/**
 * All gateways of the namespace in one line of JSON. Each is a keeper: there is no other role to have. Clients with a keeper of
 * their own are listed, too, as what they are: nobody can connect to them.
 */
async function gwys(status: GatewayStatus): Promise<string> {
  const gateways = await status.gateways();
  const described = gateways.map((gateway) => ({
    gatewayId: gateway.gatewayId,
    address: gateway.address,
    role: gateway.kind ?? 'keeper',
    startedAtMs: gateway.startedAtMs,
    renewedAtMs: gateway.renewedAtMs,
    head: gateway.head,
    watermark: gateway.watermark,
    lagMs: gateway.lagMs,
    sessions: gateway.sessions,
  }));
  return JSON.stringify({ namespace: status.namespace, gateways: described }) + '\n';
}
