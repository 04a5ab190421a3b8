import { ErrorCode } from '../../../core/errors.js';
import type { ThinAnswer, ThinEvent, ThinReason, ThinResult } from '../../../wire/thin-protocol.js';
import { errorFrom, OutOfOrderError, type ZeroKeeperError } from '../../errors.js';
import { decodeResult, failureError } from './codec.js';
import type { Item, OperationQueue } from './operation-queue.js';

export type BatchAnswer = Extract<ThinAnswer, { type: 'batch' }>;

/** What comes of an answer besides the results: in the order in which the application is to see it. */
export interface BatchHandlers {
  onEvent(event: ThinEvent): void;
  onArmed(item: Item): void;
  /** The session is over. */
  onLost(error: ZeroKeeperError): void;
}

/** Nothing was logged: the write keeps its number and is sent again. */
const AGAIN: ReadonlySet<ThinReason> = new Set<ThinReason>([
  'Overloaded',
  'Lagging',
  'StoreUnavailable',
  'OutOfOrder',
]);

export type Progress = 'all' | 'some' | 'none' | 'outOfOrder';

/**
 * Deals with an answer: events and results in the order of their zxids, so that an event comes before every result that
 * shows its change and after those that do not. From the first write on that has to be sent again, results do not count:
 * the operations after it must not have happened before it.
 */
export function takeAnswer(
  context: { readonly queue: OperationQueue; readonly handlers: BatchHandlers },
  items: readonly Item[],
  answer: BatchAnswer,
): Progress {
  const { handlers } = context;
  const events = [...answer.events];
  const results = answer.results.slice(0, items.length);
  const stop = results.findIndex((result, index) => isUnfinished(items[index], result));
  const counted = stop < 0 ? results : results.slice(0, stop);
  for (const [index, result] of counted.entries()) {
    while (events[0] !== undefined && events[0].zxid <= result.zxid) {
      handlers.onEvent(events[0]);
      events.shift();
    }
    const item = items[index];
    if (item !== undefined) takeResult(context, item, result);
  }
  for (const event of events) handlers.onEvent(event);
  if (counted.length === items.length) return 'all';
  if (counted.length > 0) return 'some';
  return reasonOf(results[0]) === 'OutOfOrder' ? 'outOfOrder' : 'none';
}

function isUnfinished(item: Item | undefined, result: ThinResult): boolean {
  const reason = reasonOf(result);
  return item !== undefined && item.cxid > 0 && reason !== undefined && AGAIN.has(reason);
}

function reasonOf(result: ThinResult | undefined): ThinReason | undefined {
  return result?.op === 'error' ? result.reason : undefined;
}

function takeResult(
  context: { readonly queue: OperationQueue; readonly handlers: BatchHandlers },
  item: Item,
  result: ThinResult,
): void {
  const { queue, handlers } = context;
  const { call } = item;
  if (call === undefined) {
    queue.done(item);
    return;
  }
  if (result.op === 'error') {
    const error = failureError(result, call.operation);
    if (isEnd(error)) handlers.onLost(error);
    else takeFailure(queue, item, { error, reason: result.reason });
    return;
  }
  if (result.op === 'getChildren' && !takePage(item, result)) return;
  const decoded = decodeResult(item.pages === undefined ? result : withPages(item, result));
  if (decoded === undefined) {
    queue.done(item);
    call.settle(errorFrom({ code: ErrorCode.MarshallingError, maybeApplied: item.write }));
    return;
  }
  handlers.onArmed(item);
  queue.done(item);
  call.settle({ zxid: result.zxid, result: decoded });
}

function isEnd(error: ZeroKeeperError): boolean {
  return error.code === ErrorCode.SessionExpired || error.code === ErrorCode.SessionMoved;
}

/** A request that could not be understood may not have reached the log: its number has to be settled. */
function takeFailure(
  queue: OperationQueue,
  item: Item,
  failure: { readonly error: ZeroKeeperError; readonly reason: ThinReason | undefined },
): void {
  const { call } = item;
  if (failure.reason === 'BadRequest' && item.cxid > 0) item.call = undefined;
  else queue.done(item);
  call?.settle(failure.error);
}

/** Keeps a page of a listing. Returns whether it was the last; else the item asks for the next one. */
function takePage(item: Item, result: Extract<ThinResult, { op: 'getChildren' }>): boolean {
  const known = item.pages;
  const isSame = known === undefined || known.pzxid === result.stat.pzxid;
  if (result.next === undefined && known === undefined) return true;
  if (!isSame) {
    // The children changed between two pages: from the beginning.
    item.pages = undefined;
    item.operation = withoutAfter(item.operation);
    return false;
  }
  const children = [...(known?.children ?? []), ...result.children];
  item.pages = { pzxid: result.stat.pzxid, children };
  if (result.next === undefined) return true;
  item.operation = { ...item.operation, after: result.next } as Item['operation'];
  return false;
}

function withPages(
  item: Item,
  result: Exclude<ThinResult, { op: 'error' }>,
): Exclude<ThinResult, { op: 'error' }> {
  return result.op === 'getChildren' && item.pages !== undefined
    ? { ...result, children: item.pages.children }
    : result;
}

function withoutAfter(operation: Item['operation']): Item['operation'] {
  if (operation.op !== 'getChildren') return operation;
  return { op: operation.op, path: operation.path, watch: operation.watch ?? false };
}

/** The session's numbering is not what the server has: somebody else uses the session, too. */
export function outOfOrder(): OutOfOrderError {
  const message = 'the server expects another number: is the session used by two clients?';
  return new OutOfOrderError({ code: 0, message });
}
