import { unreachable } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import { ErrorCode } from '../core/errors.js';
import { validatePath } from '../core/paths.js';
import type { AuthId, Origin, ReadAnswer, SessionId, WatchTrigger, Zxid } from '../core/types.js';
import { KeeperError, type KeeperApi, type WriteOutcome } from '../keeper/types.js';
import {
  JuteReader,
  OpCode,
  readRequestHeader,
  readRequestMessage,
  WireError,
  Xid,
  type RequestHeader,
  type WireRequest,
} from '../wire/index.js';
import type { AuditLog } from './audit.js';
import type { ConnectionAuthentication } from './auth.js';
import { answerAuth, answerSasl } from './auth-requests.js';
import { ephemeralsLookup } from './ephemerals.js';
import type { ReplyBody } from './frames.js';
import type { Lookup } from './lookup.js';
import { multiReadLookup } from './multi-read.js';
import type { GatewayLimits } from './options.js';
import type { Step } from './pipeline.js';
import { subtreeLookup } from './subtree.js';
import {
  isMalformed,
  readReply,
  refusalReply,
  translateRead,
  translateWrite,
  writeReply,
  type WireRead,
  type WireWrite,
} from './translate.js';
import { addWatch, checkWatches, removeWatches, setWatch, setWatchesLookup } from './watch-requests.js';
import type { WatchTable } from '../keeper/watches.js';

/** What a request may do to its own session. */
export interface SessionLife {
  /** A sign of life. False when the session must not be answered any more. */
  touch(session: SessionId): boolean;
  /** Not `ok` when the session was not owned here any more. */
  close(session: SessionId): Promise<{ readonly ok: boolean; readonly zxid: Zxid }>;
}

/** A session's connection as its requests see it. */
export interface SessionConnection {
  readonly keeper: KeeperApi;
  readonly sessions: SessionLife;
  /** Whether the session is one of a gateway that serves reads alone. */
  readonly readOnly: boolean;
  readonly watches: WatchTable<SessionConnection>;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly session: SessionId;
  readonly epoch: number;
  /** The peer's address, without its port. */
  readonly address: string;
  readonly closed: boolean;
  readonly authentication: ConnectionAuthentication;
  /** Since when the request that is looked at has been here, monotonic ms. */
  readonly arrivedAtMs: number;
  readonly audit: AuditLog | undefined;
  authIds: readonly AuthId[];

  reply(header: { readonly xid: number; readonly zxid: Zxid; readonly err: number }, body?: ReplyBody): void;
  /**
   * Takes the frame of an event that a transaction has just fired. It is on the wire before every reply with this zxid or a later
   * one, and after the replies of earlier transactions, which settle in the same turn when they share an entry with it.
   */
  deliverEvent(event: { readonly zxid: Zxid; readonly frame: Uint8Array }): void;
  /** Sends an event that the client missed while it was away. */
  sendMissed(trigger: WatchTrigger): void;
  count(what: 'authFailures' | 'throttled'): void;
  /** The client has asked to close its session: its end is no reason to hang up before the reply. */
  expectEnd(): void;
  /** Sends what is queued, then hangs up. An `error` is worth an operator's look. */
  end(reason: string, error?: unknown): void;
}

type Finish = (reply: () => void) => void;
type Run = (finish: Finish) => void;
/** What a request takes, as a step of the pipeline has it. */
type Work = Pick<Step, 'kind' | 'hold'> & { readonly run: Run };

/** As in ZooKeeper, what keeps a session alive and what ends it is done however long it has waited. */
const PROMPT: ReadonlySet<number> = new Set([OpCode.ping, OpCode.closeSession]);

/**
 * One request as a step of its connection's pipeline. A body that is none of its operation is answered with MarshallingError, as
 * ZooKeeper does; frames are not out of step by it. Throws a WireError when there is no telling what was asked.
 */
export function stepOf(connection: SessionConnection, frame: Buffer): Step {
  const { header, request } = readMessage(frame);
  const startedMs = connection.arrivedAtMs;
  const asked = new SessionRequest(connection, header.xid);
  const { kind, run, hold } = asked.plan(header.opcode, request);
  const isBound = connection.limits.throttledOpWaitMs > 0 && !PROMPT.has(header.opcode);
  const start = isBound ? asked.inTime(startedMs, run) : run;
  return { bytes: frame.length, kind, startedMs, start, ...(hold === undefined ? {} : { hold }) };
}

