import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InvokeCommand, type InvokeCommandInput, LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, ManualClock, systemClock } from '../../lib/base/clock.js';
import { silentLogger } from '../../lib/base/logger.js';
import { seededRandom } from '../../lib/base/random.js';
import { HttpEndpoint } from '../../lib/emulator/http-endpoint.js';
import { ASYNC_RETRY_MS } from '../../lib/emulator/lambda/async-queue.js';
import { INSTANCE_IDLE_MS } from '../../lib/emulator/lambda/pool.js';
import { FunctionFailedError, LambdaService } from '../../lib/emulator/lambda/service.js';
import { WebSocketApi } from '../../lib/emulator/websocket/api.js';
import { build, ROOT } from '../support/build.js';
import { type Gate, openGate } from './gate.js';

const RUNTIME = pathToFileURL(join(ROOT, 'dist/lib/emulator/lambda/runtime.js'));
const FIXTURES = pathToFileURL(join(ROOT, 'test/emulator/fixtures/'));
const CONCURRENCY = 2;

let gate: Gate;
let service: LambdaService;
let endpoint: HttpEndpoint;
let client: LambdaClient;
const closers: (() => unknown)[] = [];

async function serve(clock: Clock = systemClock): Promise<void> {
  const shared = { handler: 'handler', timeoutMs: 5_000, memoryMb: 128, concurrencyMax: CONCURRENCY };
  const environment = { GREETING: 'hello', GATE_URL: gate.url };
  service = new LambdaService({
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    aliases: ['orders'],
    runtime: RUNTIME,
    functions: [
      { ...shared, name: 'sample', module: new URL('sample-function.mjs', FIXTURES), environment },
      {
        ...shared,
        name: 'hurried',
        module: new URL('sample-function.mjs', FIXTURES),
        environment,
        timeoutMs: 50,
      },
      { ...shared, name: 'broken', module: new URL('broken-function.mjs', FIXTURES), environment },
    ],
  });
  const options = { clock: systemClock, random: seededRandom(2), logger: silentLogger };
  const webSocket = new WebSocketApi({ ...options, stages: [], call: () => Promise.resolve(undefined) });
  endpoint = new HttpEndpoint({ lambda: service, webSocket, logger: silentLogger });
  await endpoint.listen({ host: '127.0.0.1', port: 0 });
  client = new LambdaClient({
    endpoint: endpoint.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
  closers.push(
    () => client.destroy(),
    () => endpoint.stop(),
    () => service.stop(),
  );
}

async function invoke(event: unknown, input: Partial<InvokeCommandInput> = {}) {
  const command = new InvokeCommand({ FunctionName: 'sample', Payload: JSON.stringify(event), ...input });
  const { Payload, ...answer } = await client.send(command);
  const text = Payload?.transformToString() ?? '';
  return { ...answer, payload: text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>) };
}

/** Resolves when it holds; the test's time is the bound. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

beforeAll(build, 120_000);

beforeEach(async () => {
  gate = await openGate();
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  await gate.close();
});

describe('Invoke, by an unchanged LambdaClient', () => {
  it('runs a function and tells the version that ran', async () => {
    await serve();
    const answer = await invoke({ some: 'event' });
    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST' });
    expect(answer.FunctionError).toBeUndefined();
    expect(answer.payload).toEqual({ calls: 1, event: { some: 'event' } });
  });

  it('gives the handler the context of its invocation and the environment of its function', async () => {
    await serve();
    const answer = await invoke({ do: 'context' }, { Qualifier: 'orders' });
    expect(answer.ExecutedVersion).toBe('1');
    expect(answer.payload).toMatchObject({
      awsRequestId: answer.$metadata.requestId,
      functionName: 'sample',
      functionVersion: '1',
      invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:sample:orders',
      memoryLimitInMB: '128',
      greeting: 'hello',
    });
    expect(answer.payload?.['remainingMs']).toBeGreaterThan(0);
    expect(answer.payload?.['remainingMs']).toBeLessThanOrEqual(5_000);
  });

  it('takes an ARN with an alias for a name', async () => {
    await serve();
    const FunctionName = 'arn:aws:lambda:us-east-1:000000000000:function:sample:orders';
    const answer = await invoke({ do: 'context' }, { FunctionName });
    expect(answer.payload?.['invokedFunctionArn']).toBe(FunctionName);
  });

  it('answers null for a function that returns nothing, and takes no payload for an empty event', async () => {
    await serve();
    expect((await invoke({ do: 'nothing' })).payload).toBeNull();
    expect((await invoke(undefined)).payload).toMatchObject({ event: {} });
  });

  it('reports what a function throws as a function error', async () => {
    await serve();
    const answer = await invoke({ do: 'throw' });
    expect(answer).toMatchObject({ StatusCode: 200, FunctionError: 'Unhandled' });
    expect(answer.payload).toMatchObject({ errorType: 'RangeError', errorMessage: 'as it was told to' });
  });

  it('reports a function that cannot be loaded, ends, or answers too much', async () => {
    await serve();
    expect((await invoke({}, { FunctionName: 'broken' })).payload).toMatchObject({
      errorMessage: 'cannot be loaded',
    });
    expect((await invoke({ do: 'exit' })).payload).toMatchObject({ errorType: 'Runtime.ExitError' });
    expect((await invoke({ do: 'large' })).payload).toMatchObject({
      errorType: 'Function.ResponseSizeTooLarge',
    });
    expect((await invoke({})).FunctionError).toBeUndefined();
  });

  it('ends an instance that runs out of time, even one that never yields', async () => {
    await serve();
    const answer = await invoke({ do: 'hang' }, { FunctionName: 'hurried' });
    expect(answer).toMatchObject({ FunctionError: 'Unhandled' });
    expect(answer.payload).toMatchObject({
      errorType: 'Sandbox.Timedout',
      errorMessage: 'Task timed out after 0.05 seconds',
    });
    expect((await invoke({}, { FunctionName: 'hurried' })).payload).toMatchObject({ calls: 1 });
  });

  it('refuses unknown functions and aliases, unreadable names and types, and payloads that are no JSON', async () => {
    await serve();
    await expect(invoke({}, { FunctionName: 'nobody' })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: 'Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody',
      $metadata: { httpStatusCode: 404 },
    });
    await expect(invoke({}, { Qualifier: 'nothing' })).rejects.toThrow('Function not found');
    await expect(invoke({}, { FunctionName: 'a b' })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
    });
    await expect(invoke({}, { InvocationType: 'Later' as 'Event' })).rejects.toThrow('no type of invocation');
    await expect(invoke({}, { Payload: 'no JSON' })).rejects.toMatchObject({
      name: 'InvalidRequestContentException',
    });
  });

  it('refuses more than 6 MB of a request and more than 1 MB of an event', async () => {
    await serve();
    const refused = { name: 'RequestTooLargeException', $metadata: { httpStatusCode: 413 } };
    await expect(invoke('x'.repeat(6 * 1024 * 1024))).rejects.toMatchObject(refused);
    const event = 'x'.repeat(1024 * 1024);
    await expect(invoke(event, { InvocationType: 'Event' })).rejects.toMatchObject(refused);
    expect((await invoke(event)).FunctionError).toBeUndefined();
  });

  it('runs nothing on a dry run', async () => {
    await serve();
    expect((await invoke({}, { InvocationType: 'DryRun' })).StatusCode).toBe(204);
    expect(service.statistics('sample').coldStarts).toBe(0);
  });
});

describe('instances', () => {
  it('keep their module state from request to request, and are used again', async () => {
    await serve();
    const counts = [];
    for (let index = 0; index < 3; index++) counts.push((await invoke({})).payload?.['calls']);
    expect(counts).toEqual([1, 2, 3]);
    expect(service.statistics('sample')).toEqual({ coldStarts: 1, instances: 1 });
  });

  it('sleep through no request, however soon it follows the one before', async () => {
    await serve();
    const answers: unknown[] = [];
    for (let index = 0; index < 300; index++) answers.push(await service.call('sample', {}));
    expect(answers.at(-1)).toMatchObject({ calls: 300 });
    expect(service.statistics('sample').coldStarts).toBe(1);
  });

  it('are as many as there are requests at once, up to the limit, and share nothing', async () => {
    await serve();
    const held = [invoke({ do: 'hold' }), invoke({ do: 'hold' })];
    await Promise.all([gate.arrival(), gate.arrival()]);
    await expect(invoke({})).rejects.toMatchObject({
      name: 'TooManyRequestsException',
      Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
      $metadata: { httpStatusCode: 429 },
    });
    gate.release('first');
    gate.release('second');
    expect(new Set((await Promise.all(held)).map(({ payload }) => payload as unknown))).toEqual(
      new Set(['first', 'second']),
    );
    expect(service.statistics('sample')).toEqual({ coldStarts: 2, instances: 2 });
    expect((await invoke({})).payload).toMatchObject({ calls: 2 });
  });

  it('make event sources wait for their turn', async () => {
    await serve();
    const held = [invoke({ do: 'hold' }), invoke({ do: 'hold' })];
    await Promise.all([gate.arrival(), gate.arrival()]);
    const waiting = service.call('sample', {});
    gate.release();
    gate.release();
    expect(await waiting).toMatchObject({ calls: 2 });
    await Promise.all(held);
  });

  it('are ended when nobody needed them for a while: the next request is a cold start', async () => {
    const clock = new ManualClock();
    await serve(clock);
    await invoke({});
    expect(service.statistics('sample')).toEqual({ coldStarts: 1, instances: 1 });
    await clock.advance(INSTANCE_IDLE_MS);
    await until(() => service.statistics('sample').instances === 0);
    expect((await invoke({})).payload).toMatchObject({ calls: 1 });
    expect(service.statistics('sample').coldStarts).toBe(2);
  });

  it('tell event sources why a function failed', async () => {
    await serve();
    const failed = service.call('sample', { do: 'throw' });
    await expect(failed).rejects.toBeInstanceOf(FunctionFailedError);
    await expect(failed).rejects.toMatchObject({
      message: 'sample failed: RangeError: as it was told to',
    });
  });
});

describe('events', () => {
  it('are accepted at once and tried three times in all when the function fails', async () => {
    const clock = new ManualClock();
    await serve(clock);
    const answer = await invoke({ do: 'report-and-throw' }, { InvocationType: 'Event' });
    expect(answer).toMatchObject({ StatusCode: 202, payload: undefined });
    const seen = [];
    for (const retryMs of [...ASYNC_RETRY_MS, undefined]) {
      seen.push(await gate.arrival());
      gate.release();
      // The instance is idle again, and the next attempt is waited for.
      if (retryMs === undefined) break;
      await until(() => clock.pending === 2);
      await clock.advance(retryMs);
    }
    expect(seen).toEqual(['1', '2', '3']);
    // Only the idle instance is left to be ended: there is no fourth attempt.
    await until(() => clock.pending === 1);
  });
});
