import type { GatewaySessionsApi, KeeperApi, OpenSession } from '../keeper/types.js';
import { PASSWORD_BYTES, type ConnectRequest, type ConnectResponse } from '../wire/index.js';
import { negotiateTimeout, type GatewayLimits } from './options.js';
import type { ReadOnlySessions } from './read-only-sessions.js';
import type { Serving } from './serving.js';

export type { ConnectRequest } from '../wire/index.js';

/** What tells a client that its session is over. */
export const refusedSession: ConnectResponse = {
  protocolVersion: 0,
  timeoutMs: 0,
  session: 0n,
  password: new Uint8Array(PASSWORD_BYTES),
};

/**
 * `expired` when the client names a session that is over, or has its password wrong; `ahead` when it has seen a zxid that the log does
 * not reach: to serve it would show it an older state; `refused` when only reads are served, and not to it.
 */
export type HandshakeOutcome = OpenSession | 'expired' | 'ahead' | 'refused';

/** Why a client is hung up without an answer, for the log. */
export const WHY_NOT_SERVED = {
  ahead: 'the client has seen more than the log holds',
  refused: 'only reads are served, to new sessions of clients that allow it',
} as const;

/** Opens the session that a client asks for. Rejects with KeeperError. */
export async function shakeHands(
  services: {
    readonly keeper: KeeperApi;
    readonly sessions: GatewaySessionsApi;
    readonly limits: GatewayLimits;
    readonly serving: Serving;
    readonly readOnlySessions: ReadOnlySessions;
  },
  request: ConnectRequest,
): Promise<HandshakeOutcome> {
  const { keeper, sessions, limits, serving, readOnlySessions } = services;
  if (serving.mode === 'ro') return readOnlySessions.open(request);
  if (request.lastZxidSeen > keeper.head && !(await keeper.reach(request.lastZxidSeen))) return 'ahead';
  const timeoutMs = negotiateTimeout(request.timeoutMs, limits);
  if (request.session === 0n) return sessions.create(timeoutMs);
  const { session, password } = request;
  return (await sessions.attach({ session, password, timeoutMs })) ?? 'expired';
}
