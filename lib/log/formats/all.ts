import { FIRST_FORMAT } from './first.js';
import type { Format } from './format.js';

/** All formats that this release reads, in the order of their numbers: every one that there ever was. */
export const FORMATS: readonly Format[] = [FIRST_FORMAT];

/**
 * What a namespace is written in that has not been switched to a later format: the newest one that the previous release reads, so that
 * releases can run side by side and the upgrade can be taken back.
 */
export const FORMAT_UNSWITCHED = 1;
