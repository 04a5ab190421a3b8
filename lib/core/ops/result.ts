import { InvariantError, assert } from '../../base/assert.js';
import { statOf } from '../stat.js';
import type { StateReader } from '../state.js';
import type {
  Effect,
  MultiOperation,
  MultiOperationTxn,
  NodeRecord,
  Position,
  Stat,
  WriteRequest,
  WriteResult,
} from '../types.js';
import { recordOfCreate } from './create.js';

export interface ResultInput {
  readonly request: WriteRequest;
  readonly effect: Effect;
  readonly position: Position;
  /** Right after the effect was applied. */
  readonly state: StateReader;
  /**
   * What `applyWithStats` returned. Without it a setData inside a multi answers with the znode as the whole multi left it
   * wherever a later operation of the same multi changed its children, or deleted it.
   */
  readonly stats?: readonly (Stat | undefined)[];
}

/** The answer of a write that was accepted. */
export function resultOf(input: ResultInput): WriteResult {
  const { request, effect } = input;
  assert(effect.type !== 'error', 'a refusal has no result');
  if (request.kind === 'multi' && effect.type === 'multi') return resultOfMulti(input, request.operations);
  if (request.kind === 'attach') return { kind: 'attach', epoch: request.replacesEpoch + 1 };
  if (effect.type === 'create') {
    return { kind: 'create', path: effect.path, stat: statAt(0, effect, input) };
  }
  if (effect.type === 'setData' || effect.type === 'setAcl') {
    return { kind: effect.type, stat: statAt(0, effect, input) };
  }
  return plainResult(request.kind);
}

function plainResult(kind: WriteRequest['kind']): WriteResult {
  switch (kind) {
    case 'delete':
    case 'check':
    case 'createSession':
    case 'closeSession':
    case 'removeIdle':
    case 'noop':
      return { kind };
    case 'create':
    case 'setData':
    case 'setAcl':
    case 'multi':
    case 'attach':
      throw new InvariantError(`the effect is not one of a ${kind}`);
  }
}

function resultOfMulti(input: ResultInput, operations: readonly MultiOperation[]): WriteResult {
  const effects = input.effect.type === 'multi' ? input.effect.operations : [];
  assert(effects.length === operations.length, 'a multi has one effect an operation');
  return { kind: 'multi', results: effects.map((effect, index) => resultOfOne(index, effect, input)) };
}

function resultOfOne(index: number, effect: MultiOperationTxn, input: ResultInput): WriteResult {
  if (effect.type === 'create') {
    return { kind: 'create', path: effect.path, stat: statAt(index, effect, input) };
  }
  if (effect.type === 'setData') return { kind: 'setData', stat: statAt(index, effect, input) };
  return { kind: effect.type };
}

/** The Stat right after one operation. A created znode's follows from its effect alone. */
function statAt(index: number, effect: Effect & { readonly path: string }, input: ResultInput): Stat {
  const stat = input.stats?.[index];
  if (stat !== undefined) return stat;
  if (effect.type === 'create') return statOf(recordOfCreate(effect, input.position));
  const record = input.state.node(effect.path);
  if (effect.type === 'setData') return statOfSetData(effect, record ?? undefined, input.position);
  assert(record, `no result without the record of ${effect.path}`);
  return statOf(record);
}

/** Later operations of a multi may have written again: what this one wrote is known, the rest is as they left it. */
function statOfSetData(
  effect: Extract<Effect, { type: 'setData' }>,
  record: NodeRecord | undefined,
  position: Position,
): Stat {
  const written = {
    data: effect.data,
    version: effect.version,
    mzxid: position.zxid,
    mtime: position.timeMs,
  };
  const created = recordOfCreate({ ...effect, type: 'create', acl: [], ephemeralOwner: 0n }, position);
  return statOf({ ...(record ?? created), ...written });
}
