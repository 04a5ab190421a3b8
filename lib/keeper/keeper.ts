import type { Clock } from '../base/clock.js';
import { answer, needOfRead } from '../core/machine.js';
import { unknownQuotaRoot } from '../core/quota.js';
import { parentOf } from '../core/paths.js';
import { recordKey, type RecordKey } from '../core/state.js';
import type { Acl, AuthId, ReadAnswer, ReadRequest, SessionId, WriteRequest, Zxid } from '../core/types.js';
import type { Counters } from '../log/entry.js';
import type { CombiningOptions } from './combining/combining.js';
import { Combining } from './combining/combining.js';
import { Committer } from './committer.js';
import type { Settle } from './committer.js';
import { Follower } from './follower.js';
import { FOLLOW_IDLE_MS, HELD_CHILDREN_MAX } from './limits.js';
import type { GuardedOrigin } from './planner.js';
import type { Leap, ReplicaOptions } from './replica.js';
import { Replica } from './replica.js';
import type { Commit, KeeperApi, WriteOutcome } from './types.js';
import { KeeperError } from './types.js';

export interface KeeperOptions extends ReplicaOptions {
  /** False while the clock cannot be trusted: nothing is written then. */
  readonly isClockTrusted?: () => boolean;
  /** Asked to materialize when the materializer lags by more than a minute. May be called often; must not throw. */
  readonly callMaterializer?: () => void;
  /** Follow the log by polling its tail. A keeper that only answers linearizable requests need not. */
  readonly follow?: boolean;
  /** Longest pause between two looks at the tail, ms. */
  readonly followIdleMs?: number;
  /** Park writes while many contend, and combine what others have parked. For keepers whose writes are numbered. */
  readonly combining?: CombiningOptions;
}

/**
 * The shell around a view: hydrate, prepare, append, apply, answer. Gateways, functions and embedded clients each have one;
 * none is special. A *leader* is whoever wins the next slot.
 */
