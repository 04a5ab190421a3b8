import { sleep, systemClock, type Clock } from '../../base/clock.js';
import { NEVER, type Instant } from '../../base/instant.js';
import { systemRandom } from '../../base/random.js';
import { ErrorCode } from '../../core/errors.js';
import type { Zxid } from '../../core/types.js';
import { readChanges } from '../../keeper/changes.js';
import { Keeper } from '../../keeper/keeper.js';
import { KeeperError, type Commit } from '../../keeper/types.js';
import { backoffMs, retryPolicy } from '../backoff.js';
import { errorFrom, UnavailableError, UnsupportedError, ZeroKeeperError } from '../errors.js';
import { CLOSE_TIMEOUT_MS_DEFAULT, SESSION_TIMEOUT_MS_DEFAULT } from '../limits.js';
import type {
  CancelCall,
  SessionState,
  Transport,
  TransportAnswer,
  TransportCall,
  TransportHandlers,
  TransportOperation,
  TransportSession,
} from '../transport.js';
import { ArmedWatches } from './armed-watches.js';
import { errorOfFailure, isRetriable, sessionOver } from './errors.js';
import { Following } from './following.js';
import {
  CHANGES_TRANSACTIONS_MAX,
  NAMESPACE_DEFAULT,
  QUEUED_OPERATIONS_MAX,
  SESSION_TIMEOUT_MS_MAX,
  SESSION_TIMEOUT_MS_MIN,
} from './limits.js';
import { OperationQueue, type Step } from './operation-queue.js';
import type { DirectTransportOptions } from './options.js';
import { ViewRead, type ViewOperation } from './reads.js';
import { SessionHolder } from './session-holder.js';
import { openStore, type OpenedStore } from './store.js';
import { isEphemeral, isWrite } from './translate.js';
import { PlainWrites, SessionWrites, type Writes } from './writes.js';

/** What there is once the transport has started. */
interface Running {
  readonly opened: OpenedStore;
  readonly keeper: Keeper;
  readonly following: Following;
  readonly holder: SessionHolder | undefined;
  readonly writes: Writes;
  readonly queue: OperationQueue;
}

/**
 * A keeper in this process as a transport: a write is one conditional put, a read of what the view knows at most one look at
 * the log's tail. The session belongs to this process as a gateway's sessions belong to the gateway: its lease is renewed
 * while the process lives, and when the store does not answer for a third of the session's timeout the session is
 * suspended, until it can be attached again.
 */
export class DirectTransport implements Transport {
  readonly kind = 'direct';
  readonly capabilities;
  readonly #options: DirectTransportOptions;
  readonly #clock: Clock;
  readonly #watches = new ArmedWatches();
  /** Called when the transport ends. */
  readonly #endings = new Set<() => void>();
  #over = false;
  /** Those who wait for something beyond a zxid. */
  readonly #beyond = new Set<() => void>();
  #handlers: TransportHandlers | undefined;
  #running: Running | undefined;
  #state: SessionState = 'connecting';
  #seen: Zxid = 0;
  #pumpPlanned = false;
  #drained: () => void = () => undefined;
  #closing: Promise<void> | undefined;

  constructor(options: DirectTransportOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const exactlyOnce = options.session !== false;
    this.capabilities = { exactlyOnce, changes: true, consistency: 'linearizable' } as const;
  }

  get session(): TransportSession | undefined {
    const open = this.#running?.holder?.session;
    if (open === undefined) return undefined;
    const { session, epoch, timeoutMs, password } = open;
    return { id: session.toString(16), password: Buffer.from(password).toString('hex'), epoch, timeoutMs };
  }

  get seen(): Zxid {
    return this.#seen;
  }

  get vouchedAt(): Instant {
    return this.#running?.holder?.vouchedAt ?? NEVER;
  }

