import { assert } from '../../base/assert.js';
import { FORMATS } from './all.js';
import type { Format } from './format.js';

/** The newest format that this release reads. */
export function newestFormat(): number {
  const newest = FORMATS.at(-1);
  assert(newest !== undefined, 'a release knows a format');
  return newest.number;
}

/** `undefined` for one that this release does not know: nobody may guess what it says. */
export function formatOf(number: number | undefined): Format | undefined {
  // They stand in the order of their numbers, from 1 on. Every attribute of every row that is read asks.
  return number === undefined ? undefined : FORMATS[number - 1];
}

/** One that the release writes, and hence knows. */
export function knownFormat(number: number): Format {
  const format = formatOf(number);
  assert(format !== undefined, `format ${number} is not known here`);
  return format;
}
