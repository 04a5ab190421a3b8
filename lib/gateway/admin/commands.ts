import { groupBy } from '../../base/group.js';
import { environment } from '../environment.js';
import { figures, monitorTexts, serverState } from '../monitor.js';
import type { ConnectionStatus, GatewayStatus } from '../status.js';
import { FULL_VERSION } from '../version.js';

type Fields = Readonly<Record<string, unknown>>;

interface Command {
  /** The first is the one that is listed. */
  readonly names: readonly string[];
  /** Answered even while the gateway does not serve. */
  readonly always?: true;
  run(status: GatewayStatus, query: URLSearchParams): Fields | Promise<Fields>;
}

export interface CommandAnswer {
  readonly code: number;
  readonly body: Fields;
}

const NOT_SERVING = 'This ZooKeeper instance is not currently serving requests';
const LONG_MAX = 2n ** 63n;

/** The commands of ZooKeeper's AdminServer, with its keys; what speaks of an ensemble or of files answers as a single server does. */
const COMMANDS: readonly Command[] = [
  { names: ['configuration', 'conf', 'config'], run: configuration },
  { names: ['connection_stat_reset', 'crst'], run: ({ counting }) => (counting.resetConnections(), {}) },
  { names: ['connections', 'cons'], run: (status) => connections(status, detailed) },
  { names: ['dirs'], run: ({ counters }) => ({ datadir_size: counters.bytes, logdir_size: 0 }) },
  { names: ['dump'], run: dump },
  { names: ['environment', 'env', 'envi'], always: true, run: () => Object.fromEntries(environment()) },
  { names: ['gateways', 'gwys'], run: async (status) => ({ gateways: await status.gateways() }) },
  {
    names: ['get_trace_mask', 'gtmk'],
    always: true,
    run: ({ counting }) => ({ tracemask: counting.traceMask }),
  },
  { names: ['hash'], run: () => ({ digests: [] }) },
  { names: ['initial_configuration', 'icfg'], run: () => ({ initial_configuration: null }) },
  { names: ['is_read_only', 'isro'], run: ({ mode }) => ({ read_only: mode === 'ro' }) },
  {
    names: ['last_snapshot', 'lsnp'],
    run: ({ watermark }) => ({ zxid: watermark.toString(16), timestamp: -1 }),
  },
  { names: ['leader', 'lead'], run: () => ({ error: 'server is not initialized' }) },
  { names: ['monitor', 'mntr'], always: true, run: monitor },
  { names: ['observer_connection_stat_reset', 'orst'], run: () => ({}) },
  { names: ['observers', 'obsr'], run: () => ({ synced_observers: 0, observers: [] }) },
  { names: ['ruok'], run: () => ({}) },
  { names: ['server_stats', 'srvr'], run: serverStats },
  { names: ['set_trace_mask', 'stmk'], always: true, run: setTraceMask },
  { names: ['stat_reset', 'srst'], run: ({ counting }) => (counting.resetServer(), {}) },
  { names: ['stats', 'stat'], run: (status) => ({ ...serverStats(status), ...connections(status, brief) }) },
  { names: ['system_properties', 'sysp'], always: true, run: () => ({}) },
  { names: ['voting_view'], run: () => ({ current_config: {} }) },
  { names: ['watch_summary', 'wchs'], run: watchSummary },
  { names: ['watches', 'wchc'], run: watches },
  { names: ['watches_by_path', 'wchp'], run: watchesByPath },
  { names: ['zabstate'], always: true, run: () => ({ voting: false, zabstate: '' }) },
];

/** They act on the files of a ZooKeeper, which a gateway does not have. */
const OF_FILES = new Set(['snapshot', 'snap', 'restore', 'rest']);

const BY_NAME = new Map(COMMANDS.flatMap((command) => command.names.map((name) => [name, command] as const)));

/** The names that the list of commands shows. */
export const COMMAND_NAMES: readonly string[] = COMMANDS.map(({ names: [name = ''] }) => name);

/** Runs a command by one of its names. As in ZooKeeper, what is wrong with it is told in the body's `error`. */
export async function runCommand(input: {
  readonly name: string;
  readonly query: URLSearchParams;
  readonly status: GatewayStatus;
}): Promise<CommandAnswer> {
  const { name, query, status } = input;
  if (OF_FILES.has(name)) {
    const error = 'a gateway has no files to take or to restore: the log is in DynamoDB, which has backups';
    return { code: 503, body: { command: name, error } };
  }
  const command = BY_NAME.get(name);
  if (command === undefined) return { code: 200, body: { command: name, error: `Unknown command: ${name}` } };
  const [primary = name] = command.names;
  if (!status.ready && command.always !== true) {
    return { code: 200, body: { command: primary, error: NOT_SERVING } };
  }
  const fields = await command.run(status, query);
  return { code: 200, body: { ...fields, command: primary, error: fields['error'] ?? null } };
}

