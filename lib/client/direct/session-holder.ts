import { hostname } from 'node:os';
import { sleep, type CancelTimer, type Clock } from '../../base/clock.js';
import { instantOf, NEVER, type Instant } from '../../base/instant.js';
import type { Random } from '../../base/random.js';
import { ErrorCode } from '../../core/errors.js';
import { recordKey } from '../../core/state.js';
import type { SessionId } from '../../core/types.js';
import type { Keeper } from '../../keeper/keeper.js';
import { Reaper } from '../../keeper/reaper.js';
import { GatewaySessions } from '../../keeper/sessions.js';
import { KeeperError, type Commit, type OpenSession, type SessionEnd } from '../../keeper/types.js';
import type { Store } from '../../log/store.js';
import { backoffMs, type RetryPolicy } from '../backoff.js';
import { errorFrom, type ZeroKeeperError } from '../errors.js';
import type { SessionReference } from '../options.js';
import { errorOfFailure, isRetriable, sessionOver } from './errors.js';
import { BEAT_FRACTION, BEAT_MS_MAX, BEAT_MS_MIN } from './limits.js';

export interface SessionHolderOptions {
  readonly store: Store;
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly random: Random;
  readonly retry: RetryPolicy;
  readonly isClockTrusted: () => boolean;
  readonly reap: boolean;
  readonly timeoutMs: number;
  /** Nobody vouches for the session at the moment. It is attached again as soon as that is possible. */
  readonly onSuspended: (reason: ZeroKeeperError) => void;
  /** The session is this process's again, with another epoch. */
  readonly onAttached: () => void;
  /** The session is over or somebody else's. Told while the log is being read: more of the same entry may follow. */
  readonly onLost: (reason: ZeroKeeperError) => void;
}

/**
 * A client's session, owned by the client's own process as a gateway owns those of its clients: with a lease that vouches for
 * it, and with heartbeats that stop when the process does.
 */
export class SessionHolder {
  readonly #options: SessionHolderOptions;
  readonly #sessions: GatewaySessions;
  readonly #reaper: Reaper;
  /** Ids of this process's leases: an attach of any other owner is somebody else's. */
  readonly #ownIds = new Set<string>();
  #open: OpenSession | undefined;
  #attaching = false;
  #over = false;
  #vouchedAt = NEVER;
  #cancelBeat: CancelTimer | undefined;
  #unlisten: (() => void)[] = [];

  constructor(options: SessionHolderOptions) {
    this.#options = options;
    const { store, keeper, clock, random, isClockTrusted } = options;
    const shared = { store, keeper, clock, random, isClockTrusted };
    const address = () => `direct:${hostname()}:${process.pid}`;
    this.#sessions = new GatewaySessions({ ...shared, address, kind: 'client' });
    const isOwnGateway = (id: string) => id === this.#sessions.lease.gatewayId;
    this.#reaper = new Reaper({ ...shared, isOwnGateway });
  }

  get session(): OpenSession | undefined {
    return this.#open;
  }

  /** When the renewal was sent that vouched for the session last. */
  get vouchedAt(): Instant {
    return this.#vouchedAt;
  }

  /** The session while this process may act for it. */
  get owned(): OpenSession | undefined {
    return this.#attaching || this.#isOver() ? undefined : this.#open;
  }

