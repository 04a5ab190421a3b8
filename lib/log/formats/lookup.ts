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
  return FORMATS.find((format) => format.number === number);
}

/** One that the release writes, and hence knows. */
export function knownFormat(number: number): Format {
  const format = formatOf(number);
  assert(format !== undefined, `format ${number} is not known here`);
  return format;
}
