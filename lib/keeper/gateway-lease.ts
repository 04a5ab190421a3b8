import type { CancelTimer, Clock } from '../base/clock.js';
import { FIRST_FORMAT } from '../log/formats/first.js';
import { newestFormat } from '../log/formats/lookup.js';
import type { Item, Store } from '../log/store.js';
import { StoreError } from '../log/store.js';
import type { Instant } from '../base/instant.js';
import { elapsedMs, instantOf, NEVER } from '../base/instant.js';
import {
  CLOCKS_DIFFER_MS_MAX,
  FENCE_FRACTION,
  FENCE_FRACTION_MIN,
  GATEWAY_LEASE_MARGIN_MS,
  GATEWAY_RENEW_IDLE_MS,
  GATEWAY_RENEW_LONGEST_MS,
  GATEWAY_RENEW_SHORTEST_MS,
  LEASE_TTL_SLACK_SECONDS,
  REAP_ALLOWANCE_MS,
} from './limits.js';
import { leaseKey, number, rowKey, text } from './rows.js';
import type { GatewayInfo } from './types.js';

/** A gateway's row: until when it vouches for its sessions, and what it says of itself. */
export interface GatewayLeaseRow extends GatewayInfo {
  /** The shortest and the longest timeout of its sessions, ms; reapers need the first, the lease's end the second. */
  readonly shortestTimeoutMs: number;
  readonly longestTimeoutMs: number;
  /** Nobody needs the row after this, ms since 1970: the last renewal plus the longest timeout, and a margin. */
  readonly deadlineMs: number;
  /** The newest format of entries and rows that it reads. */
  readonly newestFormat: number;
}

export function gatewayRow(namespace: string, row: GatewayLeaseRow): Item {
  return {
    ...rowKey(leaseKey.gateway(namespace, row.gatewayId)),
    addr: row.address,
    kind: row.kind,
    started: row.startedAtMs,
    renewed: row.renewedAtMs,
    deadline: row.deadlineMs,
    shortest: row.shortestTimeoutMs,
    longest: row.longestTimeoutMs,
    head: row.head,
    wm: row.watermark,
    n: row.sessions,
    lag: row.lagMs,
    reads: row.newestFormat,
    ttl: Math.ceil(row.deadlineMs / 1000) + LEASE_TTL_SLACK_SECONDS,
  };
}

export function gatewayOfRow(item: Item): GatewayLeaseRow {
  return {
    gatewayId: text(item, 'sk'),
    address: text(item, 'addr'),
    ...(item['kind'] === 'client' && { kind: 'client' }),
    startedAtMs: number(item, 'started'),
    renewedAtMs: number(item, 'renewed'),
    deadlineMs: number(item, 'deadline'),
    shortestTimeoutMs: number(item, 'shortest'),
    longestTimeoutMs: number(item, 'longest'),
    head: number(item, 'head'),
    watermark: number(item, 'wm'),
    sessions: number(item, 'n'),
    lagMs: number(item, 'lag'),
    // Releases that did not tell read the first one.
    newestFormat: item['reads'] === undefined ? FIRST_FORMAT.number : number(item, 'reads'),
  };
}

/** What a lease asks its gateway for at every renewal. */
export interface LeaseSubject {
  readonly address: string;
  readonly kind?: 'client';
  readonly head: number;
  readonly watermark: number;
  readonly lagMs: number;
  readonly sessions: number;
  readonly shortestTimeoutMs: number;
  readonly longestTimeoutMs: number;
}

export interface GatewayLeaseOptions {
  readonly store: Store;
  readonly namespace: string;
  readonly clock: Clock;
  readonly newGatewayId: () => string;
  readonly subject: () => LeaseSubject;
  readonly isClockTrusted: () => boolean;
  /** Called at every renewal, before it counts, with the age that the lease had reached: others may have acted on that. */
  readonly onRenewed?: (reachedAgeMs: number) => void;
}

/**
 * One gateway's lease (I12). A renewal requires the row to exist as this gateway wrote it last, with a deadline that has not
 * passed: a lapsed lease is not renewed, the gateway goes on under a new id instead, and its old sessions are for the
 * reapers or for their clients to attach again.
 */
export class GatewayLease {
  readonly #options: GatewayLeaseOptions;
  #gatewayId: string;
  #startedAtMs = 0;
  #written: GatewayLeaseRow | undefined;
  #vouchedAt: Instant = NEVER;
  #renewing: Promise<boolean> | undefined;
  #cancel: CancelTimer | undefined;
  #dueAtMs = Infinity;
  #stopped = true;
  #failures = 0;

  constructor(options: GatewayLeaseOptions) {
    this.#options = options;
    this.#gatewayId = options.newGatewayId();
  }

  get gatewayId(): string {
    return this.#gatewayId;
  }

