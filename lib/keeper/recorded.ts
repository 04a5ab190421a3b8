import { ErrorCode } from '../core/errors.js';
import { resultOf } from '../core/machine.js';
import { recordKey } from '../core/state.js';
import type { Once, Position, Refusal, Stat, Txn, WriteRequest, WriteResult } from '../core/types.js';
import { FullState } from '../core/full-state.js';
import { readEntry } from './log-rows.js';
import type { Pending } from './planner.js';
import type { Replica } from './replica.js';
import { withRetries } from './retry.js';
import type { WriteOutcome } from './types.js';
import { KeeperError } from './types.js';

interface Found {
  readonly txn: Txn;
  readonly position: Position;
}

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

function inWindow({ origin }: Pending, once: Once, replica: Replica): Found | undefined {
  const items = replica.window.items(recordKey.session(origin.session));
  return items.find(({ txn }) => isWrite(txn, origin.session, once));
}

function isWrite(txn: Txn, session: bigint, once: Once): boolean {
  return txn.session === session && txn.cxid === once.cxid;
}

async function inLog({ origin }: Pending, once: Once, replica: Replica): Promise<Found | KeeperError> {
  const { store, namespace } = replica.options;
  const notFound = `the outcome of write ${once.cxid} is not in the log above zxid ${once.seen}`;
  try {
    let from = await entryStart(once.seen + 1, replica);
    for (;;) {
      const query = { table: 'log', partition: namespace, from } as const;
      const page = await withRetries(replica.options, () => store.query(query));
      for (const item of page.items) {
        const { entry } = await readEntry(item, replica.blobs);
        const index = entry.txns.findIndex((txn) => isWrite(txn, origin.session, once));
        const txn = entry.txns[index];
        if (txn !== undefined) return { txn, position: { zxid: entry.first + index, timeMs: entry.timeMs } };
        from = entry.last + 1;
      }
      if (page.next === undefined) return new KeeperError('MaybeApplied', notFound, { maybeApplied: true });
    }
  } catch (error) {
    if (!(error instanceof KeeperError) || error.code !== 'Compacted') throw error;
    return new KeeperError('MaybeApplied', notFound, { cause: error, maybeApplied: true });
  }
}

/** The first zxid of the entry that holds `zxid` (I5): a client may have seen a zxid in the middle of an entry. */
async function entryStart(zxid: number, replica: Replica): Promise<number> {
  const { store, namespace } = replica.options;
  const page = await withRetries(replica.options, () =>
    store.query({
      table: 'log',
      partition: namespace,
      to: zxid,
      descending: true,
      limit: 1,
      attributes: ['last'],
    }),
  );
  const first = page.items[0]?.['zxid'];
  return typeof first === 'number' ? first : 1;
}

function outcomeOf({ txn, position }: Found, request: WriteRequest): WriteOutcome {
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
