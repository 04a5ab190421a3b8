import type { Effect, ZnodeData } from '../../../lib/core/types.js';
import type { TransportMultiOperation, TransportOperation } from '../../../lib/client/transport.js';
import { textOf, type CallRecord } from '../history.js';
import type { Run } from './index.js';
import { fateOf } from './operations.js';

/**
 * Nothing is lost, nothing is doubled, nothing comes from nowhere: no two operations write the same value, so each value tells whose it is.
 * Of an acknowledged write the log has every value exactly once, of one that certainly did not happen none, of others at most once.
 */
export function checkValues({ history, log }: Run): readonly string[] {
  const faults: string[] = [];
  const contentOf = (data: ZnodeData) =>
    data instanceof Uint8Array ? nameOf(data) : nameOf(log.blobs.get(data.blob) ?? new Uint8Array());
  const found = new Map<string, number[]>();
  for (const { txn, position } of log.transactions) {
    for (const data of dataOf(txn.effect)) {
      const value = contentOf(data);
      if (value !== undefined) found.set(value, [...(found.get(value) ?? []), position.zxid]);
    }
  }
  const asked = new Map<string, CallRecord[]>();
  for (const call of history.calls) {
    for (const data of dataOfOperation(call.operation)) {
      const value = nameOf(data);
      if (value !== undefined) asked.set(value, [...(asked.get(value) ?? []), call]);
    }
  }
  for (const [value, zxids] of found) {
    if (zxids.length > 1)
      faults.push(`${value} stands in the log ${zxids.length} times, at ${zxids.join(', ')}`);
    const calls = asked.get(value) ?? [];
    if (calls.every((call) => fateOf(call) === 'not done')) {
      faults.push(
        `${value} stands in the log at ${zxids.join(', ')}, but ${calls.map(describe).join(' ') || 'nobody wrote it'}`,
      );
    }
    if (calls.every(({ invoked }) => invoked.head >= zxids[0]!))
      faults.push(`${value} was there before it was written`);
  }
  for (const [value, calls] of asked) {
    if (!found.has(value) && calls.some((call) => fateOf(call) === 'done')) {
      faults.push(`${value} was acknowledged and is not in the log: ${calls.map(describe).join(' ')}`);
    }
  }
  return faults;
}

function describe({ session, number, outcome }: CallRecord): string {
  return `${session.client} #${number} → ${textOf(outcome)}`;
}

/** Values that the workload gave out: v and a number. */
function nameOf(data: Uint8Array): string | undefined {
  return /^v\d+/.exec(Buffer.from(data.subarray(0, 20)).toString('latin1'))?.[0];
}

function dataOf(effect: Effect): readonly ZnodeData[] {
  if (effect.type === 'multi') return effect.operations.flatMap(dataOf);
  return effect.type === 'create' || effect.type === 'setData' ? [effect.data] : [];
}

function dataOfOperation(operation: TransportOperation | TransportMultiOperation): readonly Uint8Array[] {
  if (operation.kind === 'multi') return operation.operations.flatMap((one) => [...dataOfOperation(one)]);
  return operation.kind === 'create' || operation.kind === 'setData' ? [operation.data] : [];
}
