import { ErrorCode } from '../core/errors.js';
import { resultOf } from '../core/machine.js';
import { recordKey } from '../core/state.js';
import type { Once, Position, Refusal, Stat, Txn, WriteRequest, WriteResult } from '../core/types.js';
import { FullState } from '../core/full-state.js';
import { itemsOf, readLog } from './changes.js';
import type { Pending } from './planner.js';
import type { Replica } from './replica.js';
import type { WriteOutcome } from './types.js';
import { KeeperError } from './types.js';
import type { WindowItem } from './window.js';

/**
 * The answer of a write that ended in the log before (I6): from the window when it is there, otherwise from the log, beginning
 * with the entry after the last zxid that the client had seen when it sent the write. `MaybeApplied` when that part of the log
 * was trimmed, or does not hold it; `CxidReused` when the number was spent on another write.
 */
export async function recordedOutcome(
  pending: Pending,
  replica: Replica,
): Promise<WriteOutcome | KeeperError> {
  const { origin, request } = pending;
  const { once } = origin;
  if (once === undefined) return new KeeperError('MaybeApplied', 'a write without a number is not recorded');
  const found = inWindow(pending, once, replica) ?? (await inLog(pending, once, replica));
  if (found instanceof KeeperError) return found;
  // A no-op settles a number, whatever became of it: that is how a client gives a write up.
  if (found.txn.recorded?.digest !== once.digest && request.kind !== 'noop') {
    return new KeeperError('CxidReused', `write ${once.cxid} of the session was another request`);
  }
  return outcomeOf(found, request);
}

function inWindow({ origin }: Pending, once: Once, replica: Replica): WindowItem | undefined {
  const items = replica.window.items(recordKey.session(origin.session));
  return items.find(({ txn }) => isWrite(txn, origin.session, once));
}

function isWrite(txn: Txn, session: bigint, once: Once): boolean {
  return txn.session === session && txn.cxid === once.cxid;
}

async function inLog({ origin }: Pending, once: Once, replica: Replica): Promise<WindowItem | KeeperError> {
  const notFound = `the outcome of write ${once.cxid} is not in the log above zxid ${once.seen}`;
  try {
    for await (const { entry } of readLog({ ...replica.options, blobs: replica.blobs }, once.seen + 1)) {
      const found = itemsOf(entry).find(({ txn }) => isWrite(txn, origin.session, once));
      if (found !== undefined) return found;
    }
    return new KeeperError('MaybeApplied', notFound, { maybeApplied: true });
  } catch (error) {
    if (!(error instanceof KeeperError) || error.code !== 'Compacted') throw error;
    return new KeeperError('MaybeApplied', notFound, { cause: error, maybeApplied: true });
  }
}

function outcomeOf({ txn, position }: WindowItem, request: WriteRequest): WriteOutcome {
  const { effect } = txn;
  const { zxid } = position;
  if (effect.type === 'error') return { ok: false, zxid, refusal: refusalOf(effect, request) };
  if (request.kind === 'noop') return { ok: true, zxid, logged: true, result: { kind: 'noop' } };
  return { ok: true, zxid, logged: true, result: resultAgain({ txn, position, request }) };
}

function refusalOf(effect: { code: number; failedAt?: number }, request: WriteRequest): Refusal {
  const { code, failedAt } = effect;
  if (request.kind === 'multi' && failedAt !== undefined) {
    const operations = request.operations.map((_, index) => {
      if (index === failedAt) return code;
      return index < failedAt ? ErrorCode.Ok : ErrorCode.RuntimeInconsistency;
    });
    return { code, operations };
  }
  return 'path' in request ? { code, path: request.path } : { code };
}

/** From the transaction alone: the state has moved on, so the Stats that do not follow from effects were kept with it. */
function resultAgain(input: { txn: Txn; position: Position; request: WriteRequest }): WriteResult {
  const { txn, position, request } = input;
  const stats: readonly (Stat | undefined)[] = txn.recorded?.stats ?? [];
  return resultOf({ request, effect: txn.effect, position, state: new FullState(), stats });
}
