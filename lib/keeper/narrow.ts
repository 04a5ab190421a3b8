import { keysTouched } from '../core/machine.js';
import type { RecordKey } from '../core/state.js';
import { recordKey } from '../core/state.js';
import type { CloseSessionTxn, MultiTxn, Txn } from '../core/types.js';

/** Below this many parts it is cheaper to apply a transaction whole. */
const PARTS_MIN = 16;

/**
 * For every record that a transaction touches, the part of it that touches the record. Folding a large transaction over
 * one record takes its part only: a session with ten thousand ephemerals touches tens of thousands of records, and applying
 * the whole for each of them would take minutes.
 */
export function narrowed(txn: Txn): Map<RecordKey, Txn> {
  const parts = new Map<RecordKey, Txn>(keysTouched(txn).map((key) => [key, txn]));
  const { effect } = txn;
  if (effect.type === 'closeSession' && effect.ephemerals.length >= PARTS_MIN) {
    narrowClose(parts, txn, effect);
  } else if (effect.type === 'multi' && effect.operations.length >= PARTS_MIN) {
    narrowMulti(parts, txn, effect);
  }
  return parts;
}

function narrowClose(parts: Map<RecordKey, Txn>, txn: Txn, effect: CloseSessionTxn): void {
  const { session } = effect;
  const whole = new Set([recordKey.session(session), recordKey.ephemerals(session)]);
  const ephemerals = group(effect.ephemerals, (path) =>
    keysTouched({ type: 'delete', path, ephemeralOwner: session }),
  );
  for (const [key, paths] of ephemerals) {
    if (!whole.has(key)) parts.set(key, { ...txn, effect: { ...effect, ephemerals: paths } });
  }
}

function narrowMulti(parts: Map<RecordKey, Txn>, txn: Txn, effect: MultiTxn): void {
  for (const [key, operations] of group(effect.operations, keysTouched)) {
    parts.set(key, { ...txn, effect: { ...effect, operations } });
  }
}

function group<T>(values: readonly T[], keysOf: (value: T) => readonly RecordKey[]): Map<RecordKey, T[]> {
  const groups = new Map<RecordKey, T[]>();
  for (const value of values) {
    for (const key of keysOf(value)) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [value]);
      else group.push(value);
    }
  }
  return groups;
}
