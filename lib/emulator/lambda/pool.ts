import type { CancelTimer, Clock } from '../../base/clock.js';
import { LambdaError } from './errors.js';
import type { AsynchronousSettings } from '../template.js';
import { Instance, type InstanceOutcome, type InstanceRequest } from './instance.js';

/** An instance without a request for so long is ended; the next request finds a cold one. */
export const INSTANCE_IDLE_MS = 5 * 60_000;

/** Requests of event sources that wait for an instance, per function. Beyond it they are refused as others are. */
export const WAITING_MAX = 1_000;

/** A function as it is deployed. */
export interface FunctionDefinition {
  readonly name: string;
  /** The bundle. */
  readonly module: URL;
  /** Name of the exported function. */
  readonly handler: string;
  readonly timeoutMs: number;
  readonly memoryMb: number;
  /** Instances at the same time. */
  readonly concurrencyMax: number;
  /** What its instances are niced by. Default: 0. */
  readonly niceness?: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Default: Lambda's own. */
  readonly asynchronous?: AsynchronousSettings;
}

export interface PoolOptions {
  readonly clock: Clock;
  readonly runtime: URL;
  readonly definition: FunctionDefinition;
  readonly onOutput: (text: string) => void;
  readonly instanceIdleMs?: number;
}

interface Idle {
  readonly instance: Instance;
  readonly cancel: CancelTimer;
}

/** What a pool did so far. */
export interface PoolStatistics {
  /** Instances that were started. */
  readonly coldStarts: number;
  /** Instances that are there now. */
  readonly instances: number;
}

/** Whatever runs the requests of one function. */
export interface FunctionPool {
  readonly statistics: PoolStatistics;
  /**
   * Runs a request. When there are too many it throws `TooManyRequestsException`, or waits for its turn with `wait`, as the
   * pollers of event sources do.
   */
  run(request: Omit<InstanceRequest, 'memoryMb'>, options: { wait: boolean }): Promise<InstanceOutcome>;
  /** Requests that are under way fail or are awaited; then nothing is left. */
  stop(): Promise<void>;
}

/** The instances of one function. */
export class InstancePool implements FunctionPool {
  readonly #options: PoolOptions;
  /** The one that was used last is used next, so that the others come to their end. */
  readonly #idle: Idle[] = [];
  readonly #all = new Set<Instance>();
  readonly #waiting: (() => void)[] = [];
  #coldStarts = 0;
  #busy = 0;
  #stopped = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get statistics(): PoolStatistics {
    return { coldStarts: this.#coldStarts, instances: this.#all.size };
  }

  /**
   * Runs a request on an instance of its own. When all are busy it throws `TooManyRequestsException`, or waits for its turn with
   * `wait`, as the pollers of event sources do.
   */
  async run(
    request: Omit<InstanceRequest, 'memoryMb'>,
    options: { wait: boolean },
  ): Promise<InstanceOutcome> {
    await this.#enter(options.wait);
    try {
      const instance = this.#take();
      const { memoryMb, timeoutMs } = this.#options.definition;
      const outcome = await instance.run({ ...request, memoryMb }, timeoutMs);
      this.#giveBack(instance);
      return outcome;
    } finally {
      this.#leave();
    }
  }

  /** Ends all instances; requests that are under way fail. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { cancel } of this.#idle.splice(0)) cancel();
    for (const go of this.#waiting.splice(0)) go();
    await Promise.all([...this.#all].map((instance) => instance.stop()));
  }

  async #enter(wait: boolean): Promise<void> {
    if (this.#busy >= this.#options.definition.concurrencyMax && !this.#stopped) {
      if (!wait || this.#waiting.length >= WAITING_MAX) {
        throw new LambdaError('TooManyRequestsException', 'Rate Exceeded.', {
          Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
        });
      }
      // Whoever leaves hands its place over.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#busy++;
    if (this.#stopped) throw new LambdaError('ServiceException', 'the emulator is being stopped');
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#busy--;
    else next();
  }

  #take(): Instance {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      idle.cancel();
      if (idle.instance.usable) return idle.instance;
    }
    const { clock, runtime, onOutput, definition } = this.#options;
    const { module, handler, environment, memoryMb, niceness = 0 } = definition;
    const instance = new Instance({
      clock,
      runtime,
      module,
      handler,
      environment,
      memoryMb,
      niceness,
      onOutput,
    });
    this.#coldStarts++;
    this.#all.add(instance);
    void instance.exited.then(() => this.#all.delete(instance));
    return instance;
  }

  #giveBack(instance: Instance): void {
    if (!instance.usable || this.#stopped) return;
    const end = () => {
      this.#idle.splice(this.#idle.indexOf(idle), 1);
      void instance.stop();
    };
    const idleMs = this.#options.instanceIdleMs ?? INSTANCE_IDLE_MS;
    const idle: Idle = { instance, cancel: this.#options.clock.after(idleMs, end) };
    this.#idle.push(idle);
  }
}
