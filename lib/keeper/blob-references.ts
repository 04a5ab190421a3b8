import type { BlobReference, Effect } from '../core/types.js';
import type { Entry } from '../log/entry.js';

/** The blobs that an effect names. */
export function blobsOfEffect(effect: Effect): BlobReference[] {
  if (effect.type === 'multi') return effect.operations.flatMap(blobsOfEffect);
  if (effect.type !== 'create' && effect.type !== 'setData') return [];
  return effect.data instanceof Uint8Array ? [] : [effect.data];
}

/** The blobs that an entry's transactions name. */
export function blobsOfEntry(entry: Entry): BlobReference[] {
  return entry.txns.flatMap(({ effect }) => blobsOfEffect(effect));
}
