import { timingSafeEqual } from 'node:crypto';

import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { NO_SESSION, type SessionId, type Zxid } from '../core/types.js';
import type { OpenSession } from '../keeper/types.js';
import { PASSWORD_BYTES, type ConnectRequest } from '../wire/index.js';
import type { HandshakeOutcome } from './handshake.js';
import { negotiateTimeout, type GatewayLimits } from './options.js';
import type { SessionLife } from './session-requests.js';

/** Sessions at a time, those included whose clients are away. */
export const READ_ONLY_SESSIONS_MAX = 50_000;

interface ReadOnlySession {
  readonly password: Uint8Array;
  readonly timeoutMs: number;
  heardAtMs: number;
}

export interface ReadOnlySessionsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Pick<GatewayLimits, 'minSessionTimeoutMs' | 'maxSessionTimeoutMs'>;
  readonly head: () => Zxid;
}

/**
 * Sessions of a gateway that serves reads alone: it knows them and nobody else does, for there is no log to write them to. They own
 * nothing, may come back to this gateway for as long as it serves reads alone, and are over when it does not any more.
 */
export class ReadOnlySessions implements SessionLife {
  readonly #options: ReadOnlySessionsOptions;
  readonly #sessions = new Map<SessionId, ReadOnlySession>();

  constructor(options: ReadOnlySessionsOptions) {
    this.#options = options;
  }

  /**
   * Opens a session for a client that allows a server which only reads. `expired` for a session of this gateway with a wrong password;
   * `refused` for clients that do not allow it, and for sessions that are in the log: nobody can tell here whether they live on, and a
   * client that is told `connected` would go on with what they hold.
   */
  open(request: ConnectRequest): HandshakeOutcome {
    const { limits, head } = this.#options;
    if (request.readOnly !== true) return 'refused';
    if (request.lastZxidSeen > head()) return 'ahead';
    const timeoutMs = negotiateTimeout(request.timeoutMs, limits);
    return request.session === NO_SESSION ? this.#create(timeoutMs) : this.#resume(request, timeoutMs);
  }

  touch(session: SessionId): boolean {
    const known = this.#sessions.get(session);
    if (known === undefined) return false;
    known.heardAtMs = this.#options.clock.monotonic();
    return true;
  }

  close(session: SessionId): Promise<{ readonly ok: boolean; readonly zxid: Zxid }> {
    return Promise.resolve({ ok: this.#sessions.delete(session), zxid: this.#options.head() });
  }

  /** Forgets the sessions that were not heard of for their timeout, and tells which they were. */
  expire(): SessionId[] {
    const nowMs = this.#options.clock.monotonic();
    const expired = [...this.#sessions].filter(
      ([, { heardAtMs, timeoutMs }]) => nowMs - heardAtMs > timeoutMs,
    );
    return expired.map(([session]) => {
      this.#sessions.delete(session);
      return session;
    });
  }

  clear(): void {
    this.#sessions.clear();
  }

  #create(timeoutMs: number): OpenSession | 'refused' {
    const { random } = this.#options;
    if (this.#sessions.size >= READ_ONLY_SESSIONS_MAX) return 'refused';
    const session = Buffer.from(random.bytes(8)).readBigUInt64BE() & 0x7fff_ffff_ffff_ffffn;
    return this.#enter(session, { password: random.bytes(PASSWORD_BYTES), timeoutMs });
  }

  #resume({ session, password }: ConnectRequest, timeoutMs: number): OpenSession | 'expired' | 'refused' {
    const known = this.#sessions.get(session);
    if (known === undefined) return 'refused';
    if (password.length !== PASSWORD_BYTES || !timingSafeEqual(password, known.password)) return 'expired';
    return this.#enter(session, { password, timeoutMs });
  }

  #enter(session: SessionId, as: { password: Uint8Array; timeoutMs: number }): OpenSession {
    this.#sessions.set(session, { ...as, heardAtMs: this.#options.clock.monotonic() });
    return { session, epoch: 0, ...as };
  }
}
