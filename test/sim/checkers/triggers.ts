import { FullState } from '../../../lib/core/full-state.js';
import { apply } from '../../../lib/core/machine.js';
import type { Zxid } from '../../../lib/core/types.js';
import type { Log } from '../log.js';

/** One thing that a transaction did to a znode. */
export interface Trigger {
  readonly zxid: Zxid;
  /** Which of the transaction's, from 0. */
  readonly position: number;
  readonly type: 'created' | 'deleted' | 'dataChanged' | 'childrenChanged' | 'aclChanged';
  readonly path: string;
}

/** Everything that fires watches, in order, and changes of access control lists, which fire none. */
export function triggersOf(log: Log): readonly Trigger[] {
  const state = new FullState();
  return log.transactions.flatMap(({ txn, position }) => {
    const { zxid } = position;
    const { effect } = txn;
    const fired = apply(txn, position, state).map(({ event, path }, index) => {
      return { zxid, position: index, type: event, path };
    });
    if (effect.type !== 'setAcl') return fired;
    return [...fired, { zxid, position: 0, type: 'aclChanged' as const, path: effect.path }];
  });
}

export type WatchKind = 'data' | 'exists' | 'children' | 'persistent' | 'persistentRecursive';

/** Which watches ZooKeeper's documentation lets a trigger fire. */
export function concerns(trigger: Pick<Trigger, 'type' | 'path'>, kind: WatchKind, path: string): boolean {
  const same = trigger.path === path;
  if (trigger.type === 'aclChanged') return false;
  switch (kind) {
    case 'data':
    case 'exists':
      return same && trigger.type !== 'childrenChanged';
    case 'children':
      return same && (trigger.type === 'childrenChanged' || trigger.type === 'deleted');
    case 'persistent':
      return same;
    case 'persistentRecursive':
      return isWithin(trigger.path, path) && trigger.type !== 'childrenChanged';
  }
}

export function isWithin(path: string, root: string): boolean {
  return path === root || root === '/' || path.startsWith(`${root}/`);
}
