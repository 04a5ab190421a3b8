import { groupBy } from '../base/group.js';
import { environment } from './environment.js';
import { figures, monitorTexts, serverState } from './monitor.js';
import { javaDouble } from './stats.js';
import type { ConnectionStatus, GatewayStatus } from './status.js';
import { FULL_VERSION } from './version.js';

type Word = (status: GatewayStatus, argument: Uint8Array) => string | Promise<string>;

const NOT_SERVING = 'This ZooKeeper instance is not currently serving requests\n';

/** Only once the gateway serves. */
function serving(word: Word): Word {
  return (status, argument) => (status.ready ? word(status, argument) : NOT_SERVING);
}

/** ZooKeeper's words, and one of our own, `gwys`. */
const WORDS: ReadonlyMap<string, Word> = new Map<string, Word>([
  ['conf', serving(conf)],
  ['cons', serving(cons)],
  ['crst', serving(crst)],
  ['dirs', serving(dirs)],
  ['dump', serving(dump)],
  ['envi', envi],
  ['gtmk', ({ counting }) => String(counting.traceMask)],
  // The digests that a ZooKeeper keeps of its tree, to compare servers: there is one log, and nothing to compare.
  ['hash', serving(() => '')],
  ['isro', ({ ready, mode }) => (ready ? mode : 'null')],
  ['mntr', serving(mntr)],
  ['ruok', () => 'imok'],
  ['srst', serving(srst)],
  ['srvr', serving(srvr)],
  ['stat', serving(stat)],
  ['stmk', stmk],
  ['wchc', serving(wchc)],
  ['wchp', serving(wchp)],
  ['wchs', serving(wchs)],
  ['gwys', gwys],
]);

/** The word that brings something along: a long, the mask. */
const ARGUMENT_BYTES: ReadonlyMap<string, number> = new Map([['stmk', 8]]);

export const FOUR_LETTER_WORDS: readonly string[] = [...WORDS.keys()];

/** True for the first four bytes of a connection that asks a question instead of shaking hands. */
export function isFourLetterWord(word: string): boolean {
  return WORDS.has(word);
}

/** How many bytes follow the word before it is whole. */
export function argumentBytesOf(word: string): number {
  return ARGUMENT_BYTES.get(word) ?? 0;
}

/** The answer to a word, `allowed` or not. */
export async function answerWord(input: {
  readonly word: string;
  readonly argument: Uint8Array;
  readonly allowed: ReadonlySet<string>;
  readonly status: GatewayStatus;
}): Promise<string> {
  const word = WORDS.get(input.word);
  if (word === undefined || !input.allowed.has(input.word)) {
    return `${input.word} is not executed because it is not in the whitelist.\n`;
  }
  return word(input.status, input.argument);
}

function srvr(status: GatewayStatus): string {
  return `${heading(status)}${overview(status)}`;
}

function stat(status: GatewayStatus): string {
  const clients = status.connections.map((connection) => `${connectionLine(connection, true)}\n`).join('');
  return `${heading(status)}Clients:\n${clients}\n${overview(status)}`;
}

function heading({ mode }: GatewayStatus): string {
  const readOnly = mode === 'ro' ? 'READ-ONLY mode; serving only read-only clients\n' : '';
  return `Zookeeper version: ${FULL_VERSION}\n${readOnly}`;
}

function overview(status: GatewayStatus): string {
  const { latency, received, sent } = status.stats;
  return [
    `Latency min/avg/max: ${latency.minMs}/${javaDouble(latency.averageMs)}/${latency.maxMs}`,
    `Received: ${received}`,
    `Sent: ${sent}`,
    `Connections: ${status.connections.length}`,
    `Outstanding: ${status.outstanding}`,
    `Zxid: 0x${status.head.toString(16)}`,
    `Mode: ${serverState(status)}`,
    `Node count: ${status.counters.znodes}`,
    '',
  ].join('\n');
}

