import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import type { Random } from '../../base/random.js';
import { failedCall, type PutAside } from '../failure-records.js';
import type { AsynchronousSettings } from '../template.js';
import { AsyncQueue, type GivenUp } from './async-queue.js';
import { LambdaError } from './errors.js';
import type { InstanceOutcome } from './instance.js';
import { uuid } from '../identifiers.js';
import { functionArn, LATEST, parseFunctionName, VERSION } from './names.js';
import { type LocalFunction, LocalPool } from './local-pool.js';
import { type FunctionDefinition, type FunctionPool, InstancePool, type PoolStatistics } from './pool.js';

/** Bytes of a payload at most: of a request, of its answer, and of an event. */
export const SYNC_PAYLOAD_BYTES_MAX = 6 * 1024 * 1024;
export const ASYNC_PAYLOAD_BYTES_MAX = 1024 * 1024;

export interface LambdaServiceOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly functions: readonly (FunctionDefinition | LocalFunction)[];
  /** Every function has these, each pointing to its only version. */
  readonly aliases: readonly string[];
  /** The program of an instance. Default: beside this file. */
  readonly runtime?: URL;
  readonly instanceIdleMs?: number;
  /** Where asynchronous calls go that were given up, of functions that have such a place. Default: they are logged only. */
  readonly putAside?: PutAside | undefined;
}

export type InvocationType = 'RequestResponse' | 'Event' | 'DryRun';

export interface Invocation {
  /** Name or ARN. */
  readonly functionName: string;
  readonly qualifier?: string | undefined;
  readonly type: InvocationType;
  /** JSON; empty stands for `{}`. */
  readonly payload: string;
  /** Waits for an instance instead of being refused, as event sources do. */
  readonly wait?: boolean;
}

export interface InvocationAnswer {
  readonly requestId: string;
  readonly executedVersion: string;
  /** Of `RequestResponse` only. */
  readonly outcome?: InstanceOutcome;
}

/** Thrown by {@link LambdaService.call} when the function threw, ran out of time or ended. */
export class FunctionFailedError extends Error {
  override readonly name = 'FunctionFailedError';
  readonly errorType: string;

  constructor(
    functionName: string,
    { errorType, errorMessage }: { errorType: string; errorMessage: string },
  ) {
    super(`${functionName} failed: ${errorType}: ${errorMessage}`);
    this.errorType = errorType;
  }
}

interface GivenUpEvent extends GivenUp {
  readonly requestId: string;
  /** JSON. */
  readonly payload: string;
  readonly name: string;
  readonly qualifier: string | undefined;
}

interface DeployedFunction {
  readonly pool: FunctionPool;
  readonly queue: AsyncQueue;
  readonly asynchronous: AsynchronousSettings;
}

/** Of functions that say nothing else. */
const ASYNCHRONOUS: AsynchronousSettings = { retriesMax: 2, ageSecondsMax: 21_600 };

/** Lambda: functions by name, their instances, and the queue of events. */
export class LambdaService {
  readonly #options: LambdaServiceOptions;
  readonly #functions: ReadonlyMap<string, DeployedFunction>;

