import type { Clock } from '../base/clock.js';
import { sleep } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Random } from '../base/random.js';
import type { Changes, ChangesInput } from '../keeper/changes.js';
import { readChanges } from '../keeper/changes.js';
import type { Keeper } from '../keeper/keeper.js';
import { LAG_CALL_MS } from '../keeper/limits.js';
import { sessionOf, ThinSessions } from '../keeper/thin-sessions.js';
import type { ThinOpened } from '../keeper/thin-sessions.js';
import type { Timers } from '../keeper/thin-timers.js';
import { KeeperError } from '../keeper/types.js';
import type { Store } from '../log/store.js';
import type { ThinAnswer, ThinRequest, ThinSessionReference } from '../wire/thin-protocol.js';
import { THIN_PROTOCOL_VERSION } from '../wire/thin-protocol.js';
import { errorAnswer, SessionRefusedError } from './answer.js';
import { Batch } from './batch.js';
import type { ThinCaller } from './caller.js';
import { ANSWER_RESERVE_MS, UPKEEP_MS } from './limits.js';
import type { ThinMetrics } from './metrics.js';
import { BadRequestError, parseThinRequest } from './schema.js';
import { base64Of, bytesOf } from './translate.js';
import type { ThinWatches } from './watches/types.js';

export type { ThinCaller } from './caller.js';

export interface ThinServiceOptions {
  readonly keeper: Keeper;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
  readonly watches: ThinWatches;
  readonly logger: Logger;
  readonly metrics: ThinMetrics;
  readonly isClockTrusted?: () => boolean;
  /**
   * Called after an append while there are thin sessions, with the last zxid; awaited, because nothing runs on after an answer
   * of Lambda's. When it rejects, that is logged: the log's stream tells the same.
   */
  readonly notify?: (zxid: number) => Promise<void>;
  /** Called when the materializer lags by more than a minute; a failure is logged, its schedule calls it too. */
  readonly materialize?: () => Promise<void>;
  readonly readChanges?: (input: ChangesInput) => Promise<Changes>;
}

/**
 * The server's side of the protocol of thin clients, for one namespace. Keeps nothing that another instance would miss. Any request
 * may be delivered twice, late, out of order, or to several instances at once.
 *
 * @example
 * const service = new ThinService({ keeper, store, clock, random, timers, watches, logger, metrics });
 * const answer = await service.handle(JSON.parse(body), { requestId, namespace, authIds, remainingMs });
 */
export class ThinService {
  readonly sessions: ThinSessions;
  readonly #options: ThinServiceOptions;
  #upkeepDueMs: number;

  constructor(options: ThinServiceOptions) {
    this.#options = options;
    this.sessions = new ThinSessions(options);
    this.#upkeepDueMs = options.clock.monotonic() + UPKEEP_MS;
  }

  /** Always answers, but for bugs, which reject: the keeper must then not be used any more. */
  async handle(input: unknown, caller: ThinCaller): Promise<ThinAnswer> {
    const { keeper, clock, metrics } = this.#options;
    const startedMs = clock.monotonic();
    const appendedBefore = keeper.committer.statistics.transactions;
    const upkeep = this.#upkeep(caller);
    const { request, answer } = await this.#tryHandle(input, caller);
    await upkeep;
    // Nothing runs on after an answer: what others have parked, and this instance has taken up, is done before.
    if (keeper.combining?.isCombining === true) await this.#whileTime(keeper.committer.idle(), caller);
    const appended = keeper.committer.statistics.transactions - appendedBefore;
    if (appended > 0) await this.#notify(caller);
    metrics.add('Requests', 1);
    metrics.add('DurationMs', clock.monotonic() - startedMs);
    metrics.add('Transactions', appended);
    if (answer.type === 'error') metrics.add('Errors', 1);
    this.#log(caller, request, answer);
    return answer;
  }

