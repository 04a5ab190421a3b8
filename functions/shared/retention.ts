import { LOG_RETENTION_MS_MIN } from '../../lib/keeper/limits.js';

const DAY_MS = 24 * 3600_000;
const DAYS_MIN = LOG_RETENTION_MS_MIN / DAY_MS;

/** How long a namespace's log is kept, in ms; `undefined`: for good. */
export type LogRetention = (namespace: string) => number | undefined;

/**
 * Reads `30` (days, of every namespace) or `production=90,staging=7` (the others are kept for good); nothing keeps all for
 * good. Throws RangeError.
 */
export function parseLogRetention(text: string | undefined): LogRetention {
  if (text === undefined || text.trim() === '') return () => undefined;
  const parts = text.split(',').map((part) => part.trim().split('='));
  const [first] = parts;
  if (parts.length === 1 && first?.length === 1) {
    const everywhere = daysIn(first[0] ?? '');
    return () => everywhere;
  }
  const byNamespace = new Map(parts.map(([name = '', days = '']) => [name, daysIn(days)]));
  return (namespace) => byNamespace.get(namespace);
}

function daysIn(text: string): number {
  const days = Number(text);
  if (/^\d+$/.test(text) && days >= DAYS_MIN) return days * DAY_MS;
  throw new RangeError(
    `a log is kept for whole days, ${DAYS_MIN} at least, as 30 or NAMESPACE=30,NAMESPACE=90: not for ${JSON.stringify(text)}`,
  );
}
