/**
 * The program of an instance: what Lambda's Node.js runtime is to a function. It loads the module once, runs one request at a
 * time, and is frozen in between: no timer fires and no packet is read until the next request, as it is in the cloud.
 */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../base/assert.js';
import { systemClock } from '../../base/clock.js';
import type { FromInstance, FunctionErrorBody, InstanceData, ToInstance } from './messages.js';

type Handler = (event: unknown, context: unknown) => unknown;

const port = parentPort;
assert(port !== null, 'an instance runs in a worker');
const { module, handler: handlerName, given, niceness } = workerData as InstanceData;
const requestsGiven = new Int32Array(given);
let requestsEnded = 0;
// Only Linux gives a thread a priority of its own; elsewhere the whole process would have it.
if (niceness > 0 && process.platform === 'linux') setPriority(0, niceness);

try {
  const handler = await load();
  port.on('message', (request: ToInstance) => void run(handler, request));
  tell({ type: 'ready' });
  freeze();
} catch (error) {
  tell({ type: 'initFailed', error: errorBody(error) });
}

async function load(): Promise<Handler> {
  const exported = ((await import(module)) as Record<string, unknown>)[handlerName];
  if (typeof exported === 'function') return exported as Handler;
  const error = new Error(`index.${handlerName} is undefined or not exported`);
  error.name = 'Runtime.HandlerNotFound';
  throw error;
}

async function run(handler: Handler, request: ToInstance): Promise<void> {
  try {
    const result = await handler(JSON.parse(request.payload), contextOf(request));
    end({ type: 'returned', payload: stringify(result) });
  } catch (error) {
    end({ type: 'threw', error: errorBody(error) });
  }
}

function contextOf(request: ToInstance) {
  const { requestId, timeoutMs, functionName, functionVersion, invokedFunctionArn, memoryMb } = request;
  const endMs = systemClock.monotonic() + timeoutMs;
  return {
    awsRequestId: requestId,
    callbackWaitsForEmptyEventLoop: true,
    functionName,
    functionVersion,
    invokedFunctionArn,
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: 'emulator',
    memoryLimitInMB: String(memoryMb),
    getRemainingTimeInMillis: () => Math.max(0, endMs - systemClock.monotonic()),
  };
}

/** A function without a result answers null. */
function stringify(result: unknown): string {
  const text = JSON.stringify(result) as string | undefined;
  return text ?? 'null';
}

function errorBody(error: unknown): FunctionErrorBody {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error) };
  return {
    errorType: error.name,
    errorMessage: error.message,
    trace: (error.stack ?? '').split('\n'),
  };
}

function tell(message: FromInstance): void {
  port?.postMessage(message);
}

function end(message: FromInstance): void {
  requestsEnded += 1;
  tell(message);
  freeze();
}

/**
 * After what was said has left: then nothing runs until there is another request. The answer may bring one before this is reached, and
 * even its end, so what is compared are numbers: no request is ever slept through.
 */
function freeze(): void {
  setImmediate(() => Atomics.wait(requestsGiven, 0, requestsEnded));
}
