import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../lib/base/clock.js';
import { seededRandom } from '../../../lib/base/random.js';
import { ErrorCode } from '../../../lib/core/errors.js';
import type { Once, Origin, WriteRequest } from '../../../lib/core/types.js';
import { retryPolicy } from '../../../lib/client/backoff.js';
import { SessionWrites } from '../../../lib/client/direct/writes.js';
import { ZeroKeeperError } from '../../../lib/client/errors.js';
import type { TransportAnswer, TransportWrite } from '../../../lib/client/transport.js';
import { KeeperError, type KeeperApi, type WriteOutcome } from '../../../lib/keeper/types.js';
import { StoreError } from '../../../lib/log/store.js';
import { op } from './clients.js';

interface Submitted {
  readonly request: WriteRequest;
  readonly once: Once;
  readonly epoch: number;
  readonly settle: (outcome: WriteOutcome | KeeperError) => void;
}

/** The writes of a session whose last number was 7, on a keeper that does what the test says. */
function setUp() {
  const clock = new ManualClock();
  const submitted: Submitted[] = [];
  const outcomes: Record<string, TransportAnswer | ZeroKeeperError> = {};
  const told: string[] = [];
  const state = { epoch: 1, disowned: 0 };
  const submit = (request: WriteRequest, origin: Origin, settle: Submitted['settle']) =>
    void submitted.push({ request, once: origin.once!, epoch: origin.epoch, settle });
  const writes = new SessionWrites(7, {
    keeper: { head: 100, submit } as unknown as KeeperApi,
    ...{ authIds: [], clock, random: seededRandom(1), retry: retryPolicy() },
    settle: (call, outcome) => {
      const { path } = call.operation as { path: string };
      told.push(path);
      outcomes[path] = outcome;
    },
    onProgress: () => undefined,
    owner: () => (state.epoch === 0 ? undefined : { session: 5n, epoch: state.epoch }),
    onDisowned: () => state.disowned++,
    onBroken: () => undefined,
  });
  const send = (path: string) =>
    writes.send({ operation: op.delete(path) as TransportWrite, settle: () => undefined });
  const done = (zxid: number): WriteOutcome => ({ ok: true, zxid, logged: true, result: { kind: 'delete' } });
  return { clock, submitted, outcomes, told, state, writes, send, done };
}

const unavailable = () => new KeeperError('StoreUnavailable', 'no answer', { maybeApplied: true });
const numbers = (submitted: readonly Submitted[]) => submitted.map(({ once }) => once.cxid);

