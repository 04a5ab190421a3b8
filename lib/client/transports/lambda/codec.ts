import { ErrorCode } from '../../../core/errors.js';
import type { Stat } from '../../../core/types.js';
import type {
  ThinFailure,
  ThinMultiOperation,
  ThinOperation,
  ThinReason,
  ThinResult,
  ThinStat,
} from '../../../wire/thin-protocol.js';
import {
  CompactedError,
  errorFrom,
  MaybeAppliedError,
  MultiError,
  OutOfOrderError,
  UnavailableError,
  type ErrorClass,
  type ZeroKeeperError,
} from '../../errors.js';
import type {
  TransportMultiOperation,
  TransportMultiResult,
  TransportOperation,
  TransportResult,
} from '../../transport.js';

/** The operation as the function takes it, without its cxid. Paths are full paths already. */
export function encodeOperation(operation: TransportOperation): ThinOperation {
  switch (operation.kind) {
    case 'create':
    case 'setData':
    case 'delete':
      return encodeMultiOperation(operation);
    case 'setAcl':
      return { op: 'setAcl', path: operation.path, acl: operation.acl, version: operation.version };
    case 'multi':
      return { op: 'multi', operations: operation.operations.map(encodeMultiOperation) };
    case 'exists':
    case 'getData':
    case 'getChildren': {
      const watch = operation.watch ? { watch: true } : {};
      return { op: operation.kind, path: operation.path, ...watch };
    }
    case 'getAcl':
      return { op: 'getAcl', path: operation.path };
    case 'sync':
      return { op: 'sync' };
    case 'addWatch':
    case 'removeWatch':
      return { op: operation.kind, path: operation.path, kind: operation.type } as ThinOperation;
    case 'changes': {
      const { path, since, recursive } = operation;
      return { op: 'changes', path, since, recursive };
    }
  }
}

function encodeMultiOperation(operation: TransportMultiOperation): ThinMultiOperation {
  const { path } = operation;
  switch (operation.kind) {
    case 'create': {
      const { data, acl, mode, ttlMs } = operation;
      const ttl = ttlMs === undefined ? {} : { ttlMs };
      return { op: 'create', path, data: toBase64(data), acl, mode, ...ttl };
    }
    case 'setData':
      return { op: 'setData', path, data: toBase64(operation.data), version: operation.version };
    case 'delete':
    case 'check':
      return { op: operation.kind, path, version: operation.version };
  }
}

/** What the function answered, as a transport tells it; undefined for what answers no operation of a client. */
export function decodeResult(result: Exclude<ThinResult, ThinFailure>): TransportResult | undefined {
  switch (result.op) {
    case 'create':
      return { kind: 'create', path: result.path, stat: decodeStat(result.stat) };
    case 'setData':
    case 'setAcl':
      return { kind: result.op, stat: decodeStat(result.stat) };
    case 'delete':
    case 'sync':
    case 'addWatch':
    case 'removeWatch':
      return { kind: result.op };
    case 'multi':
      return { kind: 'multi', results: result.results.map(decodeMultiResult) };
    case 'exists':
      return { kind: 'exists', stat: result.stat === null ? undefined : decodeStat(result.stat) };
    case 'getData':
      return { kind: 'getData', data: fromBase64(result.data), stat: decodeStat(result.stat) };
    case 'getAcl':
      return { kind: 'getAcl', acl: result.acl, stat: decodeStat(result.stat) };
    case 'getChildren':
      return { kind: 'getChildren', children: result.children, stat: decodeStat(result.stat) };
    case 'changes':
      return { kind: 'changes', changes: result.changes, until: result.until };
    case 'check':
    case 'settle':
      return undefined;
  }
}

function decodeMultiResult(result: ThinResult): TransportMultiResult {
  if (result.op === 'create') return { kind: 'create', path: result.path, stat: decodeStat(result.stat) };
  if (result.op === 'setData') return { kind: 'setData', stat: decodeStat(result.stat) };
  if (result.op === 'delete' || result.op === 'check') return { kind: result.op };
  throw errorFrom({ code: ErrorCode.MarshallingError, maybeApplied: true });
}

function decodeStat(stat: ThinStat): Stat {
  return { ...stat, ephemeralOwner: BigInt(`0x${stat.ephemeralOwner}`) };
}

/** Reasons that ZooKeeper has no code for, and the classes that tell them. */
const REASON_CLASSES: Readonly<Partial<Record<ThinReason, ErrorClass>>> = {
  OutOfOrder: OutOfOrderError,
  CxidReused: OutOfOrderError,
  MaybeApplied: MaybeAppliedError,
  Compacted: CompactedError,
  StoreUnavailable: UnavailableError,
};
const REASON_CODES: Readonly<Partial<Record<ThinReason, number>>> = {
  BadRequest: ErrorCode.BadArguments,
  Overloaded: ErrorCode.ThrottledOp,
  Lagging: ErrorCode.ThrottledOp,
  SessionExpired: ErrorCode.SessionExpired,
  SessionMoved: ErrorCode.SessionMoved,
};

const RETRIABLE: ReadonlySet<ThinReason> = new Set<ThinReason>(['Overloaded', 'Lagging', 'StoreUnavailable']);

/** What a failure has in common, whether it is an operation's or the whole request's. */
export interface Failure {
  readonly code: number;
  readonly reason?: ThinReason | undefined;
  readonly message?: string | undefined;
  readonly path?: string | undefined;
  readonly operations?: readonly number[] | undefined;
  readonly maybeApplied?: boolean | undefined;
}

export function failureError(failure: Failure, operation?: TransportOperation): ZeroKeeperError {
  const { reason, message, path, operations } = failure;
  const Class = reason === undefined ? undefined : REASON_CLASSES[reason];
  const code = failure.code !== 0 || reason === undefined ? failure.code : (REASON_CODES[reason] ?? 0);
  const maybeApplied = failure.maybeApplied ?? reason === 'MaybeApplied';
  const told = reason === undefined ? undefined : message;
  const retriable = reason !== undefined && RETRIABLE.has(reason) ? true : undefined;
  const init = { code, path, maybeApplied, message: told, retriable };
  if (operation?.kind === 'multi' && operations !== undefined) return new MultiError({ ...init, operations });
  return Class === undefined ? errorFrom(init) : new Class({ ...init, code: 0, message });
}

function toBase64(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64'));
}
