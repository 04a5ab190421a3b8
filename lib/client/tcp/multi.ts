import { ErrorCode } from '../../core/errors.js';
import { OPEN_ACL, type Acl, type CreateMode, type Stat } from '../../core/types.js';
import { wireCreateInMulti, type WireMultiOperation, type WireMultiResult } from '../../wire/index.js';
import { errorFrom, MultiError } from '../errors.js';
import type { Chroot } from '../chroot.js';

/** One operation of a multi. A version that is left out matches any. */
export type MultiOperationInput =
  | {
      readonly kind: 'create';
      readonly path: string;
      readonly data?: Uint8Array | string;
      readonly acl?: readonly Acl[];
      readonly mode?: CreateMode;
      /** Ms, with the modes `ttl` and `ttlSequential`. */
      readonly ttlMs?: number;
    }
  | { readonly kind: 'delete'; readonly path: string; readonly version?: number }
  | {
      readonly kind: 'setData';
      readonly path: string;
      readonly data: Uint8Array | string;
      readonly version?: number;
    }
  | { readonly kind: 'check'; readonly path: string; readonly version?: number };

/** What one operation of a multi answers, in the operations' order. */
export type MultiOperationResult =
  | { readonly kind: 'create'; readonly path: string }
  | { readonly kind: 'delete' }
  | { readonly kind: 'setData'; readonly stat: Stat }
  | { readonly kind: 'check' };

const NO_DATA = Buffer.alloc(0);

/** Text as UTF-8. */
export function toBytes(data: Uint8Array | string | undefined): Uint8Array {
  if (data === undefined) return NO_DATA;
  return typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
}

/** The operation as the server wants it. */
export function toWire(operation: MultiOperationInput, chroot: Chroot): WireMultiOperation {
  const path = chroot.toServer(operation.path);
  switch (operation.kind) {
    case 'create': {
      const { acl = OPEN_ACL, mode = 'persistent', ttlMs } = operation;
      return wireCreateInMulti({ path, data: toBytes(operation.data), acl, mode, ttlMs });
    }
    case 'setData': {
      const data = toBytes(operation.data);
      return { name: 'setData', request: { path, data, version: operation.version ?? -1 } };
    }
    case 'delete':
    case 'check':
      return { name: operation.kind, request: { path, version: operation.version ?? -1 } };
  }
}

/** The caller's results, or the MultiError that the server's results mean. */
export function fromWire(
  results: readonly WireMultiResult[],
  context: { readonly operations: readonly MultiOperationInput[]; readonly chroot: Chroot },
): MultiOperationResult[] {
  const codes = results.map((result) => (result.name === 'error' ? result.err : 0));
  const skipped: number = ErrorCode.RuntimeInconsistency;
  const failed = codes.findIndex((code) => code !== 0 && code !== skipped);
  const at = failed >= 0 ? failed : codes.findIndex((code) => code !== 0);
  if (at >= 0) {
    const code = codes[at] ?? ErrorCode.SystemError;
    throw new MultiError({ code, path: context.operations[at]?.path, operations: codes });
  }
  return results.map((result) => resultFromWire(result, context.chroot));
}

function resultFromWire(result: WireMultiResult, chroot: Chroot): MultiOperationResult {
  switch (result.name) {
    case 'create':
    case 'create2':
    case 'createContainer':
    case 'createTtl':
      return { kind: 'create', path: chroot.toCaller(result.path) };
    case 'setData':
      return { kind: 'setData', stat: result.stat };
    case 'delete':
    case 'check':
      return { kind: result.name };
    case 'error':
      // fromWire has dealt with errors; what is left would be a server that contradicts itself.
      throw errorFrom({ code: ErrorCode.MarshallingError, maybeApplied: true });
  }
}