export class Keeper implements KeeperApi {
  readonly replica: Replica;
  readonly committer: Committer;
  readonly combining: Combining | undefined;
  readonly #follower: Follower;
  readonly #options: KeeperOptions;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.replica = new Replica(options);
    this.combining = options.combining && new Combining(this.replica, options.combining);
    this.committer = new Committer(this.replica, {
      combining: this.combining,
      ...(options.isClockTrusted === undefined ? {} : { mayWrite: options.isClockTrusted }),
    });
    this.#follower = new Follower({
      replica: this.replica,
      callMaterializer: options.callMaterializer ?? (() => undefined),
      ...(options.followIdleMs === undefined ? {} : { idleMs: options.followIdleMs }),
    });
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  get namespace(): string {
    return this.#options.namespace;
  }

  get head(): Zxid {
    return this.replica.head;
  }

  get headTimeMs(): number {
    return this.replica.headTimeMs;
  }

  get counters(): Counters {
    return this.replica.counters;
  }

  get watermark(): Zxid {
    return this.replica.watermark;
  }

  /**
   * By how much the last successful look at the log's end is older than it should be, ms. Looks are a pause apart, and one is left out
   * when the last is younger than a pause.
   */
  get overdueMs(): number {
    const { followIdleMs = FOLLOW_IDLE_MS } = this.#options;
    return Math.max(0, this.replica.currentAgeMs - 2 * followIdleMs);
  }

  /** Age of the oldest entry above the watermark, as it was when the watermark was read last, ms. */
  get lagMs(): number {
    const oldestMs = this.replica.window.oldestTimeMs;
    if (oldestMs === undefined || this.head <= this.watermark) return 0;
    return Math.max(0, Math.floor(this.clock.now() - oldestMs));
  }

  /** Reads watermark and tail once, then (with `follow`) keeps looking at the tail. */
  async start(): Promise<void> {
    await this.replica.start();
    await this.replica.sync();
    if (this.#options.follow === true) this.#follower.start();
  }

  /** Stops following and refuses further writes. The put in flight, if any, is awaited. */
  async stop(): Promise<void> {
    this.#follower.stop();
    await this.committer.stop();
  }

  submit(request: WriteRequest, origin: GuardedOrigin, settle: Settle): void {
    this.committer.submit(request, origin, settle);
  }

  write(request: WriteRequest, origin: GuardedOrigin): Promise<WriteOutcome> {
    return new Promise((resolve, reject) => {
      this.submit(request, origin, (outcome) => {
        if (outcome instanceof KeeperError) reject(outcome);
        else resolve(outcome);
      });
    });
  }

  tryRead(request: ReadRequest, authIds: readonly AuthId[]): ReadAnswer | undefined {
    if (needOfRead(request, this.replica.view).length > 0) return undefined;
    return answer(request, this.replica.view, authIds);
  }

  tryHold(request: ReadRequest): (() => void) | undefined {
    const { view } = this.replica;
    if (needOfRead(request, view).length > 0) return undefined;
    const { path } = request;
    const record = view.node(path);
    const keys = [recordKey.node(path)];
    // That there is none may be known from its parent's list alone.
    if (record === null && path !== '/') keys.push(recordKey.children(parentOf(path)));
    // What lies in a blob is not part of the state, and cannot be kept.
    if (request.kind === 'getData' && record !== null && !(record?.data instanceof Uint8Array))
      return undefined;
    if (request.kind === 'getChildren') {
      // A znode that has no children yet may have some by then.
      if ((view.children(path)?.size ?? Infinity) > HELD_CHILDREN_MAX) return undefined;
      keys.push(recordKey.children(path));
    }
    return view.pin(keys);
  }

  hydrateFor(request: ReadRequest): Promise<void> {
    const missing = needOfRead(request, this.replica.view);
    // Every write asks whether there are quotas. It is known by then, if it comes in beside the first read.
    if (missing.length > 0) missing.push(...unknownQuotaRoot(this.replica.view));
    return this.replica.hydrate(missing);
  }

  /** Reads with everything that a read takes: hydration, and with `linearizable` a look at the tail before. */
  async read(request: ReadRequest, options: ReadOptions = {}): Promise<{ answer: ReadAnswer; zxid: Zxid }> {
    if (options.consistency === 'linearizable') await this.sync();
    for (;;) {
      const result = this.tryRead(request, options.authIds ?? []);
      if (result !== undefined) return { answer: result, zxid: this.head };
      await this.hydrateFor(request);
    }
  }

  sync(): Promise<Zxid> {
    return this.replica.sync();
  }

  reach(zxid: Zxid): Promise<boolean> {
    return this.replica.reach(zxid);
  }

  tryWatchState(path: string): { mzxid: Zxid; pzxid: Zxid; acl: readonly Acl[] } | null | undefined {
    return this.replica.view.node(path);
  }

  tryChildren(path: string): ReadonlySet<string> | undefined {
    const record = this.replica.view.node(path);
    return record === null || record?.numChildren === 0 ? NO_NAMES : this.replica.view.children(path);
  }

  tryEphemerals(session: SessionId): ReadonlySet<string> | undefined {
    return this.replica.view.ephemerals(session);
  }

  hydrate(keys: readonly RecordKey[]): Promise<void> {
    return this.replica.hydrate(keys);
  }

  onCommit(listener: (commit: Commit) => void): () => void {
    return this.replica.listen({ onCommit: listener, onEntry: () => undefined });
  }

  onLeap(listener: (leap: Leap) => void): () => void {
    return this.replica.onLeap(listener);
  }
}

const NO_NAMES: ReadonlySet<string> = new Set<string>();

export interface ReadOptions {
  /** Default `session`: answer at the head as it is. */
  readonly consistency?: 'linearizable' | 'session';
  readonly authIds?: readonly AuthId[];
}