  /** Renewals that failed in a row. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Ms since the last renewal that succeeded was *sent*: what others may take our row's age for, at least. By the wall or the
   * monotonic clock, whichever says more: the latter stands still while a machine sleeps.
   */
  get ageMs(): number {
    return elapsedMs(this.#vouchedAt, instantOf(this.#options.clock));
  }

  /** Ms until the row as written is of no use to anybody; 0 when it is not any more, or was never written. */
  get leftMs(): number {
    if (this.#written === undefined) return 0;
    return Math.max(0, this.#written.longestTimeoutMs + GATEWAY_LEASE_MARGIN_MS - this.ageMs);
  }

  /** The longest timeout that the row as written covers. */
  get longestTimeoutMs(): number {
    return this.#written?.longestTimeoutMs ?? 0;
  }

  get shortestTimeoutMs(): number {
    return this.#written?.shortestTimeoutMs ?? Infinity;
  }

  async start(): Promise<void> {
    this.#startedAtMs = Math.floor(this.#options.clock.now());
    this.#stopped = false;
    await this.renew();
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  /** Takes the row away, for good: there is nothing left to vouch for. False when it is not there as written last. */
  async withdraw(): Promise<boolean> {
    this.stop();
    while (this.#renewing !== undefined) await this.#renewing;
    const written = this.#written;
    if (written === undefined) return false;
    const { store, namespace } = this.#options;
    const outcome = await store.delete({
      table: 'leases',
      key: leaseKey.gateway(namespace, written.gatewayId),
      condition: [{ kind: 'equals', attribute: 'renewed', value: written.renewedAtMs }],
    });
    return outcome.ok;
  }

  /** Renews in a write that begins after this call. False when it did not succeed (yet). */
  async renew(): Promise<boolean> {
    while (this.#renewing !== undefined) await this.#renewing;
    this.#renewing = this.#renewOnce().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** Brings the next renewal forward if the gateway's sessions have come to want that. */
  hasten(): void {
    const { clock } = this.#options;
    if (
      !this.#stopped &&
      this.#renewing === undefined &&
      clock.monotonic() + this.#pauseMs() < this.#dueAtMs
    ) {
      this.#arm();
    }
  }

  #arm(): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    const pauseMs = this.#pauseMs();
    this.#cancel?.();
    this.#dueAtMs = clock.monotonic() + pauseMs;
    this.#cancel = clock.after(pauseMs, () => {
      void this.renew().finally(() => this.#arm());
    });
  }

  /** An eighth of the shortest timeout, or half of what the lease may age, so that several renewals may fail before a session has to be dropped. */
  #pauseMs(): number {
    if (this.#failures > 0) return GATEWAY_RENEW_SHORTEST_MS;
    const { sessions, shortestTimeoutMs } = this.#options.subject();
    if (sessions === 0) return GATEWAY_RENEW_IDLE_MS;
    const pauseMs = Math.min(shortestTimeoutMs / 8, fenceAgeMs(shortestTimeoutMs) / 2);
    return Math.min(GATEWAY_RENEW_LONGEST_MS, Math.max(GATEWAY_RENEW_SHORTEST_MS, pauseMs));
  }

  async #renewOnce(): Promise<boolean> {
    if (!this.#options.isClockTrusted()) return false;
    try {
      const renewed = await this.#write();
      this.#failures = renewed ? 0 : this.#failures + 1;
      return renewed;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#failures++;
      return false;
    }
  }

  async #write(): Promise<boolean> {
    const { clock, store, namespace } = this.#options;
    const sentAt = instantOf(clock);
    const row = this.#nextRow(sentAt.wallMs);
    const item = gatewayRow(namespace, row);
    const previous = this.#written;
    const outcome = await store.put({
      table: 'leases',
      item,
      condition:
        previous === undefined
          ? [{ kind: 'absent' }]
          : [
              { kind: 'equals', attribute: 'renewed', value: previous.renewedAtMs },
              { kind: 'greater', attribute: 'deadline', value: row.renewedAtMs },
            ],
    });
    if (outcome.ok || isOwn(outcome.existing, row)) {
      this.#written = row;
      this.#options.onRenewed?.(elapsedMs(this.#vouchedAt, sentAt));
      this.#vouchedAt = sentAt;
      return true;
    }
    this.#afterRefusal(outcome.existing);
    return false;
  }

  /** An earlier renewal whose reply was lost explains a newer row of ours; anything else means that the lease has lapsed. */
  #afterRefusal(existing: Item | undefined): void {
    const { clock, newGatewayId } = this.#options;
    if (existing !== undefined) {
      const row = gatewayOfRow(existing);
      if (row.startedAtMs === this.#startedAtMs && row.deadlineMs > clock.now()) {
        this.#written = row;
        return;
      }
    }
    this.#gatewayId = newGatewayId();
    this.#startedAtMs = Math.floor(clock.now());
    this.#written = undefined;
    this.#vouchedAt = NEVER;
  }

  #nextRow(nowMs: number): GatewayLeaseRow {
    const subject = this.#options.subject();
    const renewedAtMs = Math.max(Math.floor(nowMs), (this.#written?.renewedAtMs ?? 0) + 1);
    return {
      ...subject,
      gatewayId: this.#gatewayId,
      startedAtMs: this.#startedAtMs,
      renewedAtMs,
      newestFormat: newestFormat(),
      deadlineMs: renewedAtMs + subject.longestTimeoutMs + GATEWAY_LEASE_MARGIN_MS,
    };
  }
}

/** From this age on a gateway's lease does not vouch for a session any more (see FENCE_FRACTION). */
export function fenceAgeMs(timeoutMs: number): number {
  const safeMs = timeoutMs * FENCE_FRACTION - (CLOCKS_DIFFER_MS_MAX - REAP_ALLOWANCE_MS);
  return Math.max(timeoutMs * FENCE_FRACTION_MIN, safeMs);
}

function isOwn(existing: Item | undefined, row: GatewayLeaseRow): boolean {
  if (existing === undefined) return false;
  const found = gatewayOfRow(existing);
  return found.startedAtMs === row.startedAtMs && found.renewedAtMs === row.renewedAtMs;
}
