import { ErrorCode } from '../core/errors.js';
import { NO_SESSION } from '../core/types.js';
import type { SessionId, SessionRecord, Zxid } from '../core/types.js';
import { currentSession } from './current-session.js';
import type { Keeper } from './keeper.js';
import { REAP_ALLOWANCE_MS } from './limits.js';
import type { LeaseHolder, ThinLease, ThinLeases } from './thin-leases.js';
import { TIMER_DELAY_MS_MAX } from './thin-limits.js';
import type { Timers } from './thin-timers.js';

export interface ThinExpiryOptions {
  readonly keeper: Keeper;
  readonly leases: ThinLeases;
  readonly timers: Timers;
}

/** What became of a session that may have expired. */
export type ExpiryOutcome =
  /** closeSession stands in the log, by this call. */
  | { readonly kind: 'closed'; readonly zxid: Zxid }
  /** It was closed before, or never was. */
  | { readonly kind: 'over' }
  /** Its lease is good until then. */
  | { readonly kind: 'alive'; readonly lease: ThinLease }
  /** Another epoch stands in the log, or a gateway owns it by now. */
  | { readonly kind: 'moved' };

/** A timer message as it is delivered: `deliveryId` is the same each time the same message is. */
export interface TimerDelivery extends LeaseHolder {
  readonly deadlineMs: number;
  readonly chain: string;
  readonly deliveryId: string;
}

/**
 * The one path on which thin sessions expire (I12), whoever calls: a timer, the record of a removed lease, the sweep, or a
 * request that came too late. It may be called at any time, for any session, any number of times, side by side.
 *
 * The logged epoch is read first, its lease then. A lease is written before its epoch is logged and never brought back, so an
 * absent row means that the session is over, and closeSession names exactly the epoch that was found so.
 */
export class ThinExpiry {
  readonly #options: ThinExpiryOptions;

  constructor(options: ThinExpiryOptions) {
    this.#options = options;
  }

  /**
   * Closes the session if its lease is over. Reapers allow for clocks that differ by `allowanceMs`; who has refused to renew
   * the lease by the same clock need not.
   */
  async expire(session: SessionId, allowanceMs = REAP_ALLOWANCE_MS): Promise<ExpiryOutcome> {
    const record = await currentSession(this.#options.keeper.replica, session);
    if (record === null) return { kind: 'over' };
    return this.expireRecord(session, record, allowanceMs);
  }

  /** {@link expire} for a record that was read at the log's end before. */
  async expireRecord(
    session: SessionId,
    record: SessionRecord,
    allowanceMs = REAP_ALLOWANCE_MS,
  ): Promise<ExpiryOutcome> {
    const { leases, keeper } = this.#options;
    if (record.owner !== '') return { kind: 'moved' };
    const { epoch } = record;
    const lease = await leases.read({ session, epoch });
    if (lease !== undefined) {
      if (keeper.clock.now() < lease.deadlineMs + allowanceMs) return { kind: 'alive', lease };
      if (!(await leases.deleteLapsed(lease))) {
        const renewed = await leases.read({ session, epoch });
        if (renewed !== undefined) return { kind: 'alive', lease: renewed };
      }
    }
    return this.close({ session, epoch });
  }

  /** Appends closeSession for this epoch. */
  async close({ session, epoch }: LeaseHolder): Promise<ExpiryOutcome> {
    const origin = { session: NO_SESSION, epoch: 0, authIds: [] };
    const outcome = await this.#options.keeper.write({ kind: 'closeSession', session, epoch }, origin);
    if (!outcome.ok) return { kind: outcome.refusal.code === ErrorCode.SessionMoved ? 'moved' : 'over' };
    return outcome.logged ? { kind: 'closed', zxid: outcome.zxid } : { kind: 'over' };
  }

  /**
   * A timer fired. If the lease was renewed, the chain goes on with a message for the new deadline. It ends with the lease,
   * with the epoch, or where the lease names another message.
   */
  async onTimer(delivery: TimerDelivery): Promise<ExpiryOutcome> {
    const { session, epoch } = delivery;
    const record = await currentSession(this.#options.keeper.replica, session);
    if (record === null) return this.#tidy(delivery, { kind: 'over' });
    if (record.epoch !== epoch) return this.#tidy(delivery, { kind: 'moved' }, record.epoch);
    const outcome = await this.expireRecord(session, record);
    if (outcome.kind === 'alive') await this.#passOn(outcome.lease, delivery);
    return outcome;
  }

  /** The lease of an epoch that the log has left behind is nobody's. One that is ahead of the log is being attached. */
  async #tidy(delivery: LeaseHolder, outcome: ExpiryOutcome, loggedEpoch = Infinity): Promise<ExpiryOutcome> {
    if (delivery.epoch < loggedEpoch) await this.#options.leases.drop(delivery);
    return outcome;
  }

  async #passOn(lease: ThinLease, delivery: TimerDelivery): Promise<void> {
    const next = await this.#options.leases.passOn(lease, delivery.chain, delivery.deliveryId);
    if (next !== undefined) await this.setTimer({ ...lease, chain: next });
  }

  /** Sends the message that the lease's chain names. */
  async setTimer(lease: ThinLease): Promise<void> {
    const { keeper, timers } = this.#options;
    const { session, epoch, chain, deadlineMs } = lease;
    const waitMs = deadlineMs + REAP_ALLOWANCE_MS - keeper.clock.now();
    const delayMs = Math.min(TIMER_DELAY_MS_MAX, Math.max(0, waitMs));
    await timers.schedule(
      { kind: 'session', namespace: keeper.namespace, session, epoch, chain, deadlineMs },
      delayMs,
    );
  }
}
