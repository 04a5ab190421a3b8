import type { StreamRecord } from '../../functions/shared/events.js';
import type { TableName } from '../log/store.js';
import type { FunctionName } from './deployment.js';
import { matchesPattern } from './event-pattern.js';
import type { Delivery } from './shard-consumer.js';
import type { StreamSettings } from './template.js';

/**
 * What is not as in the cloud, because all of it is one machine:
 *
 * - `log`: entries are gathered for a moment at least, so that the functions do not compete with the writers for every single one.
 * - `leases`: leases that are gone are noticed this late, at most. Timers and gateways have usually acted before, and reading costs.
 */
export const LOCAL_DELIVERY: Partial<Readonly<Record<TableName, Partial<Delivery>>>> = {
  leases: { idlePollMs: 2_000 },
};
const LOCAL_WINDOW_MS_MIN: Partial<Readonly<Record<TableName, number>>> = { log: 200 };

/** The first pause after a failure. Lambda does not say what its own is; with the template's retries this outlasts a busy moment. */
const RETRY_MIN_MS = 250;

/** A stream's reader, and the functions that it calls with every batch. */
export interface StreamTrigger {
  readonly table: TableName;
  readonly functions: readonly FunctionName[];
  readonly delivery: Partial<Delivery>;
  readonly filter: (record: StreamRecord) => boolean;
  /** Whether batches that are given up go to the queue of failures. */
  readonly putsAside: boolean;
}

/**
 * The readers that the template's mappings ask for. Mappings of one table that differ in nothing but the function share a reader, where
 * the cloud has one each: reading costs, and a batch that one of the functions refuses comes again to all of them, as any may.
 */
export function streamTriggers(streams: readonly StreamSettings[]): readonly StreamTrigger[] {
  const readers = new Map<string, StreamTrigger>();
  for (const { function: name, ...settings } of streams) {
    const key = JSON.stringify(settings);
    const shared = readers.get(key)?.functions ?? [];
    readers.set(key, triggerOf(settings, [...shared, name]));
  }
  return [...readers.values()];
}

/** Whether the mapping's function wants the record. */
export function isWanted({ filters }: Pick<StreamSettings, 'filters'>, record: StreamRecord): boolean {
  return filters.length === 0 || filters.some((pattern) => matchesPattern(pattern, record));
}

function triggerOf(
  settings: Omit<StreamSettings, 'function'>,
  functions: readonly FunctionName[],
): StreamTrigger {
  const { table, batchRecordsMax, batchWindowSeconds, bisect, retriesMax, recordAgeSecondsMax } = settings;
  return {
    table,
    functions,
    delivery: {
      ...{
        batchRecordsMax,
        bisect,
        batchWindowMs: Math.max(batchWindowSeconds * 1000, LOCAL_WINDOW_MS_MIN[table] ?? 0),
      },
      ...{ attemptsMax: retriesMax + 1, recordAgeMaxMs: recordAgeSecondsMax * 1000 },
      retryMinMs: RETRY_MIN_MS,
      ...LOCAL_DELIVERY[table],
    },
    filter: (record) => isWanted(settings, record),
    putsAside: settings.failures !== undefined,
  };
}
