/**
 * Quotas, as ZooKeeper keeps them: the limits of /a/b stand in the data of /zookeeper/quota/a/b/zookeeper_limits, and what is
 * counted below it in that of zookeeper_stats beside it. The deepest path with limits counts, and no other.
 *
 * A transaction carries what it changes in the figures, so that they follow from the log alone.
 */
import { validatePath } from './paths.js';
import { formatQuota, parseQuota, utf8, type QuotaFigures } from './quota-text.js';
import { dataLength } from './stat.js';
import { recordKey, type RecordKey, type StateReader, type StateWriter } from './state.js';
import type { Effect, NodeRecord, Position, QuotaChange } from './types.js';

export const QUOTA_ROOT = '/zookeeper/quota';
const LIMITS = 'zookeeper_limits';
const FIGURES = 'zookeeper_stats';

/** Where the limits of a path stand. */
export function limitsPath(path: string): string {
  return `${QUOTA_ROOT}${path}/${LIMITS}`;
}

/** Where the figures of a path stand. */
export function figuresPath(path: string): string {
  return `${QUOTA_ROOT}${path}/${FIGURES}`;
}

/** The path whose figures a znode holds, '' for the root; `undefined` when it holds none. */
export function countedBy(path: string): string | undefined {
  if (!path.startsWith(QUOTA_ROOT + '/') || !path.endsWith('/' + FIGURES)) return undefined;
  return path.slice(QUOTA_ROOT.length, -FIGURES.length - 1);
}

/** The paths from the top down to `path` itself, which is valid. */
function lineage(path: string): string[] {
  const paths: string[] = [];
  for (let slash = path.indexOf('/', 1); slash > 0; slash = path.indexOf('/', slash + 1)) {
    paths.push(path.slice(0, slash));
  }
  return path === '/' ? [] : [...paths, path];
}

/** Nearly every tree has no quotas at all, which one record tells. */
function hasQuotas(state: StateReader): boolean {
  return (state.node(QUOTA_ROOT)?.numChildren ?? 0) > 0;
}

/** The first of those keys, to be asked for before it is known which path it is about. */
export function unknownQuotaRoot(state: StateReader): RecordKey[] {
  return state.node(QUOTA_ROOT) === undefined ? [recordKey.node(QUOTA_ROOT)] : [];
}

/**
 * The keys that it takes to find the quota of a path and that are not known. All levels are asked for at once: one round
 * instead of one a level.
 */
export function unknownForQuota(path: string, state: StateReader): RecordKey[] {
  if (validatePath(path) !== undefined) return [];
  if (!hasQuotas(state)) return unknownQuotaRoot(state);
  return lineage(path)
    .flatMap((at) => [limitsPath(at), figuresPath(at)])
    .filter((at) => validatePath(at) === undefined && state.node(at) === undefined)
    .map(recordKey.node);
}

/** The deepest path with a quota at `path` or above it. Everything that {@link unknownForQuota} names is known. */
function quotaOf(path: string, state: StateReader): string | undefined {
  if (!hasQuotas(state)) return undefined;
  return lineage(path).findLast((at) => nodeAt(limitsPath(at), state) !== undefined);
}

function nodeAt(path: string, state: StateReader): NodeRecord | undefined {
  return validatePath(path) === undefined ? (state.node(path) ?? undefined) : undefined;
}

function figuresAt(path: string, state: StateReader): QuotaFigures | undefined {
  const data = nodeAt(path, state)?.data;
  return data instanceof Uint8Array ? parseQuota(data) : undefined;
}

/** The path whose hard quota a change would exceed. `path` of the change is that of the znode. */
export function exceededQuota(change: QuotaChange, state: StateReader): string | undefined {
  const path = quotaOf(change.path, state);
  if (path === undefined) return undefined;
  const limits = figuresAt(limitsPath(path), state);
  const figures = figuresAt(figuresPath(path), state);
  if (limits === undefined || figures === undefined) return undefined;
  const tooMany = exceeds({ by: change.znodes, now: figures.count, limit: limits.countHardLimit });
  const tooLarge = exceeds({ by: change.bytes, now: figures.bytes, limit: limits.byteHardLimit });
  return tooMany || tooLarge ? path : undefined;
}

/** −1 is no limit. What does not change a figure does not exceed it, and as in ZooKeeper even less of too much is too much. */
function exceeds(figure: { by: number; now?: number | undefined; limit?: number | undefined }): boolean {
  const { by, now = -1, limit = -1 } = figure;
  return by !== 0 && limit > -1 && now + by > limit;
}

/** What an effect, which has not been applied yet, changes in the figures of quotas. */
export function quotaChanges(effect: Effect, state: StateReader): readonly QuotaChange[] {
  if (!hasQuotas(state)) return [];
  const sum = new Map<string, QuotaChange>();
  for (const { path, znodes, bytes } of changesOf(effect, state)) {
    const quota = quotaOf(path, state);
    if (quota !== undefined) addQuotaChange(sum, { path: quota, znodes, bytes });
  }
  return [...sum.values()];
}

/** Adds a change to those of the same path. */
export function addQuotaChange(sum: Map<string, QuotaChange>, { path, znodes, bytes }: QuotaChange): void {
  const before = sum.get(path);
  sum.set(path, {
    path,
    znodes: znodes + (before?.znodes ?? 0),
    bytes: bytes + (before?.bytes ?? 0),
  });
}

function changesOf(effect: Effect, state: StateReader): QuotaChange[] {
  switch (effect.type) {
    case 'create':
      return [{ path: effect.path, znodes: 1, bytes: dataLength(effect.data) }];
    case 'setData':
      return [{ path: effect.path, znodes: 0, bytes: dataLength(effect.data) - bytesAt(effect.path, state) }];
    case 'delete':
      return [removal(effect.path, state)];
    case 'closeSession':
      return effect.ephemerals.map((path) => removal(path, state));
    // A multi's operations are accounted for one by one, each on what those before it left.
    case 'multi':
    case 'setAcl':
    case 'check':
    case 'createSession':
    case 'attach':
    case 'error':
    case 'noop':
      return [];
  }
}

function removal(path: string, state: StateReader): QuotaChange {
  return { path, znodes: -1, bytes: -bytesAt(path, state) };
}

function bytesAt(path: string, state: StateReader): number {
  const record = nodeAt(path, state);
  return record === undefined ? 0 : dataLength(record.data);
}

/**
 * Writes the figures on. As in ZooKeeper neither version nor times nor watches of the znode that holds them take notice; one
 * that is not known, or holds something else, is left alone.
 */
export function applyQuotas(
  changes: readonly QuotaChange[],
  { state, position }: { readonly state: StateWriter; readonly position: Position },
): void {
  for (const { path, znodes, bytes } of changes) {
    const at = figuresPath(path);
    const record = nodeAt(at, state);
    const figures = figuresAt(at, state);
    if (record === undefined || figures === undefined) continue;
    const { count = -1, bytes: before = -1 } = figures;
    const data = utf8(formatQuota({ ...figures, count: count + znodes, bytes: before + bytes }));
    state.setNode(at, { ...record, data, zxid: position.zxid });
  }
}

/** Every key that {@link applyQuotas} changes. */
export function touchedByQuotas(changes: readonly QuotaChange[]): RecordKey[] {
  return changes.map(({ path }) => recordKey.node(figuresPath(path)));
}
