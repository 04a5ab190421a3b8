import { ErrorCode } from '../../../core/errors.js';
import {
  AddWatchMode,
  operations,
  wireCreate,
  wireCreateInMulti,
  WatcherType,
  type WireMultiOperation,
  type WireMultiResult,
} from '../../../wire/index.js';
import { errorFrom, MultiError } from '../../errors.js';
import type { Call } from '../../tcp/requests.js';
import type {
  MultiOperation,
  TransportMultiOperation,
  TransportMultiResult,
  TransportOperation,
  TransportResult,
} from '../../transport.js';

type Kind = TransportOperation['kind'];
type Translation = {
  readonly [K in Exclude<Kind, 'changes'>]: (operation: TransportOperation & { readonly kind: K }) => AnyCall;
};
type AnyCall = Call<unknown, unknown, TransportResult>;

/** One per kind: what is sent, and what the answer means. */
const TRANSLATIONS: Translation = {
  create: (operation) => {
    const { name, request } = wireCreate(operation);
    return call({
      // They differ in what they ask for alone, and that goes with the name.
      operation: operations[name],
      path: operation.path,
      body: request,
      write: true,
      result: (response) => ({ kind: 'create', path: response.path, stat: response.stat }),
    });
  },
  setData: ({ path, data, version }) =>
    call({
      operation: operations.setData,
      path,
      body: { path, data, version },
      write: true,
      result: ({ stat }) => ({ kind: 'setData', stat }),
    }),
  delete: ({ path, version }) =>
    call({
      operation: operations.delete,
      path,
      body: { path, version },
      write: true,
      result: () => ({ kind: 'delete' }),
    }),
  setAcl: ({ path, acl, version }) =>
    call({
      operation: operations.setAcl,
      path,
      body: { path, acl, version },
      write: true,
      result: ({ stat }) => ({ kind: 'setAcl', stat }),
    }),
  multi: (operation) =>
    call({
      operation: operations.multi,
      body: { operations: operation.operations.map(multiToWire) },
      write: true,
      result: ({ results }) => multiFromWire(results, operation),
    }),
  exists: ({ path, watch }) =>
    call({
      operation: operations.exists,
      path,
      body: { path, watch },
      write: false,
      result: ({ stat }) => ({ kind: 'exists', stat }),
      ifNoNode: { value: { kind: 'exists', stat: undefined } },
    }),
  getData: ({ path, watch }) =>
    call({
      operation: operations.getData,
      path,
      body: { path, watch },
      write: false,
      // A copy: a view would keep the whole chunk that it arrived in.
      result: ({ data, stat }) => ({ kind: 'getData', data: Uint8Array.from(data), stat }),
    }),
  getChildren: ({ path, watch }) =>
    call({
      operation: operations.getChildren2,
      path,
      body: { path, watch },
      write: false,
      result: ({ children, stat }) => ({ kind: 'getChildren', children, stat }),
    }),
  getAcl: ({ path }) =>
    call({
      operation: operations.getAcl,
      path,
      body: { path },
      write: false,
      result: ({ acl, stat }) => ({ kind: 'getAcl', acl, stat }),
    }),
  sync: ({ path }) =>
    call({
      operation: operations.sync,
      path,
      body: { path },
      write: false,
      result: () => ({ kind: 'sync' }),
    }),
  addWatch: ({ path, type }) =>
    call({
      operation: operations.addWatch,
      path,
      body: { path, mode: AddWatchMode[type] },
      write: false,
      result: () => ({ kind: 'addWatch' }),
    }),
  removeWatch: ({ path, type }) =>
    call({
      operation: operations.removeWatches,
      path,
      body: { path, type: WatcherType[type === 'data' || type === 'exists' ? 'data' : type] },
      write: false,
      result: () => ({ kind: 'removeWatch' }),
    }),
};

/** Throws UnsupportedError for what the protocol does not have. */
export function toWireCall(operation: TransportOperation): AnyCall {
  if (operation.kind === 'changes') throw errorFrom({ code: ErrorCode.Unimplemented, path: operation.path });
  const translate = TRANSLATIONS[operation.kind] as (operation: TransportOperation) => AnyCall;
  return translate(operation);
}

/** Keeps the types of request and response together, then forgets them. */
function call<Request, Response>(init: Call<Request, Response, TransportResult>): AnyCall {
  return init as unknown as AnyCall;
}

function multiToWire(operation: TransportMultiOperation): WireMultiOperation {
  const { path } = operation;
  switch (operation.kind) {
    case 'create':
      return wireCreateInMulti(operation);
    case 'setData':
      return { name: 'setData', request: { path, data: operation.data, version: operation.version } };
    case 'delete':
    case 'check':
      return { name: operation.kind, request: { path, version: operation.version } };
  }
}

/** The results, or the MultiError that they mean. */
function multiFromWire(results: readonly WireMultiResult[], operation: MultiOperation): TransportResult {
  const codes = results.map((result) => (result.name === 'error' ? result.err : 0));
  const skipped: number = ErrorCode.RuntimeInconsistency;
  const failed = codes.findIndex((code) => code !== 0 && code !== skipped);
  const at = failed >= 0 ? failed : codes.findIndex((code) => code !== 0);
  if (at < 0) return { kind: 'multi', results: results.map(multiResult) };
  const code = codes[at] ?? ErrorCode.SystemError;
  throw new MultiError({ code, path: operation.operations[at]?.path, operations: codes });
}

function multiResult(result: WireMultiResult): TransportMultiResult {
  switch (result.name) {
    case 'create':
    case 'create2':
    case 'createContainer':
    case 'createTtl':
      return { kind: 'create', path: result.path, stat: undefined };
    case 'setData':
      return { kind: 'setData', stat: result.stat };
    case 'delete':
    case 'check':
      return { kind: result.name };
    case 'error':
      // multiFromWire has dealt with errors; what is left would be a server that contradicts itself.
      throw errorFrom({ code: ErrorCode.MarshallingError, maybeApplied: true });
  }
}
