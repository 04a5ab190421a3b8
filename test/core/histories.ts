import fc from 'fast-check';
import { apply, keysTouched, prepare } from '../../lib/core/machine.js';
import { FullState } from '../../lib/core/full-state.js';
import type { RecordKey } from '../../lib/core/state.js';
import {
  NO_SESSION,
  OPEN_ACL,
  type CreateRequest,
  type MultiOperation,
  type Origin,
  type Position,
  type Prepared,
  type Txn,
  type WriteRequest,
} from '../../lib/core/types.js';

/** Few names and few sessions, so that requests meet each other. */
const name = fc.constantFrom('a', 'b', 'c');
const depth = fc.constantFrom(1, 1, 2, 2, 2, 3);
const path = depth
  .chain((length) => fc.array(name, { minLength: length, maxLength: length }))
  .map((names) => '/' + names.join('/'));
const oddPath = fc.oneof(
  { weight: 30, arbitrary: path },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      '/zookeeper/quota/a/zookeeper_limits',
      '/zookeeper/quota/a/zookeeper_stats',
      '/zookeeper/quota/a/b',
      '/zookeeper/quota/a/b/zookeeper_limits',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('/', '', 'a', '//a', '/a/', '/a//b', '/zookeeper/quota', '/./a', '/x\0'),
  },
);
const session = fc.constantFrom(1n, 2n, 3n);
const version = fc.oneof({ weight: 4, arbitrary: fc.constant(-1) }, fc.integer({ min: 0, max: 2 }));
const data = fc.oneof(
  fc.uint8Array({ maxLength: 4 }),
  fc.constant({ blob: '00112233445566778899aabbccddeeff', length: 5000 }),
  fc.constant(new TextEncoder().encode('count=1,bytes=1=;countHardLimit=4')),
);
const acl = fc.oneof(
  { weight: 8, arbitrary: fc.constant(OPEN_ACL) },
  fc.constantFrom([{ perms: 31, scheme: 'auth', id: '' }], [{ perms: 1, scheme: 'world', id: 'anyone' }], []),
);
const attachId = fc.constantFrom('x', 'y');

const howToCreate: fc.Arbitrary<Pick<CreateRequest, 'mode' | 'ttlMs'>> = fc.constantFrom(
  { mode: 'persistent' },
  { mode: 'persistent' },
  { mode: 'ephemeral' },
  { mode: 'persistentSequential' },
  { mode: 'ephemeralSequential' },
  { mode: 'container' },
  { mode: 'ttl', ttlMs: 100 },
  { mode: 'ttl', ttlMs: 0 },
  { mode: 'ttlSequential', ttlMs: 100 },
);
const create: fc.Arbitrary<CreateRequest> = fc
  .record({ kind: fc.constant('create' as const), path: oddPath, data, acl, how: howToCreate })
  .map(({ how, ...rest }) => ({ ...rest, ...how }));
const operation: fc.Arbitrary<MultiOperation> = fc.oneof(
  { weight: 5, arbitrary: create },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), path: oddPath, version }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('setData' as const), path: oddPath, data, version }),
  },
  fc.record({ kind: fc.constant('check' as const), path: oddPath, version }),
);
const request: fc.Arbitrary<WriteRequest> = fc.oneof(
  { weight: 10, arbitrary: operation },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('multi' as const),
      operations: fc.array(operation, { maxLength: 4 }),
    }),
  },
  fc.record({ kind: fc.constant('setAcl' as const), path: oddPath, acl, version }),
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('createSession' as const),
      session,
      owner: fc.constantFrom('', 'gateway'),
      attachId,
      timeoutMs: fc.constant(4000),
      passwordHash: fc.constant(new Uint8Array(32)),
    }),
  },
  fc.record({
    kind: fc.constant('attach' as const),
    session,
    owner: fc.constantFrom('', 'gateway'),
    attachId,
    timeoutMs: fc.constant(5000),
    replacesEpoch: fc.constantFrom(1, 2),
  }),
  fc.record({ kind: fc.constant('closeSession' as const), session, epoch: fc.constantFrom(1, 1, 2) }),
  fc.record({ kind: fc.constant('noop' as const) }),
  fc.record({
    kind: fc.constant('removeIdle' as const),
    path,
    mzxid: fc.integer({ min: 1, max: 12 }),
    pzxid: fc.integer({ min: 1, max: 12 }),
  }),
);

