import { TTL_MS_MAX } from './limits.js';
import type { CreateMode } from './types.js';

export function isSequential(mode: CreateMode): boolean {
  return mode === 'persistentSequential' || mode === 'ephemeralSequential' || mode === 'ttlSequential';
}

export function isEphemeral(mode: CreateMode): boolean {
  return mode === 'ephemeral' || mode === 'ephemeralSequential';
}

export function hasTtl(mode: CreateMode): boolean {
  return mode === 'ttl' || mode === 'ttlSequential';
}

/** Why a mode cannot go with a time to live; `undefined` when it can. */
export function ttlRefusal(mode: CreateMode, ttlMs: number | undefined): string | undefined {
  if (!hasTtl(mode)) return ttlMs === undefined ? undefined : `the mode ${mode} has no time to live`;
  const valid = ttlMs !== undefined && Number.isSafeInteger(ttlMs) && ttlMs >= 1 && ttlMs <= TTL_MS_MAX;
  return valid ? undefined : `the mode ${mode} takes a time to live of 1 to ${TTL_MS_MAX} ms`;
}
