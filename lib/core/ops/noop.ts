import type { ErrorTxn, NoopRequest, NoopTxn } from '../types.js';
import { accept, type EffectOperation, type WriteOperation } from './operation.js';

export const noopOperation: WriteOperation<NoopRequest> & EffectOperation<NoopTxn> = {
  need: () => [],
  prepare: () => accept({ type: 'noop' }),
  apply: () => undefined,
  touched: () => [],
};

/** A refusal that stands in the log. That it raises its session's cxid is true of every transaction, not of this effect. */
export const errorEffect: EffectOperation<ErrorTxn> = {
  apply: () => undefined,
  touched: () => [],
};
