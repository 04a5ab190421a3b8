import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import type { CancelTimer, Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Random } from '../base/random.js';
import type { AuthId, SessionId, WatchTrigger, Zxid } from '../core/types.js';
import type { GatewaySessionsApi, KeeperApi, OpenSession } from '../keeper/types.js';
import { FrameReader, JuteReader, readConnectRequest } from '../wire/index.js';
import type { Admission } from './admission.js';
import type { AuditLog } from './audit.js';
import { ConnectionAuthentication, type AuthSettings } from './auth.js';
import type { FrameWriter, ReplyBody } from './frames.js';
import {
  refusedSession,
  shakeHands,
  WHY_NOT_SERVED,
  type ConnectRequest,
  type HandshakeOutcome,
} from './handshake.js';
import type { GatewayLimits } from './options.js';
import { Outbox } from './outbox.js';
import { Pipeline, type Step } from './pipeline.js';
import type { ReadOnlySessions } from './read-only-sessions.js';
import type { Serving, ServingMode } from './serving.js';
import type { SessionRegistry } from './session-registry.js';
import { stepOf, type SessionConnection, type SessionLife } from './session-requests.js';
import { PacketStats, type GatewayStats } from './stats.js';
import type { ConnectionStatus } from './status.js';
import { certifiedId } from './tls/identity.js';
import type { WatchTable } from '../keeper/watches.js';
import { argumentBytesOf, isFourLetterWord } from './words.js';

/** What all connections of a gateway share. */
export interface ConnectionContext {
  readonly keeper: KeeperApi;
  readonly sessions: GatewaySessionsApi;
  /** What is served now, and the sessions of clients that are content with reads. */
  readonly serving: Serving;
  readonly readOnlySessions: ReadOnlySessions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: GatewayLimits;
  readonly watches: WatchTable<SessionConnection>;
  readonly registry: SessionRegistry<Connection>;
  readonly admission: Admission;
  readonly audit: AuditLog | undefined;
  /** Whether a further handshake may begin now; one that may has been counted. */
  mayOpen(): boolean;
  readonly frames: FrameWriter;
  readonly stats: GatewayStats;
  readonly auth: AuthSettings;
  readonly random: Random;
  /** The answer to a four-letter word and what it brings along. */
  answer(word: string, argument: Uint8Array): Promise<string>;
}

/**
 * `greeting` until the first bytes tell a handshake from a four-letter word, `word` while one is answered,
 * `connecting` until the connect request is whole, `shaking` until its session is open, `open`, `closed`.
 */
type Phase = 'greeting' | 'word' | 'connecting' | 'shaking' | 'open' | 'closed';

const WORD_BYTES = 4;

/**
 * One client's connection: its bytes become frames, its frames requests of its session's pipeline. It reads no further while
 * its client, its own requests, or the gateway as a whole has too much under way.
 */
export class Connection implements SessionConnection {
  readonly keeper: KeeperApi;
  readonly watches: WatchTable<SessionConnection>;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly audit: AuditLog | undefined;
  readonly address: string;
  readonly authentication: ConnectionAuthentication;
  authIds: readonly AuthId[];

  readonly #context: ConnectionContext;
  readonly #socket: Socket;
  readonly #peer: string;
  readonly #stats = new PacketStats();
  readonly #outbox: Outbox;
  /** Fired in this turn of the event loop. They leave before any reply that may show their transaction, and in this turn. */
  readonly #events: { readonly zxid: Zxid; readonly frame: Uint8Array }[] = [];
  readonly #pipeline: Pipeline;
  readonly #reader: FrameReader;
  readonly #resume = () => this.#advance();
  #phase: Phase = 'greeting';
  #greeting: Buffer = Buffer.alloc(0);
  #frames: Buffer[] = [];
  #advancing = false;
  #readOnly = false;
  #expectsEnd = false;
  #draining = false;
  /** Since when frames wait that the bounds keep out. */
  #heldSinceMs: number | undefined;
  #open: OpenSession | undefined;
  #establishedAtMs = 0;
  #lastXid = 0;
  #lastZxid: Zxid = 0;
  #cancelTimer: CancelTimer;

