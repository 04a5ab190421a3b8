import { ErrorCode } from '../core/errors.js';
import type { AuthId } from '../core/types.js';
import type { RequestOf } from '../wire/index.js';
import type { SessionConnection } from './session-requests.js';

interface Asked<Name extends 'auth' | 'sasl'> {
  readonly xid: number;
  readonly body: RequestOf<Name>;
}

/** Adds what the packet proves; a connection that cannot prove what it says is over. */
export function answerAuth(connection: SessionConnection, { xid, body }: Asked<'auth'>): void {
  const { authentication, address } = connection;
  const ids = authentication.prove(body.scheme, { proof: body.auth, address });
  if (ids === undefined || !addIds(connection, ids)) {
    connection.count('authFailures');
    connection.reply({ xid, zxid: 0, err: ErrorCode.AuthFailed });
    connection.end('authentication failed');
    return;
  }
  connection.reply({ xid, zxid: 0, err: 0 });
}

/** A ZooKeeper without SASL neither refuses nor vouches for anybody: its token is null. */
export function answerSasl(connection: SessionConnection, { xid, body }: Asked<'sasl'>): void {
  const step = connection.authentication.sasl(body.token);
  const failed = step?.kind === 'failed' || (step?.ids !== undefined && !addIds(connection, step.ids));
  if (failed) {
    connection.count('authFailures');
    // Java's client reads the body of every reply to its token, whatever the header says, and gives up only when the token is null.
    const refusal = { name: 'sasl', body: { token: undefined } } as const;
    connection.reply({ xid, zxid: 0, err: ErrorCode.AuthFailed }, refusal);
    connection.end(step.kind === 'failed' ? `SASL failed: ${step.reason}` : 'too many ids');
    return;
  }
  connection.reply({ xid, zxid: 0, err: 0 }, { name: 'sasl', body: { token: step?.token } });
}

/** False when there is no room for them. */
function addIds(connection: SessionConnection, ids: readonly AuthId[]): boolean {
  const { authIds, limits } = connection;
  const added = ids.filter(
    ({ scheme, id }) => !authIds.some((one) => one.scheme === scheme && one.id === id),
  );
  if (authIds.length + added.length > Math.max(limits.authIdsPerConnectionMax, authIds.length)) return false;
  connection.authIds = [...authIds, ...added];
  return true;
}