function connectionLine(connection: ConnectionStatus, brief: boolean): string {
  const { peer, outstanding, stats, session } = connection;
  const counts = `queued=${outstanding},recved=${stats.received},sent=${stats.sent}`;
  if (brief || session === undefined) return ` /${peer}[1](${counts})`;
  // `lop`, the last operation, is what a gateway does not keep; ZooKeeper has NA for those that it does not know.
  const { latency } = stats;
  const details = [
    `sid=0x${session.id.toString(16)}`,
    'lop=NA',
    `est=${session.establishedAtMs}`,
    `to=${session.timeoutMs}`,
    `lcxid=0x${(session.lastXid >>> 0).toString(16)}`,
    `lzxid=0x${session.lastZxid.toString(16)}`,
    `lresp=${Math.floor(stats.lastResponseMs)}`,
    `llat=${Math.round(stats.lastLatencyMs)}`,
    `minlat=${latency.minMs}`,
    `avglat=${Math.floor(latency.averageMs)}`,
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
  const texts = monitorTexts(status);
  const numbers = figures(status).map(
    ({ key, value, double }) => [key, double === true ? javaDouble(value) : value] as const,
  );
  return [...texts, ...numbers].map(([key, value]) => `zk_${key}\t${value}\n`).join('');
}

function crst({ counting }: GatewayStatus): string {
  counting.resetConnections();
  return 'Connection stats reset.\n';
}

function srst({ counting }: GatewayStatus): string {
  counting.resetServer();
  return 'Server stats reset.\n';
}

function stmk({ counting }: GatewayStatus, argument: Uint8Array): string {
  counting.traceMask = Buffer.from(argument).readBigInt64BE();
  return String(counting.traceMask);
}

/** A gateway keeps no files: the first is the size of the namespace's data, the second is nothing. */
function dirs({ counters }: GatewayStatus): string {
  return `datadir_size: ${counters.bytes}\nlogdir_size: 0\n`;
}

async function dump(status: GatewayStatus): Promise<string> {
  const sessions = [...status.ownedSessions()].toSorted((a, b) => a.expiresAtMs - b.expiresAtMs);
  const expiries = groupBy(sessions, ({ expiresAtMs }) => Math.ceil(expiresAtMs / 1000) * 1000);
  const sets = [...expiries].map(([atMs, those]) => {
    const ids = those.map(({ session }) => `\t${hexadecimal(session)}\n`).join('');
    return `${those.length} expire at ${new Date(atMs).toUTCString()}:\n${ids}`;
  });
  const ephemerals = await status.ephemerals();
  const owners = [...ephemerals].map(([session, paths]) => listed(`${hexadecimal(session)}:`, paths));
  return [
    `SessionTracker dump:\nSession Sets (${expiries.size})/(${sessions.length}):\n${sets.join('')}`,
    `ephemeral nodes dump:\nSessions with Ephemerals (${ephemerals.size}):\n${owners.join('')}`,
    `Connections dump:\n${connectionsDump(status)}`,
  ].join('');
}

/** A gateway lets no connection expire: its session does. */
function connectionsDump({ connections }: GatewayStatus): string {
  const lines = connections.map(
    ({ peer, session }) => `\tip: /${peer} sessionId: ${hexadecimal(session?.id ?? 0n)}\n`,
  );
  return `Connections Sets (${lines.length > 0 ? 1 : 0})/(${lines.length}):\n${lines.join('')}`;
}

function wchc(status: GatewayStatus): string {
  const bySession = groupBy(status.watchedPaths(), ({ session }) => session);
  const lists = [...bySession].map(([session, watches]) =>
    listed(
      hexadecimal(session),
      watches.map(({ path }) => path),
    ),
  );
  return `${lists.join('')}\n`;
}

function wchp(status: GatewayStatus): string {
  const byPath = groupBy(status.watchedPaths(), ({ path }) => path);
  const lists = [...byPath].map(([path, watches]) =>
    listed(
      path,
      watches.map(({ session }) => hexadecimal(session)),
    ),
  );
  return `${lists.join('')}\n`;
}

function listed(heading: string, lines: readonly string[]): string {
  return `${heading}\n${lines.map((line) => `\t${line}\n`).join('')}`;
}

function hexadecimal(session: bigint): string {
  return `0x${session.toString(16)}`;
}

function conf(status: GatewayStatus): string {
  const { limits } = status;
  return [
    `clientPort=${status.port}`,
    `secureClientPort=${status.securePort ?? -1}`,
    `namespace=${status.namespace}`,
    `tickTime=${limits.tickTimeMs}`,
    `maxClientCnxns=${limits.maxClientConnections}`,
    `minSessionTimeout=${limits.minSessionTimeoutMs}`,
    `maxSessionTimeout=${limits.maxSessionTimeoutMs}`,
    `maxCnxns=${limits.connectionsMax}`,
    `jute.maxbuffer=${limits.juteMaxBuffer}`,
    `globalOutstandingLimit=${limits.globalOutstandingLimit}`,
    'serverId=0',
    '',
  ].join('\n');
}

function envi(): string {
  return `Environment:\n${environment()
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')}`;
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
