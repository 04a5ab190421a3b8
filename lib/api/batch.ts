import { ErrorCode } from '../core/errors.js';
import { validatePath } from '../core/paths.js';
import { recordKey } from '../core/state.js';
import type { SessionId, SessionRecord, Zxid } from '../core/types.js';
import type { Changes } from '../keeper/changes.js';
import type { LeaseHolder } from '../keeper/thin-leases.js';
import type { ThinRefusal } from '../keeper/thin-sessions.js';
import { KeeperError } from '../keeper/types.js';
import type { ThinAnswer, ThinResult } from '../wire/thin-protocol.js';
import { armsWatch } from '../wire/thin-protocol.js';
import { THIN_PROTOCOL_VERSION } from '../wire/thin-protocol.js';
import { SessionRefusedError } from './answer.js';
import type { BatchOptions } from './batch-context.js';
import { BatchContext, handled } from './batch-context.js';
import { bringReads, carryOutReads } from './batch-reads.js';
import { bringForWrites, carryOutWrites } from './batch-writes.js';
import type { ThinCaller } from './caller.js';
import { CHANGES_TRANSACTIONS_MAX, HYDRATION_ATTEMPTS_MAX, READS_PARALLEL_MAX } from './limits.js';
import type { Run, ThinOther } from './runs.js';
import { runsOf } from './runs.js';
import type { ThinBatchRequest } from './schema.js';
import { BadRequestError, isWatching } from './schema.js';
import { bytesOfJson, failure, refusalResult } from './translate.js';
import type { ThinEvents } from './watches/types.js';

type ThinBatchAnswer = Extract<ThinAnswer, { readonly type: 'batch' }>;

const NO_EVENTS: ThinEvents = { events: [], until: Infinity };

/**
 * One batch of operations, in order. Consecutive writes are submitted together and share an entry of the log; a read is answered
 * at a head that is at or above everything before it, and with `linearizable` at one that was the log's end at some moment
 * since the request came in. One look at the tail serves all reads; a write that won its slot has had one as good.
 *
 * What is asked of the store at the beginning goes out together: the lease, the tail, the rows of the session and of the first
 * reads, and the session's watches. So a warm instance answers after one round trip, a cold one after two.
 */
export class Batch {
  readonly #context: BatchContext;

  constructor(options: BatchOptions, request: ThinBatchRequest, caller: ThinCaller) {
    this.#context = new BatchContext(options, request, caller);
  }

  /** Throws `SessionRefusedError`, `BadRequestError` or `KeeperError` when nothing can be told. */
  async run(): Promise<ThinBatchAnswer> {
    const { options, request } = this.#context;
    const runs = runsOf(request.operations);
    const lease = this.#touchLease();
    const head = promised<Zxid>();
    // Arming or removing changes what is to be told, so then events are asked for at the end.
    const early = request.operations.some(isWatching) ? undefined : this.#events(head.promise);
    try {
      await this.#begin(runs[0], lease);
      for (const run of runs) {
        if (this.#context.isCut()) break;
        if (!this.#context.isOutOfTime()) await this.#carryOut(run);
      }
      await this.#refuseUnless(lease);
      const zxid = await this.#finalHead();
      head.resolve(zxid);
      return this.#answer(zxid, await (early ?? this.#events(zxid)));
    } finally {
      head.resolve(options.keeper.head);
    }
  }

  #touchLease(): Promise<ThinRefusal | undefined> {
    const { holder, options } = this.#context;
    return handled(holder === undefined ? Promise.resolve(undefined) : options.sessions.touch(holder));
  }

  #events(head: Zxid | Promise<Zxid>): Promise<ThinEvents> {
    const { holder, options, request } = this.#context;
    if (holder === undefined || request.watching === false) return Promise.resolve(NO_EVENTS);
    const acknowledged = request.acknowledged === undefined ? {} : { acknowledged: request.acknowledged };
    const { authIds } = this.#context.caller;
    const input = { session: holder.session, head, authIds, seen: request.seen, ...acknowledged };
    return handled(options.watches.eventsUpTo(input));
  }

