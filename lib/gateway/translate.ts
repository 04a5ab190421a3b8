import type {
  CreateMode,
  CreateRequest,
  MultiOperation,
  ReadRequest,
  ReadResult,
  Refusal,
  WriteRequest,
  WriteResult,
} from '../core/types.js';
import { assert, InvariantError, unreachable } from '../base/assert.js';
import { ErrorCode } from '../core/errors.js';
import {
  CreateFlags,
  type WireCreateRequest,
  type WireMultiOperation,
  type WireMultiResult,
  type WireRequest,
} from '../wire/index.js';

import type { ReplyBody } from './frames.js';

/** A request in the state machine's words, or the code with which the gateway itself turns it away. */
export type Translated<T> =
  { readonly ok: true; readonly request: T } | { readonly ok: false; readonly code: number };

export type WriteName = 'create' | 'create2' | 'delete' | 'setData' | 'setAcl' | 'multi';
export type WireWrite = Extract<WireRequest, { name: WriteName }>;
export type ReadName = 'exists' | 'getData' | 'getAcl' | 'getChildren' | 'getChildren2';
export type WireRead = Extract<WireRequest, { name: ReadName }>;

const MODES: ReadonlyMap<number, CreateMode> = new Map([
  [CreateFlags.persistent, 'persistent'],
  [CreateFlags.ephemeral, 'ephemeral'],
  [CreateFlags.persistentSequential, 'persistentSequential'],
  [CreateFlags.ephemeralSequential, 'ephemeralSequential'],
]);

const UNIMPLEMENTED_FLAGS: readonly number[] = [
  CreateFlags.container,
  CreateFlags.persistentTtl,
  CreateFlags.persistentSequentialTtl,
];

const KNOWN_FLAGS: ReadonlySet<number> = new Set(Object.values(CreateFlags));

const UNIMPLEMENTED = { ok: false, code: ErrorCode.Unimplemented } as const;
const MALFORMED = { ok: false, code: ErrorCode.MarshallingError } as const;
const BAD_ARGUMENTS = { ok: false, code: ErrorCode.BadArguments } as const;

/** Copies the data: what comes in is a view of the socket's chunk, which must not live as long as the znode. */
export function translateWrite(wire: WireWrite): Translated<WriteRequest> {
  switch (wire.name) {
    case 'create':
    case 'create2':
      return translateCreate(wire.body);
    case 'delete':
      return { ok: true, request: { kind: 'delete', path: wire.body.path, version: wire.body.version } };
    case 'setData': {
      const { path, data, version } = wire.body;
      return { ok: true, request: { kind: 'setData', path, data: new Uint8Array(data), version } };
    }
    case 'setAcl': {
      const { path, acl, version } = wire.body;
      return { ok: true, request: { kind: 'setAcl', path, acl, version } };
    }
    case 'multi':
      return translateMulti(wire.body.operations);
    default:
      return unreachable(wire);
  }
}

function translateCreate(body: WireCreateRequest): Translated<CreateRequest> {
  const mode = MODES.get(body.flags);
  if (mode === undefined) return UNIMPLEMENTED_FLAGS.includes(body.flags) ? UNIMPLEMENTED : BAD_ARGUMENTS;
  const { path, data, acl } = body;
  return { ok: true, request: { kind: 'create', path, data: new Uint8Array(data), acl, mode } };
}

function translateMulti(wire: readonly WireMultiOperation[]): Translated<WriteRequest> {
  const translated: MultiOperation[] = [];
  for (const operation of wire) {
    const one = translateMultiOperation(operation);
    if (!one.ok) return one;
    translated.push(one.request);
  }
  return { ok: true, request: { kind: 'multi', operations: translated } };
}

