import type { Clock } from '../../lib/base/clock.js';
import type { Logger } from '../../lib/base/logger.js';
import type { Random } from '../../lib/base/random.js';
import { ThinService } from '../../lib/api/service.js';
import { StoredWatches } from '../../lib/api/watches/thin-watches.js';
import { GatewayTimers } from '../../lib/keeper/gateway-timers.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { Reaper } from '../../lib/keeper/reaper.js';
import type { Timers } from '../../lib/keeper/thin-timers.js';
import { KeeperError } from '../../lib/keeper/types.js';
import type { Store } from '../../lib/log/store.js';
import type { FunctionMetrics } from './observability.js';

/** Namespaces whose keeper is kept warm between invocations; beyond it the oldest starts afresh. */
export const WARM_NAMESPACES_MAX = 64;
/** An instance that has slept longer begins with a fresh view, rather than with reading all that it has missed. */
export const WARM_SLEEP_MS_MAX = 5 * 60_000;

export interface WarmOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly metrics: Pick<FunctionMetrics, 'of' | 'health'>;
  readonly isClockTrusted?: () => boolean;
  /** Whether hard quotas are enforced. */
  readonly enforceQuota?: boolean;
  /** Tells the function that looks after watches that there is something new. */
  readonly notify?: (namespace: string, zxid: number) => Promise<void>;
  /** Calls materialize, which lags. */
  readonly materialize?: (namespace: string) => Promise<void>;
}

/** What an instance of a function keeps of a namespace between invocations. */
export interface Warm {
  readonly keeper: Keeper;
  readonly service: ThinService;
  readonly reaper: Reaper;
  readonly gatewayTimers: GatewayTimers;
}

/** The namespaces that an instance has served, with their keepers. */
export class WarmNamespaces {
  readonly #options: WarmOptions;
  readonly #warm = new Map<string, Warm>();

  constructor(options: WarmOptions) {
    this.#options = options;
  }

  /**
   * Works with a namespace's keeper, and tells `notify` when that appended something. A keeper that met a bug, or a log that
   * it cannot follow any more, is not used again.
   */
  async use<T>(namespace: string, work: (warm: Warm) => Promise<T>): Promise<T> {
    const warm = this.#get(namespace);
    const { statistics } = warm.keeper.committer;
    const before = statistics.conflicts;
    try {
      return await work(warm);
    } catch (error) {
      if (!(error instanceof KeeperError) || error.code === 'Compacted') this.discard(namespace, warm);
      throw error;
    } finally {
      const conflicts = statistics.conflicts - before;
      if (conflicts > 0) this.#options.metrics.health('Conflicts', conflicts);
    }
  }

  /** {@link use} for what does not tell `notify` itself. */
  async useAndNotify(namespace: string, work: (warm: Warm) => Promise<void>): Promise<void> {
    await this.use(namespace, async (warm) => {
      const { keeper } = warm;
      const before = keeper.committer.statistics.transactions;
      try {
        await work(warm);
        // Nobody follows the log here between invocations: what has been materialized is let go of now.
        if (keeper.replica.window.oldestTimeMs !== undefined) await keeper.replica.refreshWatermark();
      } finally {
        const appended = keeper.committer.statistics.transactions > before;
        if (appended && keeper.counters.thinSessions > 0) await this.#notify(namespace, keeper.head);
      }
    });
  }

  /** The log's stream tells the same a little later, so a failure is not passed on. */
  async #notify(namespace: string, zxid: number): Promise<void> {
    const { notify, logger } = this.#options;
    await notify?.(namespace, zxid).catch((error: unknown) => {
      logger.warn('notify could not be called', { namespace, zxid, error });
    });
  }

  discard(namespace: string, warm: Warm): void {
    if (this.#warm.get(namespace) === warm) this.#warm.delete(namespace);
    this.#retire(namespace, warm);
  }

  /** Its queue is empty or about to be refused; nobody waits for it. */
  #retire(namespace: string, { keeper }: Warm): void {
    keeper.stop().catch((error: unknown) => {
      this.#options.logger.error('a keeper did not stop', { namespace, error });
    });
  }

  #get(namespace: string): Warm {
    const found = this.#warm.get(namespace);
    const { replica } = found?.keeper ?? {};
    const slept = replica !== undefined && replica.stalenessMs > WARM_SLEEP_MS_MAX && replica.head > 0;
    if (found !== undefined && slept) this.discard(namespace, found);
    const warm = found === undefined || slept ? this.#make(namespace) : found;
    this.#warm.delete(namespace);
    this.#warm.set(namespace, warm);
    const [oldest] = this.#warm.entries();
    if (this.#warm.size > WARM_NAMESPACES_MAX && oldest !== undefined) this.discard(...oldest);
    return warm;
  }

  #make(namespace: string): Warm {
    const { store, clock, random, timers, logger, metrics, notify, materialize } = this.#options;
    const trust = this.#options.isClockTrusted;
    const common = {
      store,
      clock,
      random,
      timers,
      ...(trust === undefined ? {} : { isClockTrusted: trust }),
    };
    const { enforceQuota = false } = this.#options;
    const keeper = new Keeper({ ...common, namespace, enforceQuota, combining: {} });
    const service = new ThinService({
      ...common,
      keeper,
      logger,
      watches: new StoredWatches(keeper.replica),
      metrics: metrics.of(namespace),
      ...(notify === undefined ? {} : { notify: (zxid: number) => notify(namespace, zxid) }),
      ...(materialize === undefined ? {} : { materialize: () => materialize(namespace) }),
    });
    const reaper = new Reaper({ ...common, keeper });
    return { keeper, service, reaper, gatewayTimers: new GatewayTimers({ ...common, namespace }) };
  }
}
