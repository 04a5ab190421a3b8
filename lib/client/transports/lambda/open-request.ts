import type { LambdaTransportOptions } from './lambda-transport.js';
import type { LinkRequest } from './link.js';

/** What opens a session, or attaches one. Made once and sent as it is until it is answered: its random id makes that safe. */
export function openRequest(options: LambdaTransportOptions): LinkRequest {
  const { random, session, sessionTimeoutMs: timeoutMs } = options;
  const requestId = Buffer.from(random.bytes(16)).toString('base64');
  if (session === undefined || session === false) return { type: 'open', timeoutMs, openId: requestId };
  return {
    type: 'attach',
    session: session.id,
    password: Buffer.from(session.password, 'hex').toString('base64'),
    epoch: session.epoch ?? 0,
    timeoutMs,
    attachId: requestId,
    seen: 0,
  };
}
