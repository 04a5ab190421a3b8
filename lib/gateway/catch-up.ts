import type { WatchTrigger, Zxid } from '../core/types.js';
import type { WatchKind } from '../keeper/watches.js';
import type { RequestOf } from '../wire/index.js';

/** `exists` is a data watch on a znode that was not there. */
type OneShot = 'data' | 'exists' | 'child';

/** A watch that a reconnecting client names. */
export interface NamedWatch {
  readonly from: OneShot | 'persistent' | 'persistentRecursive';
  readonly path: string;
}

/** All watches that a client names, in the order in which they are looked at. */
export function namedWatches(body: RequestOf<'setWatches'> | RequestOf<'setWatches2'>): NamedWatch[] {
  const named = (from: NamedWatch['from'], paths: readonly string[]) => paths.map((path) => ({ from, path }));
  const oneShot = [
    ...named('data', body.dataWatches),
    ...named('exists', body.existWatches),
    ...named('child', body.childWatches),
  ];
  if (!('persistentWatches' in body)) return oneShot;
  return [
    ...oneShot,
    ...named('persistent', body.persistentWatches),
    ...named('persistentRecursive', body.persistentRecursiveWatches),
  ];
}

export function kindOf({ from }: NamedWatch): WatchKind {
  switch (from) {
    case 'data':
    case 'exists':
      return 'data';
    case 'child':
    case 'persistent':
    case 'persistentRecursive':
      return from;
  }
}

/**
 * What a client that has seen everything up to `relativeZxid` has missed at a path, by ZooKeeper's rules; `undefined` when
 * nothing, so that the watch is to be set again. `node` is `null` when the znode is not there. Persistent watches miss
 * nothing by these rules: what happened while the client was away, they are not told.
 */
export function missedEvent(
  from: OneShot,
  node: { readonly mzxid: Zxid; readonly pzxid: Zxid } | null,
  relativeZxid: Zxid,
): WatchTrigger['event'] | undefined {
  if (from === 'exists') return node === null ? undefined : 'created';
  if (node === null) return 'deleted';
  if (from === 'data') return node.mzxid > relativeZxid ? 'dataChanged' : undefined;
  return node.pzxid > relativeZxid ? 'childrenChanged' : undefined;
}
