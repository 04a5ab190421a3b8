/**
 * The leases of thin sessions: one row per session and epoch in the table `leases`.
 *
 *   ns#lease#SESSION   epoch, ten digits   deadline ms, timeout ms, chain (which timer message goes on), ttl s
 */
import { createHash } from 'node:crypto';
import { assert } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { SessionId } from '../core/types.js';
import type { Item, Key, Store } from '../log/store.js';
import { CLOCKS_DIFFER_MS_MAX, LEASE_TTL_SLACK_SECONDS } from './limits.js';
import { withRetries } from './retry.js';
import { number, rowKey, text } from './rows.js';
import { THIN_LEASE_ATTEMPTS_MAX, THIN_LEASES_REMEMBERED_MAX, THIN_RENEW_FRACTION } from './thin-limits.js';
import { KeeperError } from './types.js';

/** A session at one epoch: what a lease belongs to. */
export interface LeaseHolder {
  readonly session: SessionId;
  readonly epoch: number;
}

export interface ThinLease extends LeaseHolder {
  /** Ms since 1970. */
  readonly deadlineMs: number;
  readonly timeoutMs: number;
  /** Names the one timer message that may go on; see {@link ThinLeases.passOn}. */
  readonly chain: string;
}

const LEASE = '#lease#';

export function thinLeaseKey(namespace: string, { session, epoch }: LeaseHolder): Key {
  return { partition: `${namespace}${LEASE}${session.toString(16)}`, sort: String(epoch).padStart(10, '0') };
}

/** The lease in a row of the table `leases`, or `undefined` when the row is something else. */
export function thinLeaseOfRow(namespace: string, item: Item): ThinLease | undefined {
  const partition = text(item, 'pk');
  const prefix = namespace + LEASE;
  if (!partition.startsWith(prefix)) return undefined;
  return {
    session: BigInt('0x' + partition.slice(prefix.length)),
    epoch: Number(text(item, 'sk')),
    deadlineMs: number(item, 'deadline'),
    timeoutMs: number(item, 'timeout'),
    chain: text(item, 'chain'),
  };
}

function rowOf(namespace: string, lease: ThinLease): Item {
  return {
    ...rowKey(thinLeaseKey(namespace, lease)),
    ...deadlineAttributes(lease.deadlineMs),
    timeout: lease.timeoutMs,
    chain: lease.chain,
  };
}

function deadlineAttributes(deadlineMs: number): Item {
  return { deadline: deadlineMs, ttl: Math.ceil(deadlineMs / 1000) + LEASE_TTL_SLACK_SECONDS };
}

/** A lease with its deadline by the clock that never steps: what is left of it by both clocks is left. */
interface RememberedLease {
  readonly lease: ThinLease;
  readonly untilMonotonicMs: number;
}

export interface ThinLeasesOptions {
  readonly store: Store;
  readonly namespace: string;
  readonly clock: Clock;
  readonly random: Random;
  /** False while the clock cannot be trusted: no lease is written or ended then (I13). */
  readonly isClockTrusted?: () => boolean;
}

/**
 * A lease is written before its epoch stands in the log, is renewed only while its row exists and its deadline has not
 * passed, and is deleted only on the condition that its deadline, as read, has passed. So once an epoch stands in the log and
 * its row is gone or lapsed, nobody can bring the lease back.
 */
export class ThinLeases {
  readonly #options: ThinLeasesOptions;
  /** Deadlines that were written or read here. Others may only have moved them on: each is true until it passes. */
  readonly #remembered = new Map<SessionId, RememberedLease>();

  constructor(options: ThinLeasesOptions) {
    this.#options = options;
  }

  get #nowMs(): number {
    return Math.floor(this.#options.clock.now());
  }