function readMessage(frame: Buffer): {
  readonly header: RequestHeader;
  readonly request: WireRequest | 'unknown' | 'malformed';
} {
  try {
    const { header, request } = readRequestMessage(frame);
    return { header, request: request ?? 'unknown' };
  } catch (error) {
    const header = readRequestHeader(new JuteReader(frame));
    if (!(error instanceof WireError) || HANGING_UP.has(header.opcode)) throw error;
    return { header, request: 'malformed' };
  }
}

/** ZooKeeper reads these where it reads the header, and hangs up when it cannot. */
const HANGING_UP: ReadonlySet<number> = new Set([OpCode.auth, OpCode.sasl]);

/** What a server that only reads refuses before it looks at the request; as in ZooKeeper a sync is among them. */
const CHANGING: ReadonlySet<number> = new Set([
  OpCode.create,
  OpCode.create2,
  OpCode.createContainer,
  OpCode.createTtl,
  OpCode.delete,
  OpCode.setData,
  OpCode.setAcl,
  OpCode.multi,
  OpCode.reconfig,
  OpCode.sync,
]);

/** What a connection may ask for that has yet to authenticate by SASL. */
const WITHOUT_SASL: ReadonlySet<string> = new Set(['sasl', 'auth', 'ping', 'closeSession']);

class SessionRequest {
  readonly #connection: SessionConnection;
  readonly #xid: number;

  constructor(connection: SessionConnection, xid: number) {
    this.#connection = connection;
    this.#xid = xid;
  }