  /** Creates the session or attaches the one that is given. Tries until the signal aborts. */
  async open(reference: SessionReference | undefined, signal: AbortSignal): Promise<{ cxid: number }> {
    const { clock, random, retry } = this.#options;
    const parsed = reference === undefined ? undefined : parseReference(reference);
    // Who was abandoned before the keeper had started must not begin to vouch for anything.
    if (this.#isOver()) throw sessionOver();
    await this.#sessions.start();
    for (let failures = 1; ; failures++) {
      try {
        this.#open = await this.#enter(parsed);
        break;
      } catch (error) {
        const known = errorOfFailure(error);
        if (!(error instanceof KeeperError) || !isRetriable(error) || signal.aborted) throw known;
        await sleep(clock, backoffMs(retry, failures, random), signal).catch(() => {
          throw known;
        });
      }
    }
    const cxid = await this.#cxid(this.#open.session);
    if (this.#isOver()) throw sessionOver();
    this.#ownIds.add(this.#sessions.lease.gatewayId);
    this.#unlisten = [
      this.#options.keeper.onCommit((commit) => this.#onCommit(commit)),
      this.#sessions.onEnd((session, end) => this.#onEnd(session, end)),
    ];
    if (this.#options.reap) this.#reaper.start();
    this.#beat();
    return { cxid };
  }

  /** A sign of life. False when nobody may act for the session now. */
  touch(): boolean {
    const { owned } = this;
    if (owned === undefined) return false;
    if (this.#touch(owned)) return true;
    this.#suspend();
    return false;
  }

  #touch({ session }: OpenSession): boolean {
    if (!this.#sessions.touch(session)) return false;
    const { monotonicMs, wallMs } = instantOf(this.#options.clock);
    const { ageMs } = this.#sessions.lease;
    this.#vouchedAt = { monotonicMs: monotonicMs - ageMs, wallMs: wallMs - ageMs };
    return true;
  }

  /** The log refuses the epoch that we believe in. */
  suspect(): void {
    if (this.owned !== undefined) this.#suspend();
  }

  /** Closes the session if it is open, and leaves no rows behind. The time it takes is the caller's to bound. */
  async close(): Promise<void> {
    this.#end();
    const open = this.#open;
    try {
      if (open !== undefined && this.#sessions.size > 0) await this.#sessions.close(open.session);
    } finally {
      await this.#sessions.leave();
    }
  }

  /** Goes on no more; nothing is written any more for a session that is not ours. */
  async abandon(): Promise<void> {
    this.#end();
    await this.#sessions.leave();
  }

  #end(): void {
    this.#over = true;
    this.#reaper.stop();
    this.#cancelBeat?.();
    for (const unlisten of this.#unlisten) unlisten();
  }

  #isOver(): boolean {
    return this.#over;
  }

  async #enter(reference: ParsedReference | undefined): Promise<OpenSession> {
    const { timeoutMs } = this.#options;
    if (reference === undefined) return this.#sessions.create(timeoutMs);
    const attached = await this.#sessions.attach({ ...reference, timeoutMs });
    if (attached === undefined) throw sessionOver();
    return attached;
  }

  /** The number of the session's last write. Nobody else raises it any more once the attach is in the log. */
  async #cxid(session: SessionId): Promise<number> {
    const { replica } = this.#options.keeper;
    for (;;) {
      const record = replica.view.session(session);
      if (record === null) throw sessionOver();
      if (record !== undefined) return record.cxid;
      await replica.hydrate([recordKey.session(session)]);
    }
  }

  #beat(): void {
    const { clock, timeoutMs } = this.#options;
    if (this.#isOver()) return;
    this.#ownIds.add(this.#sessions.lease.gatewayId);
    this.touch();
    const pauseMs = Math.min(BEAT_MS_MAX, Math.max(BEAT_MS_MIN, timeoutMs * BEAT_FRACTION));
    this.#cancelBeat = clock.after(pauseMs, () => this.#beat());
  }

  /** Another owner's attach ends our session also while we are about to attach it ourselves. */
  #onCommit({ txn: { effect } }: Commit): void {
    if (effect.type !== 'attach' || effect.session !== this.#open?.session) return;
    this.#ownIds.add(this.#sessions.lease.gatewayId);
    if (!this.#ownIds.has(effect.owner)) this.#onEnd(effect.session, 'moved');
  }

  #onEnd(session: SessionId, end: SessionEnd): void {
    if (session !== this.#open?.session || this.#isOver()) return;
    if (end === 'fenced') this.#suspend();
    else this.#lose(end === 'closed' ? sessionOver() : errorFrom({ code: ErrorCode.SessionMoved }));
  }

  #lose(reason: ZeroKeeperError): void {
    if (this.#isOver()) return;
    this.#end();
    this.#options.onLost(reason);
  }

  #suspend(): void {
    if (this.#attaching || this.#isOver()) return;
    this.#attaching = true;
    const message = 'the store does not answer: nobody vouches for the session';
    this.#options.onSuspended(errorFrom({ code: ErrorCode.ConnectionLoss, message }));
    this.#attachAgain().catch((error: unknown) => this.#lose(errorOfFailure(error)));
  }

  async #attachAgain(): Promise<void> {
    const { clock, random, retry, timeoutMs } = this.#options;
    for (let failures = 1; !this.#isOver(); failures++) {
      const open = this.#open;
      if (open === undefined) return;
      try {
        const replacesEpoch = open.epoch;
        const attached = await this.#sessions.attach({ ...open, timeoutMs, replacesEpoch });
        if (this.#isOver()) return;
        if (attached === undefined) {
          this.#lose(sessionOver());
          return;
        }
        this.#open = attached;
        if (this.#touch(attached)) break;
      } catch (error) {
        if (!(error instanceof KeeperError) || error.code === 'Compacted') throw error;
      }
      await sleep(clock, backoffMs(retry, failures, random));
    }
    if (this.#isOver()) return;
    this.#attaching = false;
    this.#options.onAttached();
  }
}

interface ParsedReference {
  readonly session: SessionId;
  readonly password: Uint8Array;
}

function parseReference({ id, password }: SessionReference): ParsedReference {
  if (!/^[0-9a-f]{1,16}$/i.test(id) || !/^[0-9a-f]{32}$/i.test(password)) {
    const message = 'a session is an id of up to 16 hex digits and a password of 32';
    throw errorFrom({ code: ErrorCode.BadArguments, message });
  }
  return { session: BigInt('0x' + id), password: new Uint8Array(Buffer.from(password, 'hex')) };
}