  constructor(context: ConnectionContext, socket: Socket, address: string) {
    this.#context = context;
    this.#socket = socket;
    this.keeper = context.keeper;
    this.watches = context.watches;
    this.limits = context.limits;
    this.clock = context.clock;
    this.audit = context.audit;
    this.address = address;
    this.authentication = new ConnectionAuthentication(context.auth, context.random);
    const certified = certifiedId(socket);
    this.authIds = [{ scheme: 'ip', id: address }, ...(certified === undefined ? [] : [certified])];
    this.#peer = `${address}:${socket.remotePort ?? 0}`;
    this.#reader = new FrameReader(context.limits.juteMaxBuffer);
    this.#outbox = new Outbox(socket, {
      pauseBytes: context.limits.outputPauseBytes,
      bytesMax: context.limits.outputBytesMax,
    });
    this.#pipeline = new Pipeline({
      mayStart: () => !this.#outbox.paused,
      onSettled: (step) => this.#settled(step),
      // Only a view that was replaced as a whole, or data that somebody else has just put aside, can do that.
      onMissed: () => this.destroy('a read was overtaken by the write after it'),
    });
    this.#cancelTimer = context.clock.after(context.limits.handshakeTimeoutMs, () =>
      this.destroy('the handshake took too long'),
    );
    this.#listen();
  }

  get readOnly(): boolean {
    return this.#readOnly;
  }

  get sessions(): SessionLife {
    return this.#readOnly ? this.#context.readOnlySessions : this.#context.sessions;
  }

  get session(): SessionId {
    return this.#open?.session ?? 0n;
  }

  get epoch(): number {
    return this.#open?.epoch ?? 0;
  }

  get closed(): boolean {
    return this.#phase === 'closed';
  }

  get arrivedAtMs(): number {
    return this.#heldSinceMs ?? this.clock.monotonic();
  }

  /** Whether the end of the session comes from this connection's own closeSession. */
  get endExpected(): boolean {
    return this.#expectsEnd;
  }

  resetStats(): void {
    this.#stats.reset();
  }

  status(): ConnectionStatus {
    return {
      peer: this.#peer,
      secure: this.#socket instanceof TLSSocket,
      outstanding: this.#pipeline.outstanding,
      stats: this.#stats,
      session: this.#open && {
        id: this.#open.session,
        timeoutMs: this.#open.timeoutMs,
        establishedAtMs: this.#establishedAtMs,
        lastXid: this.#lastXid,
        lastZxid: this.#lastZxid,
      },
    };
  }

  // --- What the requests of the session use -----------------------------------------------------------------------------

  reply(header: { readonly xid: number; readonly zxid: Zxid; readonly err: number }, body?: ReplyBody): void {
    if (this.closed) return;
    this.#lastXid = header.xid;
    this.#lastZxid = header.zxid;
    this.#releaseEvents(header.zxid);
    this.#put(this.#context.frames.reply(header, body));
  }

  sendMissed(trigger: WatchTrigger): void {
    this.#deliver(this.#context.frames.event(trigger, -1));
  }

  deliverEvent(event: { readonly zxid: Zxid; readonly frame: Uint8Array }): void {
    if (this.closed) return;
    this.#events.push(event);
    if (this.#events.length === 1) process.nextTick(() => this.#releaseEvents());
  }

  /** Puts the events of transactions up to one on the wire, in their order. */
  #releaseEvents(upTo: Zxid = Number.MAX_SAFE_INTEGER): void {
    const later = this.#events.findIndex(({ zxid }) => zxid > upTo);
    for (const { frame } of this.#events.splice(0, later === -1 ? this.#events.length : later))
      this.#put(frame);
  }

  #deliver(frame: Uint8Array): void {
    this.#releaseEvents();
    this.#put(frame);
  }

  #put(frame: Uint8Array): void {
    if (this.closed) return;
    this.#stats.sent += 1;
    this.#context.stats.sent += 1;
    if (!this.#outbox.put(frame)) this.destroy('the client does not read what it is sent');
  }

  count(what: 'authFailures' | 'throttled'): void {
    this.#context.stats[what] += 1;
  }

  expectEnd(): void {
    this.#expectsEnd = true;
  }

  end(reason: string, error?: unknown): void {
    if (this.closed) return;
    this.#releaseEvents();
    this.#outbox.flush();
    this.#close(reason, error);
    // The last bytes are worth waiting for, and so are the client's: to close on unread bytes would reset the
    // connection, and the client might lose the answer that it is to read.
    this.#socket.end();
    this.#socket.resume();
    this.#cancelTimer = this.clock.after(this.limits.closeLingerMs, () => this.#socket.destroy());
  }

  /** What is served has changed: who cannot go on as it is comes back, here or at another gateway. */
  servingChanged(mode: ServingMode): void {
    if (this.#readOnly && mode !== 'ro') this.end('reads alone are not served any more');
    else if (this.#phase === 'shaking' && mode === 'ro') this.end('the store cannot be reached');
  }

  /** Begins nothing further, and hangs up when everything that was begun has been answered. */
  drain(reason: string): void {
    if (this.#phase === 'open' && this.#pipeline.outstanding > 0) this.#draining = true;
    else this.end(reason);
  }

  /** Hangs up at once. */
  destroy(reason: string, error?: unknown): void {
    if (!this.closed) this.#close(reason, error);
    this.#socket.destroy();
  }

  // --- The socket -------------------------------------------------------------------------------------------------------

  #listen(): void {
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on('drain', () => {
      this.#pipeline.pump();
      this.#advance();
    });
    this.#socket.on('end', () => {
      if (this.#phase !== 'word') this.end('closed by its client');
    });
    this.#socket.on('error', (error) => {
      this.#context.logger.debug('socket error', { peer: this.#peer, error });
    });
    this.#socket.on('close', () => {
      if (!this.closed) this.#close('closed by its client');
      this.#cancelTimer();
    });
  }

  #receive(chunk: Buffer): void {
    if (this.closed || this.#phase === 'word') return;
    if (this.#phase === 'greeting') {
      this.#greet(chunk);
      return;
    }
    this.#read(chunk);
  }

  #greet(chunk: Buffer): void {
    this.#greeting = this.#greeting.length === 0 ? chunk : Buffer.concat([this.#greeting, chunk]);
    if (this.#greeting.length < WORD_BYTES) return;
    const word = this.#greeting.toString('latin1', 0, WORD_BYTES);
    if (isFourLetterWord(word)) {
      const end = WORD_BYTES + argumentBytesOf(word);
      if (this.#greeting.length >= end) this.#answerWord(word, this.#greeting.subarray(WORD_BYTES, end));
      return;
    }
    const greeting = this.#greeting;
    this.#greeting = Buffer.alloc(0);
    this.#phase = 'connecting';
    this.#read(greeting);
  }

  #answerWord(word: string, argument: Uint8Array): void {
    this.#phase = 'word';
    this.#context.answer(word, argument).then(
      (answer) => {
        if (this.#phase === 'word') this.#socket.write(answer);
        this.end(`answered ${word}`);
      },
      (error: unknown) => this.end(`could not answer ${word}`, error),
    );
  }

  #read(chunk: Buffer): void {
    try {
      this.#frames.push(...this.#reader.push(chunk));
    } catch (error) {
      this.destroy('a frame could not be read', error);
      return;
    }
    if (this.#phase === 'connecting') this.#beginHandshake();
    this.#advance();
  }

  // --- Handshake --------------------------------------------------------------------------------------------------------

  #beginHandshake(): void {
    const frame = this.#frames.shift();
    if (frame === undefined) return;
    this.#phase = 'shaking';
    // Nothing is read until the session is open; requests that came along wait in #frames.
    this.#socket.pause();
    let request: ConnectRequest;
    try {
      const read = readConnectRequest(new JuteReader(frame));
      request = { ...read, password: new Uint8Array(read.password) };
    } catch (error) {
      this.destroy('the first frame is no connect request', error);
      return;
    }
    this.#countReceived();
    if (!this.#context.mayOpen()) {
      this.destroy('too many sessions are being opened at once');
      return;
    }
    if (request.session !== 0n) this.#context.registry.hangUp(request.session);
    this.#readOnly = this.#context.serving.mode === 'ro';
    shakeHands(this.#context, request).then(
      (outcome) => this.#finishHandshake(request, outcome),
      (error: unknown) => this.end('the session could not be opened', error),
    );
  }

  #finishHandshake(request: ConnectRequest, outcome: HandshakeOutcome): void {
    if (this.closed) return;
    const flag = request.readOnly === undefined ? {} : { readOnly: this.#readOnly };
    if (outcome === 'ahead' || outcome === 'refused') {
      this.end(WHY_NOT_SERVED[outcome]);
      return;
    }
    if (outcome === 'expired') {
      this.#deliver(this.#context.frames.connectResponse({ ...refusedSession, ...flag }));
      this.end('the session is over, or the password is wrong');
      return;
    }
    // Between the log and this turn the session may have ended or moved on already.
    if (!this.sessions.touch(outcome.session)) {
      this.end('the session is not owned any more');
      return;
    }
    this.#open = outcome;
    this.#establishedAtMs = this.clock.now();
    if (!this.#context.registry.register(this)) {
      this.end('a later connection has the session');
      return;
    }
    this.#cancelTimer();
    this.#phase = 'open';
    const { timeoutMs, session, password } = outcome;
    const response = { protocolVersion: 0, timeoutMs, session, password, ...flag };
    this.#deliver(this.#context.frames.connectResponse(response));
    this.#advance();
  }

  // --- Requests ---------------------------------------------------------------------------------------------------------

  /** Admits the frames that have come, as far as the bounds let them, and then reads on or pauses. */
  #advance(): void {
    if (this.#phase !== 'open' || this.#advancing) return;
    this.#advancing = true;
    try {
      let admitted = 0;
      for (const frame of this.#frames) {
        if (this.closed || !this.#mayAdmit()) break;
        this.#admit(frame);
        admitted += 1;
      }
      if (admitted > 0) this.#frames = this.#frames.slice(admitted);
    } finally {
      this.#advancing = false;
    }
    this.#pauseOrResume();
  }

  #pauseOrResume(): void {
    if (this.closed) return;
    if (this.#frames.length === 0) this.#heldSinceMs = undefined;
    else this.#heldSinceMs ??= this.clock.monotonic();
    if (this.#frames.length > 0 || !this.#mayAdmit()) {
      this.#socket.pause();
      if (this.#context.admission.full) this.#context.admission.wait(this.#resume);
    } else if (this.#socket.isPaused()) this.#socket.resume();
  }

  #mayAdmit(): boolean {
    return (
      !this.#draining &&
      this.#pipeline.outstanding < this.limits.connectionOutstandingMax &&
      this.#pipeline.outstandingBytes < this.limits.connectionOutstandingBytesMax &&
      !this.#outbox.paused &&
      !this.#context.admission.full
    );
  }

  #admit(frame: Buffer): void {
    this.#countReceived();
    if (!this.sessions.touch(this.session)) {
      this.end('the session is not owned any more');
      return;
    }
    let step: Step;
    try {
      step = stepOf(this, frame);
    } catch (error) {
      this.destroy('a request could not be read', error);
      return;
    }
    this.#context.admission.enter();
    this.#pipeline.push(step);
  }

  #settled(step: Step): void {
    const nowMs = this.clock.monotonic();
    const latencyMs = nowMs - step.startedMs;
    const { stats } = this.#context;
    this.#stats.answered(latencyMs, nowMs);
    stats.answered(latencyMs, nowMs);
    (step.kind === 'write' ? stats.updates : stats.reads).add(latencyMs);
    this.#context.admission.leave();
    if (this.#draining && this.#pipeline.outstanding === 0) this.end('the gateway is stopping');
    this.#advance();
  }

  #countReceived(): void {
    this.#stats.received += 1;
    this.#context.stats.received += 1;
  }

  #close(reason: string, error?: unknown): void {
    this.#phase = 'closed';
    this.#cancelTimer();
    this.#frames = [];
    this.#greeting = Buffer.alloc(0);
    this.watches.remove(this);
    this.#context.registry.unregister(this);
    this.#context.admission.forget(this.#resume);
    this.#context.admission.leave(this.#pipeline.close());
    const fields = { peer: this.#peer, session: this.session, reason };
    if (error === undefined) this.#context.logger.debug('connection closed', fields);
    else this.#context.logger.warn('connection closed', { ...fields, error });
  }
}