export interface Step {
  readonly request: WriteRequest;
  readonly origin: Origin;
  /** Whether it comes over a retryable path: a refusal is logged then, too. */
  readonly numbered: boolean;
}

const SESSIONLESS: ReadonlySet<string> = new Set(['createSession', 'attach']);

const step: fc.Arbitrary<Step> = fc
  .record({
    request,
    session: fc.oneof({ weight: 3, arbitrary: session }, fc.constant(NO_SESSION)),
    epoch: fc.constantFrom(1, 1, 1, 1, 2),
    authIds: fc.constantFrom([], [], [{ scheme: 'digest', id: 'u:h' }], [{ scheme: 'super', id: '' }]),
    numbered: fc.boolean(),
    enforceQuota: fc.boolean(),
  })
  .map(({ request, session, epoch, authIds, numbered, enforceQuota }) => {
    const from = SESSIONLESS.has(request.kind) ? NO_SESSION : session;
    const origin = { session: from, epoch, authIds, enforceQuota };
    return { request, origin, numbered: numbered && from !== NO_SESSION };
  });

/** Two sessions and two parents are there first, so that most of a history is not about their absence. */
const opening: readonly Step[] = [
  ...[1n, 2n].map((session) => ({
    kind: 'createSession' as const,
    session,
    owner: '',
    attachId: 'x',
    timeoutMs: 4000,
    passwordHash: new Uint8Array(32),
  })),
  ...['/a', '/b', '/zookeeper/quota/a'].map((path) => ({
    kind: 'create' as const,
    path,
    data: new Uint8Array(3),
    acl: OPEN_ACL,
    mode: 'persistent' as const,
  })),
].map((request) => ({
  request,
  origin: { session: NO_SESSION, epoch: 0, authIds: [] },
  numbered: false,
}));

export const steps: fc.Arbitrary<readonly Step[]> = fc
  .array(step, { minLength: 1, maxLength: 80, size: 'max' })
  .map((rest) => [...opening, ...rest]);

export interface Logged {
  readonly step: Step;
  readonly txn: Txn;
  readonly position: Position;
}

export interface History {
  readonly log: readonly Logged[];
  readonly state: FullState;
  /** What prepare said, step by step. */
  readonly prepared: readonly Prepared[];
}

/** Carries the steps out on a full state, as one keeper alone would. */
export function historyOf(all: readonly Step[]): History {
  const state = new FullState();
  const log: Logged[] = [];
  const prepared: Prepared[] = [];
  for (const current of all) {
    const timeMs = 1000 + log.length;
    const outcome = prepare({ request: current.request, origin: current.origin, state, timeMs });
    prepared.push(outcome);
    const txn = txnOf(current, outcome, state);
    if (txn === undefined) continue;
    const position = { zxid: log.length + 1, timeMs };
    apply(txn, position, state);
    log.push({ step: current, txn, position });
  }
  return { log, state, prepared };
}

function txnOf({ origin, numbered }: Step, outcome: Prepared, state: FullState): Txn | undefined {
  const record = state.session(origin.session);
  const current = record !== null && record.epoch === origin.epoch;
  const cxid = numbered && current ? record.cxid + 1 : 0;
  if (outcome.ok) {
    const { effect, quotas } = outcome;
    return { session: origin.session, cxid, effect, ...(quotas === undefined ? {} : { quotas }) };
  }
  if (cxid === 0) return undefined;
  return { session: origin.session, cxid, effect: { type: 'error', code: outcome.refusal.code } };
}

/** Every key that the history may have anything to say about. */
export function keysOf({ log }: History): Set<RecordKey> {
  const keys = new Set<RecordKey>([
    'n/',
    'c/',
    'n/zookeeper',
    'c/zookeeper',
    'n/zookeeper/quota',
    'n/a',
    'c/a',
  ]);
  for (const id of [1n, 2n, 3n]) keys.add(`s${id.toString(16)}`).add(`e${id.toString(16)}`);
  for (const { txn } of log) for (const key of keysTouched(txn)) keys.add(key);
  return keys;
}
