import type { ReadResult, Zxid } from '../core/types.js';
import type { ThinResult } from '../wire/thin-protocol.js';
import { bytesOfJson, thinStat } from './translate.js';

type ThinListing = Extract<ThinResult, { readonly op: 'getChildren' }>;

/**
 * A page of a listing: the names after `after` in the order of their bytes, as many as `bytesMax` of JSON hold, and at least
 * one. Names have no surrogates in them, so the order of JavaScript's strings is that of their bytes.
 */
export function listingPage(
  { children, stat }: Extract<ReadResult, { kind: 'getChildren' }>,
  page: { readonly zxid: Zxid; readonly after: string | undefined; readonly bytesMax: number },
): ThinListing {
  const { zxid, after, bytesMax } = page;
  const names = children.filter((name) => after === undefined || name > after).sort();
  const empty: ThinListing = { op: 'getChildren', zxid, children: [], stat: thinStat(stat) };
  let bytes = bytesOfJson(empty);
  let count = 0;
  for (const name of names) {
    // The name, a comma, and in case that it is the page's last, the name once more as `next`.
    bytes += bytesOfJson(name) + 1;
    if (count > 0 && bytes + bytesOfJson(name) + 8 > bytesMax) break;
    count++;
  }
  const listed = names.slice(0, count);
  const last = listed.at(-1);
  const isCut = count < names.length && last !== undefined;
  return { ...empty, children: listed, ...(isCut ? { next: last } : {}) };
}
