/** Which watches a trigger fires. Pure. */
import type { Acl, WatchTrigger, Zxid } from '../../core/types.js';
import { isWithin } from '../../keeper/changes.js';
import type { WatchEventType, WatchIdentity, WatchKind } from '../../keeper/watch-rows.js';
import type { ThinEventId } from '../../wire/thin-protocol.js';

/** A trigger with its place in the log. */
export interface PlacedTrigger extends ThinEventId {
  readonly type: WatchEventType;
  readonly path: string;
  /** The znode's access control list at that moment, where it is known and not everybody may READ. */
  readonly acl?: readonly Acl[];
}

const FIRED: Readonly<Record<WatchEventType, ReadonlySet<WatchKind>>> = {
  created: new Set<WatchKind>(['data', 'exists', 'persistent', 'persistentRecursive']),
  dataChanged: new Set<WatchKind>(['data', 'exists', 'persistent', 'persistentRecursive']),
  deleted: new Set<WatchKind>(['data', 'exists', 'children', 'persistent', 'persistentRecursive']),
  childrenChanged: new Set<WatchKind>(['children', 'persistent']),
};

/** Whether a trigger fires a watch that is armed: its kind, its path, and after its arming. */
export function fires(trigger: PlacedTrigger, watch: Omit<WatchIdentity, 'session'>): boolean {
  if (trigger.zxid <= watch.armed || !FIRED[trigger.type].has(watch.kind)) return false;
  if (watch.kind === 'persistentRecursive') return isWithin(trigger.path, watch.path);
  return trigger.path === watch.path;
}

/** A transaction's triggers with their places. */
export function placed(zxid: Zxid, triggers: readonly WatchTrigger[]): PlacedTrigger[] {
  return triggers.map(({ event, path, acl }, position) => {
    const trigger = { zxid, position, type: event, path };
    return acl === undefined ? trigger : { ...trigger, acl };
  });
}

/** The order of events. */
export function compareIds(a: ThinEventId, b: ThinEventId): number {
  return a.zxid - b.zxid || a.position - b.position;
}
