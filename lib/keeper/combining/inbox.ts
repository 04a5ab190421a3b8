import type { Item } from '../../log/store.js';
import { StoreError } from '../../log/store.js';
import type { ReplicaOptions } from '../replica.js';
import { withRetries } from '../retry.js';
import { number, rowKey, text } from '../rows.js';
import { KeeperError } from '../types.js';
import { INBOX_SHARD_ROWS_MAX, OUTCOME_TTL_SECONDS } from './limits.js';
import {
  combiningKey,
  CROWD_SCALE,
  INBOX_SHARD_NUMBERS,
  outcomesOfRow,
  outcomesRow,
  parkedKey,
  parkedOfRow,
  parkedRow,
} from './rows.js';
import type { Outcomes, Parked, Ticket } from './rows.js';

/** Who combines, as its row says. */
export interface Role {
  readonly keeper: string;
  /** Ms since 1970. */
  readonly untilMs: number;
  /** Rows that a look at the inbox brings, on a moving average. */
  readonly crowd: number;
}

/** The store did not answer. What failed otherwise is a bug, or a permission that is missing, and must not be passed over. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof KeeperError)) return false;
  return !(error.cause instanceof StoreError) || error.cause.retriable;
}

export const NOBODY: Role = { keeper: '', untilMs: 0, crowd: 0 };

/**
 * What writers and the combiner tell each other through the store. Every call may be repeated, and may take effect late: what
 * is written about an older parking never takes the place of what is written about a newer one.
 */
export class Inbox {
  readonly #options: ReplicaOptions;

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  async park(parked: Parked): Promise<void> {
    await this.#put(parkedRow(this.#options.namespace, parked), parked.ticket);
  }

  /** Everything that is parked, as far as one look goes. */
  async list(): Promise<Parked[]> {
    const { store, namespace } = this.#options;
    const looks = INBOX_SHARD_NUMBERS.map((shard) => {
      const partition = combiningKey.inbox(namespace, shard);
      return withRetries(this.#options, () =>
        store.query({ table: 'state', partition, limit: INBOX_SHARD_ROWS_MAX }),
      );
    });
    return (await Promise.all(looks)).flatMap(({ items }) => items.map(parkedOfRow));
  }

  /** Takes a parking out, unless its keeper has parked again since. */
  async clear(ticket: Ticket): Promise<void> {
    const { store, namespace } = this.#options;
    await withRetries(this.#options, () =>
      store.delete({
        table: 'state',
        key: parkedKey(namespace, ticket),
        condition: [{ kind: 'equals', attribute: 'n', value: ticket.number }],
      }),
    );
  }

  async tell(outcomes: Outcomes): Promise<void> {
    const ttlSeconds = Math.ceil(this.#options.clock.now() / 1000) + OUTCOME_TTL_SECONDS;
    await this.#put(outcomesRow(this.#options.namespace, { ...outcomes, ttlSeconds }), outcomes.ticket);
  }

  /** What became of a parking, once it is told. */
  async outcomes({ keeper, number: wanted }: Ticket): Promise<Outcomes | undefined> {
    const { store, namespace } = this.#options;
    const row = await withRetries(this.#options, () =>
      store.get('state', combiningKey.outcome(namespace, keeper)),
    );
    if (row?.['n'] !== wanted) return undefined;
    return outcomesOfRow(keeper, row);
  }

  async role(): Promise<Role | undefined> {
    const { store, namespace } = this.#options;
    const row = await withRetries(this.#options, () => store.get('state', combiningKey.combiner(namespace)));
    return row && roleOfRow(row);
  }

  /** Takes the role from whoever had it as `before` says. Answers who has it now; in doubt, and when it fails, that may be anybody. */
  async take(role: Role, before: Role | undefined): Promise<Role> {
    const { store, namespace } = this.#options;
    const item = {
      ...rowKey(combiningKey.combiner(namespace)),
      h: role.keeper,
      u: role.untilMs,
      c: Math.round(role.crowd * CROWD_SCALE),
    };
    const outcome = await withRetries(this.#options, () =>
      store.put({
        table: 'state',
        item,
        condition:
          before === undefined
            ? [{ kind: 'absent' }]
            : [
                { kind: 'equals', attribute: 'h', value: before.keeper },
                { kind: 'equals', attribute: 'u', value: before.untilMs },
              ],
      }),
    );
    if (outcome.ok) return role;
    return outcome.existing === undefined ? NOBODY : roleOfRow(outcome.existing);
  }

  /** Of two versions about one keeper the newer stays. */
  async #put(item: Item, { number: value }: Ticket): Promise<void> {
    const { store } = this.#options;
    await withRetries(this.#options, () =>
      store.put({ table: 'state', item, condition: [{ kind: 'absentOrLess', attribute: 'n', value }] }),
    );
  }
}

function roleOfRow(row: Item): Role {
  return { keeper: text(row, 'h'), untilMs: number(row, 'u'), crowd: number(row, 'c') / CROWD_SCALE };
}
