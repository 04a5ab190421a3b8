import { assert } from '../base/assert.js';
import { sleep } from '../base/clock.js';
import type { WriteRequest, Zxid } from '../core/types.js';
import type { Entry } from '../log/entry.js';
import type { Item } from '../log/store.js';
import { StoreError } from '../log/store.js';
import { decodeHeader } from '../log/entry-codec.js';
import { blobsOfEntry } from './blob-references.js';
import { externalizeData, dataBytesOf, hasDueBlobs } from './externalize.js';
import {
  BATCH_REQUESTS_MAX,
  CONFLICT_JITTER_LOSSES_MAX,
  CONFLICT_JITTER_MS,
  LAG_CALL_MS,
  LAG_PAUSE_MS_MAX,
  LAG_SLOW_BYTES,
  LAG_SLOW_MS,
  LAG_STOP_BYTES,
  QUEUED_BYTES_MAX,
  QUEUED_WRITES_MAX,
  WATERMARK_POLL_MS,
  WINDOW_REFRESH_BYTES,
} from './limits.js';
import { instantOf } from '../base/instant.js';
import { writeEntry } from './log-rows.js';
import type { GuardedOrigin, Outcome, Pending, Plan, Settle } from './planner.js';
import type { Combining } from './combining/combining.js';
import { lookAhead, missingFor, planBatch, preferLists } from './planner.js';
import { recordedOutcome } from './recorded.js';
import type { Replica } from './replica.js';
import { backoffMs } from './retry.js';
import { KeeperError } from './types.js';

export type { Settle } from './planner.js';

/** A plan whose entry is being put. */
interface InFlight {
  readonly plan: Plan;
  readonly batch: Pending[];
  /** Of the plan, from when its entry is being applied on: what has been told of it. */
  told: number | undefined;
}

export interface CommitterOptions {
  /** False while the clock cannot be trusted (I13). */
  readonly mayWrite?: () => boolean;
  /** What to do when many contend. Without it, contend. */
  readonly combining?: Combining | undefined;
}

/**
 * Group commit (I1–I3). One batch at a time: its requests are prepared one after the other on a layer over the view, the
 * effects go into one entry, the entry goes into the slot after the head by one conditional put. Requests that arrive meanwhile form the next
 * batch. Whoever loses the slot applies the winner's entry and prepares again.
 *
 * A refusal is an answer about the state, so it waits until that state is known to be current: it rides on the batch's
 * slot, or on a read of the tail that began after the request had arrived.
 */
export class Committer {
  readonly #replica: Replica;
  readonly #mayWrite: () => boolean;
  readonly #combining: Combining | undefined;
  #queue: Pending[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | undefined;
  #stopped = false;
  #refreshedAtMs = Number.NEGATIVE_INFINITY;
  /** How far the materializer was behind when the watermark was read last, beyond what is ordinary. */
  #lagMs = 0;
  #inFlight: InFlight | undefined;
  readonly statistics = { batches: 0, conflicts: 0, doubts: 0, transactions: 0 };

  constructor(replica: Replica, { mayWrite = () => true, combining }: CommitterOptions = {}) {
    this.#replica = replica;
    this.#mayWrite = mayWrite;
    this.#combining = combining;
    replica.listen({
      beforeEntry: (entry) => this.#beforeEntry(entry),
      onCommit: () => undefined,
      afterCommit: ({ position }) => this.#settleUpTo(position.zxid),
      onEntry: (entry) => this.#onEntry(entry),
    });
  }

  get queued(): number {
    return this.#queue.length;
  }

  submit(request: WriteRequest, origin: GuardedOrigin, settle: Settle): void {
    const bytes = dataBytesOf(request);
    const refusal = this.#admit(bytes);
    if (refusal !== undefined) {
      settle(refusal);
      return;
    }
    this.#queuedBytes += bytes;
    this.#queue.push({ request, origin, settle, mark: this.#replica.mark(), bytes });
    this.#running ??= this.#run();
  }

