import { createHash, timingSafeEqual } from 'node:crypto';
import { assert } from '../base/assert.js';
import type { CancelTimer, Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { ErrorCode } from '../core/errors.js';
import { NO_SESSION } from '../core/types.js';
import type { AttachTxn, CreateSessionTxn, Origin, SessionId, SessionRecord } from '../core/types.js';
import type { Store } from '../log/store.js';
import { tooManySessions } from './allowance.js';
import type { LeaseSubject } from './gateway-lease.js';
import { currentSession } from './current-session.js';
import { fenceAgeMs, GatewayLease } from './gateway-lease.js';
import type { Keeper } from './keeper.js';
import {
  ATTACH_ATTEMPTS_MAX,
  EXPIRY_TICK_MS,
  GATEWAY_IDLE_TIMEOUT_MS,
  READ_ATTEMPTS_MAX,
  SESSION_ID_ATTEMPTS_MAX,
} from './limits.js';
import { withRetries } from './retry.js';
import { leaseKey, rowKey } from './rows.js';
import type { Commit, GatewaySessionsApi, OpenSession, SessionEnd, WriteOutcome } from './types.js';
import { KeeperError } from './types.js';

export interface GatewaySessionsOptions {
  readonly store: Store;
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly random: Random;
  /** HOST:PORT for clients, as the list of gateways shows it. Known once the gateway listens. */
  readonly address: () => string;
  /** For a client with a keeper of its own, which nobody can connect to. */
  readonly kind?: 'client';
  readonly isClockTrusted?: () => boolean;
}

/** A session that this gateway owns. It stays while its client is away, until it expires or moves. */
interface OwnedSession {
  readonly epoch: number;
  readonly timeoutMs: number;
  readonly attachId: string;
  /** The gateway id whose lease vouches for it; '' before. A gateway that lost its lease goes on under another id. */
  owner: string;
  /** Monotonic ms of the last sign of life. */
  heardAtMs: number;
  /** False while createSession or attach is not in the log yet: it counts for the lease, but nothing may expire it. */
  open: boolean;
  /** Set while closeSession is on its way. */
  closing: boolean;
  /** What this gateway owned of the session before the attach that is on its way. */
  before: OwnedSession | undefined;
  /** The lease could not vouch for it for a moment, so others may have acted; until the next attach. */
  fenced: boolean;
}

const ANYONE: Origin = { session: NO_SESSION, epoch: 0, authIds: [] };
const PASSWORD_BYTES = 16;
/** A tick that comes this much too late means that the process slept: clients' signs of life are read first. */
const STALL_MS = 500;

/**
 * The sessions of one gateway. Ownership is decided in the log (I11): whoever appended the latest attach owns the session,
 * and every request names the epoch that it believes in. The lease only says how long others have to wait (I12).
 */
export class GatewaySessions implements GatewaySessionsApi {
  readonly lease: GatewayLease;
  readonly #options: GatewaySessionsOptions;
  readonly #owned = new Map<SessionId, OwnedSession>();
  readonly #listeners = new Set<(session: SessionId, end: SessionEnd) => void>();
  readonly #unlisten: () => void;
  /** Rows of sessions that are being tidied up. */
  readonly #drops = new Set<Promise<unknown>>();
  #cancelTick: CancelTimer | undefined;
  #tickedAtMs = 0;
  #stopped = true;

  constructor(options: GatewaySessionsOptions) {
    this.#options = options;
    const { keeper, store, clock, random } = options;
    this.lease = new GatewayLease({
      store,
      clock,
      namespace: keeper.namespace,
      newGatewayId: () => Buffer.from(random.bytes(8)).toString('hex'),
      subject: () => this.#leaseSubject(),
      isClockTrusted: options.isClockTrusted ?? (() => true),
      onRenewed: (reachedAgeMs) => this.#fenceOlderThan(reachedAgeMs),
    });
    const unlistenCommits = keeper.onCommit((commit) => this.#onCommit(commit));
    const unlistenLeaps = keeper.onLeap(() => this.#fenceOlderThan(Infinity));
    this.#unlisten = () => {
      unlistenCommits();
      unlistenLeaps();
    };
  }

  get size(): number {
    return this.#owned.size;
  }

  *owned() {
    const nowMs = this.#options.clock.monotonic();
    for (const [session, { timeoutMs, heardAtMs }] of this.#owned) {
      yield { session, leftMs: Math.max(0, heardAtMs + timeoutMs - nowMs) };
    }
  }

  /** Writes the gateway's lease row and begins to renew it. */
  async start(): Promise<void> {
    this.#stopped = false;
    await this.lease.start();
    this.#tickedAtMs = this.#options.clock.monotonic();
    this.#armTick();
  }

  /** Stops vouching after one last renewal: sessions live on for their timeout, for their clients to attach elsewhere. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelTick?.();
    this.#unlisten();
    this.lease.stop();
    await this.lease.renew();
  }

  /**
   * Stops, and leaves nothing behind when all sessions were closed: the rows of the sessions and the lease go. With sessions
   * left it is {@link stop}.
   */
  async leave(): Promise<void> {
    if (this.#stopped || this.size > 0) return this.stop();
    this.#stopped = true;
    this.#cancelTick?.();
    this.#unlisten();
    await Promise.all(this.#drops);
    await withRetries(this.#options, () => this.lease.withdraw());
  }

  onEnd(listener: (session: SessionId, end: SessionEnd) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async create(timeoutMs: number): Promise<OpenSession> {
    const { keeper, random } = this.#options;
    const password = random.bytes(PASSWORD_BYTES);
    for (let attempt = 0; attempt < SESSION_ID_ATTEMPTS_MAX; attempt++) {
      const session = newSessionId(random);
      const passwordHash = hashPassword(password);
      const attachId = newAttachId(random);
      const outcome = await this.#enter({ session, epoch: 1, timeoutMs, attachId }, (owner) =>
        keeper.write({ kind: 'createSession', session, owner, attachId, timeoutMs, passwordHash }, ANYONE),
      );
      if (outcome.ok) return { session, epoch: 1, timeoutMs, password };
      if (outcome.refusal.code === ErrorCode.QuotaExceeded) throw tooManySessions();
    }
    throw new KeeperError('StoreUnavailable', 'no session id was free');
  }

  async attach(input: {
    session: SessionId;
    password: Uint8Array;
    timeoutMs: number;
    replacesEpoch?: number;
  }): Promise<OpenSession | undefined> {
    const { keeper, random } = this.#options;
    const { session, password, timeoutMs } = input;
    for (let attempt = 0; attempt < ATTACH_ATTEMPTS_MAX; attempt++) {
      const record = await currentSession(keeper.replica, session);
      if (record === null || !isPassword(password, record)) return undefined;
      const replacesEpoch = record.epoch;
      if (replacesEpoch !== (input.replacesEpoch ?? replacesEpoch)) return undefined;
      const epoch = replacesEpoch + 1;
      const attachId = newAttachId(random);
      const outcome = await this.#enter({ session, epoch, timeoutMs, attachId }, (owner) =>
        keeper.write({ kind: 'attach', session, owner, attachId, timeoutMs, replacesEpoch }, ANYONE),
      );
      if (outcome.ok) return { session, epoch, timeoutMs, password };
      if (outcome.refusal.code === ErrorCode.SessionExpired) return undefined;
    }
    throw new KeeperError(
      'Overloaded',
      `session 0x${session.toString(16)} is attached elsewhere all the time`,
    );
  }

  /**
   * Makes this gateway's lease vouch for the session, then appends what makes the session its own. The rows go first: a session
   * in the log whose owner nobody can find would outlive its client.
   */
  async #enter(
    next: { session: SessionId; epoch: number; timeoutMs: number; attachId: string },
    append: (owner: string) => Promise<WriteOutcome>,
  ): Promise<WriteOutcome> {
    const { session } = next;
    const owned: OwnedSession = {
      ...next,
      owner: '',
      heardAtMs: this.#options.clock.monotonic(),
      open: false,
      closing: false,
      before: this.#owned.get(session),
      fenced: false,
    };
    this.#owned.set(session, owned);
    this.lease.hasten();
    let isAppending = false;
    try {
      await this.#standFor(session, owned);
      isAppending = true;
      const outcome = await append(owned.owner);
      if (!outcome.ok) this.#leave(session, owned, { isInLog: 'no' });
      return outcome;
    } catch (error) {
      this.#leave(session, owned, { isInLog: isAppending ? 'perhaps' : 'no' });
      throw error;
    }
  }

  /**
   * Writes the session's row under a lease that vouches for it. A process that slept while it wrote may have been reaped
   * meanwhile, and nobody would come upon the row any more: so it is taken back, and written under the next lease.
   */
  async #standFor(session: SessionId, entered: OwnedSession): Promise<void> {
    const { epoch, timeoutMs } = entered;
    for (let attempt = 0; attempt < READ_ATTEMPTS_MAX; attempt++) {
      const owner = await this.#vouchFor(timeoutMs);
      entered.owner = owner;
      await this.#putRow({ owner, session, epoch, timeoutMs });
      if (this.#isVouched(entered)) return;
      if (entered.before === undefined) await this.#dropRow(session, entered);
      entered.owner = '';
    }
    throw new KeeperError(
      'StoreUnavailable',
      "the gateway's lease does not last for as long as a write takes",
    );
  }

  /**
   * Takes a session that could not be entered off the list again, unless something newer stands there; and its row, unless the
   * log may have an entry that needs it, or a session that was here before.
   */
  #leave(session: SessionId, entered: OwnedSession, { isInLog }: { isInLog: 'no' | 'perhaps' }): void {
    if (this.#owned.get(session) !== entered) return;
    if (entered.before !== undefined) {
      this.#owned.set(session, entered.before);
      return;
    }
    this.#owned.delete(session);
    if (isInLog === 'no' && entered.owner !== '') void this.#dropRow(session, entered);
  }

  /** Renews when the row does not cover the timeout, or is too old to vouch for it. Returns the gateway's id. */
  async #vouchFor(timeoutMs: number): Promise<string> {
    const { lease } = this;
    for (let attempt = 0; attempt < READ_ATTEMPTS_MAX; attempt++) {
      const covered = timeoutMs <= lease.longestTimeoutMs && timeoutMs >= lease.shortestTimeoutMs;
      if (covered && lease.ageMs < fenceAgeMs(timeoutMs)) return lease.gatewayId;
      await lease.renew();
    }
    throw new KeeperError('StoreUnavailable', "the gateway's lease cannot be renewed");
  }

  #isVouched({ owner, timeoutMs }: OwnedSession): boolean {
    return owner === this.lease.gatewayId && this.lease.ageMs < fenceAgeMs(timeoutMs);
  }

  /**
   * A lease that is renewed late vouches again, but not for what it could not vouch for meanwhile: a reaper may have
   * closed those sessions, in entries of the log that this gateway has not read yet. After a leap of the view that is so of all
   * of them: their ends, and their watches' events, may have been in what was trimmed.
   */
  #fenceOlderThan(reachedAgeMs: number): void {
    for (const [session, owned] of this.#owned) {
      if (fence(owned, reachedAgeMs) && owned.open) this.#tell(session, 'fenced');
      for (let { before } = owned; before !== undefined; { before } = before) fence(before, reachedAgeMs);
    }
  }

  async #putRow(row: { owner: string; session: SessionId; epoch: number; timeoutMs: number }): Promise<void> {
    const { store, keeper } = this.#options;
    const key = leaseKey.gatewaySession(keeper.namespace, row.owner, row.session);
    const item = { ...rowKey(key), e: row.epoch, t: row.timeoutMs };
    await withRetries(this.#options, () => store.put({ table: 'leases', item }));
  }

  async close(session: SessionId): Promise<WriteOutcome> {
    const owned = this.#owned.get(session);
    if (owned === undefined) throw new KeeperError('Stopped', 'the session is not owned here');
    const { keeper } = this.#options;
    return keeper.write({ kind: 'closeSession', session, epoch: owned.epoch }, ANYONE);
  }

  touch(session: SessionId): boolean {
    const owned = this.#owned.get(session);
    // Its end may be on its way into the log, where nobody can call it back.
    if (owned?.open !== true || owned.fenced || owned.closing) return false;
    if (!this.#isVouched(owned)) {
      owned.fenced = true;
      return false;
    }
    owned.heardAtMs = this.#options.clock.monotonic();
    return true;
  }

  #leaseSubject(): LeaseSubject {
    const { keeper, address, kind } = this.#options;
    let shortestTimeoutMs = Infinity;
    let longestTimeoutMs = 0;
    for (const { timeoutMs } of this.#owned.values()) {
      shortestTimeoutMs = Math.min(shortestTimeoutMs, timeoutMs);
      longestTimeoutMs = Math.max(longestTimeoutMs, timeoutMs);
    }
    return {
      address: address(),
      ...(kind !== undefined && { kind }),
      head: keeper.head,
      watermark: keeper.watermark,
      lagMs: keeper.lagMs,
      sessions: this.#owned.size,
      shortestTimeoutMs: Math.min(shortestTimeoutMs, GATEWAY_IDLE_TIMEOUT_MS),
      longestTimeoutMs: Math.max(longestTimeoutMs, GATEWAY_IDLE_TIMEOUT_MS),
    };
  }

  #onCommit({ txn }: Commit): void {
    const { effect } = txn;
    if (effect.type === 'closeSession') this.#end(effect.session, 'closed');
    if (effect.type !== 'attach' && effect.type !== 'createSession') return;
    const owned = this.#owned.get(effect.session);
    if (owned === undefined) this.#adopt(effect);
    else if (owned.attachId === effect.attachId) this.#open(owned);
    else if (owned.open) this.#end(effect.session, 'moved');
    else owned.before = this.#adopted(effect); // ours is on its way, and will be refused: this is what it goes back to
  }

  /**
   * An entry of our own that came into the log after its caller had been told that nobody knows: the log says that this
   * gateway owns the session, so this gateway has to let it expire unless its client comes back.
   */
  #adopt(effect: AttachTxn | CreateSessionTxn): void {
    const adopted = this.#adopted(effect);
    if (adopted !== undefined) this.#owned.set(effect.session, adopted);
  }

  /** What the log's entry makes this gateway own, if it does. */
  #adopted(effect: AttachTxn | CreateSessionTxn): OwnedSession | undefined {
    if (effect.owner !== this.lease.gatewayId) return undefined;
    const { timeoutMs, attachId, owner } = effect;
    const epoch = effect.type === 'attach' ? effect.epoch : 1;
    const heardAtMs = this.#options.clock.monotonic();
    const state = { open: true, closing: false, before: undefined, fenced: false };
    return { epoch, timeoutMs, attachId, owner, heardAtMs, ...state };
  }

  /** In the same turn as the log has it, so that a later attach by others finds it open. */
  #open(owned: OwnedSession): void {
    owned.open = true;
    owned.before = undefined;
    owned.heardAtMs = this.#options.clock.monotonic();
  }

  #end(session: SessionId, end: SessionEnd): void {
    const owned = this.#owned.get(session);
    if (owned === undefined) return;
    this.#owned.delete(session);
    void this.#dropRow(session, owned);
    this.#tell(session, end);
  }

  #tell(session: SessionId, end: SessionEnd): void {
    for (const listener of this.#listeners) listener(session, end);
  }

  /** Tidies up. If it fails, the row is one that the reapers find to be without a session. */
  #dropRow(session: SessionId, { owner, epoch }: OwnedSession): Promise<unknown> {
    const { store, keeper } = this.#options;
    const key = leaseKey.gatewaySession(keeper.namespace, owner, session);
    const condition = [{ kind: 'equals', attribute: 'e', value: epoch }] as const;
    const drop = withRetries(this.#options, () => store.delete({ table: 'leases', key, condition }))
      .catch((error: unknown) => assert(error instanceof KeeperError, String(error)))
      .finally(() => this.#drops.delete(drop));
    this.#drops.add(drop);
    return drop;
  }

  #armTick(): void {
    if (this.#stopped) return;
    this.#cancelTick = this.#options.clock.after(EXPIRY_TICK_MS, () => {
      this.#tick();
      this.#armTick();
    });
  }

  #tick(): void {
    const nowMs = this.#options.clock.monotonic();
    const stalled = nowMs - this.#tickedAtMs > EXPIRY_TICK_MS + STALL_MS;
    this.#tickedAtMs = nowMs;
    if (stalled) return;
    for (const [session, owned] of this.#owned) {
      if (!owned.open) continue;
      if (nowMs - owned.heardAtMs > owned.timeoutMs) this.#expire(session, owned);
      else if (!owned.fenced && !this.#isVouched(owned)) {
        owned.fenced = true;
        this.#tell(session, 'fenced');
      }
    }
  }

  #expire(session: SessionId, owned: OwnedSession): void {
    if (owned.closing) return;
    owned.closing = true;
    const { keeper } = this.#options;
    keeper.submit({ kind: 'closeSession', session, epoch: owned.epoch }, ANYONE, (outcome) => {
      // Tried again at the next tick. When it is closed or moved, the list has heard of it from the log already.
      owned.closing = false;
      const over = !(outcome instanceof KeeperError) && this.#owned.get(session) === owned;
      if (over) this.#end(session, outcome.ok ? 'closed' : 'moved');
    });
  }
}

/** True when the session is fenced now and was not before. */
function fence(owned: OwnedSession, reachedAgeMs: number): boolean {
  if (owned.owner === '' || owned.fenced || reachedAgeMs < fenceAgeMs(owned.timeoutMs)) return false;
  owned.fenced = true;
  return true;
}

/** Positive, so that nobody takes it for the owner of a container or TTL znode, whose markers are negative. */
function newSessionId(random: Random): SessionId {
  const bytes = random.bytes(8);
  const id = Buffer.from(bytes).readBigUInt64BE() & 0x7fff_ffff_ffff_ffffn;
  return id === NO_SESSION ? 1n : id;
}

function newAttachId(random: Random): string {
  return Buffer.from(random.bytes(16)).toString('hex');
}

function hashPassword(password: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(password).digest());
}

function isPassword(password: Uint8Array, record: SessionRecord): boolean {
  return timingSafeEqual(hashPassword(password), record.passwordHash);
}
