import { createHash } from 'node:crypto';
import { InvariantError, unreachable } from '../../base/assert.js';
import { ErrorCode } from '../../core/errors.js';
import { validatePath } from '../../core/paths.js';
import type { ReadAnswer, ReadRequest, WriteRequest, WriteResult } from '../../core/types.js';
import { errorFrom, type ZeroKeeperError } from '../errors.js';
import type {
  TransportMultiOperation,
  TransportMultiResult,
  TransportOperation,
  TransportRead,
  TransportResult,
  TransportWrite,
} from '../transport.js';

export function isWrite(operation: TransportOperation): operation is TransportWrite {
  switch (operation.kind) {
    case 'create':
    case 'delete':
    case 'setData':
    case 'setAcl':
    case 'multi':
      return true;
    case 'exists':
    case 'getData':
    case 'getChildren':
    case 'getAcl':
    case 'sync':
    case 'addWatch':
    case 'removeWatch':
    case 'changes':
      return false;
    default:
      return unreachable(operation);
  }
}

export function isEphemeral(operation: TransportOperation | TransportMultiOperation): boolean {
  if (operation.kind === 'multi') return operation.operations.some((one) => isEphemeral(one));
  return operation.kind === 'create' && operation.mode.startsWith('ephemeral');
}

/** 8 bytes in hex that tell a write from any other. Data counts by its bytes, whatever it is stored in. */
export function digestOf(request: WriteRequest): string {
  const hash = createHash('sha256');
  const contents: Uint8Array[] = [];
  const text = JSON.stringify(request, (_key, value: unknown) => {
    if (!(value instanceof Uint8Array)) return value;
    contents.push(value);
    return { bytes: value.length };
  });
  hash.update(text);
  for (const content of contents) hash.update(content);
  return hash.digest('hex').slice(0, 16);
}

/**
 * The request as the keeper may keep it. The data is copied: the application may change its array as soon as it has handed
 * the operation over.
 */
export function writeRequest(operation: TransportWrite): WriteRequest {
  if (operation.kind === 'multi') {
    return { kind: 'multi', operations: operation.operations.map(withOwnData) };
  }
  return withOwnData(operation);
}

function withOwnData<Operation extends object>(operation: Operation): Operation {
  if (!('data' in operation) || !(operation.data instanceof Uint8Array)) return operation;
  return { ...operation, data: new Uint8Array(operation.data) };
}

export function writeResult(result: WriteResult): TransportResult {
  switch (result.kind) {
    case 'create':
    case 'setData':
    case 'setAcl':
      return result;
    case 'delete':
      return { kind: 'delete' };
    case 'multi':
      return { kind: 'multi', results: result.results.map(multiResult) };
    case 'check':
    case 'createSession':
    case 'attach':
    case 'closeSession':
    case 'removeIdle':
    case 'noop':
      throw new InvariantError(`no write of an application: ${result.kind}`);
    default:
      return unreachable(result);
  }
}

function multiResult(result: WriteResult): TransportMultiResult {
  switch (result.kind) {
    case 'create':
    case 'setData':
      return result;
    case 'delete':
    case 'check':
      return { kind: result.kind };
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
}

export function readRequest(operation: TransportRead): ReadRequest {
  return { kind: operation.kind, path: operation.path };
}

/** Nothing has such a path. The store is not asked, whose keys it may not even fit. */
export function impossiblePath(path: string): ZeroKeeperError | undefined {
  const reason = validatePath(path);
  if (reason === undefined) return undefined;
  return errorFrom({ code: ErrorCode.BadArguments, path, message: reason });
}

/** What a read answers. That there is no znode is an answer of `exists`. Data is copied: the keeper goes on with its own. */
export function readResult(answer: ReadAnswer, operation: TransportRead): TransportResult | ZeroKeeperError {
  if (answer.ok) {
    const { result } = answer;
    return result.kind === 'getData' ? { ...result, data: new Uint8Array(result.data) } : result;
  }
  if (operation.kind === 'exists' && answer.code === ErrorCode.NoNode) {
    return { kind: 'exists', stat: undefined };
  }
  return errorFrom({ code: answer.code, path: operation.path });
}
