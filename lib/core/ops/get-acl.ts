import { allows, maskDigests } from '../acl.js';
import { ErrorCode } from '../errors.js';
import { statOf } from '../stat.js';
import { Perms, type ReadRequest } from '../types.js';
import { knownNode, unknownNode, type ReadOperation } from './operation.js';

type GetAclRequest = Extract<ReadRequest, { kind: 'getAcl' }>;

/** READ is enough to see who may do what; only ADMIN sees the digests of the passwords. */
export const getAclOperation: ReadOperation<GetAclRequest> = {
  need: (request, state) => unknownNode(request.path, state),
  answer(request, state, authIds) {
    const record = knownNode(request.path, state);
    if (record === null) return { ok: false, code: ErrorCode.NoNode };
    if (!allows(record.acl, Perms.read | Perms.admin, authIds)) return { ok: false, code: ErrorCode.NoAuth };
    const acl = allows(record.acl, Perms.admin, authIds) ? record.acl : maskDigests(record.acl);
    return { ok: true, result: { kind: 'getAcl', acl, stat: statOf(record) } };
  },
};
