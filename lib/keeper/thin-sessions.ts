import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../base/clock.js';
import { elapsedMs, instantOf } from '../base/instant.js';
import type { Logger } from '../base/logger.js';
import type { Random } from '../base/random.js';
import { ErrorCode } from '../core/errors.js';
import { recordKey } from '../core/state.js';
import { NO_SESSION } from '../core/types.js';
import type { Refusal, SessionId, SessionRecord, Zxid } from '../core/types.js';
import type { Store } from '../log/store.js';
import { tooManySessions } from './allowance.js';
import { currentSession } from './current-session.js';
import type { Keeper } from './keeper.js';
import type { GuardedOrigin } from './planner.js';
import { withRetries } from './retry.js';
import { isTombstone, stateKey } from './rows.js';
import { ThinExpiry } from './thin-expiry.js';
import { ThinLeases } from './thin-leases.js';
import type { LeaseHolder, ThinLease } from './thin-leases.js';
import { THIN_OPEN_MS_MAX, THIN_TIMEOUT_LONGEST_MS, THIN_TIMEOUT_SHORTEST_MS } from './thin-limits.js';
import type { Timers } from './thin-timers.js';
import type { WriteOutcome } from './types.js';

export interface ThinSessionsOptions {
  readonly store: Store;
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly isClockTrusted?: () => boolean;
}

/** A thin session as its client gets to know it. */
export interface ThinSession extends LeaseHolder {
  /** Ms, as negotiated. */
  readonly timeoutMs: number;
  /** A zxid at which the session stood so in the log. */
  readonly zxid: Zxid;
  /** The session's last write that ended in the log. */
  readonly cxid: number;
}

/** The session is over, or another holder has it. When it is over, closeSession stands in the log already. */
export type ThinRefusal = 'SessionExpired' | 'SessionMoved';

export type ThinOpened = ThinSession | ThinRefusal;

const ANYONE: GuardedOrigin = { session: NO_SESSION, epoch: 0, authIds: [] };
const EXPIRED: Refusal = { code: ErrorCode.SessionExpired };
const PASSWORD_BYTES = 16;

/**
 * Sessions of clients without a connection (I11, I12): the log says who a session belongs to, a lease row of its own until when
 * it lives. Nothing is kept here but what saves reading; any instance goes on where another has left off.
 */
export class ThinSessions {
  readonly leases: ThinLeases;
  readonly expiry: ThinExpiry;
  readonly #options: ThinSessionsOptions;

  constructor(options: ThinSessionsOptions) {
    this.#options = options;
    const { keeper, timers } = options;
    this.leases = new ThinLeases({ ...options, namespace: keeper.namespace });
    this.expiry = new ThinExpiry({ keeper, leases: this.leases, timers });
  }

  /**
   * Creates the session that `openId` stands for, or finds it. Everything about it follows from `openId`, a secret of 16 random
   * bytes, so an open that is sent again, even to another instance at the same time, ends in the same session. One whose session
   * was closed since is told so: it never comes to life a second time, for copies of its writes could then act again.
   */
  async open(openId: Uint8Array, askedTimeoutMs: number): Promise<ThinOpened> {
    const { keeper } = this.#options;
    const made = sessionOf(openId);
    const { clock } = this.#options;
    const begun = instantOf(clock);
    const isOld = () => elapsedMs(begun, instantOf(clock)) > THIN_OPEN_MS_MAX;
    const heard = { closed: false };
    const release = keeper.replica.unbroken();
    const unlisten = keeper.onCommit(({ txn: { effect } }) => {
      if (effect.type === 'closeSession' && effect.session === made.session) heard.closed = true;
    });
    try {
      await keeper.replica.start();
      const wasClosed = this.#wasClosed(made.session);
      const record = await this.#current(made.session, wasClosed);
      if (record !== null) return await this.#openedBefore(made, record);
      if ((await wasClosed) || heard.closed) return 'SessionExpired';
      // Whoever has slept meanwhile knows of tombstones that are gone by now.
      const guard = () => (heard.closed || isOld() ? EXPIRED : undefined);
      return await this.#create(made, negotiate(askedTimeoutMs), { ...ANYONE, guard });
    } finally {
      unlisten();
      release();
    }
  }

