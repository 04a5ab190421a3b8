import { addInt32 } from '../stat.js';

/** A request's expected version: −1 matches any. */
export function versionMatches(current: number, expected: number): boolean {
  return expected === -1 || expected === current;
}

/** The version after a write. It never becomes −1, which a client could not ask for: that means any version. */
export function nextVersion(current: number): number {
  const next = addInt32(current, 1);
  return next === -1 ? 0 : next;
}
