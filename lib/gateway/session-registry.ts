import type { SessionId } from '../core/types.js';

/** A connection that holds a session. */
export interface Holder {
  readonly session: SessionId;
  readonly epoch: number;
  end(reason: string): void;
}

/** Which connection of a gateway holds which session: one at most. */
export class SessionRegistry<Connection extends Holder> {
  readonly #bySession = new Map<SessionId, Connection>();

  get(session: SessionId): Connection | undefined {
    return this.#bySession.get(session);
  }

  /**
   * Makes the connection its session's holder and hangs up the one before. False when the session has a holder with a
   * later epoch: then the newcomer is the one that is late.
   */
  register(connection: Connection): boolean {
    const holder = this.#bySession.get(connection.session);
    if (holder !== undefined) {
      if (holder.epoch > connection.epoch) return false;
      this.hangUp(connection.session);
    }
    this.#bySession.set(connection.session, connection);
    return true;
  }

  /** Forgets a connection, if it still holds its session. */
  unregister(connection: Connection): void {
    if (this.#bySession.get(connection.session) === connection) this.#bySession.delete(connection.session);
  }

  /** Hangs up whoever holds the session here. */
  hangUp(session: SessionId): void {
    this.#bySession.get(session)?.end('its client has reconnected');
  }
}
