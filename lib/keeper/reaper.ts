import type { CancelTimer, Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { NO_SESSION } from '../core/types.js';
import type { SessionId, SessionRecord } from '../core/types.js';
import type { Item, Store } from '../log/store.js';
import { currentSessions } from './current-session.js';
import { sweepGarbage } from './garbage.js';
import type { GatewayLeaseRow } from './gateway-lease.js';
import { gatewayOfRow } from './gateway-lease.js';
import { IdleZnodes } from './idle-znodes.js';
import type { Keeper } from './keeper.js';
import { REAP_ALLOWANCE_MS, REAP_PAUSE_LONGEST_MS, REAP_PAUSE_SHORTEST_MS } from './limits.js';
import { queryAll } from './query.js';
import { withRetries } from './retry.js';
import { isTombstone, leaseKey, number, SESSION_SHARDS, stateKey, text } from './rows.js';
import { ThinExpiry } from './thin-expiry.js';
import { thinLeaseOfRow, ThinLeases } from './thin-leases.js';
import type { Timers } from './thin-timers.js';
import { noTimers } from './thin-timers.js';
import { KeeperError } from './types.js';

export interface ReaperOptions {
  readonly store: Store;
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly random: Random;
  /** A gateway leaves its own row alone: it expires its sessions itself. */
  readonly isOwnGateway?: (gatewayId: string) => boolean;
  /** For the timers of thin sessions that {@link Reaper.expiry} is told of. */
  readonly timers?: Timers;
  /** Told in each round who lives. What it rejects with counts as the round's failure. */
  readonly onGateways?: (live: readonly GatewayLeaseRow[]) => Promise<unknown>;
  /** False while the clock cannot be trusted: nobody's lease is ended then. */
  readonly isClockTrusted?: () => boolean;
}

export interface ReaperReport {
  readonly sessionsClosed: number;
  readonly gatewaysRemoved: number;
  /** Blobs that nothing names; only the scheduled sweep looks for them. */
  readonly blobsDeleted: number;
  /** Container and TTL znodes, of the scheduled sweep. */
  readonly znodesRemoved: number;
}

const NOTHING: ReaperReport = { sessionsClosed: 0, gatewaysRemoved: 0, blobsDeleted: 0, znodesRemoved: 0 };

/** A session of a gateway, as the row under the gateway says. */
interface SessionOfGateway {
  readonly session: SessionId;
  readonly epoch: number;
  readonly timeoutMs: number;
}

/**
 * Closes the sessions of gateways that are gone (I12). There is one way a session ends: closeSession in the log, naming the
 * epoch that was found expired. A session that has been attached elsewhere meanwhile has a higher epoch, and the
 * closeSession is refused.
 */
export class Reaper {
  /** The one path on which sessions with a lease of their own expire. */
  readonly expiry: ThinExpiry;
  /** Container and TTL znodes. */
  readonly idle: IdleZnodes;
  readonly #options: ReaperOptions;
  #cancel: CancelTimer | undefined;
  #stopped = true;
  #failures = 0;

  constructor(options: ReaperOptions) {
    this.#options = options;
    const { keeper, timers = noTimers } = options;
    const leases = new ThinLeases({ ...options, namespace: keeper.namespace });
    this.expiry = new ThinExpiry({ keeper, leases, timers });
    this.idle = new IdleZnodes({ ...options, timers });
  }

  /** Rounds that failed in a row because the store did not answer. */
  get failures(): number {
    return this.#failures;
  }

  /** Reaps in rounds, each when the next session of another gateway could fall due. */
  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.idle.start();
    this.#arm(REAP_PAUSE_SHORTEST_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.idle.stop();
    this.#cancel?.();
  }

  #arm(pauseMs: number): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(pauseMs, () => {
      void this.#round().then((nextMs) => this.#arm(nextMs));
    });
  }

  async #round(): Promise<number> {
    try {
      await this.reapGateways();
      const gateways = await this.gateways();
      await this.#options.onGateways?.(this.#live(gateways));
      this.#failures = 0;
      return this.#pauseMs(gateways);
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
      this.#failures++;
      return REAP_PAUSE_LONGEST_MS;
    }
  }

  /** Until the first session of another gateway could fall due, with jitter so that gateways do not race each other. */
  #pauseMs(gateways: readonly GatewayLeaseRow[]): number {
    const nowMs = this.#options.clock.now();
    let pauseMs = REAP_PAUSE_LONGEST_MS;
    for (const gateway of gateways) {
      if (this.#options.isOwnGateway?.(gateway.gatewayId) === true) continue;
      const dueMs = gateway.renewedAtMs + gateway.shortestTimeoutMs + REAP_ALLOWANCE_MS;
      pauseMs = Math.min(pauseMs, dueMs - nowMs);
    }
    const jitter = 1 + this.#options.random.float() * 0.2;
    return Math.max(REAP_PAUSE_SHORTEST_MS, pauseMs) * jitter;
  }

  /** The rows of all gateways of the namespace. */
  async gateways(): Promise<GatewayLeaseRow[]> {
    const { store, keeper } = this.#options;
    const partition = leaseKey.gateways(keeper.namespace);
    const rows = await queryAll(this.#options, { store, table: 'leases', partition });
    return rows.map(gatewayOfRow);
  }

  /** The gateways that can vouch for a session now. */
  async liveGateways(): Promise<GatewayLeaseRow[]> {
    return this.#live(await this.gateways());
  }

  #live(gateways: readonly GatewayLeaseRow[]): GatewayLeaseRow[] {
    const nowMs = this.#options.clock.now();
    return gateways.filter((gateway) => nowMs <= livesUntilMs(gateway));
  }

  /** The scheduled sweep: gateways first, then sessions that nobody answers for, znodes that are due, blobs that nothing names. */
  async sweep(): Promise<ReaperReport> {
    const report = await this.reapGateways();
    const orphans = await this.#closeOrphans();
    const znodesRemoved = await this.idle.sweep();
    const { deleted: blobsDeleted } = await sweepGarbage(this.#options);
    return { ...report, sessionsClosed: report.sessionsClosed + orphans, blobsDeleted, znodesRemoved };
  }

  /** Closes what has expired of the sessions of gateways that do not renew their lease. */
  async reapGateways(): Promise<ReaperReport> {
    let sessionsClosed = 0;
    let gatewaysRemoved = 0;
    for (const gateway of await this.gateways()) {
      if (this.#options.isOwnGateway?.(gateway.gatewayId) === true) continue;
      const dueMs = gateway.renewedAtMs + gateway.shortestTimeoutMs + REAP_ALLOWANCE_MS;
      if (!this.#hasPassed(dueMs)) continue;
      const { closed, left } = await this.#reapGateway(gateway);
      sessionsClosed += closed;
      if (left === 0 && (await this.#removeGateway(gateway))) gatewaysRemoved++;
    }
    return { ...NOTHING, sessionsClosed, gatewaysRemoved };
  }

  /**
   * A lease row has gone, by a reaper's hand or by TTL. If it was a thin session's, that session is looked at again: what removed
   * the row may not have got to closing it. If it was a gateway's, none of the sessions that are still listed under it has
   * anybody to vouch for it.
   */
  async onLeaseRemoved(oldImage: Item): Promise<ReaperReport> {
    const { namespace } = this.#options.keeper;
    const lease = thinLeaseOfRow(namespace, oldImage);
    if (lease !== undefined) {
      const { kind } = await this.expiry.expire(lease.session);
      return { ...NOTHING, sessionsClosed: kind === 'closed' ? 1 : 0 };
    }
    if (text(oldImage, 'pk') !== leaseKey.gateways(namespace)) return NOTHING;
    return this.#closeSessionsOf(gatewayOfRow(oldImage).gatewayId);
  }

  /** The sessions of a gateway without a row. */
  async #closeSessionsOf(gatewayId: string): Promise<ReaperReport> {
    const rows = await this.#sessionsOf(gatewayId);
    const records = await this.#loggedSessions(rows);
    const closed = await Promise.all(
      rows.map((row) => this.#close(gatewayId, row, records.get(row.session))),
    );
    return { ...NOTHING, sessionsClosed: closed.filter(Boolean).length };
  }

  /**
   * What has been read of a gateway counts if its row is still the same afterwards: a gateway that renewed meanwhile may
   * have taken its sessions back, with epochs that were read too late.
   */
  async #reapGateway(gateway: GatewayLeaseRow): Promise<{ closed: number; left: number }> {
    const { gatewayId, renewedAtMs } = gateway;
    const isDue = (timeoutMs: number) => this.#hasPassed(renewedAtMs + timeoutMs + REAP_ALLOWANCE_MS);
    const sessions = await this.#sessionsOf(gatewayId);
    const candidates = sessions.filter(({ timeoutMs }) => isDue(timeoutMs));
    const records = await this.#loggedSessions(candidates);
    if (!(await this.#isUnchanged(gateway))) return { closed: 0, left: sessions.length };
    // Looked at anew: the reads have shown meanwhile whether this clock has been set. And an attach that was under way may
    // have left a row with another timeout than the log's.
    const due = candidates.filter(({ session, timeoutMs }) => {
      const record = records.get(session);
      return isDue(timeoutMs) && (record?.owner !== gatewayId || isDue(record.timeoutMs));
    });
    const closed = await Promise.all(due.map((row) => this.#close(gatewayId, row, records.get(row.session))));
    return { closed: closed.filter(Boolean).length, left: sessions.length - due.length };
  }

  /**
   * Closes what has expired, and tells until when, at the earliest, nothing of this gateway's can expire, ms since 1970;
   * `undefined` when it has no sessions any more.
   */
  async reapUntil(gatewayId: string): Promise<number | undefined> {
    const { store, keeper } = this.#options;
    await this.reapGateways();
    const key = leaseKey.gateway(keeper.namespace, gatewayId);
    const row = await withRetries(this.#options, () => store.get('leases', key));
    if (row === undefined) await this.#closeSessionsOf(gatewayId);
    const sessions = await this.#sessionsOf(gatewayId);
    if (sessions.length === 0) return undefined;
    const shortestMs = sessions.reduce((least, { timeoutMs }) => Math.min(least, timeoutMs), Infinity);
    const renewedAtMs = row === undefined ? this.#options.clock.now() : gatewayOfRow(row).renewedAtMs;
    return renewedAtMs + shortestMs + REAP_ALLOWANCE_MS;
  }

  /** False as well while the clock cannot be trusted: nobody's lease ends by it then (I13). */
  #hasPassed(ms: number): boolean {
    const { clock, isClockTrusted } = this.#options;
    return (isClockTrusted?.() ?? true) && clock.now() >= ms;
  }

  /** True when the gateway has not renewed since, or its row has gone. */
  async #isUnchanged(gateway: GatewayLeaseRow): Promise<boolean> {
    const { store, keeper } = this.#options;
    const key = leaseKey.gateway(keeper.namespace, gateway.gatewayId);
    const row = await withRetries(this.#options, () => store.get('leases', key));
    return row === undefined || gatewayOfRow(row).renewedAtMs === gateway.renewedAtMs;
  }

  /** The row goes when its deadline, as read, has passed: a gateway that renewed meanwhile keeps it. */
  async #removeGateway(gateway: GatewayLeaseRow): Promise<boolean> {
    const { store, keeper } = this.#options;
    if (!this.#hasPassed(gateway.deadlineMs)) return false;
    const outcome = await withRetries(this.#options, () =>
      store.delete({
        table: 'leases',
        key: leaseKey.gateway(keeper.namespace, gateway.gatewayId),
        condition: [{ kind: 'equals', attribute: 'renewed', value: gateway.renewedAtMs }],
      }),
    );
    return outcome.ok;
  }

  async #sessionsOf(gatewayId: string): Promise<SessionOfGateway[]> {
    const { store, keeper } = this.#options;
    const partition = leaseKey.gatewaySessions(keeper.namespace, gatewayId);
    const rows = await queryAll(this.#options, { store, table: 'leases', partition });
    return rows.map((row) => ({
      session: BigInt('0x' + text(row, 'sk')),
      epoch: number(row, 'e'),
      timeoutMs: number(row, 't'),
    }));
  }

  /**
   * Appends closeSession, then drops the row: in this order, so that a crash in between leaves something to be found. The row
   * alone is no proof: it is written before the attach, which another gateway may have won with the same epoch. So
   * the session is closed only if the log says that this gateway owns it, and with the logged epoch.
   */
  async #close(
    gatewayId: string,
    row: SessionOfGateway,
    record: SessionRecord | null | undefined,
  ): Promise<boolean> {
    const { store, keeper } = this.#options;
    const isOwner = record?.owner === gatewayId;
    const closed = isOwner && (await this.#appendClose(row.session, record.epoch));
    await withRetries(this.#options, () =>
      store.delete({
        table: 'leases',
        key: leaseKey.gatewaySession(keeper.namespace, gatewayId, row.session),
        condition: [{ kind: 'equals', attribute: 'e', value: row.epoch }],
      }),
    );
    return closed;
  }

  /** False when the session has moved on: then it is somebody else's to close. */
  async #appendClose(session: SessionId, epoch: number): Promise<boolean> {
    const origin = { session: NO_SESSION, epoch: 0, authIds: [] };
    const outcome = await this.#options.keeper.write({ kind: 'closeSession', session, epoch }, origin);
    return outcome.ok;
  }

  /** Sessions in the log whose gateway has no row any more. Reads the logged epoch first, then the owner's row. */
  async #closeOrphans(): Promise<number> {
    const { store, keeper } = this.#options;
    let closed = 0;
    for (const shard of SESSION_SHARDS) {
      const partition = stateKey.sessions(keeper.namespace, shard);
      const rows = await queryAll(this.#options, { store, table: 'state', partition });
      for (const row of rows) {
        if (isTombstone(row)) continue;
        if (await this.#closeIfOrphan(BigInt('0x' + text(row, 'sk')))) closed++;
      }
    }
    return closed;
  }

  async #closeIfOrphan(session: SessionId): Promise<boolean> {
    const { store, keeper } = this.#options;
    const record = (await this.#loggedSessions([{ session }])).get(session);
    if (record === undefined || record === null) return false;
    if (record.owner === '') return (await this.expiry.expireRecord(session, record)).kind === 'closed';
    const key = leaseKey.gateway(keeper.namespace, record.owner);
    const owner = await withRetries(this.#options, () => store.get('leases', key));
    if (owner !== undefined) return false;
    return this.#appendClose(session, record.epoch);
  }

  #loggedSessions(
    rows: readonly { readonly session: SessionId }[],
  ): Promise<Map<SessionId, SessionRecord | null>> {
    const sessions = rows.map(({ session }) => session);
    return currentSessions(this.#options.keeper.replica, sessions);
  }
}

/** A gateway that lives renews long before its shortest session could fall due. */
function livesUntilMs(gateway: GatewayLeaseRow): number {
  return gateway.renewedAtMs + gateway.shortestTimeoutMs;
}
