/**
 * Markers of znodes that may be due to go by themselves, in the order of their due times:
 *
 *   state   ns#idle   due ms # since # hash of the path   p: the path; z: since
 *
 * `since` is the pzxid that the znode had when it was found without children. A marker is a reason to look, never a reason to
 * delete; a znode without a child has one for its pzxid at any time, or the log holds what makes the materializer write it.
 * Markers carry no time to live: they have to outlast a system that stands still.
 */
import { createHash } from 'node:crypto';
import type { NodeRecord, Zxid } from '../core/types.js';
import type { Item, Key } from '../log/store.js';
import { CONTAINER_IDLE_MS } from './limits.js';
import { number, rowKey, text, zxidOfRow } from './rows.js';

export interface IdleMarker {
  readonly path: string;
  /** Ms since 1970. */
  readonly dueMs: number;
  readonly since: Zxid;
}

export function idlePartition(namespace: string): string {
  return `${namespace}#idle`;
}

export function idleKey(namespace: string, { path, dueMs, since }: IdleMarker): Key {
  const hash = createHash('sha256').update(path).digest('hex');
  return { partition: idlePartition(namespace), sort: `${sortable(dueMs)}#${sortable(since)}#${hash}` };
}

function sortable(value: number): string {
  return String(Math.max(0, Math.floor(value))).padStart(16, '0');
}

export function idleRow(namespace: string, marker: IdleMarker): Item {
  return { ...rowKey(idleKey(namespace, marker)), p: marker.path, z: marker.since, due: marker.dueMs };
}

export function markerOfRow(row: Item): IdleMarker {
  return { path: text(row, 'p'), since: zxidOfRow(row), dueMs: number(row, 'due') };
}

/** When a znode is due, as it is now; `undefined` while it may not go. `emptiedMs`: when it lost its last child, or later. */
export function dueOf(record: NodeRecord, emptiedMs: number): number | undefined {
  const { lifetime, numChildren, creates, mtime } = record;
  if (lifetime === undefined || numChildren > 0) return undefined;
  if (lifetime !== 'container') return mtime + lifetime.ttlMs;
  return creates === 0 ? undefined : emptiedMs + CONTAINER_IDLE_MS;
}
