import { allows } from '../../core/acl.js';
import { recordKey } from '../../core/state.js';
import { Perms, type Acl, type AuthId } from '../../core/types.js';
import type { Replica } from '../../keeper/replica.js';
import type { ThinEvent } from '../../wire/thin-protocol.js';
import { compareIds, type PlacedTrigger } from './firing.js';

/**
 * The events of znodes that these ids may READ: by the list that the trigger carries, or else by the one that the znode has
 * now. Of a znode that is gone, and of which nothing is known any more, the event is delivered, as a gateway does: that the path
 * has changed.
 */
export async function readable(
  replica: Replica,
  told: {
    readonly events: readonly ThinEvent[];
    readonly triggers: readonly PlacedTrigger[];
    readonly authIds: readonly AuthId[];
  },
): Promise<readonly ThinEvent[]> {
  const { events, triggers, authIds } = told;
  if (authIds.some(({ scheme }) => scheme === 'super')) return events;
  const mayRead = (acl: readonly Acl[] | undefined) => acl === undefined || allows(acl, Perms.read, authIds);
  const kept: ThinEvent[] = [];
  for (const event of events) {
    const carried = triggers.find((trigger) => compareIds(trigger, event) === 0)?.acl;
    if (mayRead(carried ?? (await aclNow(replica, event.path)))) kept.push(event);
  }
  return kept;
}

async function aclNow(replica: Replica, path: string): Promise<readonly Acl[] | undefined> {
  for (;;) {
    const record = replica.view.node(path);
    if (record !== undefined) return record?.acl;
    await replica.hydrate([recordKey.node(path)]);
  }
}
