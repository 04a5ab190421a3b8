import { ErrorCode } from '../core/errors.js';
import { Layer } from '../core/layer.js';
import { applyWithStats } from '../core/machine.js';
import { refusalOfMulti } from '../core/ops/multi.js';
import type { Effect, Position, Refusal, Txn } from '../core/types.js';
import type { Counters } from '../log/entry.js';
import { FORMAT_UNSWITCHED } from '../log/formats/all.js';
import { newestFormat } from '../log/formats/lookup.js';
import { StoreError } from '../log/store.js';
import { NAMESPACE_REFRESH_MS } from './limits.js';
import {
  LIMIT_NAMES,
  recordOf,
  registryKey,
  type NamespaceRecord,
  type RegistryOptions,
} from './registry.js';
import { withRetries } from './retry.js';
import { KeeperError } from './types.js';

/**
 * How much the namespace may hold and in which format it is written, as its row said last. A keeper that writes looks again now and then, without waiting for it: a limit
 * that is lowered holds a little later, and one request never costs a round trip more for it.
 */
export class Allowance {
  readonly #options: RegistryOptions & { readonly namespace: string };
  #record: NamespaceRecord | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(options: RegistryOptions & { readonly namespace: string }) {
    this.#options = options;
  }

  /** Reads the row. Throws `StoreUnavailable`. */
  load(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** Looks again when it is time. One that fails leaves things as they are until the next. */
  refresh(): void {
    const { clock } = this.#options;
    if (clock.monotonic() - this.#readAtMs < NAMESPACE_REFRESH_MS) return;
    this.load().catch((error: unknown) => {
      if (!(error instanceof KeeperError)) throw error;
    });
  }

  /** What entries and rows are written in. Who has not heard of a switch yet writes what everybody reads as well. */
  get format(): number {
    return Math.min(this.#switchedTo, newestFormat());
  }

  get #switchedTo(): number {
    return this.#record?.format ?? FORMAT_UNSWITCHED;
  }

  /** What a write is answered to a namespace that was deleted, or switched to a format of a later release. */
  get problem(): KeeperError | undefined {
    const { namespace } = this.#options;
    if (this.#switchedTo > newestFormat()) {
      const message = `the namespace ${namespace} has format ${this.#switchedTo}, this version knows up to ${newestFormat()}`;
      return new KeeperError('Unreadable', message);
    }
    if (this.#record?.deletedAtMs === undefined) return undefined;
    const message = `the namespace ${namespace} was deleted`;
    return new KeeperError('StoreUnavailable', message, { cause: new StoreError('Rejected', message) });
  }

  /**
   * Refuses what would make the namespace larger than it may be; what makes it smaller is always allowed. `layer` is the state
   * that the transaction is prepared on, `before` what the namespace holds there without the layer.
   */
  refusalOf(txn: Txn, at: { layer: Layer; before: Counters; position: Position }): Refusal | undefined {
    const limits = this.#record?.limits;
    if (limits === undefined || Object.keys(limits).length === 0) return undefined;
    const trial = new Layer(at.layer);
    const isExceeded = () =>
      LIMIT_NAMES.some((name) => {
        const limit = limits[name];
        const growth = trial.delta[name];
        return limit !== undefined && growth > 0 && at.before[name] + at.layer.delta[name] + growth > limit;
      });
    const { effect } = txn;
    const effects: readonly Effect[] = effect.type === 'multi' ? effect.operations : [effect];
    // Which operation of a multi it was that went too far; what a later one makes up for was not too far.
    let failed: number | undefined;
    for (const [index, one] of effects.entries()) {
      applyWithStats({ ...txn, effect: one }, at.position, trial);
      failed = isExceeded() ? (failed ?? index) : undefined;
    }
    return failed === undefined ? undefined : refusalAt(failed, effect);
  }

  async #read(): Promise<void> {
    const { store, namespace, clock } = this.#options;
    this.#readAtMs = clock.monotonic();
    const row = await withRetries(this.#options, () => store.get('state', registryKey.namespace(namespace)));
    this.#record = row === undefined ? undefined : recordOf(namespace, row);
  }
}

function refusalAt(failed: number, effect: Effect): Refusal {
  const code = ErrorCode.QuotaExceeded;
  return effect.type === 'multi' ? refusalOfMulti({ code }, failed, effect.operations.length) : { code };
}

/** A session that the namespace has no room for: another one has to end first. */
export function tooManySessions(): KeeperError {
  return new KeeperError('Overloaded', 'the namespace has as many sessions as it may have');
}
