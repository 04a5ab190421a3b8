import { NULL_DATA } from '../core/types.js';
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
import {
  CreateFlags,
  type CreateTtlRequest,
  type WireCreateRequest,
  type WireMultiOperation,
  type WireMultiResult,
  type WireRequest,
} from '../wire/index.js';

import type { ReplyBody } from './frames.js';

export type WriteName =
  'create' | 'create2' | 'createContainer' | 'createTtl' | 'delete' | 'setData' | 'setAcl' | 'multi';
export type WireWrite = Extract<WireRequest, { name: WriteName }>;
export type ReadName = 'exists' | 'getData' | 'getAcl' | 'getChildren' | 'getChildren2';
export type WireRead = Extract<WireRequest, { name: ReadName }>;

/** What the flags of create and create2 mean. A plain create with the flag of a container makes a persistent znode. */
const MODES: ReadonlyMap<number, CreateMode> = new Map([
  [CreateFlags.persistent, 'persistent'],
  [CreateFlags.ephemeral, 'ephemeral'],
  [CreateFlags.persistentSequential, 'persistentSequential'],
  [CreateFlags.ephemeralSequential, 'ephemeralSequential'],
  [CreateFlags.container, 'persistent'],
]);

const TTL_MODES: ReadonlyMap<number, CreateMode> = new Map([
  [CreateFlags.ttl, 'ttl'],
  [CreateFlags.ttlSequential, 'ttlSequential'],
]);

/** What can never be, for flags that mean nothing: the state machine refuses it where it stands, also inside a multi. */
const IMPOSSIBLE = { mode: 'ttl', ttlMs: -1 } as const;

type Mode = Pick<CreateRequest, 'mode' | 'ttlMs'>;

function modeOfCreate({ flags }: WireCreateRequest): Mode {
  const mode = MODES.get(flags);
  return mode === undefined ? IMPOSSIBLE : { mode };
}

/** createContainer makes a container whatever its flags say, as long as they say nothing of a sequence or a time. */
function modeOfContainer({ flags }: WireCreateRequest): Mode {
  const plain: readonly number[] = [CreateFlags.container, CreateFlags.persistent, CreateFlags.ephemeral];
  return plain.includes(flags) ? { mode: 'container' } : IMPOSSIBLE;
}

function modeOfTtl({ flags, ttlMs }: CreateTtlRequest): Mode {
  const mode = TTL_MODES.get(flags);
  return mode === undefined ? IMPOSSIBLE : { mode, ttlMs };
}

/** Copies the data: what comes in is a view of the socket's chunk, which must not live as long as the znode. */
export function translateWrite(wire: WireWrite): WriteRequest {
  switch (wire.name) {
    case 'create':
    case 'create2':
      return createRequest(wire.body, modeOfCreate(wire.body));
    case 'createContainer':
      return createRequest(wire.body, modeOfContainer(wire.body));
    case 'createTtl':
      return createRequest(wire.body, modeOfTtl(wire.body));
    case 'delete':
      return { kind: 'delete', path: wire.body.path, version: wire.body.version };
    case 'setData': {
      const { path, data, version } = wire.body;
      return { kind: 'setData', path, data: copyOf(data), version };
    }
    case 'setAcl': {
      const { path, acl, version } = wire.body;
      return { kind: 'setAcl', path, acl, version };
    }
    case 'multi':
      return { kind: 'multi', operations: wire.body.operations.map(translateMultiOperation) };
    default:
      return unreachable(wire);
  }
}

function createRequest({ path, data, acl }: WireCreateRequest, mode: Mode): CreateRequest {
  return { kind: 'create', path, data: copyOf(data), acl, ...mode };
}

/**
 * What a ZooKeeper makes of an operation while it reads a multi: the flags of a container make one of every create, and a createTTL
 * without the flags of a time to live is a plain create.
 */
function asRead(operation: WireMultiOperation): WireMultiOperation {
  switch (operation.name) {
    case 'create':
    case 'create2':
    case 'createContainer':
    case 'createTtl': {
      const { name, request } = operation;
      if (request.flags === CreateFlags.container) return { name: 'createContainer', request };
      return name === 'createTtl' && !TTL_MODES.has(request.flags) ? { name: 'create', request } : operation;
    }
    case 'delete':
    case 'check':
    case 'setData':
      return operation;
  }
}

function translateMultiOperation(operation: WireMultiOperation): MultiOperation {
  const { name, request } = asRead(operation);
  if (name === 'check') return { kind: 'check', path: request.path, version: request.version };
  return translateWrite({ name, body: request } as WireWrite) as MultiOperation;
}

/**
 * A ZooKeeper cannot even read a create in a multi with flags that mean nothing, or with those of a time to live, for which it has no
 * place, and then turns the whole multi away. Of a createTTL it reads all flags.
 */
export function isMalformed(wire: WireWrite): boolean {
  if (wire.name !== 'multi') return false;
  return wire.body.operations.some(({ name, request }) => {
    return 'flags' in request && name !== 'createTtl' && !MODES.has(request.flags);
  });
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
    case 'createContainer':
    case 'createTtl':
      assert(result.kind === 'create', 'a create is answered as one');
      return { name: wire.name, body: { path: result.path, stat: result.stat } };
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
    const operation = operations[index];
    switch (result.kind) {
      case 'create':
        if (operation !== undefined && asRead(operation).name === 'create')
          return { name: 'create', path: result.path };
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
      case 'removeIdle':
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

/** What comes in is a view of the socket's chunk, which must not live as long as the znode. */
function copyOf(data: Uint8Array): Uint8Array {
  return data === NULL_DATA ? data : new Uint8Array(data);
}
