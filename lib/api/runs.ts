import type { ThinOperation, ThinRead, ThinWrite } from '../wire/thin-protocol.js';
import { WRITE_RESULT_BYTES } from './limits.js';

/** Operations that are answered from a view. */
export type ThinReading = ThinRead | { readonly op: 'sync' };
export type ThinOther = Exclude<ThinOperation, ThinWrite | ThinReading>;

/** Operations that are carried out together, in order. */
export type Run =
  | { readonly kind: 'writes'; readonly operations: ThinWrite[] }
  | { readonly kind: 'reads'; readonly operations: ThinReading[] }
  | { readonly kind: 'other'; readonly operation: ThinOther };

/** Consecutive writes make a run, and so do consecutive reads. */
export function runsOf(operations: readonly ThinOperation[]): Run[] {
  const runs: Run[] = [];
  for (const operation of operations) {
    const last = runs.at(-1);
    if (isWrite(operation)) {
      if (last?.kind === 'writes') last.operations.push(operation);
      else runs.push({ kind: 'writes', operations: [operation] });
    } else if (isReading(operation)) {
      if (last?.kind === 'reads') last.operations.push(operation);
      else runs.push({ kind: 'reads', operations: [operation] });
    } else runs.push({ kind: 'other', operation });
  }
  return runs;
}

const WRITES: ReadonlySet<string> = new Set<ThinWrite['op']>([
  'create',
  'delete',
  'setData',
  'setAcl',
  'check',
  'multi',
  'settle',
]);
const READINGS: ReadonlySet<string> = new Set<ThinReading['op']>([
  'exists',
  'getData',
  'getAcl',
  'getChildren',
  'sync',
]);

export function isWrite(operation: ThinOperation): operation is ThinWrite {
  return WRITES.has(operation.op);
}

function isReading(operation: ThinOperation): operation is ThinReading {
  return READINGS.has(operation.op);
}

/** What the answer of a write takes at most, in bytes of JSON. */
export function writeResultBytes(write: ThinWrite): number {
  if (write.op === 'multi') {
    return write.operations.reduce((sum, operation) => sum + writeResultBytes(operation), WRITE_RESULT_BYTES);
  }
  return WRITE_RESULT_BYTES + ('path' in write ? 2 * Buffer.byteLength(write.path) : 0);
}
