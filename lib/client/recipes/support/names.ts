import type { Random } from '../../index.js';

/**
 * Names as Curator writes them: `_c_` and a GUID, by which a creation whose answer was lost is found again, then what the
 * recipe says, then the ten digits that the server counts. So recipes of both stand in one line.
 */
export const PROTECTED_PREFIX = '_c_';

/** A child that stands in a line. */
export interface Contender {
  readonly name: string;
  readonly sequence: number;
}

/** A GUID of version 4. */
export function newGuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export function join(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * The number that the server gave; undefined for a name without one. Beyond 2³¹ − 1 the server counts on from −2³¹, which
 * makes a sign after the last character of the recipe's own.
 */
export function sequenceOf(name: string): number | undefined {
  const negative = /[-_](-\d{9,10})$/.exec(name)?.[1];
  const digits = negative ?? /\d{10}$/.exec(name)?.[0];
  return digits === undefined ? undefined : Number(digits);
}

/** The children that stand in the line, first come first. `isIn` leaves out those of others. */
export function lineOf(
  children: readonly string[],
  isIn: (name: string) => boolean = () => true,
): Contender[] {
  const line: Contender[] = [];
  for (const name of children) {
    const sequence = sequenceOf(name);
    if (sequence !== undefined && isIn(name)) line.push({ name, sequence });
  }
  // By the difference in 32 bits, so that a count that has overflowed still comes after.
  return line.sort((a, b) => (a.sequence - b.sequence) | 0);
}
