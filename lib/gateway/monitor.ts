import type { LatencyStats } from './stats.js';
import type { GatewayStatus } from './status.js';
import { FULL_VERSION } from './version.js';

/**
 * Every gateway calls itself `standalone`: it serves reads and writes by itself, and who leads is decided anew with every
 * entry of the log. Of ZooKeeper's modes this is the one from which no tool expects an ensemble around it.
 */
const STANDALONE = 'standalone';

/** In the words of ZooKeeper's `Mode:`. */
export function serverState({ mode }: GatewayStatus): string {
  return mode === 'ro' ? 'read-only' : STANDALONE;
}

/** One figure. `counter` only ever grows, until the gateway ends. */
export interface Figure {
  readonly key: string;
  readonly value: number;
  readonly kind: 'counter' | 'gauge';
  /** Whether ZooKeeper prints it as a Java double. */
  readonly double?: true;
  readonly meaning: string;
}

/** What `mntr` says in words. */
export function monitorTexts(status: GatewayStatus): readonly (readonly [string, string])[] {
  return [
    ['version', FULL_VERSION],
    ['server_state', serverState(status)],
  ];
}

/** What `mntr`, the command `monitor` and the metrics tell, by ZooKeeper's names where they mean the same. */
export function figures(status: GatewayStatus): readonly Figure[] {
  const { stats, counters, door, limits, connections } = status;
  const { latency } = stats;
  const gauge = (key: string, value: number, meaning: string): Figure => ({
    key,
    value,
    kind: 'gauge',
    meaning,
  });
  const counter = (key: string, value: number, meaning: string): Figure => ({
    key,
    value,
    kind: 'counter',
    meaning,
  });
  return [
    gauge('uptime', Math.floor(status.uptimeMs), 'ms since the gateway was started'),
    {
      ...gauge('avg_latency', latency.averageMs, 'ms from the arrival of a request to its answer'),
      double: true,
    },
    gauge('max_latency', latency.maxMs, 'the longest of them, ms'),
    gauge('min_latency', latency.minMs, 'the shortest of them, ms'),
    // A reset of the statistics takes these two back to 0, so that they are no counters.
    gauge('packets_received', stats.received, 'requests that came'),
    gauge('packets_sent', stats.sent, 'answers and events that were sent'),
    gauge('num_alive_connections', connections.length, 'open connections'),
    gauge('outstanding_requests', status.outstanding, 'requests without an answer'),
    gauge('znode_count', counters.znodes, 'znodes of the namespace'),
    gauge('watch_count', status.watches().watches, "watches of this gateway's clients"),
    gauge('approximate_data_size', counters.bytes, 'bytes of data and paths in the namespace'),
    gauge('global_sessions', counters.sessions, 'sessions of the namespace'),
    gauge('local_sessions', 0, 'there are none'),
    {
      ...gauge(
        'connection_drop_probability',
        door.dropProbability,
        'the chance of a connection to be dropped',
      ),
      double: true,
    },
    gauge('outstanding_tls_handshake', door.tlsShaking, 'TLS handshakes under way'),
    counter('connection_rejected', door.rejected, 'connections that were turned away'),
    counter('unsuccessful_handshake', door.tlsFailures, 'TLS handshakes that failed'),
    counter(
      'throttled_ops',
      stats.throttled,
      'requests that were refused with ThrottledOp because they had waited too long',
    ),
    counter('quota_exceeded', stats.quotasExceeded, 'writes that went beyond a quota'),
    counter('auth_failed_count', stats.authFailures, 'authentications that failed'),
    ...summary('readlatency', stats.reads, 'reads'),
    ...summary('updatelatency', stats.updates, 'writes'),
    gauge('gateway_sessions', status.sessions, 'sessions that this gateway owns'),
    gauge('gateway_ready', status.ready ? 1 : 0, 'whether it serves'),
    gauge('gateway_read_only', status.mode === 'ro' ? 1 : 0, 'whether it serves reads alone'),
    gauge('head_zxid', status.head, 'the zxid up to which the gateway has read the log'),
    gauge('watermark_zxid', status.watermark, 'the zxid up to which the log is materialized'),
    gauge(
      'global_outstanding_limit',
      limits.globalOutstandingLimit,
      'requests without an answer at which it reads no more',
    ),
  ];
}

/** As ZooKeeper's own provider of metrics dumps a summary. */
function summary(name: string, stats: LatencyStats, of: string): readonly Figure[] {
  const gauge = (prefix: string, value: number, what: string): Figure => ({
    key: `${prefix}_${name}`,
    value,
    kind: 'gauge',
    meaning: `${what} of ${of}, ms`,
  });
  return [
    { ...gauge('avg', stats.averageMs, 'mean latency'), double: true },
    gauge('min', stats.minMs, 'shortest latency'),
    gauge('max', stats.maxMs, 'longest latency'),
    { ...gauge('cnt', stats.count, 'number'), meaning: `number of ${of}` },
    gauge('sum', Math.round(stats.sumMs), 'sum of the latencies'),
  ];
}
