import type { SessionId, Zxid } from '../core/types.js';
import type { GatewayInfo } from '../keeper/types.js';
import type { WatchSummary } from '../keeper/watches.js';
import type { Counters } from '../log/entry.js';
import type { GatewayLimits } from './options.js';
import type { ServingMode } from './serving.js';
import type { GatewayStats, PacketStats } from './stats.js';

/** A connection as `cons` and `stat` list it. */
export interface ConnectionStatus {
  /** HOST:PORT of the client. */
  readonly peer: string;
  /** Whether it came by the port with TLS. */
  readonly secure: boolean;
  readonly outstanding: number;
  readonly stats: PacketStats;
  /** Undefined before the handshake is over. */
  readonly session:
    | {
        readonly id: SessionId;
        readonly timeoutMs: number;
        readonly establishedAtMs: number;
        readonly lastXid: number;
        readonly lastZxid: Zxid;
      }
    | undefined;
}

/** What has happened to connections before they were any. */
export interface DoorStatus {
  /** Turned away because there were too many, or too many at once. */
  readonly rejected: number;
  /** TLS handshakes that failed, since the start. */
  readonly tlsFailures: number;
  /** TLS handshakes under way. */
  readonly tlsShaking: number;
  /** The chance with which a connection is dropped, 0 to 1. */
  readonly dropProbability: number;
}

/** What words, commands and metrics tell about: one gateway, at one moment. */
export interface GatewayStatus {
  readonly namespace: string;
  /** False until the keeper has read the log's tail for the first time, and once the gateway stops. */
  readonly ready: boolean;
  /** What is served while the gateway is ready; `rw` unless it has a read-only mode. */
  readonly mode: ServingMode;
  readonly port: number;
  /** Undefined without TLS. */
  readonly securePort: number | undefined;
  readonly uptimeMs: number;
  readonly stats: GatewayStats;
  readonly outstanding: number;
  readonly connections: readonly ConnectionStatus[];
  readonly door: DoorStatus;
  readonly head: Zxid;
  readonly watermark: Zxid;
  readonly counters: Counters;
  /** Sessions that this gateway owns. */
  readonly sessions: number;
  readonly limits: GatewayLimits;
  watches(): WatchSummary;
  /** Every watched path of this gateway's clients, with who watches it. */
  watchedPaths(): Iterable<{ readonly session: SessionId; readonly path: string }>;
  /** The sessions that this gateway owns, with when they expire unless they are heard of, ms since 1970. */
  ownedSessions(): Iterable<{ readonly session: SessionId; readonly expiresAtMs: number }>;
  /** The ephemerals of those sessions that have any. */
  ephemerals(): Promise<ReadonlyMap<SessionId, readonly string[]>>;
  gateways(): Promise<readonly GatewayInfo[]>;
  /** The one thing about the gateway that operators change while it runs. */
  readonly counting: Counting;
}

/** What `srst`, `crst` and `stmk` act on. */
export interface Counting {
  /** Kept and told again; a gateway's log has levels, and no use for it. */
  traceMask: bigint;
  /** Forgets what was counted of all connections together. */
  resetServer(): void;
  /** Forgets what was counted of each connection that is open. */
  resetConnections(): void;
}