  /** Everything that the first step needs, side by side. */
  async #begin(first: Run | undefined, lease: Promise<ThinRefusal | undefined>): Promise<void> {
    const { options, holder } = this.#context;
    const { replica } = options.keeper;
    const work: Promise<unknown>[] = [];
    if (first?.kind !== 'writes') work.push(this.#context.becomeCurrent());
    // A keeper that has never seen the log's end would walk there one lost slot at a time.
    else if (replica.stalenessMs === Infinity) {
      work.push(replica.sync(), bringForWrites(this.#context, first.operations.slice(0, READS_PARALLEL_MAX)));
    }
    if (holder !== undefined) {
      const { session } = holder;
      if (replica.view.session(session) === undefined)
        work.push(replica.hydrate([recordKey.session(session)]));
      // Nobody's write goes into the log on a lease that is not known to be alive.
      const isKnownAlive = options.sessions.leases.isKnownAlive(holder);
      if (first?.kind === 'writes' && !isKnownAlive) work.push(this.#refuseUnless(lease));
    }
    if (first?.kind === 'reads') {
      work.push(bringReads(this.#context, first.operations.slice(0, READS_PARALLEL_MAX)));
    }
    await Promise.all(work.map(handled));
  }

  async #refuseUnless(lease: Promise<ThinRefusal | undefined>): Promise<void> {
    const refusal = await lease;
    if (refusal !== undefined) throw new SessionRefusedError(refusal, this.#context.applied);
  }

  #carryOut(run: Run): Promise<void> {
    switch (run.kind) {
      case 'writes':
        return carryOutWrites(this.#context, run.operations);
      case 'reads':
        return carryOutReads(this.#context, run.operations);
      case 'other':
        return this.#carryOutOther(run.operation);
    }
  }

  async #carryOutOther(operation: ThinOther): Promise<void> {
    const { options, results } = this.#context;
    await this.#context.becomeCurrent();
    const zxid = options.keeper.head;
    const { path } = operation;
    const result =
      validatePath(path) === undefined
        ? await this.#resultOfOther(operation, zxid)
        : refusalResult({ code: ErrorCode.BadArguments, path }, zxid);
    if (results.fits(bytesOfJson(result))) results.add(result);
    else this.#context.cut();
  }

  async #resultOfOther(operation: ThinOther, zxid: Zxid): Promise<ThinResult> {
    const { watches } = this.#context.options;
    const { path } = operation;
    switch (operation.op) {
      case 'addWatch':
        await watches.arm({ ...this.#owner, kind: operation.kind, path, zxid });
        return { op: 'addWatch', zxid };
      case 'removeWatch': {
        const { kind } = operation;
        const upTo = this.#armsAt(path) ? zxid : this.#context.request.seen;
        const removed = await watches.remove({ session: this.#owner.session, kind, path, upTo });
        return removed
          ? { op: 'removeWatch', zxid }
          : refusalResult({ code: ErrorCode.NoWatcher, path }, zxid);
      }
      case 'changes':
        return this.#changes(operation, zxid);
    }
  }

  /** Whether this very request arms a watch there: then what it removes may be younger than what its client had seen. */
  #armsAt(path: string): boolean {
    const { operations } = this.#context.request;
    return operations.some(
      (operation) => armsWatch(operation) && 'path' in operation && operation.path === path,
    );
  }

  get #owner(): LeaseHolder {
    const { holder } = this.#context;
    if (holder === undefined) throw new BadRequestError('session', 'only a session can watch');
    return holder;
  }

  async #changes(operation: Extract<ThinOther, { readonly op: 'changes' }>, zxid: Zxid): Promise<ThinResult> {
    const { keeper, readChanges } = this.#context.options;
    const { path, recursive, since } = operation;
    const transactionsMax = CHANGES_TRANSACTIONS_MAX;
    let found: Changes;
    try {
      found = await readChanges({ replica: keeper.replica, path, recursive, since, transactionsMax });
    } catch (error) {
      if (!(error instanceof KeeperError) || error.code !== 'Compacted') throw error;
      return failure({ zxid, reason: 'Compacted', message: error.message });
    }
    const { changes, until } = found;
    return { op: 'changes', zxid: Math.max(zxid, Math.min(until, keeper.head)), changes, until };
  }

  /** The zxid that the answer carries: one at which the session was the sender's, and nothing older than it has seen. */
  async #finalHead(): Promise<Zxid> {
    const { holder, options, request, heldAt } = this.#context;
    if (options.keeper.head < heldAt) {
      // Others carried the writes out. To know their zxid is enough, and saves reading what everybody has written since, unless
      // the session watches: its events stand in between.
      if (request.watching === false && heldAt >= request.seen) return heldAt;
      await options.keeper.reach(heldAt);
    }
    if (options.keeper.head < request.seen) await this.#context.becomeCurrent(false);
    if (holder !== undefined) await this.#checkSession(holder);
    return options.keeper.head;
  }

  async #checkSession({ session, epoch }: LeaseHolder): Promise<void> {
    const record = await this.#sessionNow(session);
    const { applied } = this.#context;
    if (record === null) throw new SessionRefusedError('SessionExpired', applied);
    if (record.epoch !== epoch) throw new SessionRefusedError('SessionMoved', applied);
  }

  async #sessionNow(session: SessionId): Promise<SessionRecord | null> {
    const { replica } = this.#context.options.keeper;
    for (let attempt = 0; attempt < HYDRATION_ATTEMPTS_MAX; attempt++) {
      const record = replica.view.session(session);
      if (record !== undefined) return record;
      await replica.hydrate([recordKey.session(session)]);
    }
    throw new KeeperError('Overloaded', 'the view is too small for the session');
  }

  /** When there are more events than one answer holds, it ends where they end, and the rest is asked for again. */
  #answer(zxid: Zxid, { events, until }: ThinEvents): ThinBatchAnswer {
    const { list } = this.#context.results;
    const end = Math.min(zxid, until);
    const cut = list.findIndex((result) => result.zxid > end);
    const results = cut < 0 ? list : list.slice(0, cut);
    return { v: THIN_PROTOCOL_VERSION, type: 'batch', zxid: end, results, events };
  }
}

function promised<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let settle: ((value: T) => void) | undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: (value) => settle?.(value) };
}
