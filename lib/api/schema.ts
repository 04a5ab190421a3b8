import { z } from 'zod';
import type { ThinRequest } from '../wire/thin-protocol.js';
import { armsWatch, THIN_OPERATIONS_MAX, THIN_PROTOCOL_VERSION } from '../wire/thin-protocol.js';
import { ACL_ENTRIES_MAX, TEXT_LENGTH_MAX } from './limits.js';
import { isWrite } from './runs.js';

const text = z.string().max(TEXT_LENGTH_MAX);
const zxid = z.int().min(0);
const int32 = z
  .int()
  .min(-(2 ** 31))
  .max(2 ** 31 - 1);
const base64 = z.base64();
const bytes16 = z.string().regex(/^[A-Za-z0-9+/]{22}==$/, 'must be 16 bytes in base64');
const sessionId = z
  .string()
  .regex(/^(?:[1-9a-f][0-9a-f]{0,14}|[1-7][0-9a-f]{15})$/, 'must be a session id in hex');
const epoch = z.int().min(1);
const timeoutMs = z.int().min(1);

const acl = z
  .array(z.strictObject({ perms: z.int().min(0).max(31), scheme: text, id: text }))
  .max(ACL_ENTRIES_MAX);
const mode = z.enum([
  'persistent',
  'ephemeral',
  'persistentSequential',
  'ephemeralSequential',
  'container',
  'ttl',
  'ttlSequential',
]);
const kind = z.enum(['data', 'exists', 'children', 'persistent', 'persistentRecursive']);
const persistentKind = z.enum(['persistent', 'persistentRecursive']);

const ttlMs = z.int().exactOptional();

const create = { op: z.literal('create'), path: text, data: base64, acl, mode, ttlMs };
const remove = { op: z.literal('delete'), path: text, version: int32 };
const setData = { op: z.literal('setData'), path: text, data: base64, version: int32 };
const check = { op: z.literal('check'), path: text, version: int32 };

const multiOperation = z.discriminatedUnion('op', [
  z.strictObject(create),
  z.strictObject(remove),
  z.strictObject(setData),
  z.strictObject(check),
]);

const cxid = z.int().min(1).exactOptional();
const watch = z.boolean().exactOptional();

const operation = z.discriminatedUnion('op', [
  z.strictObject({ ...create, cxid }),
  z.strictObject({ ...remove, cxid }),
  z.strictObject({ ...setData, cxid }),
  z.strictObject({ ...check, cxid }),
  z.strictObject({ op: z.literal('setAcl'), path: text, acl, version: int32, cxid }),
  z.strictObject({
    op: z.literal('multi'),
    operations: z.array(multiOperation).max(THIN_OPERATIONS_MAX),
    cxid,
  }),
  z.strictObject({ op: z.literal('settle'), cxid }),
  z.strictObject({ op: z.literal('exists'), path: text, watch }),
  z.strictObject({ op: z.literal('getData'), path: text, watch }),
  z.strictObject({ op: z.literal('getAcl'), path: text }),
  z.strictObject({ op: z.literal('getChildren'), path: text, watch, after: text.exactOptional() }),
  z.strictObject({ op: z.literal('sync') }),
  z.strictObject({ op: z.literal('addWatch'), path: text, kind: persistentKind }),
  z.strictObject({ op: z.literal('removeWatch'), path: text, kind }),
  z.strictObject({ op: z.literal('changes'), path: text, since: zxid, recursive: z.boolean() }),
]);

const sessionReference = z.strictObject({ id: sessionId, epoch });
const eventId = z.strictObject({ zxid, position: z.int().min(0) });
const common = { v: z.literal(THIN_PROTOCOL_VERSION), namespace: text.exactOptional() };

const requestSchema = z.discriminatedUnion('type', [
  z.strictObject({ ...common, type: z.literal('open'), timeoutMs, openId: bytes16 }),
  z.strictObject({
    ...common,
    type: z.literal('attach'),
    session: sessionId,
    password: base64,
    timeoutMs,
    epoch,
    attachId: bytes16,
    seen: zxid,
  }),
  z.strictObject({ ...common, type: z.literal('close'), session: sessionReference }),
  z.strictObject({
    ...common,
    type: z.literal('batch'),
    session: sessionReference.exactOptional(),
    seen: zxid,
    writesSeen: zxid.exactOptional(),
    acknowledged: eventId.exactOptional(),
    consistency: z.enum(['linearizable', 'session']).exactOptional(),
    watching: z.boolean().exactOptional(),
    operations: z.array(operation).max(THIN_OPERATIONS_MAX),
  }),
]);

// The schema and the protocol's types are the same thing said twice: a difference in either direction does not compile.
type Mutable<T> = T extends object ? { -readonly [Name in keyof T]: Mutable<T[Name]> } : T;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
type Proof<T extends true> = T;
export type SchemaIsProtocol = Proof<Same<z.output<typeof requestSchema>, Mutable<ThinRequest>>>;

export type ThinBatchRequest = Extract<ThinRequest, { readonly type: 'batch' }>;

/** A request that is not one: says which field, and what is wrong with it. Never repeats what stands in the field. */
export class BadRequestError extends Error {
  override readonly name = 'BadRequestError';
  /** As in `operations[3].path`; '' for the request itself. */
  readonly field: string;

  constructor(field: string, message: string) {
    super(field === '' ? message : `${field}: ${message}`);
    this.field = field;
  }
}

/** The request that `input` is. Throws {@link BadRequestError} for the first thing in it that is wrong. */
export function parseThinRequest(input: unknown): ThinRequest {
  const parsed = requestSchema.safeParse(input);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new BadRequestError(fieldOf(issue?.path ?? []), issue?.message ?? 'the request is not valid');
  }
  const request: ThinRequest = parsed.data;
  if (request.type === 'batch') checkBatch(request);
  return request;
}

/** What a schema of single operations cannot say: what belongs to a session, and what must not be without one. */
function checkBatch({ session, acknowledged, watching, operations }: ThinBatchRequest): void {
  if (session === undefined && acknowledged !== undefined) {
    throw new BadRequestError('acknowledged', 'only a session has events');
  }
  if (watching === false && operations.some(armsWatch)) {
    throw new BadRequestError('watching', 'the request arms a watch itself');
  }
  operations.forEach((operation, index) => {
    const field = `operations[${index}]`;
    const hasCxid = 'cxid' in operation;
    if (isWrite(operation) && hasCxid !== (session !== undefined)) {
      const message = hasCxid ? 'only writes of a session are numbered' : 'writes of a session are numbered';
      throw new BadRequestError(`${field}.cxid`, message);
    }
    if (session !== undefined) return;
    if (operation.op === 'settle') throw new BadRequestError(field, 'only a session has numbers to settle');
    if (isWatching(operation)) throw new BadRequestError(field, 'only a session can watch');
  });
}

export function isWatching(operation: ThinBatchRequest['operations'][number]): boolean {
  if (operation.op === 'addWatch' || operation.op === 'removeWatch') return true;
  return 'watch' in operation && operation.watch;
}

function fieldOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((field, part) => {
    if (typeof part === 'number') return `${field}[${part}]`;
    return field === '' ? String(part) : `${field}.${String(part)}`;
  }, '');
}
