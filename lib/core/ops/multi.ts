import { ErrorCode } from '../errors.js';
import { Layer } from '../layer.js';
import { addQuotaChange, applyQuotas, quotaChanges } from '../quota.js';
import type { RecordKey, StateReader } from '../state.js';
import type {
  MultiOperation,
  MultiOperationTxn,
  MultiRequest,
  MultiTxn,
  Origin,
  Prepared,
  QuotaChange,
  Refusal,
  Stat,
} from '../types.js';
import { checkOperation } from './check.js';
import { createOperation, presumedCreate } from './create.js';
import { deleteOperation } from './delete.js';
import { type Change, type EffectOperation, type WriteOperation } from './operation.js';
import { setDataOperation } from './set-data.js';

const OPERATIONS = {
  create: createOperation,
  delete: deleteOperation,
  setData: setDataOperation,
  check: checkOperation,
} as const;

// The tables' keys are the discriminants, so the operation found is the one of the value's own type.
function writeOf(operation: MultiOperation): WriteOperation<MultiOperation> {
  return OPERATIONS[operation.kind];
}

function effectOf(effect: MultiOperationTxn): EffectOperation<MultiOperationTxn> {
  return OPERATIONS[effect.type];
}

/** Later operations see the effects of earlier ones; where they stand in the log does not matter to any check. */
function speculativeOn(state: Layer): Change {
  return { position: { zxid: 0, timeMs: 0 }, state, triggers: [] };
}

/** Walks the operations as `prepare` will, and assumes that those succeed about which not everything is known. */
function need(request: MultiRequest, origin: Origin, state: StateReader): RecordKey[] {
  const change = speculativeOn(new Layer(state));
  const missing = new Set<RecordKey>();
  for (const operation of request.operations) {
    const keys = writeOf(operation).need(operation, change.state);
    for (const key of keys) missing.add(key);
    const effect =
      keys.length === 0
        ? effectIfAccepted(writeOf(operation).prepare(operation, origin, change.state))
        : presumed(operation, change.state);
    if (effect !== undefined) applySpeculatively(effect, change);
    else if (keys.length === 0) break;
  }
  return [...missing];
}

/** Returns what it does to quotas, of which the operations after it must know. */
function applySpeculatively(effect: MultiOperationTxn, change: Change): readonly QuotaChange[] {
  const quotas = quotaChanges(effect, change.state);
  effectOf(effect).apply(effect, change);
  applyQuotas(quotas, change);
  return quotas;
}

function presumed(operation: MultiOperation, state: StateReader): MultiOperationTxn | undefined {
  return operation.kind === 'create' ? presumedCreate(operation, state) : undefined;
}

function effectIfAccepted(prepared: Prepared): MultiOperationTxn | undefined {
  return prepared.ok ? (prepared.effect as MultiOperationTxn) : undefined;
}

function prepare(request: MultiRequest, origin: Origin, state: StateReader): Prepared {
  const change = speculativeOn(new Layer(state));
  const effects: MultiOperationTxn[] = [];
  const quotas = new Map<string, QuotaChange>();
  for (const operation of request.operations) {
    const prepared = writeOf(operation).prepare(operation, origin, change.state);
    if (!prepared.ok) {
      return {
        ok: false,
        refusal: refusalOfMulti(prepared.refusal, effects.length, request.operations.length),
      };
    }
    const effect = prepared.effect as MultiOperationTxn;
    for (const one of applySpeculatively(effect, change)) addQuotaChange(quotas, one);
    effects.push(effect);
  }
  const accepted: Prepared = { ok: true, effect: { type: 'multi', operations: effects } };
  return quotas.size === 0 ? accepted : { ...accepted, quotas: [...quotas.values()] };
}

/** One code an operation: 0 before the one that failed, RuntimeInconsistency after it. */
export function refusalOfMulti(refusal: Refusal, failed: number, count: number): Refusal {
  const operations = Array.from({ length: count }, (_, index) => {
    if (index < failed) return ErrorCode.Ok;
    return index === failed ? refusal.code : ErrorCode.RuntimeInconsistency;
  });
  return { ...refusal, operations };
}

/** One Stat an operation, each as it was right after its own. */
function apply(effect: MultiTxn, change: Change): (Stat | undefined)[] {
  return effect.operations.map((operation) => effectOf(operation).apply(operation, change));
}

function touched(effect: MultiTxn): RecordKey[] {
  return [...new Set(effect.operations.flatMap((operation) => effectOf(operation).touched(operation)))];
}

export const multiOperation = { need, prepare, apply, touched };