  async #tryHandle(
    input: unknown,
    caller: ThinCaller,
  ): Promise<{ request: ThinRequest | undefined; answer: ThinAnswer }> {
    let request: ThinRequest | undefined;
    try {
      request = parseThinRequest(input);
      this.#checkNamespace(request, caller);
      return { request, answer: await this.#inTime(this.#dispatch(request, caller), caller) };
    } catch (error) {
      const answer = errorAnswer(error);
      if (answer === undefined) throw error;
      return { request, answer };
    }
  }

  #checkNamespace({ namespace }: ThinRequest, caller: ThinCaller): void {
    if (namespace === undefined || namespace === caller.namespace) return;
    throw new BadRequestError('namespace', 'the call is for another namespace');
  }

  /** What has not come about when the invocation's time is up may still come about: the client sends it again. */
  async #inTime(work: Promise<ThinAnswer>, caller: ThinCaller): Promise<ThinAnswer> {
    const { clock } = this.#options;
    const done = new AbortController();
    const timeUp = sleep(clock, Math.max(0, caller.remainingMs() - ANSWER_RESERVE_MS), done.signal).then(
      () => {
        const message = 'the time of the invocation is up';
        throw new KeeperError('StoreUnavailable', message, { maybeApplied: true });
      },
    );
    work.catch(() => undefined);
    timeUp.catch(() => undefined);
    try {
      return await Promise.race([work, timeUp]);
    } finally {
      done.abort();
    }
  }

  #dispatch(request: ThinRequest, caller: ThinCaller): Promise<ThinAnswer> {
    switch (request.type) {
      case 'open':
        return this.#open(request);
      case 'attach':
        return this.#attach(request);
      case 'close':
        return this.#close(request.session);
      case 'batch':
        return new Batch(
          {
            ...this.#options,
            sessions: this.sessions,
            readChanges: this.#options.readChanges ?? readChanges,
          },
          request,
          caller,
        ).run();
    }
  }

  async #open(request: Extract<ThinRequest, { type: 'open' }>): Promise<ThinAnswer> {
    const openId = bytesOf(request.openId);
    const opened = await this.sessions.open(openId, request.timeoutMs);
    return openedAnswer(opened, sessionOf(openId).password);
  }

  async #attach(request: Extract<ThinRequest, { type: 'attach' }>): Promise<ThinAnswer> {
    const { timeoutMs, epoch } = request;
    const session = BigInt('0x' + request.session);
    const password = bytesOf(request.password);
    const { keeper, watches } = this.#options;
    if (!(await keeper.reach(request.seen)))
      throw new BadRequestError('seen', `the log ends at ${keeper.head}`);
    const attachId = bytesOf(request.attachId);
    const opened = await this.sessions.attach({
      session,
      password,
      timeoutMs,
      epoch,
      attachId,
      // A gateway knew its watches by heart; what rows there may be are older than its reign.
      beforeTakeover: () => watches.closeSession(session),
    });
    return openedAnswer(opened, password);
  }

  async #close(reference: ThinSessionReference): Promise<ThinAnswer> {
    const session = BigInt('0x' + reference.id);
    const closed = await this.sessions.close({ session, epoch: reference.epoch });
    if (closed === 'SessionMoved') throw new SessionRefusedError(closed, false);
    await this.#forgetWatches(session);
    return { v: THIN_PROTOCOL_VERSION, type: 'closed', zxid: closed.zxid };
  }

  /** Rows that are left do no harm but lie there. */
  async #forgetWatches(session: bigint): Promise<void> {
    const { watches, logger } = this.#options;
    await watches.closeSession(session).catch((error: unknown) => {
      logger.warn('the watches of a closed session could not be deleted', {
        session: session.toString(16),
        error,
      });
    });
  }

  async #notify(caller: ThinCaller): Promise<void> {
    const { keeper, notify, logger } = this.#options;
    if (notify === undefined || keeper.counters.thinSessions === 0) return;
    const zxid = keeper.head;
    try {
      await this.#whileTime(notify(zxid), caller);
    } catch (error) {
      logger.warn('notify could not be called', { requestId: caller.requestId, zxid, error });
    }
  }

  /**
   * Nobody follows the log here between requests, so requests let go of what has been materialized, beside what they do. A
   * failure leaves that to the next.
   */
  async #upkeep(caller: ThinCaller): Promise<void> {
    const { keeper, clock, logger, materialize } = this.#options;
    const nowMs = clock.monotonic();
    if (keeper.replica.window.oldestTimeMs === undefined || nowMs < this.#upkeepDueMs) return;
    this.#upkeepDueMs = nowMs + UPKEEP_MS;
    try {
      await this.#whileTime(keeper.replica.refreshWatermark(), caller);
      if (keeper.lagMs > LAG_CALL_MS) await this.#whileTime(materialize?.() ?? Promise.resolve(), caller);
    } catch (error) {
      logger.warn('the watermark could not be looked after', { requestId: caller.requestId, error });
    }
  }

  async #whileTime(call: Promise<unknown>, caller: ThinCaller): Promise<void> {
    const { clock } = this.#options;
    const done = new AbortController();
    call.catch(() => undefined);
    const timeUp = sleep(clock, Math.max(0, caller.remainingMs() - ANSWER_RESERVE_MS / 2), done.signal);
    timeUp.catch(() => undefined);
    try {
      await Promise.race([call, timeUp]);
    } finally {
      done.abort();
    }
  }

  /** Never data, passwords or paths: what a request was, whose, and how it ended. */
  #log(caller: ThinCaller, request: ThinRequest | undefined, answer: ThinAnswer): void {
    const fields = {
      requestId: caller.requestId,
      namespace: caller.namespace,
      type: request?.type,
      session: request === undefined ? undefined : sessionIn(request, answer),
      ...(request?.type === 'batch' ? { operations: request.operations.length } : {}),
      ...(answer.type === 'batch' ? { results: answer.results.length, events: answer.events.length } : {}),
      ...(answer.type === 'error'
        ? { reason: answer.reason, problem: answer.message }
        : { zxid: answer.zxid }),
    };
    if (answer.type === 'error') this.#options.logger.warn('a request was refused', fields);
    else this.#options.logger.debug('a request was answered', fields);
  }
}

function openedAnswer(opened: ThinOpened, password: Uint8Array): ThinAnswer {
  if (typeof opened === 'string') throw new SessionRefusedError(opened, false);
  return {
    v: THIN_PROTOCOL_VERSION,
    type: 'opened',
    session: opened.session.toString(16),
    password: base64Of(password),
    epoch: opened.epoch,
    timeoutMs: opened.timeoutMs,
    zxid: opened.zxid,
    cxid: opened.cxid,
  };
}

function sessionIn(request: ThinRequest, answer: ThinAnswer): string | undefined {
  if (request.type === 'open') return answer.type === 'opened' ? answer.session : undefined;
  return request.type === 'attach' ? request.session : request.session?.id;
}
