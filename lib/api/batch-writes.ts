import { ErrorCode } from '../core/errors.js';
import { needOfWrite } from '../core/machine.js';
import { NO_SESSION } from '../core/types.js';
import type { Zxid } from '../core/types.js';
import type { GuardedOrigin } from '../keeper/planner.js';
import { KeeperError } from '../keeper/types.js';
import type { WriteOutcome } from '../keeper/types.js';
import type { ThinResult, ThinWrite } from '../wire/thin-protocol.js';
import { isOfOneWrite, reasonOf, SessionRefusedError } from './answer.js';
import type { BatchContext } from './batch-context.js';
import { digestOf } from './digest.js';
import { BATCH_RESERVE_MS } from './limits.js';
import { writeResultBytes } from './runs.js';
import { failure, refusalResult, writeRequestOf, writeResult } from './translate.js';

/** `undefined` for a write that had not ended when the time was up. */
type Settled = WriteOutcome | KeeperError | undefined;

const TIME_IS_UP = 'the time of the invocation is up';

/** Carries consecutive writes out: submitted together, so that they share an entry of the log. */
export async function carryOutWrites(context: BatchContext, writes: readonly ThinWrite[]): Promise<void> {
  // Before they are done, for what is done has to be told.
  const fitting = fittingOf(context, writes);
  const settled = await settle(context, fitting);
  for (const [index, write] of fitting.entries()) {
    if (context.isCut()) return;
    tell(context, write, settled[index]);
  }
  if (fitting.length < writes.length) context.cut();
}

/**
 * Brings what writes are prepared on, as far as can be told before any has taken effect. A cold instance reads it beside the tail, so
 * that its first write takes three round trips.
 */
export async function bringForWrites(context: BatchContext, writes: readonly ThinWrite[]): Promise<void> {
  const { replica } = context.options.keeper;
  const keys = writes.flatMap((write) =>
    needOfWrite(writeRequestOf(write), originOf(context, write), replica.view),
  );
  await replica.hydrate(new Set(keys));
}

function fittingOf({ results }: BatchContext, writes: readonly ThinWrite[]): readonly ThinWrite[] {
  let bytes = 0;
  const end = writes.findIndex((write, index) => {
    bytes += writeResultBytes(write);
    return index === 0 ? !results.fits(bytes) : bytes > results.bytesLeft;
  });
  return end < 0 ? writes : writes.slice(0, end);
}

function settle(context: BatchContext, writes: readonly ThinWrite[]): Promise<Settled[]> {
  const { keeper, clock } = context.options;
  const settled: Settled[] = writes.map(() => undefined);
  return new Promise((resolve) => {
    let waiting = writes.length;
    if (waiting === 0) resolve(settled);
    const leftMs = context.caller.remainingMs() - BATCH_RESERVE_MS;
    const cancel = clock.after(leftMs, () => resolve([...settled]));
    for (const [index, write] of writes.entries()) {
      keeper.submit(writeRequestOf(write), originOf(context, write), (outcome) => {
        settled[index] = outcome;
        if (!(outcome instanceof KeeperError) && outcome.ok) context.applied = true;
        if (--waiting > 0) return;
        cancel();
        resolve(settled);
      });
    }
  });
}

function originOf({ caller, holder, request, options }: BatchContext, write: ThinWrite): GuardedOrigin {
  const { authIds } = caller;
  if (holder === undefined || write.cxid === undefined) return { session: NO_SESSION, epoch: 0, authIds };
  const seen = Math.min(request.seen, request.writesSeen ?? Infinity);
  const deadlineMs = options.clock.now() + caller.remainingMs() - BATCH_RESERVE_MS;
  return { ...holder, authIds, once: { cxid: write.cxid, digest: digestOf(write), seen }, deadlineMs };
}

function tell(context: BatchContext, write: ThinWrite, settled: Settled): void {
  const { results, holder, applied } = context;
  if (settled === undefined || settled instanceof KeeperError) {
    tellFailure(context, write, settled);
    return;
  }
  if (holder !== undefined && !isOfSession(settled)) context.heldAt = Math.max(context.heldAt, settled.zxid);
  if (settled.ok) {
    results.add(writeResult(settled.result, settled.zxid));
    return;
  }
  const { refusal, zxid } = settled;
  if (holder !== undefined && refusal.code === ErrorCode.SessionExpired) {
    throw new SessionRefusedError('SessionExpired', applied);
  }
  if (holder !== undefined && refusal.code === ErrorCode.SessionMoved) {
    throw new SessionRefusedError('SessionMoved', applied);
  }
  // A number that a refused write has spent is settled as well as any.
  results.add(write.op === 'settle' ? { op: 'settle', zxid } : refusalResult(refusal, zxid));
}

/** A refusal that says that the session is not the sender's. */
function isOfSession(outcome: WriteOutcome): boolean {
  if (outcome.ok) return false;
  const { code } = outcome.refusal;
  return code === ErrorCode.SessionExpired || code === ErrorCode.SessionMoved;
}

/**
 * A session's writes that failed for the system's sake are left out of the answer: sent again, they end as they would have, once.
 * Without a session the client has to be told of each what is known, for it cannot ask again.
 */
function tellFailure(context: BatchContext, write: ThinWrite, error: KeeperError | undefined): void {
  const zxid = context.options.keeper.head;
  if (context.holder === undefined) {
    context.results.add(failureWithoutSession(zxid, error));
  } else if (error === undefined) {
    context.stop(new KeeperError('StoreUnavailable', TIME_IS_UP, { maybeApplied: true }));
  } else if (!isOfOneWrite(error)) {
    context.stop(error);
  } else if (write.op === 'settle' && error.code === 'MaybeApplied') {
    context.results.add({ op: 'settle', zxid });
  } else {
    const { message, maybeApplied } = error;
    context.results.add(failure({ zxid, reason: reasonOf(error), message, maybeApplied }));
  }
}

function failureWithoutSession(zxid: Zxid, error: KeeperError | undefined): ThinResult {
  if (error !== undefined && !error.maybeApplied) {
    return failure({ zxid, reason: reasonOf(error), message: error.message });
  }
  const message = error?.message ?? TIME_IS_UP;
  return failure({ zxid, reason: 'MaybeApplied', message, maybeApplied: true });
}
