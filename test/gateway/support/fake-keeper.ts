import type { Clock } from '../../../lib/base/clock.js';
import { FullState } from '../../../lib/core/full-state.js';
import { answer, applyWithStats, prepare, resultOf } from '../../../lib/core/machine.js';
import { parseKey, type RecordKey } from '../../../lib/core/state.js';
import type {
  AuthId,
  Origin,
  ReadAnswer,
  ReadRequest,
  SessionId,
  WriteRequest,
  Zxid,
} from '../../../lib/core/types.js';
import { KeeperError, type Commit, type KeeperApi, type WriteOutcome } from '../../../lib/keeper/types.js';

type Settle = (outcome: WriteOutcome | KeeperError) => void;
interface Queued {
  readonly request: WriteRequest;
  readonly origin: Origin;
  readonly settle: Settle;
}

/**
 * A keeper in memory with a log that never conflicts. A turn's writes make one entry, and follow the order of callbacks that
 * KeeperApi promises. Tests may hold entries back, make records unknown,
 * and turn writes away.
 */
export class FakeKeeper implements KeeperApi {
  readonly state = new FullState();
  readonly clock: Clock;
  head: Zxid = 0;
  headTimeMs = 0;
  watermark: Zxid = 0;
  overdueMs = 0;
  /** The highest zxid that `reach` finds in the log. Follows head unless it is set. */
  logEnd: Zxid | undefined;
  /** Hydration finds out about these paths; until then they are unknown. */
  readonly unknown = new Set<string>();
  /** The same for the ephemerals of sessions. */
  readonly unknownEphemerals = new Set<SessionId>();
  /** What was hydrated by key. */
  readonly hydrated: RecordKey[] = [];
  /** Writes are turned away at once while true. */
  overloaded = false;
  /** Reads that are held now. */
  holds = 0;
  /** No read can be held while true. */
  unholdable = false;
  /** Every hydration waits for this. */
  hydration: Promise<void> = Promise.resolve();
  syncs = 0;
  /** How many writes each entry carried. */
  readonly entrySizes: number[] = [];
  readonly #listeners = new Set<(commit: Commit) => void>();
  #queue: Queued[] = [];
  #held = false;
  #scheduled = false;
  #submitted = 0;
  readonly #awaitSubmitted: { count: number; resolve: () => void }[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get counters() {
    const znodes = [...this.state.paths()].length;
    const sessions = [...this.state.sessions()].length;
    return { znodes, sessions, thinSessions: 0, bytes: 0 };
  }

  submit(request: WriteRequest, origin: Origin, settle: Settle): void {
    this.#submitted += 1;
    for (const waiter of this.#awaitSubmitted) if (this.#submitted >= waiter.count) waiter.resolve();
    if (this.overloaded) {
      settle(new KeeperError('Overloaded', 'the queue is full'));
      return;
    }
    this.#queue.push({ request, origin, settle });
    this.#schedule();
  }

  write(request: WriteRequest, origin: Origin): Promise<WriteOutcome> {
    return new Promise((resolve, reject) => {
      this.submit(request, origin, (outcome) => {
        if (outcome instanceof KeeperError) reject(outcome);
        else resolve(outcome);
      });
    });
  }

  /** Resolves when so many writes have been submitted since the beginning. */
  submitted(count: number): Promise<void> {
    if (this.#submitted >= count) return Promise.resolve();
    return new Promise((resolve) => this.#awaitSubmitted.push({ count, resolve }));
  }

  get submittedSoFar(): number {
    return this.#submitted;
  }

  /** Commits nothing until `release`. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#schedule();
  }

  /** Fails everything that waits. */
  failQueued(error: KeeperError): void {
    const queued = this.#queue;
    this.#queue = [];
    for (const { settle } of queued) settle(error);
  }

  tryRead(request: ReadRequest, authIds: readonly AuthId[]): ReadAnswer | undefined {
    if (this.unknown.has(request.path)) return undefined;
    return answer(request, this.state, authIds);
  }

  tryHold(request: ReadRequest): (() => void) | undefined {
    if (this.unholdable || this.unknown.has(request.path)) return undefined;
    this.holds++;
    return () => {
      this.holds--;
    };
  }

  async hydrateFor(request: ReadRequest): Promise<void> {
    await this.hydration;
    this.unknown.delete(request.path);
  }

  sync(): Promise<Zxid> {
    this.syncs += 1;
    return Promise.resolve(this.head);
  }

  reach(zxid: Zxid): Promise<boolean> {
    return Promise.resolve(zxid <= (this.logEnd ?? this.head));
  }

  tryWatchState(path: string) {
    return this.unknown.has(path) ? undefined : this.state.node(path);
  }

  tryChildren(path: string): ReadonlySet<string> | undefined {
    return this.unknown.has(path) ? undefined : this.state.children(path);
  }

  tryEphemerals(session: SessionId): ReadonlySet<string> | undefined {
    return this.unknownEphemerals.has(session) ? undefined : this.state.ephemerals(session);
  }

  async hydrate(keys: readonly RecordKey[]): Promise<void> {
    this.hydrated.push(...keys);
    await this.hydration;
    for (const key of keys.map(parseKey)) {
      if (key.kind === 'node' || key.kind === 'children') this.unknown.delete(key.path);
      if (key.kind === 'ephemerals') this.unknownEphemerals.delete(key.session);
    }
  }

  onCommit(listener: (commit: Commit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #schedule(): void {
    if (this.#held || this.#scheduled || this.#queue.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#held) this.#commit();
    });
  }

  #commit(): void {
    const batch = this.#queue;
    this.#queue = [];
    const timeMs = this.clock.now();
    this.headTimeMs = timeMs;
    const before = this.head;
    for (const { request, origin, settle } of batch) {
      const prepared = prepare({ request, origin, state: this.state, timeMs });
      if (!prepared.ok) {
        settle({ ok: false, zxid: this.head, refusal: prepared.refusal });
        continue;
      }
      const position = { zxid: this.head + 1, timeMs };
      const txn = { session: origin.session, cxid: 0, effect: prepared.effect };
      const { triggers, stats } = applyWithStats(txn, position, this.state);
      const result = resultOf({ request, effect: prepared.effect, position, state: this.state, stats });
      this.head = position.zxid;
      for (const listener of this.#listeners) listener({ position, txn, triggers });
      settle({ ok: true, zxid: position.zxid, logged: true, result });
    }
    this.entrySizes.push(this.head - before);
  }
}
