import type { Clock } from '../base/clock.js';
import type { Zxid } from '../core/types.js';
import type { Changes, ChangesInput } from '../keeper/changes.js';
import type { Keeper } from '../keeper/keeper.js';
import type { LeaseHolder } from '../keeper/thin-leases.js';
import type { ThinSessions } from '../keeper/thin-sessions.js';
import { KeeperError } from '../keeper/types.js';
import { Results } from './answer.js';
import type { ThinCaller } from './caller.js';
import { BATCH_RESERVE_MS } from './limits.js';
import type { ThinBatchRequest } from './schema.js';
import { BadRequestError } from './schema.js';
import type { ThinWatches } from './watches/types.js';

export interface BatchOptions {
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly sessions: ThinSessions;
  readonly watches: ThinWatches;
  readonly readChanges: (input: ChangesInput) => Promise<Changes>;
}

/** What the parts of one batch share: the request, what has been answered so far, and how current the head is. */
export class BatchContext {
  readonly options: BatchOptions;
  readonly request: ThinBatchRequest;
  readonly caller: ThinCaller;
  /** The session that the request names, at the epoch that it believes in. */
  readonly holder: LeaseHolder | undefined;
  readonly results = new Results();
  /** A write of this request stands in the log. */
  applied = false;
  /**
   * The last zxid at which the log holds a write of this request's session, and at which the session was therefore the sender's.
   * Above the keeper's head when others carried the write out.
   */
  heldAt: Zxid = 0;
  readonly #mark: number;
  #cut = false;

  constructor(options: BatchOptions, request: ThinBatchRequest, caller: ThinCaller) {
    this.options = options;
    this.request = request;
    this.caller = caller;
    const { session } = request;
    this.holder = session && { session: BigInt('0x' + session.id), epoch: session.epoch };
    this.#mark = options.keeper.replica.mark();
  }

  /** The rest is left out of the answer. */
  isCut(): boolean {
    return this.#cut;
  }

  cut(): void {
    this.#cut = true;
  }

  /** Leaves the rest to the next request. An answer without any result is an error instead. */
  stop(error: KeeperError): void {
    if (this.results.list.length === 0) throw error;
    this.#cut = true;
  }

  /** Cuts the batch when its time is up; throws when it got nowhere. */
  isOutOfTime(): boolean {
    if (this.caller.remainingMs() > BATCH_RESERVE_MS) return false;
    this.stop(new KeeperError('StoreUnavailable', 'the time of the invocation is up'));
    return true;
  }

  get isLinearizable(): boolean {
    return this.request.consistency !== 'session';
  }

  /**
   * Makes the head one that may be answered at: not older than what the client has seen, and with `linearizable` one that was
   * the log's end at some moment since the request came in.
   */
  async becomeCurrent(linearizable = this.isLinearizable): Promise<void> {
    const { keeper } = this.options;
    if (linearizable && !keeper.replica.isCurrentSince(this.#mark)) await keeper.sync();
    // What others have carried out for this request is seen by what follows in it.
    if (await keeper.reach(Math.max(this.request.seen, this.heldAt))) return;
    throw new BadRequestError('seen', `the log ends at ${keeper.head}`);
  }
}

/** The same promise, whose failure is seen by whoever awaits it and by nobody else. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
