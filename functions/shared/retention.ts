import { LOG_RETENTION_MS_MAX, LOG_RETENTION_MS_MIN } from '../../lib/keeper/limits.js';
import { isNamespace } from './authority.js';

const DAY_MS = 24 * 3600_000;
const DAYS_MIN = LOG_RETENTION_MS_MIN / DAY_MS;
const DAYS_MAX = LOG_RETENTION_MS_MAX / DAY_MS;

/** How long a namespace's log is kept, in ms; `undefined`: for good. */
export type LogRetention = (namespace: string) => number | undefined;

const EXPECTED = `whole days, ${DAYS_MIN} at least and ${DAYS_MAX} at most, as 30 or NAMESPACE=30,OTHER=90`;

/**
 * Reads `30` (days, of every namespace) or `production=90,staging=7` (the others are kept for good); nothing keeps all for
 * good. Throws RangeError, whose message says what was expected.
 */
export function parseLogRetention(text: string | undefined): LogRetention {
  if (text === undefined || text.trim() === '') return () => undefined;
  const parts = text.split(',').map((part) => part.trim().split('='));
  const [first] = parts;
  if (parts.length === 1 && first?.length === 1) {
    const everywhere = daysIn(first[0] ?? '');
    return () => everywhere;
  }
  const byNamespace = new Map(parts.map(retentionIn));
  if (byNamespace.size < parts.length) throw new RangeError(`${EXPECTED}, each namespace once`);
  return (namespace) => byNamespace.get(namespace);
}

function retentionIn([name = '', days = '', ...more]: readonly string[]): readonly [string, number] {
  if (!isNamespace(name) || more.length > 0) throw new RangeError(EXPECTED);
  return [name, daysIn(days)];
}

function daysIn(text: string): number {
  const days = Number(text);
  if (/^\d+$/.test(text) && days >= DAYS_MIN && days <= DAYS_MAX) return days * DAY_MS;
  throw new RangeError(EXPECTED);
}
