import type { GatewaySessionsApi, KeeperApi, OpenSession } from '../keeper/types.js';
import { PASSWORD_BYTES, type ConnectRequest, type ConnectResponse } from '../wire/index.js';
import { negotiateTimeout, type GatewayLimits } from './options.js';

export type { ConnectRequest } from '../wire/index.js';

/** What tells a client that its session is over. */
export const refusedSession: ConnectResponse = {
  protocolVersion: 0,
  timeoutMs: 0,
  session: 0n,
  password: new Uint8Array(PASSWORD_BYTES),
};

/**
 * Opens the session that a client asks for. `expired` when it names one that is over, or has its password wrong; `ahead` when
 * the client has seen a zxid that the log does not reach: to serve it would show it an older state. Rejects with
 * KeeperError.
 */
export async function shakeHands(
  services: {
    readonly keeper: KeeperApi;
    readonly sessions: GatewaySessionsApi;
    readonly limits: GatewayLimits;
  },
  request: ConnectRequest,
): Promise<OpenSession | 'expired' | 'ahead'> {
  const { keeper, sessions, limits } = services;
  if (request.lastZxidSeen > keeper.head && !(await keeper.reach(request.lastZxidSeen))) return 'ahead';
  const timeoutMs = negotiateTimeout(request.timeoutMs, limits);
  if (request.session === 0n) return sessions.create(timeoutMs);
  const { session, password } = request;
  return (await sessions.attach({ session, password, timeoutMs })) ?? 'expired';
}
