import { sleep, type Clock } from '../../../base/clock.js';
import { instantOf, NEVER, type Instant } from '../../../base/instant.js';
import type { Random } from '../../../base/random.js';
import { ErrorCode } from '../../../core/errors.js';
import { isEphemeral } from '../../../core/modes.js';
import type { Zxid } from '../../../core/types.js';
import { armsWatch, THIN_OPERATIONS_MAX } from '../../../wire/thin-protocol.js';
import type { ThinAnswer, ThinEvent, ThinEventId } from '../../../wire/thin-protocol.js';
import { backoffMs, type RetryPolicy } from '../../backoff.js';
import { errorFrom, UnsupportedError, variant, ZeroKeeperError } from '../../errors.js';
import type { SessionReference } from '../../options.js';
import type {
  CancelCall,
  SessionState,
  Transport,
  TransportCall,
  TransportHandlers,
  TransportSession,
} from '../../transport.js';
import { ArmedWatches } from './armed-watches.js';
import { outOfOrder, takeAnswer, type BatchHandlers } from './batch.js';
import { failureError } from './codec.js';
import { InvokeFailure, unavailable, type Invoke } from './invoke.js';
import { OUT_OF_ORDER_MAX } from './limits.js';
import { openRequest } from './open-request.js';
import { abortWith, Link, type Refusal } from './link.js';
import { Liveness } from './liveness.js';
import { operationOf, OperationQueue, takeNumbersBack, type Item } from './operation-queue.js';
import type { Push } from './push.js';

export interface LambdaTransportOptions {
  readonly invoke: Invoke;
  readonly namespace?: string | undefined;
  readonly session?: SessionReference | false | undefined;
  readonly sessionTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly invokeTimeoutMs: number;
  readonly pollMs: number;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  readonly random: Random;
  /** Makes the WebSocket, given what it tells of. */
  readonly push?: ((handlers: PushHandlers) => Push) | undefined;
}

export interface PushHandlers {
  readonly onHint: () => void;
  readonly session: () => TransportSession | undefined;
}

/**
 * The function `api` as a transport. Operations wait in one queue; at most one request is under way, with as many of them
 * as fit. A request of a session is sent again as it was until it has an answer (the function does each write once);
 * without a session a request with writes is sent again only if it certainly did not arrive.
 */
export class LambdaTransport implements Transport {
  readonly kind = 'lambda';
  readonly capabilities;
  readonly #options: LambdaTransportOptions;
  readonly #link: Link;
  readonly #queue = new OperationQueue();
  readonly #liveness: Liveness;
  readonly #push: Push | undefined;
  readonly #over = new AbortController();
  readonly #armed = new ArmedWatches();
  readonly #hints = new Set<() => void>();
  readonly #batchHandlers: BatchHandlers;
  #handlers: TransportHandlers | undefined;
  #session: TransportSession | undefined;
  #state: SessionState = 'connecting';
  #seen: Zxid = 0;
  #cxid = 0;
  #acknowledged: ThinEventId | undefined;
  /** Whether the session may have a watch: once it had one, or was another client's before. */
  #hasWatched: boolean;
  #failures = 0;
  #outOfOrder = 0;
  /** How many of the next operations go alone, because the function did not understand them together. */
  #alone = 0;
  /** Something may have happened since the newest request was sent. */
  #hinted = false;
  #fetchAtMs = Infinity;
  #vouchedAt = NEVER;
  #wakeUp: () => void = () => undefined;
  #drained: () => void = () => undefined;
  #closing: Promise<void> | undefined;

