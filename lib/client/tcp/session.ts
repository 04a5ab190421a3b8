import type { CancelTimer, Clock } from '../../base/clock.js';
import { instantOf, NEVER, type Instant } from '../../base/instant.js';
import type { Random } from '../../base/random.js';
import type { SessionId, Zxid } from '../../core/types.js';
import { ErrorCode } from '../../core/errors.js';
import {
  EMPTY,
  PASSWORD_BYTES,
  WireError,
  Xid,
  operations,
  readReplyMessage,
  readWatcherEvent,
  writeRequestMessage,
  type AuthRequest,
  type ConnectResponse,
  type JuteReader,
  type ReplyHeader,
} from '../../wire/index.js';
import { errorFrom, ZeroKeeperError } from '../errors.js';
import { Channel, type Dial } from './channel.js';
import { Heartbeat } from './heartbeat.js';
import { RequestPipeline, type Call, type Waiting } from './requests.js';
import { ServerSearch } from './server-search.js';
import type { ServerAddress } from './servers.js';
import { WatchRegistry, type WatchEvent } from './watches.js';

/** Backoff between rounds over all servers: doubles from the first to the second, with jitter. */
export const BACKOFF_MS_MIN = 50;
export const BACKOFF_MS_MAX = 2000;
/** The least that one server gets to answer the handshake. */
export const HANDSHAKE_MS_MIN = 500;
/** Credentials that a session may present. */
export const AUTHS_MAX = 100;

/**
 * - `connecting`: no server has taken the session yet.
 * - `connected`: requests are being answered.
 * - `readOnly`: reads are being answered, by a server that cannot write and may be behind; there is no session, or it may be over.
 * - `suspended`: the connection was lost. The session, its ephemerals and its watches live on until it expires; whoever
 *   holds a lock must assume that it is about to be lost.
 * - `lost`: the session has expired, or its authentication failed. Its ephemerals are gone. Final.
 * - `closed`: close() was called. Final.
 */
export type SessionState = 'connecting' | 'connected' | 'readOnly' | 'suspended' | 'lost' | 'closed';
export type StateListener = (state: SessionState, reason?: Error) => void;

export interface SessionOptions {
  readonly servers: readonly ServerAddress[];
  /** Ms, as asked for; the server decides. */
  readonly timeoutMs: number;
  readonly dial: Dial;
  readonly clock: Clock;
  readonly random: Random;
  /** A session to go on with, instead of a new one. */
  readonly resume?: { readonly session: SessionId; readonly password: Uint8Array; readonly seen: Zxid };
  /** Whether a server that only reads will do while there is none that writes. Default: no. */
  readonly canBeReadOnly?: boolean;
  /** Called with every event as it is read, before any later answer. */
  readonly onEvent?: (event: WatchEvent) => void;
}

interface Auth {
  readonly request: AuthRequest;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A session with ZooKeeper across connections: handshake, heartbeats, reconnecting, watches, requests in order. */
export class WireSession {
  readonly watches = new WatchRegistry();
  readonly #options: SessionOptions;
  readonly #servers: readonly ServerAddress[];
  readonly #requests = new RequestPipeline();
  readonly #listeners = new Set<StateListener>();
  readonly #auths: Auth[] = [];
  /** How many of the auths are settled. */
  #authsAnswered = 0;
  /** Which of the auths the present connection has been sent and has not answered. */
  #authsDue: AuthRequest[] = [];
  #state: SessionState = 'connecting';
  #channel: Channel | undefined;
  #heartbeat: Heartbeat | undefined;
  /** While a server serves us that only reads. */
  #search: ServerSearch | undefined;
  /** Where the next attempt to connect goes, instead of to the server whose turn it is. */
  #found: ServerAddress | undefined;
  #attempts = 0;
  #cancelRetry: CancelTimer | undefined;
  #cancelOverdue: CancelTimer | undefined;
  /** No server could be reached for as long as the session lives: requests are refused instead of kept. */
  #overdue = false;
  #sending = false;
  #session: SessionId = 0n;
  #password: Uint8Array = Buffer.alloc(PASSWORD_BYTES);
  #timeoutMs: number;
  #lastZxid: Zxid = 0;
  #vouchedAt = NEVER;
  /** When the pings were sent that the present connection has not answered. */
  #pingsDue: Instant[] = [];
  #lastFailure: Error | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#servers = shuffled(options.servers, options.random);
    this.#timeoutMs = options.timeoutMs;
    if (options.resume === undefined) return;
    this.#session = options.resume.session;
    this.#password = options.resume.password;
    this.#lastZxid = options.resume.seen;
  }

