import type { BlobReference, Effect } from '../core/types.js';
import type { Entry } from '../log/entry.js';

/** A blob, and the znode that a transaction gives it to. */
export interface GivenBlob {
  readonly reference: BlobReference;
  readonly path: string;
}

/** The blobs that an entry's transactions name, with the znodes that get them. */
export function blobsGivenBy(entry: Entry): GivenBlob[] {
  return entry.txns.flatMap(({ effect }) => givenBy(effect));
}

function givenBy(effect: Effect): GivenBlob[] {
  if (effect.type === 'multi') return effect.operations.flatMap(givenBy);
  if (effect.type !== 'create' && effect.type !== 'setData') return [];
  const { path, data } = effect;
  return data instanceof Uint8Array ? [] : [{ reference: data, path }];
}

/** The blobs that an effect names. */
export function blobsOfEffect(effect: Effect): BlobReference[] {
  return givenBy(effect).map(({ reference }) => reference);
}

/** The blobs that an entry's transactions name. */
export function blobsOfEntry(entry: Entry): BlobReference[] {
  return blobsGivenBy(entry).map(({ reference }) => reference);
}