  /**
   * Writes the lease of an epoch that is not in the log yet. A row that an earlier attempt left is renewed, one that has
   * lapsed is replaced: nobody can have relied on it.
   */
  async write(holder: LeaseHolder, timeoutMs: number): Promise<ThinLease> {
    this.#checkClock();
    for (let attempt = 0; attempt < THIN_LEASE_ATTEMPTS_MAX; attempt++) {
      const chain = Buffer.from(this.#options.random.bytes(8)).toString('hex');
      const lease = { ...holder, timeoutMs, chain, deadlineMs: this.#nowMs + timeoutMs };
      const found = await this.#put(lease);
      this.#checkClock();
      if (found === undefined || found.chain === chain) return this.#remember(lease);
      const renewed = await this.renew(found, timeoutMs);
      if (renewed !== undefined) return renewed;
      await this.deleteLapsed(found);
    }
    throw new KeeperError('Overloaded', 'the lease of the session is contended');
  }

  /** The lease that stands in the way, if any. */
  async #put(lease: ThinLease): Promise<ThinLease | undefined> {
    const { store, namespace } = this.#options;
    const item = rowOf(namespace, lease);
    const outcome = await withRetries(this.#options, () =>
      store.put({ table: 'leases', item, condition: [{ kind: 'absent' }] }),
    );
    if (outcome.ok) return undefined;
    assert(outcome.existing !== undefined, 'a row that is in the way is shown');
    return thinLeaseOfRow(namespace, outcome.existing);
  }

  async read(holder: LeaseHolder): Promise<ThinLease | undefined> {
    const { store, namespace } = this.#options;
    const key = thinLeaseKey(namespace, holder);
    const row = await withRetries(this.#options, () => store.get('leases', key));
    return row === undefined ? undefined : thinLeaseOfRow(namespace, row);
  }

  /**
   * A sign of life. Reads and renews only when that is needed: what is left of a deadline that was seen here before is left
   * for certain. False when the lease has lapsed or is gone: then nothing can bring it back.
   */
  async touch(holder: LeaseHolder): Promise<boolean> {
    const known = this.#known(holder) ?? (await this.#find(holder));
    if (known === undefined) return false;
    this.#keep(known);
    const { lease } = known;
    if (this.#leftMs(known) >= vouchedMs(lease.timeoutMs)) return true;
    return (await this.renew(lease, lease.timeoutMs)) !== undefined;
  }

  /** Whether {@link touch} can tell without asking the store whether the lease is alive. */
  isKnownAlive(holder: LeaseHolder): boolean {
    return this.#known(holder) !== undefined;
  }

  #known(holder: LeaseHolder): RememberedLease | undefined {
    const known = this.#remembered.get(holder.session);
    return known?.lease.epoch === holder.epoch && this.#leftMs(known) > 0 ? known : undefined;
  }

  async #find(holder: LeaseHolder): Promise<RememberedLease | undefined> {
    const lease = await this.read(holder);
    // The answer may show that the clock has been set.
    this.#checkClock();
    return lease === undefined ? undefined : this.#seen(lease);
  }

  /** By either clock: the one may have been set back since the lease was seen, the other may stand still while the process is frozen. */
  #leftMs({ lease, untilMonotonicMs }: RememberedLease): number {
    return Math.min(lease.deadlineMs - this.#nowMs, untilMonotonicMs - this.#options.clock.monotonic());
  }

  /** The lease with its new deadline; `undefined` when it is gone or its deadline has passed. */
  async renew(lease: ThinLease, timeoutMs: number): Promise<ThinLease | undefined> {
    this.#checkClock();
    const { store, namespace } = this.#options;
    const nowMs = this.#nowMs;
    const deadlineMs = nowMs + timeoutMs;
    const outcome = await withRetries(this.#options, () =>
      store.update({
        table: 'leases',
        key: thinLeaseKey(namespace, lease),
        set: { ...deadlineAttributes(deadlineMs), timeout: timeoutMs },
        condition: [
          { kind: 'greater', attribute: 'deadline', value: nowMs },
          { kind: 'less', attribute: 'deadline', value: deadlineMs },
        ],
      }),
    );
    // The answer may show that the clock has been set, and that the lease had lapsed.
    this.#checkClock();
    if (outcome.ok) return this.#remember({ ...lease, timeoutMs, deadlineMs });
    const found = outcome.existing && thinLeaseOfRow(namespace, outcome.existing);
    // Renewed already, further than this: by a retry of ours, or by another instance whose clock is ahead.
    if (found !== undefined && found.deadlineMs > nowMs) return this.#remember(found);
    this.forget(lease.session);
    return undefined;
  }

  /** Deletes the row if its deadline is still the one that was read. False when the lease was renewed meanwhile. */
  async deleteLapsed(lease: ThinLease): Promise<boolean> {
    this.#checkClock();
    const { store, namespace } = this.#options;
    if (lease.deadlineMs > this.#nowMs) return false;
    const outcome = await withRetries(this.#options, () =>
      store.delete({
        table: 'leases',
        key: thinLeaseKey(namespace, lease),
        condition: [{ kind: 'equals', attribute: 'deadline', value: lease.deadlineMs }],
      }),
    );
    this.forget(lease.session);
    return outcome.ok || outcome.existing === undefined;
  }

  /** Deletes the row of an epoch that is over in the log. */
  async drop(holder: LeaseHolder): Promise<void> {
    const { store, namespace } = this.#options;
    this.forget(holder.session);
    const key = thinLeaseKey(namespace, holder);
    await withRetries(this.#options, () => store.delete({ table: 'leases', key }));
  }

  /**
   * Hands the chain of timers on from the message that names `lease.chain` to the next one; the name of that. `undefined` when
   * another copy of the message did so: this one ends. The same delivery that comes again (`deliveryId`) gets the same name
   * again, so a crash between here and sending the next message breaks no chain.
   */
  async passOn(lease: ThinLease, messageChain: string, deliveryId: string): Promise<string | undefined> {
    const { store, namespace } = this.#options;
    const next = nextChain(messageChain, deliveryId);
    if (lease.chain === next) return next;
    if (lease.chain !== messageChain) return undefined;
    const outcome = await withRetries(this.#options, () =>
      store.update({
        table: 'leases',
        key: thinLeaseKey(namespace, lease),
        set: { chain: next },
        condition: [{ kind: 'equals', attribute: 'chain', value: messageChain }],
      }),
    );
    return outcome.ok || outcome.existing?.['chain'] === next ? next : undefined;
  }

  forget(session: SessionId): void {
    this.#remembered.delete(session);
  }

  #remember(lease: ThinLease): ThinLease {
    this.#keep(this.#seen(lease));
    return lease;
  }

  /** A lease that the store has just told of. */
  #seen(lease: ThinLease): RememberedLease {
    return { lease, untilMonotonicMs: this.#options.clock.monotonic() + lease.deadlineMs - this.#nowMs };
  }

  /** As the one that was used last. Those that were not used for longest fall out. */
  #keep(seen: RememberedLease): void {
    const { session, epoch } = seen.lease;
    const known = this.#remembered.get(session);
    if (known !== undefined && known.lease.epoch > epoch) return;
    this.#remembered.delete(session);
    this.#remembered.set(session, seen);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > THIN_LEASES_REMEMBERED_MAX && oldest !== undefined) this.forget(oldest);
  }

  #checkClock(): void {
    if (this.#options.isClockTrusted?.() ?? true) return;
    throw new KeeperError('StoreUnavailable', 'the clock cannot be trusted at the moment');
  }
}

/** What has to be left of a lease so that its client may rely on it by a clock that is not this one. */
function vouchedMs(timeoutMs: number): number {
  return Math.min(timeoutMs, timeoutMs * THIN_RENEW_FRACTION + CLOCKS_DIFFER_MS_MAX);
}

/** The name of the next message of a chain: the same for every delivery of the same message. */
export function nextChain(chain: string, deliveryId: string): string {
  return createHash('sha256').update(`${chain}\n${deliveryId}`).digest('hex').slice(0, 16);
}
