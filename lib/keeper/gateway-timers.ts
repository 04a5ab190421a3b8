/**
 * Timers for the sessions of gateways, for when no gateway runs that would look after another's: embedded keepers hold their
 * sessions as a gateway does, and the last of them may die. One chain of messages per gateway, as long as it has sessions.
 *
 *   leases   ns#timers   gateway id   chain (which message goes on), due ms, ttl s
 */
import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { Item, Key, Store } from '../log/store.js';
import { LEASE_TTL_SLACK_SECONDS, REAP_ALLOWANCE_MS } from './limits.js';
import { withRetries } from './retry.js';
import { number, rowKey, text } from './rows.js';
import { nextChain } from './thin-leases.js';
import { TIMER_DELAY_MS_MAX, TIMER_OVERDUE_MS } from './thin-limits.js';
import type { Timers } from './thin-timers.js';

export interface GatewayTimersOptions {
  readonly store: Store;
  readonly namespace: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
}

export class GatewayTimers {
  readonly #options: GatewayTimersOptions;

  constructor(options: GatewayTimersOptions) {
    this.#options = options;
  }

  /**
   * A session of this gateway with this timeout stands in the log: begins a chain unless one is under way. One that should have
   * gone on a minute ago is taken to be broken.
   */
  async arm(gatewayId: string, timeoutMs: number): Promise<void> {
    const { store, clock, random } = this.#options;
    const dueMs = Math.floor(clock.now()) + timeoutMs + REAP_ALLOWANCE_MS;
    const key = this.#key(gatewayId);
    const chain = Buffer.from(random.bytes(8)).toString('hex');
    const item = { ...rowKey(key), ...attributes(chain, dueMs) };
    let outcome = await withRetries(this.#options, () =>
      store.put({ table: 'leases', item, condition: [{ kind: 'absent' }] }),
    );
    if (!outcome.ok && outcome.existing !== undefined && this.#isOverdue(outcome.existing)) {
      const value = text(outcome.existing, 'chain');
      const condition = [{ kind: 'equals', attribute: 'chain', value }] as const;
      outcome = await withRetries(this.#options, () => store.put({ table: 'leases', item, condition }));
    }
    if (!outcome.ok && outcome.existing?.['chain'] !== chain) return;
    await this.#send({ gatewayId, chain, dueMs }).catch(async (error: unknown) => {
      await this.#end(gatewayId, chain);
      throw error;
    });
  }

  /**
   * A timer fired. `reapUntil` closes what has expired, and tells when to look again, `undefined` when the gateway has no
   * sessions any more: then the chain ends, unless a session came in while it did.
   */
  async onTimer(
    delivery: { readonly gatewayId: string; readonly chain: string; readonly deliveryId: string },
    reapUntil: (gatewayId: string) => Promise<number | undefined>,
  ): Promise<void> {
    const { store, clock } = this.#options;
    const { gatewayId, chain, deliveryId } = delivery;
    const row = await withRetries(this.#options, () => store.get('leases', this.#key(gatewayId)));
    const next = nextChain(chain, deliveryId);
    if (row === undefined || (row['chain'] !== chain && row['chain'] !== next)) return;
    const dueMs = await reapUntil(gatewayId);
    if (dueMs !== undefined) return this.#passOn({ gatewayId, chain, next, dueMs });
    await this.#end(gatewayId, text(row, 'chain'));
    const againMs = await reapUntil(gatewayId);
    if (againMs !== undefined) await this.arm(gatewayId, Math.max(0, againMs - clock.now()));
  }

  async #passOn(link: { gatewayId: string; chain: string; next: string; dueMs: number }): Promise<void> {
    const { store, clock } = this.#options;
    const { gatewayId, chain, next } = link;
    // Not at once again, whatever the rows say: what is due was dealt with just now.
    const dueMs = Math.max(Math.ceil(link.dueMs), Math.floor(clock.now()) + REAP_ALLOWANCE_MS);
    const outcome = await withRetries(this.#options, () =>
      store.update({
        table: 'leases',
        key: this.#key(gatewayId),
        set: attributes(next, dueMs),
        condition: [{ kind: 'equals', attribute: 'chain', value: chain }],
      }),
    );
    if (outcome.ok || outcome.existing?.['chain'] === next)
      await this.#send({ gatewayId, chain: next, dueMs });
  }

  async #send(link: { gatewayId: string; chain: string; dueMs: number }): Promise<void> {
    const { timers, namespace, clock } = this.#options;
    const { gatewayId, chain, dueMs } = link;
    const delayMs = Math.min(TIMER_DELAY_MS_MAX, Math.max(0, dueMs - clock.now()));
    await timers.schedule({ kind: 'gateway', namespace, gatewayId, chain, deadlineMs: dueMs }, delayMs);
  }

  async #end(gatewayId: string, chain: string): Promise<void> {
    const { store } = this.#options;
    const condition = [{ kind: 'equals', attribute: 'chain', value: chain }] as const;
    await withRetries(this.#options, () =>
      store.delete({ table: 'leases', key: this.#key(gatewayId), condition }),
    );
  }

  #isOverdue(row: Item): boolean {
    return number(row, 'due') + TIMER_OVERDUE_MS < this.#options.clock.now();
  }

  #key(gatewayId: string): Key {
    return { partition: `${this.#options.namespace}#timers`, sort: gatewayId };
  }
}

function attributes(chain: string, dueMs: number): Item {
  return { chain, due: dueMs, ttl: Math.ceil((dueMs + TIMER_OVERDUE_MS) / 1000) + LEASE_TTL_SLACK_SECONDS };
}
