import type { WatchTrigger, Zxid } from '../core/types.js';
import type { WatchKind } from '../keeper/watches.js';

/** A watch that a reconnecting client names: `exists` is a data watch on a znode that was not there. */
export interface NamedWatch {
  readonly from: 'data' | 'exists' | 'child';
  readonly path: string;
}

export function kindOf(watch: NamedWatch): WatchKind {
  return watch.from === 'child' ? 'child' : 'data';
}

/**
 * What a client that has seen everything up to `relativeZxid` has missed at a path, by ZooKeeper's rules; `undefined` when
 * nothing, so that the watch is to be set again. `node` is `null` when the znode is not there.
 */
export function missedEvent(
  watch: NamedWatch,
  node: { readonly mzxid: Zxid; readonly pzxid: Zxid } | null,
  relativeZxid: Zxid,
): WatchTrigger['event'] | undefined {
  if (watch.from === 'exists') return node === null ? undefined : 'created';
  if (node === null) return 'deleted';
  if (watch.from === 'data') return node.mzxid > relativeZxid ? 'dataChanged' : undefined;
  return node.pzxid > relativeZxid ? 'childrenChanged' : undefined;
}
