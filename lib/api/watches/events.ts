/** From rows and triggers to events. Pure. */
import type { Zxid } from '../../core/types.js';
import type { WatchKind, WatchRow } from '../../keeper/watch-rows.js';
import { isOneShot, OPEN } from '../../keeper/watch-rows.js';
import type { ThinEvent, ThinEventId } from '../../wire/thin-protocol.js';
import type { PlacedTrigger } from './firing.js';
import { compareIds, fires } from './firing.js';
import { EVENT_OVERHEAD_BYTES, EVENTS_BYTES_MAX } from './limits.js';

/** What is known when an answer is given. */
export interface Known {
  readonly rows: readonly WatchRow[];
  /** The triggers after {@link scanFrom}, up to `until`. */
  readonly triggers: readonly PlacedTrigger[];
  /** Notify's cursor, as it was read before the rows. */
  readonly cursor: Zxid;
  readonly acknowledged: ThinEventId | undefined;
  readonly until: Zxid;
}

/** What one row tells. */
export interface Told {
  readonly row: WatchRow;
  /** In order; those that were acknowledged are among them for one-shot watches. */
  readonly triggers: readonly PlacedTrigger[];
}

/** Marks tell everything up to the cursor, but for what persistent watches recorded and did not get acknowledged. */
export function scanFrom(known: Pick<Known, 'rows' | 'cursor' | 'acknowledged'>): Zxid {
  const { rows, cursor, acknowledged } = known;
  const acked = acknowledged?.zxid ?? 0;
  const recorded = rows
    .filter((row) => row.firstFired !== OPEN && row.lastFired >= acked)
    .map((row) => Math.max(row.firstFired, acked) - 1);
  return Math.min(cursor, ...recorded);
}

/** What each row tells, up to `until`. */
export function tell(known: Known): Told[] {
  const byPath = new Map<string, PlacedTrigger[]>();
  for (const trigger of known.triggers) {
    const same = byPath.get(trigger.path);
    if (same === undefined) byPath.set(trigger.path, [trigger]);
    else same.push(trigger);
  }
  return known.rows.map((row) => {
    const near = row.kind === 'persistentRecursive' ? known.triggers : (byPath.get(row.path) ?? []);
    return { row, triggers: isOneShot(row.kind) ? firstOf(row, near, known) : allOf(row, near, known) };
  });
}

/** The one trigger of a one-shot watch: what is marked, or what comes first beyond the cursor. */
function firstOf(row: WatchRow, near: readonly PlacedTrigger[], known: Known): PlacedTrigger[] {
  const marked = row.mark === undefined ? undefined : { ...row.mark, path: row.path };
  const beyond = near.find((trigger) => trigger.zxid > known.cursor && fires(trigger, row));
  const [first] = [marked, beyond].filter((trigger) => trigger !== undefined).sort(compareIds);
  return first === undefined || first.zxid > known.until ? [] : [first];
}

function allOf(row: WatchRow, near: readonly PlacedTrigger[], { acknowledged }: Known): PlacedTrigger[] {
  return near.filter((trigger) => fires(trigger, row) && isAfter(trigger, acknowledged));
}

function isAfter(id: ThinEventId, acknowledged: ThinEventId | undefined): boolean {
  return acknowledged === undefined || compareIds(id, acknowledged) > 0;
}

/** One event a trigger, with all kinds that it fires, in order; what was acknowledged is left out. */
export function eventsOf(told: readonly Told[], acknowledged: ThinEventId | undefined): ThinEvent[] {
  const events = new Map<string, { trigger: PlacedTrigger; kinds: Set<WatchKind> }>();
  for (const { row, triggers } of told) {
    for (const trigger of triggers) {
      if (!isAfter(trigger, acknowledged)) continue;
      const id = `${trigger.zxid}#${trigger.position}`;
      const event = events.get(id) ?? { trigger, kinds: new Set<WatchKind>() };
      event.kinds.add(row.kind);
      events.set(id, event);
    }
  }
  return [...events.values()]
    .map(({ trigger: { zxid, position, type, path }, kinds }) => ({
      zxid,
      position,
      type,
      path,
      kinds: [...kinds].sort(),
    }))
    .sort(compareIds);
}

/** As many whole transactions of events as fit an answer; at least one. */
export function fitting(events: readonly ThinEvent[], until: Zxid): { events: ThinEvent[]; until: Zxid } {
  let bytes = 0;
  let last: Zxid | undefined;
  const kept: ThinEvent[] = [];
  for (const event of events) {
    bytes += Buffer.byteLength(event.path) + EVENT_OVERHEAD_BYTES;
    if (bytes > EVENTS_BYTES_MAX && last !== undefined && event.zxid !== last) {
      return { events: kept, until: event.zxid - 1 };
    }
    kept.push(event);
    last = event.zxid;
  }
  return { events: kept, until };
}

/** One-shot watches whose event was acknowledged: they are over. */
export function finished(told: readonly Told[], acknowledged: ThinEventId | undefined): WatchRow[] {
  return told
    .filter(({ row, triggers: [first] }) => {
      return isOneShot(row.kind) && first !== undefined && !isAfter(first, acknowledged);
    })
    .map(({ row }) => row);
}

/** Where the unacknowledged triggers of a persistent watch begin now that `until` has been looked at. */
export function firstUnacknowledged({ row, triggers }: Told, until: Zxid): Zxid {
  const first = triggers.find(({ zxid }) => zxid <= row.lastFired);
  if (first !== undefined) return first.zxid;
  return row.lastFired <= until ? OPEN : until + 1;
}