describe('the numbered writes of a session', () => {
  it('go on from the last number, and what failed is sent again under its number with those behind it', async () => {
    const { clock, submitted, told, send, done } = setUp();
    for (const path of ['/a', '/b', '/c']) send(path);
    expect(numbers(submitted)).toEqual([8, 9, 10]);
    const [a, b, c] = submitted.splice(0);
    a!.settle(done(101));
    b!.settle(unavailable());
    c!.settle(new KeeperError('OutOfOrder', 'too early'));
    send('/d');
    expect(submitted).toEqual([]);
    await clock.advance(1000);
    expect(numbers(submitted)).toEqual([9, 10, 11]);
    expect(submitted[0]!.once).toEqual(b!.once);
    submitted.forEach(({ settle }, index) => settle(done(102 + index)));
    expect(told).toEqual(['/a', '/b', '/c', '/d']);
  });

  it('tell at once what was certainly not done, and give its number to the next', async () => {
    const { clock, submitted, outcomes, send, done } = setUp();
    send('/a');
    send('/b');
    const [a, b] = submitted.splice(0);
    a!.settle(new KeeperError('Lagging', 'slow down'));
    b!.settle(new KeeperError('OutOfOrder', 'too early'));
    expect(outcomes['/a']).toMatchObject({ name: 'Unavailable', retriable: true, maybeApplied: false });
    await clock.advance(1000);
    expect(numbers(submitted)).toEqual([8]);
    submitted[0]!.settle(done(101));
    expect(outcomes['/b']).toMatchObject({ zxid: 101 });
  });

  it('keep a number in doubt when the keeper then has no room', async () => {
    const { clock, submitted, outcomes, send, done } = setUp();
    send('/a');
    submitted.splice(0)[0]!.settle(unavailable());
    await clock.advance(1000);
    submitted.splice(0)[0]!.settle(new KeeperError('Overloaded', 'full'));
    expect(outcomes).toEqual({});
    await clock.advance(5000);
    submitted[0]!.settle(done(101));
    expect(outcomes['/a']).toMatchObject({ zxid: 101 });
  });

  it('settle the number of one that was given up by a no-op, and tell nobody', async () => {
    const { clock, submitted, told, writes, send, done } = setUp();
    send('/a').giveUp();
    send('/b');
    const [a, b] = submitted.splice(0);
    a!.settle(unavailable());
    b!.settle(new KeeperError('OutOfOrder', 'too early'));
    await clock.advance(1000);
    expect(submitted[0]).toMatchObject({ request: { kind: 'noop' }, once: { cxid: 8, seen: 100 } });
    submitted[0]!.settle({ ok: true, zxid: 101, logged: true, result: { kind: 'noop' } });
    submitted[1]!.settle(done(102));
    expect(told).toEqual(['/b']);
    expect(writes.pending).toBe(0);
  });

  it('tell what the store refuses for good, and settle the number if it may be spent', async () => {
    const { clock, submitted, outcomes, send } = setUp();
    const cause = new StoreError('Rejected', 'no permission');
    send('/a');
    submitted.splice(0)[0]!.settle(new KeeperError('StoreUnavailable', 'no', { cause }));
    expect(outcomes['/a']).toMatchObject({ retriable: false, maybeApplied: false });
    send('/b');
    submitted.splice(0)[0]!.settle(new KeeperError('StoreUnavailable', 'no', { cause, maybeApplied: true }));
    expect(outcomes['/b']).toMatchObject({ retriable: false, maybeApplied: true });
    await clock.advance(1000);
    expect(submitted[0]).toMatchObject({ request: { kind: 'noop' }, once: { cxid: 8 } });
  });

  it('are sent with the new epoch once the session is attached again, and not before', () => {
    const { submitted, state, writes, outcomes, send, done } = setUp();
    send('/a');
    const moved = { ok: false, zxid: 101, refusal: { code: ErrorCode.SessionMoved } } as const;
    submitted.splice(0)[0]!.settle(moved);
    expect(state.disowned).toBe(1);
    state.epoch = 0;
    writes.resume();
    expect(submitted).toEqual([]);
    state.epoch = 2;
    writes.resume();
    expect(submitted[0]).toMatchObject({ epoch: 2, once: { cxid: 8 } });
    submitted[0]!.settle(done(102));
    expect(outcomes['/a']).toMatchObject({ zxid: 102 });
  });

  it('tell a number that somebody else has spent, and an outcome that is lost', () => {
    const { submitted, outcomes, send } = setUp();
    send('/a');
    send('/b');
    submitted[0]!.settle(new KeeperError('CxidReused', 'spent'));
    submitted[1]!.settle(new KeeperError('MaybeApplied', 'trimmed'));
    expect(outcomes['/a']).toMatchObject({ name: 'OutOfOrder', maybeApplied: false });
    expect(outcomes['/b']).toMatchObject({ name: 'MaybeApplied', maybeApplied: true });
    send('/c');
    expect(submitted[2]!.once.cxid).toBe(10);
  });

  it('are in doubt at the end only if nobody has looked', () => {
    const expired = new ZeroKeeperError({ code: ErrorCode.SessionExpired });
    for (const proven of [true, false]) {
      const { outcomes, writes, send } = setUp();
      send('/a');
      writes.end(expired, proven);
      expect(outcomes['/a']).toMatchObject({ code: ErrorCode.SessionExpired, maybeApplied: !proven });
    }
  });
});