  constructor(options: LambdaServiceOptions) {
    this.#options = options;
    this.#functions = new Map(
      options.functions.map((definition) => [definition.name, this.#deploy(definition)]),
    );
  }

  /** Throws {@link LambdaError} when the request is refused; a function that fails is an outcome. */
  async invoke(invocation: Invocation): Promise<InvocationAnswer> {
    const { name, qualifier } = parseFunctionName(invocation.functionName, invocation.qualifier);
    const deployed = this.#find(name, qualifier);
    const payload = checkedPayload(invocation);
    const executedVersion = qualifier === undefined || qualifier === LATEST ? LATEST : VERSION;
    const requestId = uuid(this.#options.random);
    const run = (wait: boolean) => {
      const invokedFunctionArn = functionArn({ name, qualifier });
      return deployed.pool.run(
        { requestId, payload, functionName: name, functionVersion: executedVersion, invokedFunctionArn },
        { wait },
      );
    };
    const answer = { requestId, executedVersion };
    if (invocation.type === 'DryRun') return answer;
    if (invocation.type === 'RequestResponse') {
      return { ...answer, outcome: bounded(await run(invocation.wait ?? false)) };
    }
    deployed.queue.add({
      run: () => run(true),
      onGivenUp: (givenUp) => this.#giveUp(deployed, { ...givenUp, requestId, payload, name, qualifier }),
    });
    return answer;
  }

  /** For event sources: waits for an instance, and throws {@link FunctionFailedError} when the function fails. */
  async call(functionName: string, event: unknown): Promise<unknown> {
    const payload = JSON.stringify(event);
    const { outcome } = await this.invoke({ functionName, type: 'RequestResponse', payload, wait: true });
    if (outcome?.ok === true) return JSON.parse(outcome.payload) as unknown;
    throw new FunctionFailedError(functionName, outcome?.error ?? NO_OUTCOME);
  }

  /** For schedules, which do not wait: takes the event, and runs and tries it as any asynchronous call. */
  async send(functionName: string, event: unknown): Promise<void> {
    await this.invoke({ functionName, type: 'Event', payload: JSON.stringify(event) });
  }

  statistics(functionName: string): PoolStatistics {
    return this.#find(functionName, undefined).pool.statistics;
  }

  /** Resolves when no instance is left. */
  async stop(): Promise<void> {
    const functions = [...this.#functions.values()];
    await Promise.all(functions.flatMap(({ pool, queue }) => [pool.stop(), queue.stop()]));
  }

  #deploy(definition: FunctionDefinition | LocalFunction): DeployedFunction {
    const { clock } = this.#options;
    const pool = 'module' in definition ? this.#instances(definition) : new LocalPool(definition);
    const { asynchronous = ASYNCHRONOUS } = definition;
    const { retriesMax, ageSecondsMax } = asynchronous;
    const queue = new AsyncQueue({ clock, retriesMax, ageMaxMs: ageSecondsMax * 1000 });
    return { pool, queue, asynchronous };
  }

  async #giveUp({ asynchronous }: DeployedFunction, event: GivenUpEvent): Promise<void> {
    const { clock, logger, putAside } = this.#options;
    const { name, qualifier, ...failed } = event;
    logger.error('an event was given up', { function: name, ...failed.outcome.error });
    if (asynchronous.failures === undefined || putAside === undefined) return;
    const arn = functionArn({ name, qualifier });
    await putAside(failedCall({ ...failed, functionArn: arn, nowMs: clock.now() })).catch((error: unknown) =>
      logger.error('an event that was given up is lost', { function: name, error }),
    );
  }

  #instances(definition: FunctionDefinition): InstancePool {
    const { clock, instanceIdleMs } = this.#options;
    const runtime = this.#options.runtime ?? new URL('./runtime.js', import.meta.url);
    return new InstancePool({
      clock,
      runtime,
      definition,
      onOutput: (text) => void process.stderr.write(text),
      ...(instanceIdleMs === undefined ? {} : { instanceIdleMs }),
    });
  }

  #find(name: string, qualifier: string | undefined): DeployedFunction {
    const known = [undefined, LATEST, VERSION, ...this.#options.aliases].includes(qualifier);
    const deployed = this.#functions.get(name);
    if (deployed !== undefined && known) return deployed;
    const arn = functionArn({ name, qualifier });
    throw new LambdaError('ResourceNotFoundException', `Function not found: ${arn}`);
  }
}

const NO_OUTCOME = { errorType: 'ServiceException', errorMessage: 'no outcome' };

function checkedPayload({ type, payload }: Invocation): string {
  const bytesMax = type === 'Event' ? ASYNC_PAYLOAD_BYTES_MAX : SYNC_PAYLOAD_BYTES_MAX;
  if (Buffer.byteLength(payload) > bytesMax) throw tooLarge(bytesMax);
  if (payload === '') return '{}';
  try {
    JSON.parse(payload);
  } catch (cause) {
    const message = `Could not parse request body into json: ${(cause as Error).message}`;
    throw new LambdaError('InvalidRequestContentException', message);
  }
  return payload;
}

export function tooLarge(bytesMax: number): LambdaError {
  const message = `Request must be smaller than ${bytesMax} bytes for the InvokeFunction operation`;
  return new LambdaError('RequestTooLargeException', message);
}

/** A function's answer has a limit, too; beyond it the function counts as failed. */
function bounded(outcome: InstanceOutcome): InstanceOutcome {
  if (!outcome.ok || Buffer.byteLength(outcome.payload) <= SYNC_PAYLOAD_BYTES_MAX) return outcome;
  return {
    ok: false,
    error: {
      errorType: 'Function.ResponseSizeTooLarge',
      errorMessage: `Response payload size exceeded maximum allowed payload size (${SYNC_PAYLOAD_BYTES_MAX} bytes).`,
    },
  };
}