  get state(): SessionState {
    return this.#state;
  }

  get session(): SessionId {
    return this.#session;
  }

  get password(): Uint8Array {
    return this.#password;
  }

  /** Ms, as negotiated once connected. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** The newest zxid that an answer carried. */
  get lastZxid(): Zxid {
    return this.#lastZxid;
  }

  /** When the newest request was sent that was answered: from then on the server counts the session's timeout, or later. */
  get vouchedAt(): Instant {
    return this.#vouchedAt;
  }

  /** Why the last attempt to connect failed. */
  get lastFailure(): Error | undefined {
    return this.#lastFailure;
  }

  /** Begins to connect. */
  start(): void {
    this.#watchOverdue();
    this.#dial();
  }

  /** Calls `listener` with every state from now on. Returns what stops it. */
  onState(listener: StateListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Makes a request. While suspended it waits for a server, at most as long as the session lives. */
  call<Request, Response, Result>(call: Call<Request, Response, Result>): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.submit(call, { resolve, reject });
    });
  }

  /**
   * {@link call} with callbacks, which never come within this call. Returns what cancels the request: whether it had been
   * sent already, so that it may have happened.
   */
  submit<Request, Response, Result>(
    call: Call<Request, Response, Result>,
    waiting: Waiting<Result>,
  ): () => boolean {
    const refusal = this.#refusal();
    let error = errorFrom({ code: refusal ?? 0, path: call.path, cause: this.#lastFailure });
    try {
      if (refusal === undefined) {
        const cancel = this.#requests.add(call, waiting);
        this.#sendSoon();
        return cancel;
      }
    } catch (thrown) {
      if (!(thrown instanceof ZeroKeeperError)) throw thrown;
      error = thrown;
    }
    let cancelled = false;
    queueMicrotask(() => {
      if (!cancelled) waiting.reject(error);
    });
    return () => {
      cancelled = true;
      return false;
    };
  }

  /** Presents credentials now and on every later connection. Rejects with AuthFailed, which ends the session. */
  authenticate(request: AuthRequest): Promise<void> {
    const refusal = this.#refusal();
    const code = this.#auths.length >= AUTHS_MAX ? ErrorCode.ThrottledOp : refusal;
    if (code !== undefined) return Promise.reject(errorFrom({ code }));
    return new Promise((resolve, reject) => {
      this.#auths.push({ request, resolve, reject });
      if (this.#isServed()) this.#sendAuth(request);
    });
  }

  /** Ends here, without telling the server. What has no answer is rejected. */
  end(state: 'lost' | 'closed', reason?: ZeroKeeperError): void {
    if (this.#isOver()) return;
    const code = reason?.code ?? ErrorCode.SessionExpired;
    this.#setState(state, reason);
    this.#search?.stop();
    this.#cancelRetry?.();
    this.#cancelOverdue?.();
    this.#channel?.destroy(reason ?? new Error('the client was closed'));
    this.#requests.rejectQueued(code, reason);
    for (const auth of this.#auths.slice(this.#authsAnswered)) auth.reject(errorFrom({ code }));
    this.#authsAnswered = this.#auths.length;
    this.watches.clear();
  }

  #refusal(): number | undefined {
    if (this.#isOver()) return ErrorCode.SessionExpired;
    return this.#overdue ? ErrorCode.ConnectionLoss : undefined;
  }

  #isOver(): boolean {
    return this.#state === 'lost' || this.#state === 'closed';
  }

  /** Whether there is a connection that carries requests. */
  #isServed(): boolean {
    return this.#state === 'connected' || this.#state === 'readOnly';
  }

  #dial(): void {
    const address = this.#found ?? this.#servers[this.#attempts % this.#servers.length];
    this.#found = undefined;
    if (address === undefined) throw new WireError('there is no server to connect to');
    const greetedAt = instantOf(this.#options.clock);
    let cancelHandshake: CancelTimer = () => undefined;
    const channel = new Channel(this.#options.dial(address), {
      onConnected: (response) => {
        cancelHandshake();
        this.#connected(response, greetedAt);
      },
      onFrame: (frame) => this.#receive(frame),
      onClose: (reason) => {
        cancelHandshake();
        this.#disconnected(reason);
      },
    });
    this.#channel = channel;
    const patienceMs = Math.max(HANDSHAKE_MS_MIN, (this.#timeoutMs * 2) / 3 / this.#servers.length);
    cancelHandshake = this.#options.clock.after(patienceMs, () =>
      channel.destroy(new Error(`no handshake with ${address.host}:${address.port} in ${patienceMs} ms`)),
    );
    channel.greet({
      protocolVersion: 0,
      lastZxidSeen: this.#lastZxid,
      timeoutMs: this.#options.timeoutMs,
      session: this.#session,
      password: this.#password,
      readOnly: this.#options.canBeReadOnly ?? false,
    });
  }

  #connected(response: ConnectResponse, greetedAt: Instant): void {
    if (response.timeoutMs <= 0) {
      this.end('lost', errorFrom({ code: ErrorCode.SessionExpired }));
      return;
    }
    const isReadOnly = response.readOnly === true;
    if (isReadOnly && this.#options.canBeReadOnly !== true) {
      this.#channel?.destroy(
        new WireError('a server that only reads has taken a client that does not allow it'),
      );
      return;
    }
    this.#timeoutMs = response.timeoutMs;
    this.#overdue = false;
    this.#cancelOverdue?.();
    // A session of a server that only reads is none that anybody else knows: the next server is to be asked for one.
    if (!isReadOnly) this.#entered(response, greetedAt);
    this.#pingsDue = [];
    this.#heartbeat = new Heartbeat(this.#options.clock, response.timeoutMs, {
      ping: () => this.#ping(),
      silent: () => this.#channel?.destroy(new Error('the server has fallen silent')),
    });
    this.#restore();
    this.#setState(isReadOnly ? 'readOnly' : 'connected');
    if (isReadOnly) this.#searchServer();
    this.#send();
  }

  #entered(response: ConnectResponse, greetedAt: Instant): void {
    this.#session = response.session;
    this.#password = Buffer.from(response.password);
    this.#vouchedAt = greetedAt;
  }

  #searchServer(): void {
    const { dial, clock } = this.#options;
    this.#search = new ServerSearch({
      ...{ servers: this.#servers, dial, clock },
      onFound: (address) => {
        this.#found = address;
        this.#channel?.destroy(new Error('there is a server that writes'));
      },
    });
  }

  /** What a new connection must know before it carries requests: who we are and what we watch. */
  #restore(): void {
    this.#authsDue = [];
    for (const auth of this.#auths) this.#sendAuth(auth.request);
    for (const body of this.watches.restore(this.#lastZxid)) {
      const persistent = body.persistentWatches.length + body.persistentRecursiveWatches.length > 0;
      const operation = persistent ? operations.setWatches2 : operations.setWatches;
      this.#write((channel) => writeRequestMessage(channel.writer, { xid: Xid.setWatches, operation, body }));
    }
  }

  #disconnected(reason: Error): void {
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
    this.#search?.stop();
    this.#channel = undefined;
    this.#lastFailure = reason;
    this.#attempts++;
    this.#requests.rejectSent(this.#isOver() ? ErrorCode.SessionExpired : ErrorCode.ConnectionLoss, reason);
    if (this.#isOver()) return;
    if (this.#isServed()) {
      this.#watchOverdue();
      this.#setState('suspended', reason);
    }
    this.#cancelRetry = this.#options.clock.after(this.#backoffMs(), () => this.#dial());
  }

  /** The other servers are tried at once; before a server is tried again the wait grows. */
  #backoffMs(): number {
    const round = Math.floor(this.#attempts / this.#servers.length);
    if (round === 0) return 0;
    const ceilingMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(round - 1, 16));
    return ceilingMs * (0.5 + this.#options.random.float() / 2);
  }

  #watchOverdue(): void {
    this.#cancelOverdue?.();
    this.#cancelOverdue = this.#options.clock.after(this.#timeoutMs, () => {
      this.#overdue = true;
      this.#requests.rejectQueued(ErrorCode.ConnectionLoss, this.#lastFailure);
    });
  }

  #receive(frame: Buffer): void {
    this.#heartbeat?.received();
    // A server that answers is worth staying with: the next loss starts the backoff anew.
    this.#attempts %= this.#servers.length;
    const { header, reader } = readReplyMessage(frame);
    if (header.xid === Xid.notification) {
      this.#fire(reader, header);
      return;
    }
    if (header.zxid > this.#lastZxid) this.#lastZxid = header.zxid;
    if (header.xid === Xid.auth) this.#authAnswered(header.err);
    else if (header.xid === Xid.setWatches) requireOk(header);
    else if (header.xid === Xid.ping) this.#heard(this.#pingsDue.shift());
    else this.#answered(header, reader);
    this.#send();
  }

  #answered(header: ReplyHeader, reader: JuteReader): void {
    const sentAt = this.#requests.answer(header, reader);
    const isRefused = header.err === ErrorCode.SessionExpired || header.err === ErrorCode.SessionMoved;
    if (!isRefused) this.#heard(sentAt);
  }

  /** A request that was sent then has been answered. Requests and pings may overtake each other. */
  #heard(sentAt: Instant | undefined): void {
    // A server that only reads cannot keep a session alive.
    if (
      this.#state === 'connected' &&
      sentAt !== undefined &&
      sentAt.monotonicMs > this.#vouchedAt.monotonicMs
    )
      this.#vouchedAt = sentAt;
  }

  /** Listeners run after the continuations of the answers that came before the event. */
  #fire(reader: JuteReader, header: ReplyHeader): void {
    const fired = this.watches.fire(readWatcherEvent(reader));
    if (fired === undefined) return;
    const zxid = header.zxid > 0 ? { zxid: header.zxid } : {};
    const event: WatchEvent = { kind: fired.kind, path: fired.path, ...zxid };
    this.#options.onEvent?.(event);
    for (const listener of fired.listeners) queueMicrotask(() => listener(event));
  }

  #sendAuth(request: AuthRequest): void {
    this.#authsDue.push(request);
    this.#write((channel) =>
      writeRequestMessage(channel.writer, { xid: Xid.auth, operation: operations.auth, body: request }),
    );
  }

  #authAnswered(err: number): void {
    const request = this.#authsDue.shift();
    if (err !== 0) {
      this.end('lost', errorFrom({ code: err }));
      return;
    }
    const index = this.#auths.findIndex((auth) => auth.request === request);
    if (index !== this.#authsAnswered) return;
    this.#auths[index]?.resolve();
    this.#authsAnswered++;
  }

  #ping(): void {
    this.#pingsDue.push(instantOf(this.#options.clock));
    const message = { xid: Xid.ping, operation: operations.ping, body: EMPTY };
    this.#write((channel) => writeRequestMessage(channel.writer, message));
  }

  /** In a microtask, so that a request that is too long is not refused within the call that makes it. */
  #sendSoon(): void {
    if (this.#sending) return;
    this.#sending = true;
    queueMicrotask(() => {
      this.#sending = false;
      this.#send();
    });
  }

  #send(): void {
    const channel = this.#channel;
    if (!this.#isServed() || channel === undefined) return;
    if (!this.#requests.send(channel.writer, instantOf(this.#options.clock))) return;
    this.#heartbeat?.sent();
    channel.flushSoon();
  }

  #write(write: (channel: Channel) => void): void {
    if (this.#channel === undefined) return;
    write(this.#channel);
    this.#channel.flushSoon();
  }

  #setState(state: SessionState, reason?: Error): void {
    this.#state = state;
    // Later, so that a listener that throws does not break the connection whose frame is being read.
    for (const listener of this.#listeners) queueMicrotask(() => listener(state, reason));
  }
}

function requireOk(header: ReplyHeader): void {
  if (header.err !== 0) throw new WireError(`watches could not be set again: error ${header.err}`);
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const order = values.map((value) => ({ value, rank: random.float() }));
  return order.sort((a, b) => a.rank - b.rank).map(({ value }) => value);
}