function translateMultiOperation(operation: WireMultiOperation): Translated<MultiOperation> {
  switch (operation.name) {
    case 'create':
    case 'create2':
      // A ZooKeeper cannot even read such an operation, and then turns the whole multi away.
      if (!KNOWN_FLAGS.has(operation.request.flags)) return MALFORMED;
      return translateCreate(operation.request);
    case 'delete':
      return { ok: true, request: { kind: 'delete', ...operation.request } };
    case 'check':
      return { ok: true, request: { kind: 'check', ...operation.request } };
    case 'setData': {
      const { path, data, version } = operation.request;
      return { ok: true, request: { kind: 'setData', path, data: new Uint8Array(data), version } };
    }
    case 'createContainer':
    case 'createTtl':
      return UNIMPLEMENTED;
    default:
      return unreachable(operation);
  }
}

export function translateRead(wire: WireRead): { readonly request: ReadRequest; readonly watch: boolean } {
  const { path } = wire.body;
  switch (wire.name) {
    case 'getAcl':
      return { request: { kind: 'getAcl', path }, watch: false };
    case 'getChildren2':
      return { request: { kind: 'getChildren', path }, watch: wire.body.watch };
    case 'exists':
    case 'getData':
    case 'getChildren':
      return { request: { kind: wire.name, path }, watch: wire.body.watch };
    default:
      return unreachable(wire);
  }
}

/** The reply to a write that was done; `undefined` is a header alone. */
export function writeReply(wire: WireWrite, result: WriteResult): ReplyBody | undefined {
  switch (wire.name) {
    case 'create':
      assert(result.kind === 'create', 'a create is answered as one');
      return { name: 'create', body: { path: result.path } };
    case 'create2':
      assert(result.kind === 'create', 'a create is answered as one');
      return { name: 'create2', body: { path: result.path, stat: result.stat } };
    case 'setData':
    case 'setAcl':
      assert(result.kind === wire.name, 'a write is answered as what it is');
      return { name: wire.name, body: { stat: result.stat } };
    case 'multi':
      assert(result.kind === 'multi', 'a multi is answered as one');
      return { name: 'multi', body: { results: multiResults(wire.body.operations, result.results) } };
    case 'delete':
      return undefined;
    default:
      return unreachable(wire);
  }
}

function multiResults(
  operations: readonly WireMultiOperation[],
  results: readonly WriteResult[],
): WireMultiResult[] {
  assert(operations.length === results.length, 'a multi has one result for each operation');
  return results.map((result, index): WireMultiResult => {
    const name = operations[index]?.name;
    switch (result.kind) {
      case 'create':
        if (name === 'create') return { name, path: result.path };
        return { name: 'create2', path: result.path, stat: result.stat };
      case 'setData':
        return { name: 'setData', stat: result.stat };
      case 'delete':
      case 'check':
        return { name: result.kind };
      case 'setAcl':
      case 'multi':
      case 'createSession':
      case 'attach':
      case 'closeSession':
      case 'noop':
        throw new InvariantError(`no operation of a multi: ${result.kind}`);
      default:
        return unreachable(result);
    }
  });
}

/** A refused multi is no error of the reply: each operation has a code of its own in the body. */
export function refusalReply(wire: WireWrite, refusal: Refusal): ReplyBody | undefined {
  if (wire.name !== 'multi' || refusal.operations === undefined) return undefined;
  return {
    name: 'multi',
    body: { results: refusal.operations.map((err) => ({ name: 'error', err })) },
  };
}

export function readReply(wire: WireRead, result: ReadResult): ReplyBody {
  switch (result.kind) {
    case 'exists':
      return { name: 'exists', body: { stat: result.stat } };
    case 'getData':
      return { name: 'getData', body: { data: result.data, stat: result.stat } };
    case 'getAcl':
      return { name: 'getAcl', body: { acl: result.acl, stat: result.stat } };
    case 'getChildren': {
      const { children, stat } = result;
      if (wire.name === 'getChildren') return { name: 'getChildren', body: { children } };
      return { name: 'getChildren2', body: { children, stat } };
    }
  }
}
