import { QUOTA_USAGE_ZNODES_MAX } from './limits.js';
import { childOf } from './paths.js';
import { countedBy } from './quota.js';
import { formatQuota, utf8 } from './quota-text.js';
import { dataLength } from './stat.js';
import { recordKey, type RecordKey, type StateReader } from './state.js';

interface Usage {
  readonly count: number;
  readonly bytes: number;
  /** Keys that stand in the way of knowing. */
  readonly missing: readonly RecordKey[];
  readonly tooMany: boolean;
}

/** Counts the znodes from `root` down, level by level, as far as they are known. */
function usageOf(root: string, state: StateReader): Usage {
  const missing: RecordKey[] = [];
  let count = 0;
  let bytes = 0;
  const paths = [root];
  for (const path of paths) {
    if (paths.length > QUOTA_USAGE_ZNODES_MAX) return { count, bytes, missing: [], tooMany: true };
    const record = state.node(path);
    if (record === undefined) missing.push(recordKey.node(path));
    if (record === undefined || record === null) continue;
    count += 1;
    bytes += dataLength(record.data);
    if (record.numChildren === 0) continue;
    const names = state.children(path);
    if (names === undefined) missing.push(recordKey.children(path));
    // The names come all the same one by one: a spread of a hundred thousand arguments would be too many.
    for (const name of names ?? []) paths.push(childOf(path, name));
  }
  return { count, bytes, missing, tooMany: false };
}

/** The keys that are missing to create a znode at `path`, if it is one that holds a quota's figures. */
export function unknownForUsage(path: string, state: StateReader): readonly RecordKey[] {
  const counted = countedBy(path);
  return counted === undefined ? [] : usageOf(counted === '' ? '/' : counted, state).missing;
}

/**
 * The data that a new znode with a quota's figures gets, whatever its creator gave it: what there is now. `undefined` for any
 * other znode.
 */
export function usageData(path: string, state: StateReader): Uint8Array | 'too many' | undefined {
  const counted = countedBy(path);
  if (counted === undefined) return undefined;
  const { count, bytes, tooMany } = usageOf(counted === '' ? '/' : counted, state);
  return tooMany ? 'too many' : utf8(formatQuota({ count, bytes }));
}
