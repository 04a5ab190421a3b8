import type { CancelTimer, Clock } from '../base/clock.js';
import { holdProcess } from '../base/process.js';
import type { Random } from '../base/random.js';
import { ErrorCode } from '../core/errors.js';
import { backoffMs, type RetryPolicy } from './backoff.js';
import { AbortedError, OperationTimeoutError, ThrottledError, variant, ZeroKeeperError } from './errors.js';
import { CALLS_MAX } from './limits.js';
import type { CancelCall, Transport, TransportAnswer, TransportOperation } from './transport.js';

/** What every call takes. */
export interface CallOptions {
  /** Gives the call up: it rejects with AbortedError, whose `maybeApplied` tells whether a write was under way. */
  readonly signal?: AbortSignal | undefined;
  /** How long the call may take, in ms. Beyond, it rejects with OperationTimeoutError. */
  readonly timeoutMs?: number | undefined;
  /** When the call must have ended, in ms since 1970. With `timeoutMs` the earlier one counts. */
  readonly deadlineMs?: number | undefined;
}

/** A call as the client makes it. */
export interface ClientCall<Result> {
  readonly operation: TransportOperation;
  /** As the application wrote it. */
  readonly path: string | undefined;
  readonly options: CallOptions;
  readonly result: (answer: TransportAnswer) => Result;
  readonly onArmed?: (() => void) | undefined;
  /** The path of an error, as the application would write it. */
  readonly toCaller: (path: string) => string;
}

export interface CallsInit {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
}

const WRITES: ReadonlySet<string> = new Set(['create', 'delete', 'setData', 'setAcl', 'multi']);

export function isWrite(operation: TransportOperation): boolean {
  return WRITES.has(operation.kind);
}

/** The calls that a client has under way: each with its deadline and its signal, and the reads tried again. */
export class Calls {
  readonly init: CallsInit;
  #pending = 0;
  #release: (() => void) | undefined;

  constructor(init: CallsInit) {
    this.init = init;
  }

  /**
   * Makes a call. The promise is settled in the same turn in which the transport answers, so that applications see
   * answers and events in the transport's order.
   */
  run<Result>(call: ClientCall<Result>): Promise<Result> {
    const refusal = this.#refusal(call);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.#began();
      new RunningCall(this.init, call, {
        resolve: (value) => {
          this.#ended();
          resolve(value);
        },
        reject: (error) => {
          this.#ended();
          reject(error);
        },
      }).submit();
    });
  }

  #refusal(call: ClientCall<unknown>): Error | undefined {
    const { path } = call;
    const { signal, timeoutMs, deadlineMs } = call.options;
    if (signal?.aborted === true) return aborted(path, { signal, maybeApplied: false });
    if (Number.isNaN(timeoutMs) || Number.isNaN(deadlineMs)) {
      return variant(badTime(), { path });
    }
    if (deadlineMs !== undefined && deadlineMs <= this.init.clock.now()) {
      return new OperationTimeoutError({ code: ErrorCode.OperationTimeout, path });
    }
    if (this.#pending >= CALLS_MAX) {
      const message = `${CALLS_MAX} calls of this client are under way`;
      return new ThrottledError({ code: ErrorCode.ThrottledOp, path, message });
    }
    return undefined;
  }

  /** Timers do not keep the process alive; a call that somebody awaits does. */
  #began(): void {
    if (this.#pending++ === 0) this.#release = holdProcess();
  }

  #ended(): void {
    if (--this.#pending > 0) return;
    this.#release?.();
    this.#release = undefined;
  }
}

function badTime(): ZeroKeeperError {
  return new ZeroKeeperError({ code: ErrorCode.BadArguments, message: 'a time must be a number of ms' });
}

export function aborted(
  path: string | undefined,
  init: { readonly signal: AbortSignal; readonly maybeApplied: boolean },
): AbortedError {
  const { signal, maybeApplied } = init;
  const message = 'the call was given up by its signal';
  return new AbortedError({ code: 0, path, maybeApplied, cause: signal.reason, message });
}

class RunningCall<Result> {
  readonly #init: CallsInit;
  readonly #call: ClientCall<Result>;
  readonly #end: { resolve: (value: Result) => void; reject: (error: Error) => void };
  readonly #onAbort: () => void;
  #cancelDeadline: CancelTimer | undefined;
  #cancelRetry: CancelTimer | undefined;
  #cancelCall: CancelCall | undefined;
  #attempts = 0;
  #over = false;

  constructor(
    init: CallsInit,
    call: ClientCall<Result>,
    end: { resolve: (value: Result) => void; reject: (error: Error) => void },
  ) {
    this.#init = init;
    this.#call = call;
    this.#end = end;
    this.#onAbort = () => this.#giveUp('aborted');
  }

  submit(): void {
    const { signal } = this.#call.options;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#cancelDeadline = this.#init.clock.after(this.#remainingMs(), () => this.#giveUp('overdue'));
    this.#try();
  }

  #remainingMs(): number {
    const { timeoutMs = this.#init.timeoutMs, deadlineMs = Infinity } = this.#call.options;
    return Math.max(0, Math.min(timeoutMs, deadlineMs - this.#init.clock.now(), 2 ** 31 - 1));
  }

  #try(): void {
    this.#attempts++;
    this.#cancelCall = this.#init.transport.submit({
      operation: this.#call.operation,
      onArmed: () => {
        // A watch of a call that was given up has nobody to listen to it.
        if (!this.#over) this.#call.onArmed?.();
      },
      settle: (outcome) => this.#settled(outcome),
    });
  }

  #settled(outcome: TransportAnswer | ZeroKeeperError): void {
    this.#cancelCall = undefined;
    if (this.#over) return;
    if (!(outcome instanceof ZeroKeeperError)) this.#succeed(outcome);
    else if (this.#mayRetry(outcome)) this.#retryLater();
    else this.#fail(outcome);
  }

  /** Writes are sent again by the transports that can do it exactly once, and by nobody else. */
  #mayRetry(error: ZeroKeeperError): boolean {
    const { retry } = this.#init;
    return error.retriable && !isWrite(this.#call.operation) && this.#attempts < retry.attempts;
  }

  #retryLater(): void {
    const { clock, random, retry } = this.#init;
    this.#cancelRetry = clock.after(backoffMs(retry, this.#attempts, random), () => this.#try());
  }

  #succeed(answer: TransportAnswer): void {
    let value: Result;
    try {
      value = this.#call.result(answer);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    this.#finish();
    this.#end.resolve(value);
  }

  #fail(error: Error): void {
    this.#finish();
    this.#end.reject(error instanceof ZeroKeeperError ? this.#translated(error) : error);
  }

  #translated(error: ZeroKeeperError): ZeroKeeperError {
    const { path, toCaller } = this.#call;
    return variant(error, { path: error.path === undefined ? path : toCaller(error.path) });
  }

  #giveUp(why: 'aborted' | 'overdue'): void {
    if (this.#over) return;
    const maybeApplied = this.#cancelCall?.() ?? false;
    const { path, options } = this.#call;
    if (why === 'aborted' && options.signal !== undefined) {
      this.#fail(aborted(path, { signal: options.signal, maybeApplied }));
    } else {
      this.#fail(new OperationTimeoutError({ code: ErrorCode.OperationTimeout, path, maybeApplied }));
    }
  }

  #finish(): void {
    this.#over = true;
    this.#cancelDeadline?.();
    this.#cancelRetry?.();
    this.#call.options.signal?.removeEventListener('abort', this.#onAbort);
  }
}