  async start(handlers: TransportHandlers, signal: AbortSignal): Promise<void> {
    this.#handlers = handlers;
    try {
      // The store may leave the very call without an answer that opens the session.
      await Promise.race([this.#start(signal), this.#tooLate(signal)]);
    } catch (error) {
      this.#end('closed', { error: sessionOver(), proven: false });
      this.#closing ??= this.#tearDown((holder) => holder.abandon());
      throw errorOfFailure(error);
    }
    this.#setState('connected');
  }

  submit(call: TransportCall): CancelCall {
    const refusal = this.#refusal(call.operation);
    if (refusal !== undefined) return settleLater(call, refusal);
    const { operation } = call;
    if (operation.kind === 'changes') return this.#changes(call, operation);
    const running = this.#started();
    const step: Step = isWrite(operation)
      ? { kind: 'write', call: { ...call, operation } }
      : { kind: 'read', call, read: this.#read(running.keeper, call, operation) };
    running.queue.push(step);
    this.#pumpSoon();
    return () => running.queue.giveUp(step);
  }

  async beyond(zxid: Zxid, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#over || this.#started().keeper.head > zxid) return;
    await new Promise<void>((resolve, reject) => {
      const finish = () => {
        this.#beyond.delete(onEntry);
        signal.removeEventListener('abort', onAbort);
        this.#endings.delete(onOver);
        this.#follow();
      };
      const onEntry = () => {
        if (this.#started().keeper.head > zxid) onOver();
      };
      const onOver = () => {
        finish();
        resolve();
      };
      const onAbort = () => {
        finish();
        reject(signal.reason as Error);
      };
      this.#beyond.add(onEntry);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#endings.add(onOver);
      this.#follow();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  // --- Opening and closing --------------------------------------------------------------------------------------------

  async #start(signal: AbortSignal): Promise<void> {
    const { random = systemRandom, session, namespace = NAMESPACE_DEFAULT, viewLimits } = this.#options;
    const opened = await openStore(this.#options, this.#clock);
    const { store, clock, isClockTrusted } = opened;
    const shared = { store, clock, random, isClockTrusted };
    const keeper = new Keeper({
      ...{ ...shared, namespace, enforceQuota: this.#options.enforceQuota ?? false },
      ...(viewLimits !== undefined && { viewLimits }),
    });
    const { callMaterializer = () => undefined, retry = retryPolicy() } = this.#options;
    const following = new Following({ replica: keeper.replica, callMaterializer });
    // Before the session listens: the events of an entry come before what the entry means for the session.
    keeper.replica.listen({ onCommit: (commit) => this.#onCommit(commit), onEntry: () => this.#onEntry() });
    const holder =
      session === false
        ? undefined
        : new SessionHolder({
            ...{ ...shared, keeper, retry, reap: this.#options.reap ?? true },
            timeoutMs: negotiate(this.#options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS_DEFAULT),
            onSuspended: (reason) => this.#setState('suspended', reason),
            onAttached: () => this.#onAttached(),
            // In a microtask: what else the entry says, the answers to its writes above all, comes first.
            onLost: (error) => queueMicrotask(() => this.#lose(error, true)),
          });
    const writing = {
      ...{ keeper, authIds: this.#options.authIds ?? [] },
      settle: (call: TransportCall, outcome: TransportAnswer | ZeroKeeperError) =>
        this.#settle(call, outcome),
      onProgress: () => this.#pumpSoon(),
    };
    const plain = new PlainWrites(writing);
    this.#running = this.#runningWith({ opened, keeper, following, holder, writes: plain });
    await this.#startKeeper(keeper, signal);
    if (holder === undefined) return;
    const { cxid } = await holder.open(session === false ? undefined : session, signal);
    const writes = new SessionWrites(cxid, {
      ...{ ...writing, clock, random, retry },
      owner: () => holder.owned,
      onDisowned: () => holder.suspect(),
      onBroken: (error) => queueMicrotask(() => this.#lose(error, false)),
    });
    this.#running = this.#runningWith({ opened, keeper, following, holder, writes });
    signal.throwIfAborted();
  }

  #runningWith(parts: Omit<Running, 'queue'>): Running {
    const queue = new OperationQueue({
      writes: parts.writes,
      mayAnswer: () => this.#mayAnswer(),
      settle: (call, outcome) => this.#settle(call, outcome),
      onEmpty: () => this.#drained(),
    });
    return { ...parts, queue };
  }

  #tooLate(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const onAbort = () => {
        const message = 'the store did not answer in time';
        reject(new UnavailableError({ code: 0, message, cause: signal.reason, retriable: true }));
      };
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#endings.add(() => signal.removeEventListener('abort', onAbort));
    });
  }

  /** Reads watermark and tail; again until the signal aborts. */
  async #startKeeper(keeper: Keeper, signal: AbortSignal): Promise<void> {
    const { random = systemRandom, retry = retryPolicy() } = this.#options;
    for (let failures = 1; ; failures++) {
      try {
        signal.throwIfAborted();
        await keeper.start();
        return;
      } catch (error) {
        if (!(error instanceof KeeperError) || !isRetriable(error) || signal.aborted) throw error;
        await sleep(this.#clock, backoffMs(retry, failures, random), signal).catch(() => {
          throw error;
        });
      }
    }
  }

  /** What is under way is answered first, if the time allows; then the session is closed. */
  async #close(): Promise<void> {
    const running = this.#running;
    if (running === undefined || this.#over) {
      this.#end('closed', { error: sessionOver(), proven: false });
      return;
    }
    const deadline = new AbortController();
    const timeoutMs = this.#options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS_DEFAULT;
    const cancel = this.#clock.after(timeoutMs, () => deadline.abort());
    const late = new Promise<void>((resolve) =>
      deadline.signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    try {
      await Promise.race([this.#drain(running), late]);
      running.holder?.touch();
      const closed = this.#tearDown((holder) => holder.close());
      await Promise.race([closed, late]);
      if (deadline.signal.aborted) void running.keeper.stop();
    } finally {
      cancel();
      this.#end('closed', { error: sessionOver(), proven: false });
    }
  }

  #drain(running: Running): Promise<void> {
    if (running.queue.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  /** Lets go of everything. A store that does not answer is no reason to keep anybody waiting: rows expire by themselves. */
  async #tearDown(leave: (holder: SessionHolder) => Promise<void>): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    const { holder, keeper, following, opened } = running;
    try {
      if (holder !== undefined) await leave(holder);
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
    } finally {
      following.stop();
      await keeper.stop();
      opened.close();
    }
  }

  #lose(error: ZeroKeeperError, proven: boolean): void {
    if (this.#over) return;
    this.#end('lost', { error, proven });
    this.#closing ??= this.#tearDown((holder) => holder.abandon());
  }

  #end(state: 'lost' | 'closed', why: { readonly error: ZeroKeeperError; readonly proven: boolean }): void {
    if (this.#over) return;
    const { error, proven } = why;
    this.#running?.writes.end(error, proven);
    this.#running?.queue.end(error);
    this.#watches.clear();
    this.#running?.following.stop();
    if (state === 'lost') this.#setState(state, error);
    else if (this.#state !== 'connecting') this.#setState(state);
    this.#state = state;
    this.#over = true;
    for (const end of [...this.#endings]) end();
    this.#drained();
  }

  // --- Answers and events ---------------------------------------------------------------------------------------------

  #read(keeper: Keeper, call: TransportCall, operation: ViewOperation): ViewRead {
    const { authIds = [] } = this.#options;
    return new ViewRead({ keeper, authIds, watches: this.#watches }, call, operation);
  }

  #started(): Running {
    if (this.#running === undefined) throw errorFrom({ code: ErrorCode.ConnectionLoss });
    return this.#running;
  }

  #refusal(operation: TransportOperation): ZeroKeeperError | undefined {
    if (this.#over || this.#closing !== undefined) return sessionOver();
    if (this.#started().queue.size >= QUEUED_OPERATIONS_MAX) {
      return errorFrom({ code: ErrorCode.ThrottledOp, message: `${QUEUED_OPERATIONS_MAX} operations wait` });
    }
    if (this.#options.session !== false) return undefined;
    const isWatch =
      operation.kind === 'addWatch' ||
      operation.kind === 'removeWatch' ||
      ('watch' in operation && operation.watch);
    if (!isWatch && !isEphemeral(operation)) return undefined;
    const message = `${isWatch ? 'a watch' : 'an ephemeral znode'} needs a session`;
    return new UnsupportedError({ code: ErrorCode.Unimplemented, message });
  }

  /** While nobody vouches for the session nothing is answered, for a write of somebody else's may have gone unseen. */
  #mayAnswer(): boolean {
    const holder = this.#running?.holder;
    return !this.#over && (holder === undefined || holder.touch());
  }

  #pumpSoon(): void {
    if (this.#pumpPlanned) return;
    this.#pumpPlanned = true;
    queueMicrotask(() => {
      this.#pumpPlanned = false;
      this.#running?.queue.pump();
      this.#follow();
    });
  }

  #settle(call: TransportCall, outcome: TransportAnswer | ZeroKeeperError): void {
    if (!(outcome instanceof ZeroKeeperError)) this.#seen = Math.max(this.#seen, outcome.zxid);
    call.settle(outcome);
    if (this.#running?.queue.size === 0) this.#pumpSoon();
  }

  #onCommit(commit: Commit): void {
    for (const event of this.#watches.fire(commit)) {
      this.#seen = Math.max(this.#seen, commit.position.zxid);
      this.#handlers?.onEvent(event);
    }
  }

  #onEntry(): void {
    for (const onEntry of [...this.#beyond]) onEntry();
    this.#follow();
  }

  #onAttached(): void {
    if (this.#over) return;
    this.#setState('connected');
    if (this.#running?.writes instanceof SessionWrites) this.#running.writes.resume();
    this.#pumpSoon();
  }

  #setState(state: SessionState, reason?: ZeroKeeperError): void {
    if (this.#over || state === this.#state) return;
    this.#state = state;
    this.#handlers?.onState(state, reason);
    this.#follow();
  }

  #follow(): void {
    const running = this.#running;
    if (running === undefined || this.#over) return;
    if (this.#watches.size > 0 || this.#beyond.size > 0) running.following.set('watching');
    else running.following.set(running.holder === undefined ? 'none' : 'session');
  }

  // --- Changes --------------------------------------------------------------------------------------------------------

  /** Beside the queue: a long look at the log keeps nobody waiting. It shows what was answered before it was asked for. */
  #changes(call: TransportCall, operation: Extract<TransportOperation, { kind: 'changes' }>): CancelCall {
    let over = false;
    const finish = (outcome: TransportAnswer | ZeroKeeperError) => {
      if (over) return;
      over = true;
      this.#endings.delete(onEnd);
      this.#settle(call, outcome);
    };
    this.#readChanges(operation).then(finish, (error: unknown) => finish(errorOfFailure(error)));
    const onEnd = () => finish(sessionOver());
    this.#endings.add(onEnd);
    return () => {
      over = true;
      this.#endings.delete(onEnd);
      return false;
    };
  }

  async #readChanges(operation: Extract<TransportOperation, { kind: 'changes' }>): Promise<TransportAnswer> {
    const { keeper } = this.#started();
    const { path, recursive, since } = operation;
    if (keeper.head <= since) await keeper.sync();
    const { replica } = keeper;
    const transactionsMax = CHANGES_TRANSACTIONS_MAX;
    const { changes, until } = await readChanges({ replica, path, recursive, since, transactionsMax });
    return { zxid: until, result: { kind: 'changes', changes, until } };
  }
}

function settleLater(call: TransportCall, error: ZeroKeeperError): CancelCall {
  let cancelled = false;
  queueMicrotask(() => {
    if (!cancelled) call.settle(error);
  });
  return () => {
    cancelled = true;
    return false;
  };
}

function negotiate(askedMs: number): number {
  return Math.min(SESSION_TIMEOUT_MS_MAX, Math.max(SESSION_TIMEOUT_MS_MIN, Math.ceil(askedMs)));
}

/**
 * A transport with a keeper of its own on DynamoDB.
 *
 * Guarantees: writes of a session are exactly once, also when replies are lost; reads are linearizable unless `session`
 * consistency is asked for; events come in the order of the log and before every answer that shows their change, and none
 * is lost while the session lives. On disconnect the session is `suspended` after a third of its timeout and attached again
 * when the store answers; it is `lost` when it expired meanwhile or somebody else attached it.
 *
 * The process needs read and write permission on the namespace's keys of all four tables. Access control lists do not
 * bind who has that.
 */
export function createDirectTransport(options: DirectTransportOptions = {}): DirectTransport {
  return new DirectTransport(options);
}