function configuration({ port, securePort, namespace, limits }: GatewayStatus): Fields {
  return {
    client_port: port,
    ...(securePort !== undefined && { secure_client_port: securePort }),
    namespace,
    tick_time: limits.tickTimeMs,
    max_client_cnxns: limits.maxClientConnections,
    min_session_timeout: limits.minSessionTimeoutMs,
    max_session_timeout: limits.maxSessionTimeoutMs,
    server_id: 0,
    client_port_listen_backlog: -1,
  };
}

function connections(status: GatewayStatus, describe: (connection: ConnectionStatus) => Fields): Fields {
  const described = (secure: boolean) =>
    status.connections.filter((connection) => connection.secure === secure).map(describe);
  return { connections: described(false), secure_connections: described(true) };
}

function brief({ peer, outstanding, stats }: ConnectionStatus): Fields {
  return {
    remote_socket_address: peer,
    interest_ops: 1,
    outstanding_requests: outstanding,
    packets_received: stats.received,
    packets_sent: stats.sent,
  };
}

function detailed(connection: ConnectionStatus): Fields {
  const { session, stats } = connection;
  const { latency } = stats;
  return {
    ...brief(connection),
    session_id: session?.id ?? 0n,
    last_operation: 'NA',
    established: Math.floor(session?.establishedAtMs ?? 0),
    session_timeout: session?.timeoutMs ?? 0,
    last_cxid: session?.lastXid ?? -1,
    last_zxid: session?.lastZxid ?? -1,
    last_response_time: Math.floor(stats.lastResponseMs),
    last_latency: Math.round(stats.lastLatencyMs),
    min_latency: latency.minMs,
    avg_latency: Math.floor(latency.averageMs),
    max_latency: latency.maxMs,
  };
}

async function dump(status: GatewayStatus): Promise<Fields> {
  const expiries = groupBy(status.ownedSessions(), ({ expiresAtMs }) => Math.ceil(expiresAtMs / 1000) * 1000);
  const sessions = [...expiries].map(
    ([atMs, those]) => [String(atMs), those.map(({ session }) => session)] as const,
  );
  const ephemerals = [...(await status.ephemerals())].map(
    ([session, paths]) => [String(session), paths] as const,
  );
  return {
    expiry_time_to_session_ids: Object.fromEntries(sessions),
    session_id_to_ephemeral_paths: Object.fromEntries(ephemerals),
  };
}

function monitor(status: GatewayStatus): Fields {
  const numbers = figures(status).map(({ key, value }): readonly [string, string | number] => [key, value]);
  return Object.fromEntries([...monitorTexts(status), ...numbers]);
}

function serverStats(status: GatewayStatus): Fields {
  const { stats, counters } = status;
  return {
    version: FULL_VERSION,
    read_only: status.mode === 'ro',
    server_stats: {
      packets_sent: stats.sent,
      packets_received: stats.received,
      data_dir_size: counters.bytes,
      log_dir_size: 0,
      last_processed_zxid: status.head,
      outstanding_requests: status.outstanding,
      server_state: serverState(status),
      avg_latency: stats.latency.averageMs,
      max_latency: stats.latency.maxMs,
      min_latency: stats.latency.minMs,
      num_alive_client_connections: status.connections.length,
      uptime: Math.floor(status.uptimeMs),
      auth_failed_count: stats.authFailures,
    },
    node_count: counters.znodes,
  };
}

function setTraceMask({ counting }: GatewayStatus, query: URLSearchParams): Fields {
  const text = query.get('traceMask');
  if (text === null) return { error: 'setTraceMask requires long traceMask argument' };
  const mask = /^-?\d{1,19}$/.test(text) ? BigInt(text) : LONG_MAX;
  if (mask >= LONG_MAX || mask < -LONG_MAX) {
    return { error: `setTraceMask requires long traceMask argument, got ${text}` };
  }
  counting.traceMask = mask;
  return { tracemask: mask };
}

function watchSummary(status: GatewayStatus): Fields {
  const { watchers, paths, watches: total } = status.watches();
  return { num_connections: watchers, num_paths: paths, num_total_watches: total };
}

function watches(status: GatewayStatus): Fields {
  const bySession = groupBy(status.watchedPaths(), ({ session }) => String(session));
  const lists = [...bySession].map(([session, those]) => [session, those.map(({ path }) => path)] as const);
  return { session_id_to_watched_paths: Object.fromEntries(lists) };
}

function watchesByPath(status: GatewayStatus): Fields {
  const byPath = groupBy(status.watchedPaths(), ({ path }) => path);
  const lists = [...byPath].map(([path, those]) => [path, those.map(({ session }) => session)] as const);
  return { path_to_session_ids: Object.fromEntries(lists) };
}
