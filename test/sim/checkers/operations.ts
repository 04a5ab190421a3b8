import { ErrorCode } from '../../../lib/core/errors.js';
import { NO_SESSION, type SessionId } from '../../../lib/core/types.js';
import type { TransportOperation, TransportRead, TransportWrite } from '../../../lib/client/transport.js';
import type { CallRecord } from '../history.js';

const WRITES: ReadonlySet<string> = new Set(['create', 'delete', 'setData', 'setAcl', 'multi']);
const READS: ReadonlySet<string> = new Set(['exists', 'getData', 'getAcl', 'getChildren']);

export function isWrite(operation: TransportOperation): operation is TransportWrite {
  return WRITES.has(operation.kind);
}

export function isRead(operation: TransportOperation): operation is TransportRead {
  return READS.has(operation.kind);
}

/** Codes by which the state machine says that the tree does not allow something. Others say that nobody could be asked. */
const REFUSALS: ReadonlySet<number> = new Set([
  ErrorCode.NoNode,
  ErrorCode.NodeExists,
  ErrorCode.BadVersion,
  ErrorCode.NotEmpty,
  ErrorCode.NoChildrenForEphemerals,
  ErrorCode.NoAuth,
  ErrorCode.InvalidACL,
]);

export function isRefusal(code: number): boolean {
  return REFUSALS.has(code);
}

/** Whether the write is known to have happened, known not to, or neither. */
export function fateOf({ outcome }: CallRecord): 'done' | 'not done' | 'unknown' {
  if (outcome === undefined) return 'unknown';
  if (outcome.kind === 'answer') return 'done';
  return outcome.maybeApplied ? 'unknown' : 'not done';
}

export function sessionOf({ session }: CallRecord): SessionId {
  return session.id === '' ? NO_SESSION : BigInt(`0x${session.id}`);
}

/** Text that is equal for equal values: fields in any order, lists of children, too. */
export function comparable(value: unknown): string {
  return JSON.stringify(canonical(value));
}

function canonical(value: unknown): unknown {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(
    names.map((name) => {
      const field: unknown = (value as Record<string, unknown>)[name];
      const isNames = name === 'children' && Array.isArray(field);
      return [name, canonical(isNames ? [...(field as string[])].sort() : field)];
    }),
  );
}
