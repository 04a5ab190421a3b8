import { ErrorCode } from '../../../core/errors.js';
import type { Zxid } from '../../../core/types.js';
import { THIN_PAYLOAD_BYTES_MAX, type ThinOperation } from '../../../wire/thin-protocol.js';
import { isWrite } from '../../calls.js';
import { errorFrom, ThrottledError, variant, type ZeroKeeperError } from '../../errors.js';
import type { Consistency, TransportCall } from '../../transport.js';
import { encodeOperation } from './codec.js';
import {
  ENVELOPE_BYTES,
  OPERATION_OVERHEAD_BYTES,
  QUEUED_BYTES_MAX,
  QUEUED_OPERATIONS_MAX,
} from './limits.js';

/** An operation on its way to the function. */
export interface Item {
  /** Undefined once the caller has given it up: a write that was sent is then settled in its place. */
  call: TransportCall | undefined;
  operation: ThinOperation;
  readonly bytes: number;
  readonly write: boolean;
  /** Undefined for what goes with either. */
  readonly consistency: Consistency | undefined;
  /** A write's number; 0 before it is sent first, and without a session. */
  cxid: number;
  /** What the client had seen when the write got its number: it cannot have been logged at or below that. */
  seenBefore: Zxid;
  sent: boolean;
  /** It was sent and not answered: it may have happened. */
  doubtful: boolean;
  /** The pages of a long listing that have come. */
  pages?: { readonly pzxid: number; readonly children: readonly string[] } | undefined;
}

/** Operations in the order in which they were made. An item stays until it is done: answered, or settled. */
export class OperationQueue {
  #items: Item[] = [];
  #bytes = 0;

  get size(): number {
    return this.#items.length;
  }

  /** The item, or why it cannot be queued. */
  add(call: TransportCall): Item | ZeroKeeperError {
    const operation = encodeOperation(call.operation);
    const bytes = Buffer.byteLength(JSON.stringify(operation)) + OPERATION_OVERHEAD_BYTES;
    if (bytes > THIN_PAYLOAD_BYTES_MAX - ENVELOPE_BYTES) {
      const message = `an operation takes at most ${THIN_PAYLOAD_BYTES_MAX} bytes of JSON`;
      return errorFrom({ code: ErrorCode.MarshallingError, message });
    }
    if (this.#items.length >= QUEUED_OPERATIONS_MAX || this.#bytes + bytes > QUEUED_BYTES_MAX) {
      return new ThrottledError({ code: ErrorCode.ThrottledOp, message: 'too many operations wait' });
    }
    const consistency = 'consistency' in call.operation ? call.operation.consistency : undefined;
    const write = isWrite(call.operation);
    const fresh = { cxid: 0, seenBefore: 0, sent: false, doubtful: false };
    const item: Item = { call, operation, bytes, write, consistency, ...fresh };
    this.#items.push(item);
    this.#bytes += bytes;
    return item;
  }

  /** The caller gives it up. Returns whether it may have happened. */
  abandon(item: Item): boolean {
    if (item.call === undefined) return false;
    item.call = undefined;
    if (!item.sent || !item.write) this.done(item);
    return item.sent && item.write;
  }

  /**
   * The operations of the next request, from the oldest on: as many as fit and agree about consistency. No write stands behind a
   * read: if the answer is lost and the request sent again, the read would show the write that was called after it.
   */
  head(options: { readonly separateWrites: boolean; readonly operationsMax: number }): Item[] {
    const batch: Item[] = [];
    let bytes = ENVELOPE_BYTES;
    let consistency: Consistency | undefined;
    for (const item of this.#items) {
      bytes += item.bytes;
      const agrees = (item.consistency ?? consistency) === (consistency ?? item.consistency);
      if (batch.length >= options.operationsMax || bytes > THIN_PAYLOAD_BYTES_MAX || !agrees) break;
      if (item.write && batch.at(-1)?.write === false) break;
      if (options.separateWrites && batch[0] !== undefined && batch[0].write !== item.write) break;
      consistency ??= item.consistency;
      batch.push(item);
    }
    return batch;
  }

  has(item: Item): boolean {
    return this.#items.includes(item);
  }

  done(item: Item): void {
    const at = this.#items.indexOf(item);
    if (at < 0) return;
    this.#items.splice(at, 1);
    this.#bytes -= item.bytes;
  }

  /** Answers everybody with the error. Numbers that may have been spent stay in the queue, to be settled. */
  giveUp(items: readonly Item[], error: ZeroKeeperError): void {
    for (const item of items) {
      const { call } = item;
      if (item.doubtful && item.cxid > 0) item.call = undefined;
      else this.done(item);
      call?.settle(variant(error, { maybeApplied: item.doubtful && item.write }));
    }
  }

  /** Settles and forgets everything. */
  end(error: (item: Item) => ZeroKeeperError): void {
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    for (const item of items) item.call?.settle(error(item));
  }
}

/** The item's operation as it goes into a request: in a number that its caller gave up a `settle` takes its place. */
export function operationOf(item: Item): ThinOperation {
  if (item.cxid === 0) return item.operation;
  if (item.call === undefined) return { op: 'settle', cxid: item.cxid };
  return { ...item.operation, cxid: item.cxid } as ThinOperation;
}

/**
 * Takes the numbers off writes that have certainly not spent them, so that the next writes get them; they are the last ones
 * that were given. Returns the last number that is still given.
 */
export function takeNumbersBack(items: readonly Item[], given: number): number {
  let last = given;
  for (const item of items) {
    if (item.doubtful) continue;
    if (item.cxid > 0) last = Math.min(last, item.cxid - 1);
    item.cxid = 0;
    item.sent = false;
  }
  return last;
}