  #admit(bytes: number): KeeperError | undefined {
    if (this.#stopped) return new KeeperError('Stopped', 'the keeper was stopped');
    const { problem } = this.#replica.allowance;
    if (problem !== undefined) return problem;
    if (this.#queue.length >= QUEUED_WRITES_MAX || this.#queuedBytes + bytes > QUEUED_BYTES_MAX) {
      return new KeeperError('Overloaded', `${this.#queue.length} writes are waiting already`);
    }
    if (this.#replica.window.bytes > LAG_STOP_BYTES) {
      // Nobody may be following this log: look for ourselves whether the materializer has caught up.
      // What goes wrong with it the next run meets as well, and tells.
      this.#refreshWhenBehind().catch(() => undefined);
      return new KeeperError('Lagging', 'the materializer is too far behind the log to take more writes');
    }
    return undefined;
  }

  /** Takes no more writes. Those that wait end as `Stopped`; the batch in flight is given until its put returns. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#combining?.stop();
    this.#refuseQueued(new KeeperError('Stopped', 'the keeper was stopped'));
    await this.#running;
  }

  #refuseQueued(error: KeeperError): void {
    for (const pending of this.#takeQueued(this.#queue.length)) pending.settle(error);
  }

  #takeQueued(count: number): Pending[] {
    const taken = this.#queue.splice(0, count);
    for (const pending of taken) this.#queuedBytes -= pending.bytes;
    return taken;
  }

  async #run(): Promise<void> {
    // Requests of the same turn of the event loop share a batch.
    await Promise.resolve();
    while (this.#queue.length > 0 || this.#combining?.isCombining === true) {
      const batch: Pending[] = [];
      try {
        await this.#refreshWhenBehind();
        await this.#slowDown();
        await this.#combining?.standBack();
        const parked = (await this.#combining?.collect()) ?? [];
        batch.push(...this.#takeQueued(BATCH_REQUESTS_MAX), ...parked);
        await this.#commit(batch);
      } catch (error) {
        // What failed before there was a batch would fail again, and a combiner without writes of its own goes on for ever.
        if (batch.length === 0) this.#combining?.abandon();
        this.#fail(batch.length > 0 ? batch : this.#takeQueued(BATCH_REQUESTS_MAX), error);
      }
    }
    // In the same turn as the queue was seen to be empty: a request that comes any later starts a new run.
    this.#running = undefined;
  }

  /**
   * Ends what is left of a batch that could not be committed. Settled requests have been taken out of it. An error of the program
   * ends this batch alone: it was prepared beside the state, and a state that was harmed answers nothing any more.
   */
  #fail(batch: readonly Pending[], error: unknown): void {
    const failure =
      error instanceof KeeperError
        ? error
        : new KeeperError('Internal', 'the write met an error of the program', {
            cause: error,
            maybeApplied: true,
          });
    for (const pending of batch) pending.settle(failure);
  }

  /**
   * Lets a window that has grown, or grown old, go up to the watermark, at most once in a while: keepers without a follower rely on it.
   * Age alone is nothing to wait for: a keeper that has rested holds what was materialized long ago.
   */
  async #refreshWhenBehind(): Promise<void> {
    const { clock } = this.#replica.options;
    const isLarge = this.#replica.window.bytes >= WINDOW_REFRESH_BYTES;
    const isOld = this.#oldestAgeMs() > LAG_CALL_MS;
    if (!isOld) this.#lagMs = 0;
    if (!isLarge && !isOld) return;
    if (clock.monotonic() - this.#refreshedAtMs < WATERMARK_POLL_MS) return;
    this.#refreshedAtMs = clock.monotonic();
    const refreshed = this.#refresh();
    if (isLarge) await refreshed;
  }

  async #refresh(): Promise<void> {
    try {
      await this.#replica.refreshWatermark();
      this.#lagMs = this.#oldestAgeMs();
    } catch (error) {
      // The window stays as it is, and the next write looks again.
      if (!(error instanceof KeeperError)) throw error;
    }
  }

  /** Age of the oldest entry above the watermark that was read last. */
  #oldestAgeMs(): number {
    const { window, options, head, watermark } = this.#replica;
    const { oldestTimeMs } = window;
    return oldestTimeMs === undefined || head <= watermark ? 0 : options.clock.now() - oldestTimeMs;
  }

  /** The more log there is above a watermark that was just read, and the older it is, the longer. Only bytes stop writers in the end. */
  async #slowDown(): Promise<void> {
    const over = Math.max(this.#replica.window.bytes / LAG_SLOW_BYTES, this.#lagMs / LAG_SLOW_MS) - 1;
    if (over <= 0) return;
    await sleep(this.#replica.options.clock, Math.min(1, over) * LAG_PAUSE_MS_MAX);
  }

  /** Commits a batch; what settles is removed from `batch`. */
  async #commit(batch: Pending[]): Promise<void> {
    await this.#replica.start();
    this.#replica.allowance.refresh();
    await externalizeData(batch, this.#replica);
    for (let losses = 0; batch.length > 0;) {
      if (this.#stopped) throw new KeeperError('Stopped', 'the keeper was stopped');
      if (this.#combining?.wants(batch, losses) === true) {
        await this.#combining.park(batch);
        batch.push(...(await this.#combining.collect()));
        losses = 0;
        continue;
      }
      const plan = await this.#plan(batch);
      if (hasDueBlobs(batch, this.#replica)) {
        await externalizeData(batch, this.#replica);
        continue;
      }
      if (await this.#answerRepeats(batch)) continue;
      if (plan.entry === undefined) {
        if (!this.#settleRefusals(plan, batch)) await this.#replica.sync();
        continue;
      }
      if (await this.#append(plan, batch)) continue;
      losses++;
      await this.#afterLoss(losses);
    }
  }

  async #afterLoss(losses: number): Promise<void> {
    const { clock, random } = this.#replica.options;
    this.statistics.conflicts++;
    const longest = CONFLICT_JITTER_MS * Math.min(losses, CONFLICT_JITTER_LOSSES_MAX);
    if (losses === 1) return;
    // A combiner's batch is many writers': it does not stand back.
    if (this.#combining?.isCombining !== true) await sleep(clock, random.float() * longest);
    await this.#replica.sync();
  }

  /**
   * Answers writes that the log holds already. A cxid at or below the session's last was spent, however old the view is, so
   * this needs no look at the tail. True when there were any.
   */
  async #answerRepeats(batch: Pending[]): Promise<boolean> {
    const repeats = batch.filter(({ origin }) => {
      const record = this.#replica.view.session(origin.session);
      return origin.once !== undefined && record?.epoch === origin.epoch && origin.once.cxid <= record.cxid;
    });
    const planned = await Promise.all(
      repeats.map(async (pending) => ({ pending, outcome: await recordedOutcome(pending, this.#replica) })),
    );
    settle(planned, batch);
    return repeats.length > 0;
  }

  /** Nothing in the batch is to be logged. True when the state that it was refused on was current. */
  #settleRefusals(plan: Plan, batch: Pending[]): boolean {
    const latest = plan.planned.reduce((mark, { pending }) => Math.max(mark, pending.mark), 0);
    if (this.#replica.head !== plan.head || !this.#replica.isCurrentSince(latest)) return false;
    settle(plan.planned, batch);
    return true;
  }

  /** Prepares the batch on the state at the head, bringing what it needs first. Synchronous once nothing is missing. */
  async #plan(batch: readonly Pending[]): Promise<Plan> {
    const unpin: (() => void)[] = [];
    try {
      for (;;) {
        const plan = planBatch(batch, this.#replica);
        if (plan !== undefined) return plan;
        const missing = missingFor(batch, this.#replica);
        const wanted = preferLists(
          missing.size > 0 ? missing : lookAhead(batch, this.#replica),
          this.#replica,
        );
        unpin.push(this.#replica.view.pin(wanted));
        await this.#replica.hydrate(wanted);
      }
    } finally {
      for (const release of unpin) release();
    }
  }

  /**
   * Puts the entry into its slot and finds out for certain who won it. True when it was ours: then it has been applied and
   * its requests have been settled and taken out of `batch`.
   */
  async #append(plan: Plan, batch: Pending[]): Promise<boolean> {
    const { entry } = plan;
    assert(entry !== undefined, 'an append without an entry');
    const { namespace } = this.#replica.options;
    const { blobs, allowance } = this.#replica;
    const row = await writeEntry({ entry, namespace, blobs, format: allowance.format });
    // The view may have moved on while a body was written aside: then the slot is gone, and nothing was promised.
    if (this.#replica.head !== plan.head || !this.#mayWrite()) {
      if (!this.#mayWrite()) await sleep(this.#replica.options.clock, LAG_PAUSE_MS_MAX);
      return false;
    }
    const inFlight: InFlight = { plan, batch, told: undefined };
    this.#inFlight = inFlight;
    try {
      const mark = this.#replica.mark();
      const beganAt = instantOf(this.#replica.options.clock);
      this.#combining?.onAppend();
      const winner = await this.#putUntilCertain(row.item, batch);
      if (winner === 'throttled') return false;
      if (winner === undefined) this.#replica.confirmCurrent(mark, beganAt);
      // Our own entry needs no decoding, and no read of a body that lies in a blob, which could fail.
      const isOurs = winner === undefined || decodeHeader(winner).batchId === entry.batchId;
      if (isOurs) this.#replica.advance(entry, row.bytes);
      else await this.#replica.advanceByRow(winner);
      // The slot was ours, but the view has leapt over it since: what was prepared for it is what has happened.
      if (isOurs && this.#inFlight === inFlight) this.#onEntry(entry);
      if (isOurs) {
        const named = blobsOfEntry(entry).map(({ blob }) => blob);
        void this.#replica.blobs.confirm(row.bodyBlob === undefined ? named : [row.bodyBlob, ...named]);
      }
      // Whichever way our entry came in, by the put's answer, as the winner of a slot or with the tail, #onEntry saw it.
      return this.#inFlight !== inFlight;
    } finally {
      this.#inFlight = undefined;
    }
  }

  /** Resolves when no write is under way, and this keeper does not combine others'. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /**
   * The winner of the slot if it was somebody else, `undefined` when the put itself succeeded. `throttled`, which is not
   * certain at all, only when others can carry the batch out: numbered writes need no certainty here, for the log tells.
   */
  async #putUntilCertain(item: Item, batch: readonly Pending[]): Promise<Item | 'throttled' | undefined> {
    const { store, clock, random } = this.#replica.options;
    for (let attempt = 0; ; attempt++) {
      try {
        const outcome = await store.put({ table: 'log', item, condition: [{ kind: 'absent' }] });
        if (outcome.ok) return undefined;
        assert(outcome.existing !== undefined, 'a slot that is taken shows its entry');
        return outcome.existing;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        if (this.#stopped || !error.retriable) {
          throw new KeeperError('StoreUnavailable', error.message, {
            cause: error,
            maybeApplied: attempt > 0 || error.code === 'Unavailable',
          });
        }
        this.statistics.doubts++;
        if (error.code === 'Throttled' && this.#combining?.canPark(batch) === true) {
          this.#combining.noteCrowd();
          return 'throttled';
        }
        await sleep(clock, backoffMs(attempt, random));
      }
    }
  }

  /** An entry is about to be applied. If it is the one in flight, what comes before its first transaction is told on this state. */
  #beforeEntry(entry: Entry): void {
    const inFlight = this.#inFlight;
    if (inFlight?.plan.entry?.batchId !== entry.batchId) return;
    inFlight.told = 0;
    this.#settleUpTo(entry.first - 1);
  }

  /**
   * Tells the outcomes of the entry that is being applied, each while the state is the one that it belongs to: whoever reads or
   * writes on hearing of it sees everything before it, and nothing after it. `zxid` is that of the state.
   */
  #settleUpTo(zxid: Zxid): void {
    const inFlight = this.#inFlight;
    if (inFlight?.told === undefined) return;
    const { planned } = inFlight.plan;
    for (let next = planned[inFlight.told]; next !== undefined; next = planned[inFlight.told]) {
      if (next.stateAt > zxid) return;
      inFlight.told++;
      next.pending.settle(next.outcome);
    }
  }

  /** An entry has been applied, or had been in the view's past: if it is the one in flight, all of its requests are settled now. */
  #onEntry(entry: Entry): void {
    const inFlight = this.#inFlight;
    if (inFlight?.plan.entry?.batchId !== entry.batchId) {
      this.#combining?.onForeignEntry(entry);
      return;
    }
    inFlight.told ??= 0;
    this.#settleUpTo(entry.last);
    this.#inFlight = undefined;
    this.statistics.batches++;
    this.statistics.transactions += entry.txns.length;
    takeOut(inFlight.plan.planned, inFlight.batch);
  }
}

/** Takes requests out of their batch and tells them. */
function settle(planned: readonly Outcome[], batch: Pending[]): void {
  takeOut(planned, batch);
  for (const { pending, outcome } of planned) pending.settle(outcome);
}

function takeOut(planned: readonly Outcome[], batch: Pending[]): void {
  const settled = new Set(planned.map(({ pending }) => pending));
  batch.splice(0, batch.length, ...batch.filter((pending) => !settled.has(pending)));
}
