import { holdProcess } from '../base/process.js';
import { systemClock, type Clock } from '../base/clock.js';
import { systemRandom, type Random } from '../base/random.js';
import { ErrorCode } from '../core/errors.js';
import { validatePath } from '../core/paths.js';
import { OPEN_ACL, type Acl } from '../core/types.js';
import { retryPolicy } from './backoff.js';
import { aborted, Calls, type CallOptions } from './calls.js';
import { Chroot } from './chroot.js';
import { Emitter, isFinal } from './emitter.js';
import type { ZeroKeeperError } from './errors.js';
import { BadArgumentsError, SessionExpiredError } from './errors.js';
import { CALL_TIMEOUT_MS_DEFAULT, WATCH_QUEUE_MAX_DEFAULT } from './limits.js';
import type { ClientOptions } from './options.js';
import type {
  Consistency,
  SessionState,
  Transport,
  TransportAnswer,
  TransportEvent,
  TransportOperation,
} from './transport.js';
import { SessionLease } from './session-lease.js';
import { Watch, type WatchEvent, type WatchInit, type WatchListener, type WatchType } from './watch.js';
import { WatchTable } from './watch-table.js';

/** How a watch is set. */
export interface NewWatch {
  readonly type: WatchType;
  readonly path: string;
  readonly listener?: WatchListener | undefined;
  readonly queueMax?: number | undefined;
  readonly onEnd?: ((error: ZeroKeeperError | undefined) => unknown) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is the same for every transport: paths, calls, watches, states. */
export class ClientCore {
  readonly transport: Transport;
  readonly lease: SessionLease;
  readonly emitter = new Emitter();
  readonly chroot: Chroot;
  readonly acl: readonly Acl[];
  readonly consistency: Consistency;
  readonly clock: Clock;
  readonly random: Random;
  readonly #calls: Calls;
  readonly #watches = new WatchTable();
  readonly #ended = new AbortController();
  #state: SessionState = 'connecting';

  constructor(transport: Transport, options: ClientOptions) {
    this.transport = transport;
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? systemRandom;
    this.lease = new SessionLease(transport, this.clock);
    this.chroot = new Chroot(options.chroot ?? '');
    this.acl = options.acl ?? OPEN_ACL;
    this.consistency = options.consistency ?? transport.capabilities.consistency;
    this.#calls = new Calls({
      transport,
      clock: this.clock,
      random: this.random,
      retry: retryPolicy(options.retry),
      timeoutMs: options.timeoutMs ?? CALL_TIMEOUT_MS_DEFAULT,
    });
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Aborts when the session is over or the client closed. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /**
   * Opens the session. A client with a session keeps the process alive until it is closed or lost, on every transport, as
   * an open socket does.
   */
  async start(signal: AbortSignal): Promise<void> {
    const release = holdProcess();
    try {
      await this.#start(signal);
    } catch (error) {
      release();
      throw error;
    }
    // A client that is read-only has no session yet, and will have one.
    const isWithout = this.transport.session === undefined && this.#state !== 'readOnly';
    if (isWithout || this.#ended.signal.aborted) release();
    else this.#ended.signal.addEventListener('abort', release, { once: true });
  }

  #start(signal: AbortSignal): Promise<void> {
    return this.transport.start(
      {
        onState: (state, reason) => this.#onState(state, reason),
        onEvent: (event) => this.#onEvent(event),
      },
      signal,
    );
  }

  /** The server's path. Throws BadArguments for a path that cannot name a znode. */
  toServer(path: string, sequential = false): string {
    const reason = typeof path === 'string' ? validatePath(path, { sequential }) : 'a path must be a string';
    if (reason !== undefined) {
      throw new BadArgumentsError({ code: ErrorCode.BadArguments, path, message: reason });
    }
    return this.chroot.toServer(path);
  }

  toCaller(path: string): string {
    return this.chroot.toCaller(path);
  }

  /** One call. What `prepare` throws rejects the promise. */
  call<Result>(init: {
    readonly path: string | undefined;
    readonly options: CallOptions;
    readonly prepare: () => TransportOperation;
    readonly result: (answer: TransportAnswer) => Result;
    readonly onArmed?: (() => void) | undefined;
  }): Promise<Result> {
    let operation: TransportOperation;
    try {
      operation = init.prepare();
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
    const { path, options, result, onArmed } = init;
    const toCaller = (server: string) => this.toCaller(server);
    return this.#calls.run({ operation, path, options, result, onArmed, toCaller });
  }

  /**
   * A watch that is not armed yet: arm it as soon as the server has, and say when the call has ended that was to arm it.
   * Throws when the client has too many.
   */
  newWatch(init: NewWatch): { readonly watch: Watch; readonly arm: () => void; readonly ended: () => void } {
    this.#watches.checkRoom();
    const signal = init.signal;
    const onAbort = () => {
      if (signal !== undefined) watch.end(aborted(init.path, { signal, maybeApplied: false }));
    };
    const watchInit: WatchInit = {
      type: init.type,
      path: this.toServer(init.path),
      queueMax: init.queueMax ?? WATCH_QUEUE_MAX_DEFAULT,
      listener: init.listener,
      onEnd: init.onEnd,
      guard: (run) => this.emitter.guard(run),
      retire: (retired) => {
        signal?.removeEventListener('abort', onAbort);
        this.#retire(retired);
      },
    };
    const watch = new Watch(watchInit);
    const arm = () => {
      if (signal?.aborted === true) return;
      this.#watches.add(watch);
      signal?.addEventListener('abort', onAbort, { once: true });
    };
    this.#watches.beginArming(watch);
    const ended = () => {
      if (this.#watches.endArming(watch)) this.#takeOff(watch);
    };
    return { watch, arm, ended };
  }

  close(): Promise<void> {
    // First: as soon as the server has closed the session others may get what was held.
    this.lease.end(new SessionExpiredError({ code: ErrorCode.SessionExpired }));
    return this.transport.close();
  }

  #onState(state: SessionState, reason: ZeroKeeperError | undefined): void {
    if (isFinal(this.#state) || state === this.#state) return;
    this.#state = state;
    // In a microtask, as events and answers, so that the application sees all of them in their order.
    queueMicrotask(() => this.#tell(state, reason));
  }

  #tell(state: SessionState, reason: ZeroKeeperError | undefined): void {
    const why = reason ?? new SessionExpiredError({ code: ErrorCode.SessionExpired });
    if (isFinal(state)) {
      this.#watches.end(state === 'lost' ? why : undefined);
      this.#ended.abort(why);
      this.lease.end(why);
    }
    if (state === 'suspended' || state === 'lost') this.emitter.emit(state, reason);
    else if (state !== 'connecting') this.emitter.emit(state, undefined);
  }

  #onEvent(event: TransportEvent): void {
    const told: WatchEvent = { type: event.type, path: this.toCaller(event.path), zxid: event.zxid };
    for (const watch of this.#watches.fire(event)) queueMicrotask(() => watch.deliver(told));
  }

  /** Nobody listens any more: the server may forget a watch that stays. */
  #retire(watch: Watch): void {
    if (this.#watches.close(watch)) this.#takeOff(watch);
  }

  #takeOff({ type, serverPath }: Watch): void {
    if (isFinal(this.#state)) return;
    this.transport.submit({
      operation: { kind: 'removeWatch', path: serverPath, type },
      // Whatever comes of it: an event that is still told finds no listener and is dropped.
      settle: () => undefined,
    });
  }
}
