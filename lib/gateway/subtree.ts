import { ErrorCode } from '../core/errors.js';
import { validatePath } from '../core/paths.js';
import { recordKey, type RecordKey } from '../core/state.js';
import type { KeeperApi } from '../keeper/types.js';
import type { Answer, Lookup } from './lookup.js';
import type { SessionConnection } from './session-requests.js';

export type SubtreeCount =
  | { readonly kind: 'counted'; readonly count: number }
  /** These listings are to be hydrated first; they may lead to further ones. */
  | { readonly kind: 'unknown'; readonly keys: readonly RecordKey[] }
  | { readonly kind: 'tooMany' };

/**
 * Counts the znodes below a path by their parents' listings alone, all as they are at the keeper's head. Gives up beyond
 * `countMax`.
 */
export function countBelow(
  keeper: Pick<KeeperApi, 'tryChildren'>,
  path: string,
  countMax: number,
): SubtreeCount {
  const keys: RecordKey[] = [];
  // Grows while it is walked, up to the bound.
  const parents = [path];
  for (const parent of parents) {
    const names = keeper.tryChildren(parent);
    if (names === undefined) {
      keys.push(recordKey.children(parent));
      continue;
    }
    if (parents.length - 1 + names.size > countMax) return { kind: 'tooMany' };
    for (const name of names) parents.push(parent === '/' ? `/${name}` : `${parent}/${name}`);
  }
  return keys.length > 0 ? { kind: 'unknown', keys } : { kind: 'counted', count: parents.length - 1 };
}

/**
 * getAllChildrenNumber: READ is asked for at the top only. The znodes below `/` are the keeper's running total; elsewhere
 * the listings are read, level by level.
 */
export function subtreeLookup(connection: SessionConnection, path: string): Lookup {
  const { keeper, limits } = connection;
  const top = { kind: 'exists', path } as const;
  let unknown: readonly RecordKey[] = [];
  return {
    attempt() {
      unknown = [];
      if (validatePath(path) !== undefined) return { err: ErrorCode.NoNode };
      const seen = keeper.tryRead(top, connection.authIds);
      if (seen === undefined) return undefined;
      if (!seen.ok) return { err: seen.code };
      if (path === '/') return answerOf(keeper.counters.znodes - 1);
      const below = countBelow(keeper, path, limits.subtreeZnodesMax);
      if (below.kind === 'tooMany') return { err: ErrorCode.ThrottledOp };
      if (below.kind === 'counted') return answerOf(below.count);
      unknown = below.keys;
      return undefined;
    },
    hydrate: () => (unknown.length === 0 ? keeper.hydrateFor(top) : hydrateInTurns(connection, unknown)),
    attemptsMax: limits.subtreeLevelsMax,
  };
}

function answerOf(totalNumber: number): Answer {
  return { err: 0, body: { name: 'getAllChildrenNumber', body: { totalNumber } } };
}

/** Many records, a few at a time, so that those of other requests come in between. */
async function hydrateInTurns(connection: SessionConnection, keys: readonly RecordKey[]): Promise<void> {
  const { keeper, limits } = connection;
  for (let at = 0; at < keys.length && !connection.closed; at += limits.hydrationConcurrency) {
    await keeper.hydrate(keys.slice(at, at + limits.hydrationConcurrency));
  }
}
