import { ErrorCode } from '../../core/errors.js';
import { NEVER, type Instant } from '../../base/instant.js';
import type { Zxid } from '../../core/types.js';
import {
  WireError,
  writeRequestMessage,
  FRAME_BYTES_MAX,
  type JuteReader,
  type JuteWriter,
  type Operation,
  type ReplyHeader,
} from '../../wire/index.js';
import { errorFrom } from '../errors.js';

/** Requests that have been sent and not answered. As ZooKeeper's globalOutstandingLimit. */
export const OUTSTANDING_REQUESTS_MAX = 1000;
/** Requests that wait to be sent. Beyond, a request is refused with ThrottledOp. */
export const QUEUED_REQUESTS_MAX = 10_000;

const XID_MAX = 2 ** 31 - 1;

/** A request as its caller sees it. */
export interface Call<Request, Response, Result> {
  readonly operation: Operation<Request, Response>;
  readonly body: Request;
  /** As the caller wrote it: for errors. */
  readonly path?: string | undefined;
  /** Whether it may have changed something when its answer is lost. */
  readonly write: boolean;
  /** Makes the caller's result. What it throws rejects the call. */
  readonly result: (response: Response) => Result;
  /** The result when the znode does not exist, where that is no failure. */
  readonly ifNoNode?: { readonly value: Result } | undefined;
  /** Called with the header's error and zxid as the answer is read, before anything that follows it on the stream. */
  readonly onAnswer?: ((err: number, zxid: Zxid) => void) | undefined;
}

/** Who waits for an answer. Exactly one of the two is called, unless the request is cancelled. */
export interface Waiting<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

interface Pending {
  readonly call: Call<unknown, unknown, unknown>;
  waiting: Waiting<unknown>;
  xid: number;
  sentAt: Instant;
}

const NOBODY: Waiting<unknown> = { resolve: () => undefined, reject: () => undefined };

/** Requests in the order in which they were made: those that wait, and those that a server has and will answer. */
export class RequestPipeline {
  readonly #queued: Pending[] = [];
  readonly #sent: Pending[] = [];
  #xid = 0;

  /** Requests that are neither answered nor refused. */
  get size(): number {
    return this.#queued.length + this.#sent.length;
  }

  /**
   * Queues a request. `waiting` is called as its answer is read, before any later answer or event. Throws ThrottledOp when
   * too many requests wait. Returns what cancels it: whether it had been sent already.
   */
  add<Request, Response, Result>(
    call: Call<Request, Response, Result>,
    waiting: Waiting<Result>,
  ): () => boolean {
    if (this.#queued.length >= QUEUED_REQUESTS_MAX) {
      throw errorFrom({ code: ErrorCode.ThrottledOp, path: call.path });
    }
    const pending = { call, waiting, xid: 0, sentAt: NEVER } as unknown as Pending;
    this.#queued.push(pending);
    return () => this.#cancel(pending);
  }

  /** The answer to what has been sent still comes and keeps its place; nobody waits for it. */
  #cancel(pending: Pending): boolean {
    pending.waiting = NOBODY;
    const at = this.#queued.indexOf(pending);
    if (at >= 0) this.#queued.splice(at, 1);
    return at < 0;
  }

  /** Writes as many waiting requests as may be outstanding. Returns whether it wrote any. */
  send(writer: JuteWriter, now: Instant): boolean {
    const before = writer.pending;
    while (this.#queued.length > 0 && this.#sent.length < OUTSTANDING_REQUESTS_MAX) {
      const pending = this.#queued.shift();
      if (pending !== undefined) this.#write(writer, pending, now);
    }
    return writer.pending > before;
  }

  /** The answer to the oldest request that was sent: returns when that was. Throws a WireError when it is another's. */
  answer(header: ReplyHeader, reader: JuteReader): Instant {
    const pending = this.#sent.shift();
    if (pending?.xid !== header.xid) {
      if (pending !== undefined) this.#sent.unshift(pending);
      throw new WireError(`answer to request ${header.xid}, but ${pending?.xid ?? 'none'} is due`);
    }
    pending.call.onAnswer?.(header.err, header.zxid);
    const { ifNoNode } = pending.call;
    if (header.err === 0) this.#succeed(pending, reader);
    else if (header.err === ErrorCode.NoNode && ifNoNode !== undefined)
      pending.waiting.resolve(ifNoNode.value);
    else pending.waiting.reject(errorFrom({ code: header.err, path: pending.call.path }));
    return pending.sentAt;
  }

  /** Rejects what was sent: nobody knows what became of the writes among them. */
  rejectSent(code: number, cause?: Error): void {
    for (const { call, waiting } of this.#sent.splice(0)) {
      waiting.reject(errorFrom({ code, path: call.path, maybeApplied: call.write, cause }));
    }
  }

  /** Rejects what was never sent. */
  rejectQueued(code: number, cause?: Error): void {
    for (const { call, waiting } of this.#queued.splice(0)) {
      waiting.reject(errorFrom({ code, path: call.path, cause }));
    }
  }

  #write(writer: JuteWriter, pending: Pending, now: Instant): void {
    const { operation, body, path } = pending.call;
    const before = writer.pending;
    pending.sentAt = now;
    pending.xid = this.#xid = this.#xid >= XID_MAX ? 1 : this.#xid + 1;
    writeRequestMessage(writer, { xid: pending.xid, operation, body });
    if (writer.pending - before - 4 <= FRAME_BYTES_MAX) {
      this.#sent.push(pending);
      return;
    }
    // The server would hang up, and with it every other request would be lost.
    writer.truncate(before);
    const cause = new WireError(`a request takes at most ${FRAME_BYTES_MAX} bytes`);
    pending.waiting.reject(errorFrom({ code: ErrorCode.MarshallingError, path, cause }));
  }

  #succeed({ call, waiting }: Pending, reader: JuteReader): void {
    let response: unknown;
    try {
      response = call.operation.readResponse(reader);
    } catch (cause) {
      const code = ErrorCode.MarshallingError;
      waiting.reject(errorFrom({ code, path: call.path, maybeApplied: call.write, cause }));
      throw cause;
    }
    try {
      waiting.resolve(call.result(response));
    } catch (error) {
      waiting.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