  constructor(options: LambdaTransportOptions) {
    this.#options = options;
    this.#hasWatched = typeof options.session === 'object';
    this.capabilities = {
      exactlyOnce: options.session !== false,
      changes: true,
      consistency: 'linearizable',
    } as const;
    const { invoke, namespace, invokeTimeoutMs, clock } = options;
    this.#link = new Link({ invoke, namespace, invokeTimeoutMs, clock });
    this.#liveness = new Liveness(clock, () => this.#setState('suspended'));
    this.#push = options.push?.({ onHint: () => this.#hint(), session: () => this.#session });
    this.#batchHandlers = {
      onEvent: (event) => this.#event(event),
      onArmed: (item) => this.#onArmed(item),
      onLost: (error) => this.#end('lost', error),
    };
  }

  get session(): TransportSession | undefined {
    return this.#session;
  }

  get seen(): Zxid {
    return this.#seen;
  }

  get vouchedAt(): Instant {
    return this.#vouchedAt;
  }

  async start(handlers: TransportHandlers, signal: AbortSignal): Promise<void> {
    this.#handlers = handlers;
    try {
      if (this.#options.session !== false) await this.#open(signal);
    } catch (error) {
      this.#end('closed');
      throw error;
    }
    this.#setState('connected');
    if (this.#session !== undefined) this.#push?.start();
    // The loop deals with every operating error itself; what is left is a bug, and no state to go on in.
    this.#run().catch((error: unknown) => {
      this.#end('lost', errorFrom({ code: ErrorCode.SystemError, cause: error, maybeApplied: true }));
    });
  }

  submit(call: TransportCall): CancelCall {
    const item = this.#refusal(call) ?? this.#queue.add(call);
    if (item instanceof ZeroKeeperError) {
      let cancelled = false;
      queueMicrotask(() => {
        if (!cancelled) call.settle(item);
      });
      return () => {
        cancelled = true;
        return false;
      };
    }
    this.#wakeUp();
    return () => this.#queue.abandon(item);
  }

  async beyond(zxid: Zxid, signal: AbortSignal): Promise<void> {
    if (this.#seen > zxid) return;
    const woken = new AbortController();
    const onHint = () => woken.abort();
    this.#hints.add(onHint);
    const unlink = abortWith(signal, woken);
    try {
      await sleep(this.#options.clock, this.#options.pollMs, woken.signal);
    } catch (error) {
      if (!woken.signal.aborted) throw error;
      signal.throwIfAborted();
    } finally {
      unlink();
      this.#hints.delete(onHint);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #refusal({ operation }: TransportCall): ZeroKeeperError | undefined {
    if (this.#over.signal.aborted || this.#closing !== undefined) {
      return errorFrom({ code: ErrorCode.SessionExpired });
    }
    if (this.#options.session !== false) return undefined;
    const wantsEphemeral = operation.kind === 'create' && isEphemeral(operation.mode);
    const isWatch =
      operation.kind === 'addWatch' ||
      ('watch' in operation && operation.watch) ||
      operation.kind === 'removeWatch';
    if (!wantsEphemeral && !isWatch) return undefined;
    const message = `${isWatch ? 'a watch' : 'an ephemeral znode'} needs a session`;
    return new UnsupportedError({ code: ErrorCode.Unimplemented, message });
  }

  // --- Opening and closing -------------------------------------------------------------------------------------------

  async #open(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const payload = this.#link.encode(openRequest(this.#options));
    for (;;) {
      const sentAt = instantOf(clock);
      const answer = await this.#ask(payload, signal);
      if (answer instanceof ZeroKeeperError) {
        if (!answer.retriable || isAborted(signal)) throw answer;
        await this.#backoff(signal);
        if (isAborted(signal)) throw answer;
      } else if (answer.type === 'opened') {
        this.#opened(answer, sentAt);
        return;
      } else throw errorFrom({ code: ErrorCode.MarshallingError });
    }
  }

  #opened(answer: Extract<ThinAnswer, { type: 'opened' }>, sentAt: Instant): void {
    const { session: id, epoch, timeoutMs } = answer;
    const password = Buffer.from(answer.password, 'base64').toString('hex');
    this.#session = { id, password, epoch, timeoutMs };
    this.#cxid = answer.cxid;
    this.#seen = Math.max(this.#seen, answer.zxid);
    this.#heard(sentAt);
  }

  async #close(): Promise<void> {
    const { clock, closeTimeoutMs } = this.#options;
    const deadline = new AbortController();
    const cancel = clock.after(closeTimeoutMs, () => deadline.abort(new Error('close took too long')));
    try {
      await this.#drain(deadline.signal);
      const { session } = this;
      if (session !== undefined && this.#state !== 'lost') await this.#closeSession(session, deadline.signal);
    } finally {
      cancel();
      this.#end('closed');
    }
  }

  /** What was called before close() is still answered, while there is time. */
  #drain(deadline: AbortSignal): Promise<void> {
    if (this.#queue.size === 0 || this.#state !== 'connected') return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = resolve;
      deadline.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async #closeSession(session: TransportSession, deadline: AbortSignal): Promise<void> {
    const { id, epoch } = session;
    const payload = this.#link.encode({ type: 'close', session: { id, epoch } });
    for (;;) {
      const answer = await this.#ask(payload, deadline);
      // A session that cannot be closed expires.
      if (!(answer instanceof ZeroKeeperError) || !answer.retriable || deadline.aborted) return;
      await this.#backoff(deadline);
    }
  }

  #end(state: 'lost' | 'closed', reason?: ZeroKeeperError): void {
    if (this.#over.signal.aborted) return;
    this.#setState(state, reason);
    this.#over.abort(reason ?? new Error('the client was closed'));
    this.#liveness.stop();
    this.#push?.stop();
    this.#queue.end((item) =>
      errorFrom({
        code: reason?.code ?? ErrorCode.SessionExpired,
        maybeApplied: item.sent && item.write,
        cause: reason,
      }),
    );
    this.#drained();
    this.#wakeUp();
  }

  // --- Requests --------------------------------------------------------------------------------------------------------

  async #run(): Promise<void> {
    while (!this.#over.signal.aborted) {
      const operationsMax = this.#alone > 0 ? 1 : THIN_OPERATIONS_MAX;
      const batch = this.#queue.head({ separateWrites: this.#session === undefined, operationsMax });
      this.#alone = Math.max(0, this.#alone - batch.length);
      if (batch.length > 0 || this.#options.clock.monotonic() >= this.#fetchAtMs) {
        await this.#exchange(batch);
        if (this.#queue.size === 0) this.#drained();
      } else await this.#idle();
    }
  }

  #idle(): Promise<void> {
    return new Promise((resolve) => {
      const waitMs = Math.min(2 ** 31 - 1, this.#fetchAtMs - this.#options.clock.monotonic());
      const cancel = this.#options.clock.after(Math.max(0, waitMs), () => this.#wakeUp());
      this.#wakeUp = () => {
        this.#wakeUp = () => undefined;
        cancel();
        resolve();
      };
    });
  }

  /** Sends a batch until it is answered, or until nobody waits for it any more. */
  async #exchange(batch: readonly Item[]): Promise<void> {
    this.#number(batch);
    for (;;) {
      const items = batch.filter((item) => this.#queue.has(item));
      if (items.length === 0 && batch.length > 0) return;
      const sentAt = instantOf(this.#options.clock);
      this.#hinted = false;
      const answer = await this.#ask(this.#encode(items), this.#over.signal);
      if (this.#over.signal.aborted) return;
      if (!(answer instanceof ZeroKeeperError)) {
        this.#heard(sentAt);
        if (await this.#answered(items, answer)) return;
      } else {
        for (const item of items) item.doubtful ||= answer.maybeApplied;
        const isOver = this.#failed(items, answer);
        await this.#backoff(this.#over.signal);
        if (isOver || isAborted(this.#over.signal)) return;
      }
    }
  }

  /** Writes that have a number already were left out of an answer, which does not say that they were not done. */
  #number(batch: readonly Item[]): void {
    for (const item of batch) {
      if (item.cxid > 0) item.doubtful ||= item.sent;
      else if (item.write && this.#session !== undefined) {
        item.cxid = ++this.#cxid;
        item.seenBefore = this.#seen;
      }
      item.sent = true;
    }
  }

  #encode(items: readonly Item[]): Uint8Array {
    const session = this.#session;
    const writesSeen = items.find((item) => item.cxid > 0)?.seenBefore ?? this.#seen;
    const operations = items.map(operationOf);
    this.#hasWatched ||= operations.some(armsWatch);
    const consistency = items.find((item) => item.consistency !== undefined)?.consistency;
    return this.#link.encode({
      type: 'batch',
      ...(session === undefined ? {} : { session: { id: session.id, epoch: session.epoch } }),
      seen: this.#seen,
      ...(writesSeen < this.#seen ? { writesSeen } : {}),
      ...(this.#acknowledged === undefined ? {} : { acknowledged: this.#acknowledged }),
      ...(consistency === undefined ? {} : { consistency }),
      ...(this.#hasWatched ? {} : { watching: false }),
      operations,
    });
  }

  /** One request, once. An error tells by `maybeApplied` whether the request may have arrived. */
  async #ask(
    payload: Uint8Array,
    signal: AbortSignal,
  ): Promise<Exclude<ThinAnswer, Refusal> | ZeroKeeperError> {
    try {
      const answer = await this.#link.send(payload, signal);
      if (answer.type !== 'error') return answer;
      const { retriable, maybeApplied = false } = answer;
      return variant(failureError(answer), { retriable, maybeApplied });
    } catch (error) {
      if (error instanceof InvokeFailure) return unavailable(error, error.ambiguous);
      throw error;
    }
  }

  /** Returns whether the batch has been dealt with; what is left of it stays in the queue. */
  async #answered(items: readonly Item[], answer: Exclude<ThinAnswer, Refusal>): Promise<boolean> {
    if (answer.type !== 'batch') {
      for (const item of items) item.doubtful = true;
      this.#failed(items, errorFrom({ code: ErrorCode.MarshallingError, maybeApplied: true }));
      return true;
    }
    this.#seen = Math.max(this.#seen, answer.zxid);
    const progress = takeAnswer({ queue: this.#queue, handlers: this.#batchHandlers }, items, answer);
    this.#scheduleFetch();
    for (const hint of this.#hints) hint();
    if (progress === 'all' || progress === 'some') {
      this.#failures = this.#outOfOrder = 0;
      return true;
    }
    if (progress === 'outOfOrder' && ++this.#outOfOrder > OUT_OF_ORDER_MAX) this.#end('lost', outOfOrder());
    await this.#backoff(this.#over.signal);
    return true;
  }

  /** Returns whether the batch is not to be sent again as it was. */
  #failed(items: readonly Item[], error: ZeroKeeperError): boolean {
    if (error.code === ErrorCode.SessionExpired || error.code === ErrorCode.SessionMoved) {
      this.#end('lost', error);
      return true;
    }
    const isDoubtful = this.#session === undefined && items.some((item) => item.write && item.doubtful);
    if (error.retriable && !isDoubtful) return false;
    this.#cxid = takeNumbersBack(items, this.#cxid);
    // One of them is not understood, and the others shall not suffer for it.
    if (error.code === ErrorCode.BadArguments && items.length > 1) this.#alone = items.length;
    else this.#queue.giveUp(items, error);
    return true;
  }

  /** Waits longer with every failure since the last answer. Returns early when the signal aborts. */
  async #backoff(signal: AbortSignal): Promise<void> {
    const { clock, random, retry } = this.#options;
    const waitMs = backoffMs(retry, ++this.#failures, random);
    await sleep(clock, waitMs, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  // --- Events, states --------------------------------------------------------------------------------------------------

  #event(event: ThinEvent): void {
    const last = this.#acknowledged;
    if (last !== undefined && !isAfter(event, last)) return;
    this.#acknowledged = { zxid: event.zxid, position: event.position };
    this.#seen = Math.max(this.#seen, event.zxid);
    this.#armed.fired(event);
    const { type, path, zxid, position } = event;
    this.#handlers?.onEvent({ type, path, zxid, position });
  }

  #onArmed({ call }: Item): void {
    if (call !== undefined && this.#armed.done(call.operation)) call.onArmed?.();
  }

  #hint(): void {
    // The answer to a request that is under way may have been made before.
    this.#hinted = true;
    this.#fetchAtMs = this.#options.clock.monotonic();
    this.#wakeUp();
    for (const hint of this.#hints) hint();
  }

  /** A request that was sent then has been answered: the session lives. */
  #heard(sentAt: Instant): void {
    if (this.#session === undefined) return;
    this.#vouchedAt = sentAt;
    this.#liveness.heard(sentAt.monotonicMs, this.#session.timeoutMs);
    if (this.#state === 'suspended') this.#setState('connected');
    this.#scheduleFetch();
  }

  /** The next request is due at the latest when the session wants a heartbeat, or when events have to be asked for. */
  #scheduleFetch(): void {
    if (this.#session === undefined) return;
    const heartbeatAtMs = this.#vouchedAt.monotonicMs + this.#session.timeoutMs / 3;
    const mustPoll = this.#armed.size > 0 && this.#push?.isOpen !== true;
    const pollAtMs = mustPoll ? this.#options.clock.monotonic() + this.#options.pollMs : Infinity;
    this.#fetchAtMs = this.#hinted ? this.#options.clock.monotonic() : Math.min(heartbeatAtMs, pollAtMs);
  }

  #setState(state: SessionState, reason?: ZeroKeeperError): void {
    if (this.#state === state || this.#over.signal.aborted) return;
    this.#state = state;
    this.#handlers?.onState(state, reason);
  }
}

function isAfter(event: ThinEventId, last: ThinEventId): boolean {
  return event.zxid > last.zxid || (event.zxid === last.zxid && event.position > last.position);
}

/** The signal's state, read anew: it changes while others are awaited. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
