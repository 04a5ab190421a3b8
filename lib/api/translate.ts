import { InvariantError } from '../base/assert.js';
import type {
  MultiOperation,
  ReadRequest,
  ReadResult,
  Refusal,
  Stat,
  WriteRequest,
  WriteResult,
  Zxid,
} from '../core/types.js';
import type {
  ThinFailure,
  ThinMultiOperation,
  ThinRead,
  ThinReason,
  ThinResult,
  ThinStat,
  ThinWrite,
} from '../wire/thin-protocol.js';

/** A write in the state machine's words. */
export function writeRequestOf(write: ThinWrite): WriteRequest {
  switch (write.op) {
    case 'setAcl':
      return { kind: 'setAcl', path: write.path, acl: write.acl, version: write.version };
    case 'multi':
      return { kind: 'multi', operations: write.operations.map(multiOperationOf) };
    case 'settle':
      return { kind: 'noop' };
    case 'create':
    case 'delete':
    case 'setData':
    case 'check':
      return multiOperationOf(write);
  }
}

function multiOperationOf(operation: ThinMultiOperation): MultiOperation {
  switch (operation.op) {
    case 'create': {
      const { path, acl, mode, ttlMs } = operation;
      const ttl = ttlMs === undefined ? {} : { ttlMs };
      return { kind: 'create', path, acl, mode, ...ttl, data: bytesOf(operation.data) };
    }
    case 'setData':
      return {
        kind: 'setData',
        path: operation.path,
        version: operation.version,
        data: bytesOf(operation.data),
      };
    case 'delete':
    case 'check':
      return { kind: operation.op, path: operation.path, version: operation.version };
  }
}

export function readRequestOf(read: ThinRead): ReadRequest {
  return { kind: read.op, path: read.path };
}

export function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

export function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

export function thinStat(stat: Stat): ThinStat {
  return { ...stat, ephemeralOwner: stat.ephemeralOwner.toString(16) };
}

/** The answer of a write that was done. */
export function writeResult(result: WriteResult, zxid: Zxid): ThinResult {
  switch (result.kind) {
    case 'create':
      return { op: 'create', zxid, path: result.path, stat: thinStat(result.stat) };
    case 'setData':
    case 'setAcl':
      return { op: result.kind, zxid, stat: thinStat(result.stat) };
    case 'delete':
    case 'check':
      return { op: result.kind, zxid };
    case 'noop':
      return { op: 'settle', zxid };
    case 'multi':
      return { op: 'multi', zxid, results: result.results.map((one) => writeResult(one, zxid)) };
    case 'createSession':
    case 'attach':
    case 'closeSession':
    case 'removeIdle':
      throw new InvariantError(`no operation of a batch: ${result.kind}`);
  }
}

/** The answer of a read of a znode that is there, but for a listing, which may have to be cut. */
export function readResult(result: Exclude<ReadResult, { kind: 'getChildren' }>, zxid: Zxid): ThinResult {
  const stat = thinStat(result.stat);
  switch (result.kind) {
    case 'exists':
      return { op: 'exists', zxid, stat };
    case 'getData':
      return { op: 'getData', zxid, data: base64Of(result.data), stat };
    case 'getAcl':
      return { op: 'getAcl', zxid, acl: result.acl, stat };
  }
}

/** ZooKeeper's refusal of an operation. */
export function refusalResult(refusal: Refusal, zxid: Zxid): ThinFailure {
  return { op: 'error', zxid, ...refusal };
}

/** A failure that ZooKeeper has no code for. */
export function failure(input: {
  zxid: Zxid;
  reason: ThinReason;
  message: string;
  maybeApplied?: boolean;
}): ThinFailure {
  const { maybeApplied = false, ...rest } = input;
  return { op: 'error', code: 0, ...rest, ...(maybeApplied ? { maybeApplied } : {}) };
}

export function bytesOfJson(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