  async #current(session: SessionId, beside: Promise<unknown>): Promise<SessionRecord | null> {
    const [record] = await Promise.all([currentSession(this.#options.keeper.replica, session), beside]);
    return record;
  }

  /**
   * Whether a session with this id was closed, as far as tombstones (a day) and the window tell. Together with what is heard
   * of commits from now on it is complete: the row shows everything up to the window's base, the window the rest.
   */
  async #wasClosed(session: SessionId): Promise<boolean> {
    const { store, keeper } = this.#options;
    const { replica } = keeper;
    const hold = replica.window.hold();
    try {
      const key = stateKey.session(keeper.namespace, session);
      const row = await withRetries(this.#options, () => store.get('state', key));
      if (row !== undefined && isTombstone(row)) return true;
      const items = replica.window.items(recordKey.session(session));
      return items.some(({ txn }) => txn.effect.type === 'closeSession');
    } finally {
      hold.release();
    }
  }

  async #create(made: MadeSession, timeoutMs: number, origin: GuardedOrigin): Promise<ThinOpened> {
    const { session, attachId, password } = made;
    const holder = { session, epoch: 1 };
    const lease = await this.leases.write(holder, timeoutMs);
    const passwordHash = sha256(password);
    const request = { kind: 'createSession', session, owner: '', attachId, timeoutMs, passwordHash } as const;
    const [outcome] = await Promise.all([this.#options.keeper.write(request, origin), this.#setTimer(lease)]);
    if (!outcome.ok) {
      if (outcome.refusal.code === ErrorCode.QuotaExceeded) throw tooManySessions();
      return 'SessionExpired';
    }
    return this.#vouched({ ...holder, timeoutMs, zxid: outcome.zxid, cxid: 0 });
  }

  async #openedBefore(made: MadeSession, record: SessionRecord): Promise<ThinOpened> {
    const isOwn = record.epoch === 1 && record.attachId === made.attachId;
    return isOwn ? this.#ownAgain(made.session, record) : 'SessionMoved';
  }

  /** An open or attach that stands in the log already: its timer may never have been set. */
  async #ownAgain(session: SessionId, record: SessionRecord): Promise<ThinOpened> {
    const lease = await this.leases.read({ session, epoch: record.epoch });
    if (lease !== undefined) await this.#setTimer(lease);
    return this.#vouched({ ...recordOf(session, record), zxid: this.#options.keeper.head });
  }

  /**
   * Takes a session over for a new epoch. `epoch` is the one that the client believes in; an attach that is sent again finds its
   * own by `attachId`. A wrong password is answered as ZooKeeper does, as if there were no such session.
   */
  async attach(input: {
    session: SessionId;
    password: Uint8Array;
    timeoutMs: number;
    epoch: number;
    attachId: Uint8Array;
    /** Awaited before a session that a gateway owned is taken over. */
    beforeTakeover?: () => Promise<void>;
  }): Promise<ThinOpened> {
    const { keeper } = this.#options;
    const { session } = input;
    const attachId = Buffer.from(input.attachId).toString('hex');
    const record = await currentSession(keeper.replica, session);
    if (record === null || !isPassword(input.password, record)) return 'SessionExpired';
    const epoch = input.epoch + 1;
    if (record.epoch === epoch && record.attachId === attachId) return this.#ownAgain(session, record);
    if (record.epoch !== input.epoch) return 'SessionMoved';
    if (record.owner !== '') await input.beforeTakeover?.();
    const timeoutMs = negotiate(input.timeoutMs);
    const lease = await this.leases.write({ session, epoch }, timeoutMs);
    const request = {
      kind: 'attach',
      session,
      owner: '',
      attachId,
      timeoutMs,
      replacesEpoch: input.epoch,
    } as const;
    const [outcome] = await Promise.all([keeper.write(request, ANYONE), this.#setTimer(lease)]);
    if (!outcome.ok) return refusalOf(outcome);
    // Writes of the old epoch may have come in before the attach, but none after it.
    const now = keeper.replica.view.session(session) ?? (await currentSession(keeper.replica, session));
    if (now === null) return 'SessionExpired';
    return this.#vouched({ session, epoch, timeoutMs, zxid: outcome.zxid, cxid: now.cxid });
  }

  /** Appends closeSession. Closing what is closed already succeeds. */
  async close(holder: LeaseHolder): Promise<{ readonly zxid: Zxid } | 'SessionMoved'> {
    const { keeper, logger } = this.#options;
    const { session, epoch } = holder;
    const outcome = await keeper.write({ kind: 'closeSession', session, epoch }, ANYONE);
    if (!outcome.ok) return 'SessionMoved';
    // The row is nobody's by now. Where this fails, its timer or its time to live takes it away.
    await this.leases.drop(holder).catch((error: unknown) => {
      logger.warn('the lease of a closed session could not be deleted', {
        session: session.toString(16),
        error,
      });
    });
    return { zxid: outcome.zxid };
  }

  /**
   * A sign of life of the session's holder; whether the lease vouches for it. When it does not, the session is expired here
   * and now, if it still is at that epoch, so that its client's next one meets no ghosts.
   */
  async touch(holder: LeaseHolder): Promise<ThinRefusal | undefined> {
    if (await this.leases.touch(holder)) return undefined;
    const record = await currentSession(this.#options.keeper.replica, holder.session);
    if (record !== null && (record.epoch !== holder.epoch || record.owner !== '')) return 'SessionMoved';
    const outcome = record === null ? undefined : await this.expiry.expireRecord(holder.session, record, 0);
    if (outcome?.kind === 'moved') return 'SessionMoved';
    return outcome?.kind === 'alive' ? undefined : 'SessionExpired';
  }

  /** What was appended is only worth its answer while the lease that was written before it is alive. */
  async #vouched(session: ThinSession): Promise<ThinOpened> {
    return (await this.touch(session)) ?? session;
  }

  /** A timer that cannot be set makes expiry late, not wrong: the sweep and the time to live are behind it. */
  async #setTimer(lease: ThinLease): Promise<void> {
    try {
      await this.expiry.setTimer(lease);
    } catch (error) {
      const session = lease.session.toString(16);
      this.#options.logger.warn('the timer of a session could not be set', { session, error });
    }
  }
}

interface MadeSession {
  readonly session: SessionId;
  readonly password: Uint8Array;
  readonly attachId: string;
}

/** The session that an `openId` stands for. Ids are positive: negative ones mark container and TTL znodes. */
export function sessionOf(openId: Uint8Array): MadeSession {
  const part = (name: string) => createHash('sha256').update(`zerokeeper ${name}\n`).update(openId).digest();
  const id = part('session').readBigUInt64BE() & 0x7fff_ffff_ffff_ffffn;
  return {
    session: id === NO_SESSION ? 1n : id,
    password: new Uint8Array(part('password').subarray(0, PASSWORD_BYTES)),
    attachId: part('attach').subarray(0, 16).toString('hex'),
  };
}

function recordOf(session: SessionId, record: SessionRecord): Omit<ThinSession, 'zxid'> {
  return { session, epoch: record.epoch, timeoutMs: record.timeoutMs, cxid: record.cxid };
}

function refusalOf(outcome: WriteOutcome & { ok: false }): ThinRefusal {
  return outcome.refusal.code === ErrorCode.SessionMoved ? 'SessionMoved' : 'SessionExpired';
}

/** The session timeout that a thin client gets for the one it asked for. */
function negotiate(askedMs: number): number {
  return Math.min(THIN_TIMEOUT_LONGEST_MS, Math.max(THIN_TIMEOUT_SHORTEST_MS, Math.floor(askedMs)));
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

function isPassword(password: Uint8Array, record: SessionRecord): boolean {
  return timingSafeEqual(sha256(password), record.passwordHash);
}