  plan(opcode: number, request: WireRequest | 'unknown' | 'malformed'): Work {
    const isPassing = typeof request === 'object' && WITHOUT_SASL.has(request.name);
    if (this.#connection.authentication.isSaslDue && !isPassing) return this.#requireSasl();
    if (this.#connection.readOnly && CHANGING.has(opcode)) return this.#refuse(ErrorCode.NotReadOnly);
    if (request === 'unknown') return this.#unimplemented();
    if (request === 'malformed') return this.#refuse(ErrorCode.MarshallingError);
    switch (request.name) {
      case 'create':
      case 'create2':
      case 'createContainer':
      case 'createTtl':
      case 'delete':
      case 'setData':
      case 'setAcl':
      case 'multi':
        return this.#write(request);
      case 'check':
        return this.#unimplemented();
      case 'exists':
      case 'getData':
      case 'getAcl':
      case 'getChildren':
      case 'getChildren2':
        return this.#read(request);
      case 'multiRead':
        return this.#lookUp(() => multiReadLookup(this.#connection, request.body));
      case 'getEphemerals':
        return this.#lookUp(() => ephemeralsLookup(this.#connection, request.body.prefixPath));
      case 'getAllChildrenNumber':
        return this.#lookUp(() => subtreeLookup(this.#connection, request.body.path));
      case 'setWatches':
      case 'setWatches2':
        return this.#lookUp(() => setWatchesLookup(this.#connection, request.body));
      case 'addWatch':
        return this.#decide(() => addWatch(this.#connection, request.body), {
          name: 'addWatch',
          body: { err: ErrorCode.Ok },
        });
      case 'checkWatches':
        return this.#decide(() => checkWatches(this.#connection, request.body));
      case 'removeWatches':
        return this.#decide(() => removeWatches(this.#connection, request.body));
      case 'sync':
        return alone((finish) => this.#sync(request.body.path, finish));
      case 'ping':
        return alone((finish) => finish(() => this.#connection.reply(this.#header(0, Xid.ping))));
      case 'auth':
        return alone((finish) => finish(() => answerAuth(this.#connection, this.#asked(request.body))));
      case 'closeSession':
        return alone((finish) => this.#closeSession(finish));
      case 'whoAmI':
        return alone((finish) => finish(() => this.#whoAmI()));
      case 'sasl':
        return alone((finish) => finish(() => answerSasl(this.#connection, this.#asked(request.body))));
      case 'reconfig':
        // What a ZooKeeper answers that was not told to allow it, which is how it comes.
        return this.#refuse(ErrorCode.ReconfigDisabled);
      default:
        return unreachable(request);
    }
  }

  /** `run`, unless the request has waited for longer than it may. */
  inTime(startedMs: number, run: Run): Run {
    const { clock, limits } = this.#connection;
    return (finish) => {
      if (clock.monotonic() - startedMs <= limits.throttledOpWaitMs) run(finish);
      else finish(() => this.#answerTooLate());
    };
  }

  #answerTooLate(): void {
    this.#connection.count('throttled');
    this.#connection.reply(this.#header(ErrorCode.ThrottledOp));
  }

  // --- Writes ---------------------------------------------------------------------------------------------------------

  #write(wire: WireWrite): Work {
    if (isMalformed(wire)) return this.#refuse(ErrorCode.MarshallingError);
    const request = translateWrite(wire);
    return {
      kind: 'write',
      run: (finish) => {
        this.#connection.keeper.submit(request, this.#origin(), (outcome) => {
          finish(() => this.#answerWrite(wire, outcome));
        });
      },
    };
  }

  #answerWrite(wire: WireWrite, outcome: WriteOutcome | KeeperError): void {
    this.#connection.audit?.write(this.#connection, wire, outcome);
    if (outcome instanceof KeeperError) {
      this.#answerFailure(outcome);
      return;
    }
    const { zxid } = outcome;
    if (outcome.ok) {
      const body = writeReply(wire, outcome.result);
      this.#connection.reply({ xid: this.#xid, zxid, err: 0 }, body);
      return;
    }
    const { refusal } = outcome;
    // Both say that this connection has no business with the session any more; the client finds out by reconnecting.
    if (refusal.code === ErrorCode.SessionMoved || refusal.code === ErrorCode.SessionExpired) {
      this.#connection.end('the session is not owned any more');
      return;
    }
    const body = refusalReply(wire, refusal);
    this.#connection.reply({ xid: this.#xid, zxid, err: body === undefined ? refusal.code : 0 }, body);
  }

  // --- Reads ----------------------------------------------------------------------------------------------------------

  #read(wire: WireRead): Work {
    const { request, watch } = translateRead(wire);
    const { keeper } = this.#connection;
    if (validatePath(request.path) !== undefined) return this.#readNowhere(wire);
    const run: Run = (finish) =>
      this.#whenKnown({
        // The answer, its watch and its reply belong to the same moment: nothing is applied in between.
        attempt: () => {
          const answer = keeper.tryRead(request, this.#connection.authIds);
          if (answer === undefined) return false;
          const refused = watch && !this.#watch(request, answer);
          finish(() => this.#answerRead(wire, refused ? THROTTLED : answer));
          return true;
        },
        hydrate: () => keeper.hydrateFor(request),
        finish,
      });
    return { kind: 'read', run, hold: () => keeper.tryHold(request) };
  }

  #readNowhere(wire: WireRead): Work {
    const { request, watch } = translateRead(wire);
    const code = this.#codeOfImpossiblePath(request);
    return alone((finish) => {
      // The watch for a creation that never comes is there to be checked and removed, as ZooKeeper's is.
      const refused = watch && !this.#watch(request, { ok: false, code });
      finish(() => this.#answerRead(wire, refused ? THROTTLED : { ok: false, code }));
    });
  }

  /** Reads do not validate in ZooKeeper: nothing has such a path. The store is not asked, whose keys it may not even fit. */
  #codeOfImpossiblePath(request: { readonly kind: string; readonly path: string }): number {
    const banned = request.kind === 'exists' && request.path.includes('\0');
    return banned ? ErrorCode.BadArguments : ErrorCode.NoNode;
  }

  #answerRead(wire: WireRead, answer: ReadAnswer): void {
    if (!answer.ok) {
      this.#connection.reply(this.#header(answer.code));
      return;
    }
    this.#connection.reply(this.#header(0), readReply(wire, answer.result));
  }

  /** Sets the watch that an answer calls for. False when the connection has too many. */
  #watch(request: { readonly kind: string; readonly path: string }, answer: ReadAnswer): boolean {
    const awaitsCreation = request.kind === 'exists' && !answer.ok && answer.code === ErrorCode.NoNode;
    if (!answer.ok && !awaitsCreation) return true;
    const kind = request.kind === 'getChildren' ? 'child' : 'data';
    return setWatch(this.#connection, kind, request.path);
  }

  /** A lookup as a step of the pipeline. */
  #lookUp(lookupOf: () => Lookup): Work {
    return alone((finish) => {
      const lookup = lookupOf();
      this.#whenKnown({
        attempt: () => {
          const answer = lookup.attempt();
          if (answer !== undefined)
            finish(() => this.#connection.reply(this.#header(answer.err), answer.body));
          return answer !== undefined;
        },
        hydrate: () => lookup.hydrate(),
        attemptsMax: lookup.attemptsMax,
        indispensable: lookup.indispensable,
        finish,
      });
    });
  }

  // --- Everything else ------------------------------------------------------------------------------------------------

  #sync(path: string, finish: Finish): void {
    this.#connection.keeper.sync().then(
      () => finish(() => this.#connection.reply(this.#header(0), { name: 'sync', body: { path } })),
      (error: unknown) => finish(() => this.#answerFailure(error)),
    );
  }

  #asked<Body>(body: Body): { readonly xid: number; readonly body: Body } {
    return { xid: this.#xid, body };
  }

  #closeSession(finish: Finish): void {
    const connection = this.#connection;
    connection.expectEnd();
    connection.sessions.close(connection.session).then(
      (outcome) =>
        finish(() => {
          if (outcome.ok) connection.reply({ xid: this.#xid, zxid: outcome.zxid, err: 0 });
          connection.end(outcome.ok ? 'closed by its client' : 'the session is not owned any more');
        }),
      (error: unknown) => finish(() => this.#answerFailure(error)),
    );
  }

  /** The ids as ZooKeeper tells them: of a digest the user alone. */
  #whoAmI(): void {
    const clientInfo = this.#connection.authIds.map(({ scheme, id }) => ({
      authScheme: scheme,
      user: scheme === 'digest' ? id.replace(/:.*/s, '') : id,
    }));
    this.#connection.reply(this.#header(0), { name: 'whoAmI', body: { clientInfo } });
  }

  /** A request that is answered at once by its code, with `body` when that is no error. */
  #decide(codeOf: () => number, body?: ReplyBody): Work {
    return alone((finish) => {
      const code = codeOf();
      finish(() => this.#connection.reply(this.#header(code), code === 0 ? body : undefined));
    });
  }

  /** An operation that is none, or that only a multi has: as in ZooKeeper the connection is over, and the session lives on. */
  #unimplemented(): Work {
    const header = { xid: this.#xid, zxid: NO_ZXID, err: ErrorCode.Unimplemented };
    return alone((finish) =>
      finish(() => {
        this.#connection.reply(header);
        this.#connection.end('an operation that there is not');
      }),
    );
  }

  /** As a ZooKeeper with sessionRequireClientSASLAuth: the session is closed, and the client told why. */
  #requireSasl(): Work {
    const connection = this.#connection;
    return alone((finish) => {
      connection.expectEnd();
      connection.sessions.close(connection.session).then(
        () =>
          finish(() => {
            connection.reply(this.#header(ErrorCode.SessionClosedRequireSaslAuth));
            connection.end('authentication by SASL is required');
          }),
        (error: unknown) => finish(() => this.#answerFailure(error)),
      );
    });
  }

  #refuse(code: number): Work {
    return alone((finish) => finish(() => this.#connection.reply(this.#header(code))));
  }

  /**
   * Attempts something that may lack records, hydrating in between. The attempts have a bound, because records that came
   * in for one attempt may have been evicted before it, and must not be fetched forever.
   */
  #whenKnown(input: {
    readonly attempt: () => boolean;
    readonly hydrate: () => Promise<unknown>;
    readonly finish: Finish;
    readonly attemptsMax?: number | undefined;
    readonly indispensable?: true | undefined;
  }): void {
    let attemptsLeft = input.attemptsMax ?? this.#connection.limits.hydrationAttemptsMax;
    const fail = (error: unknown) => input.finish(() => this.#answerFailure(error));
    const next = () => {
      if (this.#connection.closed || input.attempt()) return;
      if (this.#connection.readOnly) {
        input.finish(() => this.#answerUnknown(input.indispensable));
        return;
      }
      attemptsLeft -= 1;
      if (attemptsLeft < 0) {
        fail(new KeeperError('Overloaded', 'the view cannot hold what a read needs'));
        return;
      }
      input.hydrate().then(next, fail);
    };
    next();
  }

  /** What is not in the view cannot be read without the store: nothing was done, and the client may try again later. */
  #answerUnknown(indispensable?: true): void {
    if (indispensable) this.#connection.end('watches cannot be set again without the store');
    else this.#connection.reply(this.#header(ErrorCode.OperationTimeout));
  }

  /** Nothing was done and the client may try again, or nobody knows and only hanging up says so. */
  #answerFailure(error: unknown): void {
    if (error instanceof KeeperError && error.code === 'Overloaded') {
      this.#connection.reply(this.#header(ErrorCode.ThrottledOp));
      return;
    }
    this.#connection.end('a request could not be answered', error);
  }

  #header(err: number, xid: number = this.#xid): { xid: number; zxid: Zxid; err: number } {
    return { xid, zxid: this.#connection.keeper.head, err };
  }

  #origin(): Origin {
    const { session, epoch, authIds } = this.#connection;
    return { session, epoch, authIds };
  }
}

const NO_ZXID = -1;
const THROTTLED: ReadAnswer = { ok: false, code: ErrorCode.ThrottledOp };

function alone(run: Run): { readonly kind: 'alone'; readonly run: Run } {
  return { kind: 'alone', run };
}
