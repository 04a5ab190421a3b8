import type { Clock } from '../../base/clock.js';
import type { InstanceOutcome, InstanceRequest } from './instance.js';
import type { AsynchronousSettings } from '../template.js';
import type { FunctionPool, PoolStatistics } from './pool.js';

/** A function that runs in this thread. */
export interface LocalFunction {
  readonly name: string;
  readonly handler: (event: unknown, context: LocalContext) => unknown;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Default: Lambda's own. */
  readonly asynchronous?: AsynchronousSettings;
}

/** What of Lambda's context there is. */
export interface LocalContext {
  readonly awsRequestId: string;
  readonly functionName: string;
  readonly functionVersion: string;
  readonly invokedFunctionArn: string;
  getRemainingTimeInMillis(): number;
}

/**
 * One instance in this thread that takes any number of requests at once: nothing is isolated, frozen or ended, and there are no
 * cold starts. For tests, where starting at once matters more.
 */
export class LocalPool implements FunctionPool {
  readonly statistics: PoolStatistics = { coldStarts: 0, instances: 1 };
  readonly #function: LocalFunction;
  readonly #running = new Set<Promise<InstanceOutcome>>();

  constructor(local: LocalFunction) {
    this.#function = local;
  }

  async run(request: Omit<InstanceRequest, 'memoryMb'>): Promise<InstanceOutcome> {
    const running = this.#run(request);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #run(request: Omit<InstanceRequest, 'memoryMb'>): Promise<InstanceOutcome> {
    const { handler, clock, timeoutMs } = this.#function;
    const { requestId, payload, functionName, functionVersion, invokedFunctionArn } = request;
    const endMs = clock.monotonic() + timeoutMs;
    const context: LocalContext = {
      ...{ awsRequestId: requestId, functionName, functionVersion, invokedFunctionArn },
      getRemainingTimeInMillis: () => Math.max(0, endMs - clock.monotonic()),
    };
    try {
      const text = JSON.stringify(await handler(JSON.parse(payload), context)) as string | undefined;
      return { ok: true, payload: text ?? 'null' };
    } catch (error) {
      const { name, message } = error as Error;
      return { ok: false, error: { errorType: name, errorMessage: message } };
    }
  }
}
