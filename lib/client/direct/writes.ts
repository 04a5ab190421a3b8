import { assert } from '../../base/assert.js';
import type { CancelTimer, Clock } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import { ErrorCode } from '../../core/errors.js';
import type { AuthId, Origin, SessionId, WriteRequest, Zxid } from '../../core/types.js';
import { NO_SESSION } from '../../core/types.js';
import { KeeperError, type KeeperApi, type WriteOutcome } from '../../keeper/types.js';
import { backoffMs, type RetryPolicy } from '../backoff.js';
import type { ZeroKeeperError } from '../errors.js';
import type { TransportAnswer, TransportCall, TransportWrite } from '../transport.js';
import { again, isRetriable, keeperError, refusalError } from './errors.js';
import { digestOf, writeRequest, writeResult } from './translate.js';

/** Writes that the keeper has. They are settled in the order in which they were sent. */
export interface Writes {
  /** How many have no end yet, those that were given up among them. */
  readonly pending: number;
  send(call: TransportCall & { readonly operation: TransportWrite }): SentWrite;
  /**
   * Ends what is left. What the keeper says afterwards counts for nothing. `proven`: the log has shown that the session is over;
   * what had not been told by then is not in it.
   */
  end(error: ZeroKeeperError, proven: boolean): void;
}

export interface SentWrite {
  /** Nobody waits for the answer any more. The write goes on, or its number is settled. */
  giveUp(): void;
}

export interface WritesOptions {
  readonly keeper: KeeperApi;
  readonly authIds: readonly AuthId[];
  readonly settle: (call: TransportCall, outcome: TransportAnswer | ZeroKeeperError) => void;
  /** Called whenever `pending` has gone down. */
  readonly onProgress: () => void;
}

function answerOf(outcome: WriteOutcome, operation: TransportWrite): TransportAnswer | ZeroKeeperError {
  if (!outcome.ok) return refusalError(outcome.refusal, operation);
  return { zxid: outcome.zxid, result: writeResult(outcome.result) };
}

/** Writes without a session: each is sent once, and an end that is in doubt is told as such. */
export class PlainWrites implements Writes {
  readonly #options: WritesOptions;
  readonly #pending = new Set<{ readonly call: TransportCall; gaveUp: boolean }>();

  constructor(options: WritesOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#pending.size;
  }

  send(call: TransportCall & { readonly operation: TransportWrite }): SentWrite {
    const { keeper, authIds, settle, onProgress } = this.#options;
    const write = { call, gaveUp: false };
    this.#pending.add(write);
    const origin = { session: NO_SESSION, epoch: 0, authIds };
    keeper.submit(writeRequest(call.operation), origin, (outcome) => {
      if (!this.#pending.delete(write)) return;
      const answer =
        outcome instanceof KeeperError ? keeperError(outcome) : answerOf(outcome, call.operation);
      if (!write.gaveUp) settle(call, answer);
      onProgress();
    });
    return { giveUp: () => (write.gaveUp = true) };
  }

  end(error: ZeroKeeperError): void {
    const left = [...this.#pending];
    this.#pending.clear();
    for (const { call, gaveUp } of left) if (!gaveUp) this.#options.settle(call, again(error, true));
  }
}

export interface SessionWritesOptions extends WritesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly retry: RetryPolicy;
  /** The session and its current epoch; `undefined` while nobody knows whether it is this process's. */
  readonly owner: () => { readonly session: SessionId; readonly epoch: number } | undefined;
  /** The log says that the session is not this process's with the epoch that it believes in. */
  readonly onDisowned: () => void;
  /** The keeper can go on no more. */
  readonly onBroken: (error: ZeroKeeperError) => void;
}

interface NumberedWrite {
  readonly call: TransportCall & { readonly operation: TransportWrite };
  readonly request: WriteRequest;
  readonly digest: string;
  /** The head when it was sent first: its outcome lies beyond. */
  readonly seen: Zxid;
  cxid: number;
  /** The epoch that it was last sent with. */
  epoch: number;
  inFlight: boolean;
  gaveUp: boolean;
  /** It may stand in the log without our having heard of it: its number is spent on it, or on a no-op. */
  inDoubt: boolean;
}

/**
 * The writes of a session, exactly once (I6): each has a number, and a number stays with its write until the log says how it
 * ended. A write that failed on the way is sent again under its number, with those behind it; one that was given up is
 * replaced by a no-op, which finds its outcome or takes its place.
 */
export class SessionWrites implements Writes {
  readonly #options: SessionWritesOptions;
  /** Without an end, in the order of their numbers. */
  #unsettled: NumberedWrite[] = [];
  /** The last number that is known to have ended in the log. */
  #ended: number;
  #inFlight = 0;
  #failures = 0;
  #cancelRetry: CancelTimer | undefined;
  /** Something has come back unfinished: nothing is sent beside it, for it would come too early. */
  #stalled = false;
  #over = false;

  /** `cxid` is the session's last, as its record says. */
  constructor(cxid: number, options: SessionWritesOptions) {
    this.#ended = cxid;
    this.#options = options;
  }

  get pending(): number {
    return this.#unsettled.length;
  }

