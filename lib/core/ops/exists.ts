import { allows } from '../acl.js';
import { ErrorCode } from '../errors.js';
import { statOf } from '../stat.js';
import { Perms, type ReadRequest } from '../types.js';
import { knownNode, unknownNode, type ReadOperation } from './operation.js';

type ExistsRequest = Extract<ReadRequest, { kind: 'exists' }>;

/** Since 3.9.2 it needs READ, so that nobody learns of znodes that are hidden from him. */
export const existsOperation: ReadOperation<ExistsRequest> = {
  need: (request, state) => unknownNode(request.path, state),
  answer(request, state, authIds) {
    if (request.path.includes('\0')) return { ok: false, code: ErrorCode.BadArguments };
    const record = knownNode(request.path, state);
    if (record === null) return { ok: false, code: ErrorCode.NoNode };
    if (!allows(record.acl, Perms.read, authIds)) return { ok: false, code: ErrorCode.NoAuth };
    return { ok: true, result: { kind: 'exists', stat: statOf(record) } };
  },
};
