import { needOfRead } from '../../core/machine.js';
import type { AuthId, ReadRequest, Zxid } from '../../core/types.js';
import type { Keeper } from '../../keeper/keeper.js';
import { UnavailableError, ZeroKeeperError } from '../errors.js';
import type { TransportCall, TransportOperation, TransportResult } from '../transport.js';
import type { ArmedWatches, WatchType } from './armed-watches.js';
import { errorOfFailure } from './errors.js';
import { READ_ATTEMPTS_MAX } from './limits.js';
import { impossiblePath, readRequest, readResult } from './translate.js';

/** What is answered from the view, without an entry of its own. */
export type ViewOperation = Exclude<
  TransportOperation,
  { kind: 'create' | 'delete' | 'setData' | 'setAcl' | 'multi' | 'changes' }
>;

export interface ReadsOptions {
  readonly keeper: Keeper;
  readonly authIds: readonly AuthId[];
  readonly watches: ArmedWatches;
}

/** An operation that reads, from when it is handed over to its answer. */
export class ViewRead {
  readonly call: TransportCall;
  readonly #operation: ViewOperation;
  readonly #options: ReadsOptions;
  readonly #request: ReadRequest | undefined;
  /** When it was handed over: the log's end at some later moment is new enough. Undefined: whatever the view shows is. */
  readonly #mark: number | undefined;
  #attemptsLeft = READ_ATTEMPTS_MAX;
  #bringing = false;
  #failure: ZeroKeeperError | undefined;

  constructor(options: ReadsOptions, call: TransportCall, operation: ViewOperation) {
    this.#options = options;
    this.call = call;
    this.#operation = operation;
    const isRead = 'consistency' in operation;
    this.#request = isRead ? readRequest(operation) : undefined;
    const anyAge = operation.kind === 'removeWatch' || (isRead && operation.consistency === 'session');
    this.#mark = anyAge ? undefined : options.keeper.replica.mark();
    this.#failure = impossiblePath(operation.path);
  }

  /**
   * The answer, if everything that it takes is here. Arms the watch that goes with it: answer and watch belong to the same
   * moment, nothing is applied in between.
   */
  attempt(): { readonly zxid: Zxid; readonly result: TransportResult } | ZeroKeeperError | undefined {
    if (this.#failure !== undefined) return this.#failure;
    const { keeper, authIds } = this.#options;
    if (!this.#isCurrent()) return undefined;
    const operation = this.#operation;
    if (!('consistency' in operation)) return this.#withoutRead(operation);
    const answer = keeper.tryRead(readRequest(operation), authIds);
    if (answer === undefined) return undefined;
    const result = readResult(answer, operation);
    if (result instanceof ZeroKeeperError) return result;
    const refusal = 'watch' in operation && operation.watch ? this.#arm(typeOf(operation.kind)) : undefined;
    return refusal ?? { zxid: keeper.head, result };
  }

  /** Brings what {@link attempt} lacks. `then` is called when that is here, or cannot be had; not when it is on its way. */
  bring(then: () => void): void {
    if (this.#bringing || this.#failure !== undefined || this.#isReady()) return;
    this.#bringing = true;
    this.#attemptsLeft--;
    this.#fetch().then(
      () => {
        this.#bringing = false;
        then();
      },
      (error: unknown) => {
        this.#bringing = false;
        this.#failure = errorOfFailure(error);
        then();
      },
    );
  }

  async #fetch(): Promise<void> {
    if (this.#attemptsLeft < 0) {
      const message = 'what the keeper may remember is too little for this read';
      throw new UnavailableError({ code: 0, message });
    }
    const { keeper } = this.#options;
    await Promise.all([
      this.#isCurrent() ? undefined : keeper.sync(),
      this.#request === undefined ? undefined : keeper.hydrateFor(this.#request),
    ]);
  }

  #isReady(): boolean {
    const { view } = this.#options.keeper.replica;
    return this.#isCurrent() && (this.#request === undefined || needOfRead(this.#request, view).length === 0);
  }

  #isCurrent(): boolean {
    return this.#mark === undefined || this.#options.keeper.replica.isCurrentSince(this.#mark);
  }

  #withoutRead(operation: Extract<ViewOperation, { kind: 'sync' | 'addWatch' | 'removeWatch' }>) {
    const { keeper, watches } = this.#options;
    if (operation.kind === 'removeWatch') watches.disarm(operation.type, operation.path);
    const refusal = operation.kind === 'addWatch' ? this.#arm(operation.type) : undefined;
    return refusal ?? { zxid: keeper.head, result: { kind: operation.kind } };
  }

  #arm(type: WatchType): ZeroKeeperError | undefined {
    const refusal = this.#options.watches.arm(type, this.#operation.path);
    if (refusal === undefined) this.call.onArmed?.();
    return refusal;
  }
}

function typeOf(kind: 'exists' | 'getData' | 'getChildren'): WatchType {
  if (kind === 'exists') return 'exists';
  return kind === 'getData' ? 'data' : 'children';
}
