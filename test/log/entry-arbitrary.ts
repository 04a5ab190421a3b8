import fc from 'fast-check';
import { OPEN_ACL } from '../../lib/core/types.js';
import type {
  Acl,
  Effect,
  MultiOperationTxn,
  QuotaChange,
  RecordedAnswer,
  Stat,
  Txn,
  ZnodeData,
} from '../../lib/core/types.js';
import type { Entry } from '../../lib/log/entry.js';

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const natural = fc.maxSafeNat();
const session = fc.oneof(fc.constant(0n), fc.constant(77n), fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }));
const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => Buffer.from(value).toString('hex'));
const word = fc.string({ unit: 'grapheme', maxLength: 12 });
const path = fc
  .oneof(
    fc.array(fc.constantFrom('app', 'lock-0000000001', 'ä', '🦓', '🦒', 'x'.repeat(200)), { maxLength: 5 }),
    fc.array(word, { maxLength: 4 }),
  )
  .map((names) => '/' + names.join('/'));
const bytes = fc.uint8Array({ maxLength: 300 }).map((value) => Uint8Array.from(value));
const data: fc.Arbitrary<ZnodeData> = fc.oneof(bytes, fc.record({ blob: hex(16), length: natural }));
const acl: fc.Arbitrary<readonly Acl[]> = fc.oneof(
  fc.constant(OPEN_ACL),
  fc.constant([{ perms: 31, scheme: 'world', id: 'anyone' }]),
  fc.array(fc.record({ perms: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), scheme: word, id: word }), {
    maxLength: 3,
  }),
);

const operations: Record<MultiOperationTxn['type'], fc.Arbitrary<MultiOperationTxn>> = {
  create: fc.oneof(
    fc.record({ type: fc.constant('create' as const), path, data, acl, ephemeralOwner: session }),
    fc.record({
      ...{ type: fc.constant('create' as const), path, data, acl },
      ephemeralOwner: fc.constant(0n),
      lifetime: fc.oneof(
        fc.constant('container' as const),
        fc.record({ ttlMs: fc.integer({ min: 1, max: 2 ** 40 }) }),
      ),
    }),
  ),
  delete: fc.record({ type: fc.constant('delete'), path, ephemeralOwner: session }),
  setData: fc.record({ type: fc.constant('setData'), path, data, version: int32 }),
  check: fc.record({ type: fc.constant('check'), path }),
};
const operation = fc.oneof(...Object.values(operations));

/** One for every type of effect; the compiler sees to it that none is missing. */
export const effects: Record<Effect['type'], fc.Arbitrary<Effect>> = {
  ...operations,
  setAcl: fc.record({ type: fc.constant('setAcl'), path, acl, version: int32 }),
  multi: fc.record({ type: fc.constant('multi'), operations: fc.array(operation, { maxLength: 6 }) }),
  createSession: fc.record({
    type: fc.constant('createSession'),
    session,
    owner: word,
    attachId: hex(16),
    timeoutMs: fc.nat(),
    passwordHash: bytes,
  }),
  attach: fc.record({
    type: fc.constant('attach'),
    session,
    epoch: natural,
    owner: word,
    attachId: hex(16),
    timeoutMs: fc.nat(),
  }),
  closeSession: fc.record({
    type: fc.constant('closeSession'),
    session,
    ephemerals: fc.array(path, { maxLength: 6 }),
  }),
  error: fc.record(
    { type: fc.constant('error'), code: int32, failedAt: fc.nat(600) },
    { requiredKeys: ['type', 'code'] },
  ),
  noop: fc.record({ type: fc.constant('noop') }),
};

const stat: fc.Arbitrary<Stat> = fc.record({
  czxid: fc.nat(),
  mzxid: fc.nat(),
  ctime: fc.integer({ min: 0, max: 2 ** 45 }),
  mtime: fc.integer({ min: 0, max: 2 ** 45 }),
  version: int32,
  cversion: int32,
  aversion: int32,
  ephemeralOwner: session,
  dataLength: fc.nat(),
  numChildren: fc.nat(),
  pzxid: fc.nat(),
});
const recorded: fc.Arbitrary<RecordedAnswer> = fc.record({
  digest: hex(8),
  stats: fc.array(fc.option(stat, { nil: undefined }), { maxLength: 4 }),
});
const quotas: fc.Arbitrary<readonly QuotaChange[]> = fc.array(
  fc.record({ path, znodes: fc.integer(), bytes: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }) }),
  { maxLength: 3 },
);
const anyEffect = fc.oneof(...Object.values(effects));

/** A write that was sent over a retryable path is recorded with its answer, any other is not. */
export const txn: fc.Arbitrary<Txn> = fc.oneof(
  fc.record({ session, cxid: fc.constant(0), effect: anyEffect }),
  fc.record({ session, cxid: fc.integer({ min: 1 }), effect: anyEffect, recorded }),
  fc.record({ session, cxid: fc.constant(0), effect: anyEffect, quotas }),
  fc.record({ session, cxid: fc.integer({ min: 1 }), effect: anyEffect, recorded, quotas }),
);

export const entry: fc.Arbitrary<Entry> = fc
  .record({
    first: fc.integer({ min: 1, max: 2 ** 52 }),
    timeMs: fc.integer({ min: 0, max: 2 ** 45 }),
    batchId: hex(16),
    counters: fc.record({ znodes: natural, sessions: natural, thinSessions: natural, bytes: natural }),
    txns: fc.array(txn, { minLength: 1, maxLength: 12 }),
  })
  .map((parts) => ({ ...parts, last: parts.first + parts.txns.length - 1 }));