  send(call: TransportCall & { readonly operation: TransportWrite }): SentWrite {
    const request = writeRequest(call.operation);
    const write: NumberedWrite = {
      call,
      request,
      digest: digestOf(request),
      seen: this.#options.keeper.head,
      cxid: this.#ended + this.#unsettled.length + 1,
      epoch: 0,
      inFlight: false,
      gaveUp: false,
      inDoubt: false,
    };
    this.#unsettled.push(write);
    if (!this.#stalled) this.#submit(write);
    return { giveUp: () => (write.gaveUp = true) };
  }

  /** Sends again what came back unfinished: at once, for something has changed. */
  resume(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    if (this.#over || !this.#stalled || this.#inFlight > 0 || this.#options.owner() === undefined) return;
    this.#stalled = false;
    for (const [index, write] of [...this.#unsettled].entries()) {
      if (this.#isStalled()) return;
      // One before it may have been dropped: then this one, which had a later number, was not done either.
      write.cxid = this.#ended + index + 1;
      this.#submit(write);
    }
  }

  end(error: ZeroKeeperError, proven: boolean): void {
    this.#over = true;
    this.#cancelRetry?.();
    const left = this.#unsettled;
    this.#unsettled = [];
    for (const write of left) {
      const maybeApplied = write.inDoubt || (write.inFlight && !proven);
      if (!write.gaveUp) this.#options.settle(write.call, again(error, maybeApplied));
    }
  }

  #isStalled(): boolean {
    return this.#stalled;
  }

  #submit(write: NumberedWrite): void {
    const { keeper, authIds, owner } = this.#options;
    const holder = owner();
    if (holder === undefined) {
      this.#stalled = true;
      return;
    }
    const { cxid, digest, seen } = write;
    write.epoch = holder.epoch;
    write.inFlight = true;
    this.#inFlight++;
    const origin: Origin = { ...holder, authIds, once: { cxid, digest, seen } };
    const request: WriteRequest = write.gaveUp ? { kind: 'noop' } : write.request;
    keeper.submit(request, origin, (outcome) => {
      this.#inFlight--;
      write.inFlight = false;
      if (this.#over) return;
      if (outcome instanceof KeeperError) this.#onFailure(write, outcome);
      else this.#onOutcome(write, outcome);
      this.#afterwards();
    });
  }

  #onOutcome(write: NumberedWrite, outcome: WriteOutcome): void {
    if (!outcome.ok && isOfSession(outcome.refusal.code)) {
      // The session itself tells whether it is over. If it was only attached anew, the write is sent with the new epoch.
      this.#stalled = true;
      if (this.#options.owner()?.epoch === write.epoch) this.#options.onDisowned();
      return;
    }
    this.#failures = 0;
    this.#settle(write, () =>
      outcome.ok && outcome.result.kind === 'noop' ? undefined : answerOf(outcome, write.call.operation),
    );
  }

  #onFailure(write: NumberedWrite, error: KeeperError): void {
    switch (error.code) {
      case 'CxidReused':
      case 'MaybeApplied':
        this.#settle(write, () => keeperError(error));
        return;
      case 'Compacted':
        this.#stalled = true;
        this.#options.onBroken(keeperError(error, true));
        return;
      // Nothing was done, and nothing will be: the caller is told at once, unless an earlier attempt may have been carried out.
      case 'Overloaded':
      case 'Lagging':
      case 'Overdue':
      case 'Unreadable':
        this.#stalled = true;
        this.#failures++;
        if (!write.inDoubt) this.#drop(write, error);
        return;
      case 'StoreUnavailable':
      case 'Internal':
        this.#stalled = true;
        this.#failures++;
        this.#onUnavailable(write, error);
        return;
      case 'OutOfOrder':
      case 'Stopped':
        this.#stalled = true;
    }
  }

  /** A call that the store finds wrong in itself is told at once; its number is settled if it may have been spent. */
  #onUnavailable(write: NumberedWrite, error: KeeperError): void {
    const hopeless = !isRetriable(error);
    if (hopeless && !error.maybeApplied && !write.inDoubt) {
      this.#drop(write, error);
      return;
    }
    write.inDoubt = true;
    if (!hopeless || write.gaveUp) return;
    write.gaveUp = true;
    this.#options.settle(write.call, keeperError(error, true));
  }

  /** It is certain that nothing was done: the number goes to the next write. */
  #drop(write: NumberedWrite, error: KeeperError): void {
    this.#unsettled = this.#unsettled.filter((other) => other !== write);
    if (!write.gaveUp) this.#options.settle(write.call, keeperError(error, false));
  }

  #settle(write: NumberedWrite, answer: () => TransportAnswer | ZeroKeeperError | undefined): void {
    this.#unsettled = this.#unsettled.filter((other) => other !== write);
    this.#ended = Math.max(this.#ended, write.cxid);
    if (write.gaveUp) return;
    const told = answer();
    assert(told !== undefined, 'only what was given up is replaced by a no-op');
    this.#options.settle(write.call, told);
  }

  #afterwards(): void {
    if (this.#inFlight === 0 && this.#unsettled.length === 0) this.#stalled = false;
    if (this.#stalled && this.#inFlight === 0) this.#retryLater();
    this.#options.onProgress();
  }

  #retryLater(): void {
    const { clock, random, retry } = this.#options;
    this.#cancelRetry?.();
    this.#cancelRetry = clock.after(backoffMs(retry, Math.max(1, this.#failures), random), () =>
      this.resume(),
    );
  }
}

function isOfSession(code: number): boolean {
  return code === ErrorCode.SessionExpired || code === ErrorCode.SessionMoved;
}
