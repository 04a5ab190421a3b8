import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { parseQuota, type QuotaFigures } from '../core/quota-text.js';
import { figuresPath, limitsPath } from '../core/quota.js';
import type { QuotaChange } from '../core/types.js';
import type { Commit, KeeperApi } from '../keeper/types.js';
import { SUPER } from './auth.js';
import type { GatewayStats } from './stats.js';

/** Between two warnings of one path: who exceeds a quota does so with every write. */
export const QUOTA_WARNING_PAUSE_MS = 60_000;
/** Paths that are remembered for that. */
const PATHS_MAX = 1_000;

export interface QuotaWarningsOptions {
  readonly keeper: KeeperApi;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: GatewayStats;
}

/**
 * Says in the log when a write goes beyond a quota, soft ones above all, which do nothing else: as ZooKeeper does, once a minute and path.
 * Limits that the view does not hold are another gateway's to tell of, which has checked the write.
 */
export class QuotaWarnings {
  readonly #options: QuotaWarningsOptions;
  /** Monotonic ms. */
  readonly #toldAt = new Map<string, number>();

  constructor(options: QuotaWarningsOptions) {
    this.#options = options;
  }

  /** Called when the transaction has been applied, and nothing after it. */
  see({ txn }: Commit): void {
    for (const change of txn.quotas ?? []) this.#check(change);
  }

  #check({ path, znodes, bytes }: QuotaChange): void {
    if (znodes <= 0 && bytes <= 0) return;
    const limits = this.#figures(limitsPath(path));
    const now = this.#figures(figuresPath(path));
    if (limits === undefined || now === undefined) return;
    const beyond = {
      ...(znodes > 0 && beyondOf('znodes', now.count, [limits.count, limits.countHardLimit])),
      ...(bytes > 0 && beyondOf('bytes', now.bytes, [limits.bytes, limits.byteHardLimit])),
    };
    if (Object.keys(beyond).length === 0) return;
    this.#options.stats.quotasExceeded++;
    if (this.#mayTell(path)) this.#options.logger.warn('a quota is exceeded', { path, ...beyond });
  }

  #figures(path: string): QuotaFigures | undefined {
    const answer = this.#options.keeper.tryRead({ kind: 'getData', path }, [SUPER]);
    return answer?.ok === true && answer.result.kind === 'getData'
      ? parseQuota(answer.result.data)
      : undefined;
  }

  #mayTell(path: string): boolean {
    const nowMs = this.#options.clock.monotonic();
    if (nowMs - (this.#toldAt.get(path) ?? -Infinity) < QUOTA_WARNING_PAUSE_MS) return false;
    this.#toldAt.delete(path);
    this.#toldAt.set(path, nowMs);
    const [oldest] = this.#toldAt.keys();
    if (this.#toldAt.size > PATHS_MAX && oldest !== undefined) this.#toldAt.delete(oldest);
    return true;
  }
}

/** −1 is no limit. */
function beyondOf(
  figure: string,
  now: number | undefined,
  limits: readonly (number | undefined)[],
): Readonly<Record<string, number>> {
  const set = limits.filter((limit) => limit !== undefined && limit > -1) as readonly number[];
  const limit = Math.min(...set);
  return now !== undefined && now > limit ? { [figure]: now, [`${figure}Limit`]: limit } : {};
}
