import { assert } from '../../base/assert.js';
import { allows } from '../acl.js';
import { validatePath } from '../paths.js';
import { recordKey, type RecordKey, type StateReader, type StateWriter } from '../state.js';
import {
  Perms,
  type AuthId,
  type Effect,
  type NodeRecord,
  type Origin,
  type Position,
  type Prepared,
  type ReadAnswer,
  type ReadRequest,
  type Stat,
  type WatchTrigger,
  type WriteRequest,
} from '../types.js';

/** What an effect is applied to, and where its triggers go. */
export interface Change {
  readonly position: Position;
  readonly state: StateWriter;
  readonly triggers: WatchTrigger[];
}

/** The half of an operation that looks at a request. */
export interface WriteOperation<R extends WriteRequest> {
  /** Keys that `prepare` depends on and that the state does not know. */
  need(request: R, state: StateReader): RecordKey[];
  /** Everything that `need` names is known. The origin's session has been checked. */
  prepare(request: R, origin: Origin, state: StateReader): Prepared;
}

/** The half of an operation that carries an effect out. */
export interface EffectOperation<E extends Effect> {
  /** Never fails. Returns the Stat that the answer carries, when the records in question were known. */
  apply(effect: E, change: Change): Stat | undefined;
  /** Every key that `apply` changes. */
  touched(effect: E): RecordKey[];
}

export interface ReadOperation<R extends ReadRequest> {
  /** Keys that `answer` depends on and that the state does not know. */
  need(request: R, state: StateReader): RecordKey[];
  answer(request: R, state: StateReader, authIds: readonly AuthId[]): ReadAnswer;
}

export function accept(effect: Effect): Prepared {
  return { ok: true, effect };
}

export function refuse(code: number, path?: string): Prepared {
  return { ok: false, refusal: path === undefined ? { code } : { code, path } };
}

/** The key of a znode that is not known. A path that cannot name a znode names no record either. */
export function unknownNode(path: string, state: StateReader): RecordKey[] {
  if (validatePath(path) !== undefined) return [];
  return state.node(path) === undefined ? [recordKey.node(path)] : [];
}

/** The znode, which is known. A path that cannot name a znode has none. */
export function knownNode(path: string, state: StateReader): NodeRecord | null {
  if (validatePath(path) !== undefined) return null;
  return known(state.node(path), path);
}

export function known<T>(value: T | undefined, what: string): T {
  assert(
    value !== undefined,
    `asked about ${what}, which is not known here: hydrate what need() names first`,
  );
  return value;
}

/** Adds a watch trigger; `record` is the znode that it is about, if it is known. */
export function trigger(
  change: Change,
  { event, path }: Pick<WatchTrigger, 'event' | 'path'>,
  record: NodeRecord | null | undefined,
): void {
  const hidden = record && !allows(record.acl, Perms.read, []);
  change.triggers.push(hidden ? { event, path, acl: record.acl } : { event, path });
}

/** Changes a record if there is one and it is known. */
export function updateNode(
  path: string,
  change: Change,
  fields: Partial<NodeRecord>,
): NodeRecord | undefined {
  const record = change.state.node(path);
  if (record === undefined || record === null) return undefined;
  const updated = { ...record, ...fields, zxid: change.position.zxid };
  change.state.setNode(path, updated);
  return updated;
}
