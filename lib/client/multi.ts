import { ErrorCode } from '../core/errors.js';
import { isSequential, ttlRefusal } from '../core/modes.js';
import type { Acl, CreateMode, Stat } from '../core/types.js';
import { errorFrom } from './errors.js';
import type { TransportMultiOperation, TransportMultiResult } from './transport.js';

/** Text is written as UTF-8. */
export type Data = Uint8Array | string;

/** One operation of a multi. A version that is left out matches any. */
export type MultiInput =
  | {
      readonly op: 'create';
      readonly path: string;
      readonly data?: Data;
      readonly mode?: CreateMode;
      /** Ms without a write after which the znode goes, 1 … 2^40 − 1; with the modes `ttl` and `ttlSequential`. */
      readonly ttlMs?: number;
      readonly acl?: readonly Acl[];
    }
  | { readonly op: 'set'; readonly path: string; readonly data: Data; readonly version?: number }
  | { readonly op: 'delete'; readonly path: string; readonly version?: number }
  | { readonly op: 'check'; readonly path: string; readonly version?: number };

/** What an operation of a multi answers. */
export type MultiResult<Input extends { readonly op: MultiInput['op'] } = MultiInput> = Input extends unknown
  ? MultiResults[Input['op']]
  : never;

export interface MultiResults {
  readonly create: {
    readonly op: 'create';
    readonly path: string;
    /** Undefined over tcp: the protocol does not tell it. */
    readonly stat: Stat | undefined;
  };
  readonly set: { readonly op: 'set'; readonly stat: Stat };
  readonly delete: { readonly op: 'delete' };
  readonly check: { readonly op: 'check' };
}

export function toBytes(data: Data | undefined): Uint8Array {
  if (data === undefined) return new Uint8Array();
  return typeof data === 'string' ? new TextEncoder().encode(data) : data;
}

/** The operation as a transport takes it. */
export function toOperation(
  input: MultiInput,
  context: {
    readonly toServer: (path: string, sequential?: boolean) => string;
    readonly acl: readonly Acl[];
  },
): TransportMultiOperation {
  const { toServer } = context;
  switch (input.op) {
    case 'create': {
      const { mode = 'persistent', acl = context.acl } = input;
      const path = toServer(input.path, isSequential(mode));
      return { kind: 'create', path, data: toBytes(input.data), acl, mode, ...ttlOf(input) };
    }
    case 'set': {
      const data = toBytes(input.data);
      return { kind: 'setData', path: toServer(input.path), data, version: input.version ?? -1 };
    }
    case 'delete':
    case 'check':
      return { kind: input.op, path: toServer(input.path), version: input.version ?? -1 };
  }
}

/** The time to live of a create. Throws BadArgumentsError when its mode and it do not belong together. */
export function ttlOf(input: {
  readonly path: string;
  readonly mode?: CreateMode;
  readonly ttlMs?: number;
}): {
  readonly ttlMs?: number;
} {
  const { path, mode = 'persistent', ttlMs } = input;
  const refusal = ttlRefusal(mode, ttlMs);
  if (refusal !== undefined) throw errorFrom({ code: ErrorCode.BadArguments, path, message: refusal });
  return ttlMs === undefined ? {} : { ttlMs };
}

export function fromResult(result: TransportMultiResult, toCaller: (path: string) => string): MultiResult {
  switch (result.kind) {
    case 'create':
      return { op: 'create', path: toCaller(result.path), stat: result.stat };
    case 'setData':
      return { op: 'set', stat: result.stat };
    case 'delete':
    case 'check':
      return { op: result.kind };
  }
}
