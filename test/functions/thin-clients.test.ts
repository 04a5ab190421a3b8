import { describe, expect, it, vi } from 'vitest';
import { apiHandler } from '../../functions/shared/api.js';
import { namespaceOfCall } from '../../functions/shared/authority.js';
import { EventError } from '../../functions/shared/events.js';
import { expireFunction } from '../../functions/shared/expire.js';
import { materializeHandler } from '../../functions/shared/materialize.js';
import { functionLogger, functionMetrics } from '../../functions/shared/observability.js';
import { parseTimer, QueueTimers, timerMessage } from '../../functions/shared/timer-messages.js';
import { createWiring, type WiringOptions } from '../../functions/shared/wiring.js';
import { REAP_ALLOWANCE_MS } from '../../lib/keeper/limits.js';
import type { Timer } from '../../lib/keeper/thin-timers.js';
import { createSession } from '../keeper/world.js';
import { ANYONE } from '../keeper/world.js';
import { base64, batchRequest, create, ManualTimers, openRequest, ThinWorld } from '../api/world.js';

const NAMESPACE = 'test';

function setUp(options: Partial<WiringOptions> = {}) {
  const world = new ThinWorld();
  const timers = new ManualTimers(() => world.clock.now());
  const { store, clock, random } = world;
  const wiring = createWiring({ store, clock, random, namespaces: [NAMESPACE], timers, ...options });
  const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 10_000 };
  const api = apiHandler(() => wiring);
  const ask = async (request: unknown) =>
    (await world.until(api(request, context))) as Record<string, unknown>;
  const expire = expireFunction(() => wiring);
  const materialize = materializeHandler(() => wiring);
  return { world, timers, wiring, ask, expire, materialize };
}

function message(timer: Timer | string, messageId: string) {
  const body = typeof timer === 'string' ? timer : timerMessage(timer);
  return { messageId, body, eventSource: 'aws:sqs' };
}

describe('the authority of a call', () => {
  const arn = 'arn:aws:lambda:eu-central-1:123456789012:function:api';
  const authority = { namespace: 'own', payloadMayName: false };
  const open = { ...authority, payloadMayName: true };
  it.each([
    { invokedFunctionArn: `${arn}:orders`, from: authority, namespace: 'orders' },
    { invokedFunctionArn: `${arn}:$LATEST`, from: authority, namespace: 'own' },
    { invokedFunctionArn: `${arn}:7`, from: authority, namespace: 'own' },
    { invokedFunctionArn: arn, from: authority, namespace: 'own' },
    { invokedFunctionArn: arn, from: open, namespace: 'x' },
    { invokedFunctionArn: arn, request: { namespace: 'x#y' }, from: open, namespace: 'own' },
    { invokedFunctionArn: `${arn}:orders`, from: open, namespace: 'orders' },
  ])('makes $namespace of $invokedFunctionArn with $from', (call) => {
    const { invokedFunctionArn, from, namespace, request = { namespace: 'x' } } = call;
    expect(namespaceOfCall({ invokedFunctionArn }, request, from)).toBe(namespace);
  });
});

describe('timers as messages', () => {
  it('come back as they were sent, after whole seconds that are never too few', async () => {
    const sent: { MessageBody: string; DelaySeconds: number }[] = [];
    const timers = new QueueTimers('url', (one) => Promise.resolve(sent.push(one)));
    const session = {
      kind: 'session',
      namespace: 'a',
      session: 2n ** 62n,
      epoch: 3,
      chain: 'c',
      deadlineMs: 5,
    } as const;
    const gateway = { kind: 'gateway', namespace: 'a', gatewayId: 'g', chain: 'c', deadlineMs: 5 } as const;
    for (const timer of [session, gateway]) await timers.schedule(timer, 1_001);
    expect(sent.map(({ DelaySeconds }) => DelaySeconds)).toEqual([2, 2]);
    expect(sent.map(({ MessageBody }) => parseTimer(MessageBody))).toEqual([session, gateway]);
  });

  it.each(['', '{}', '{"kind":"session"}'])('are refused when they are %j', (body) => {
    expect(() => parseTimer(body)).toThrow(EventError);
  });
});

describe('expire', () => {
  it('answers which messages have to come again, and works on the others', async () => {
    const { world, timers, ask, expire } = setUp();
    await ask(openRequest());
    await world.clock.advance(10_000 + REAP_ALLOWANCE_MS);
    const { timer, messageId } = timers.sent[0]!;
    const event = {
      Records: [message('no timer', 'broken'), message(timer, messageId), message(timer, messageId)],
    };
    const answer = await world.until(expire(event));
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'broken' }] });
    expect(await world.closes()).toHaveLength(1);
    expect(await world.until(expire({ Records: [message(timer, messageId)] }))).toEqual({
      batchItemFailures: [],
    });
    expect(await world.closes()).toHaveLength(1);
  });

  it('tells notify of what it closed, for ephemerals went with it', async () => {
    const notified: [string, number][] = [];
    const notify = (namespace: string, zxid: number) =>
      Promise.resolve(void notified.push([namespace, zxid]));
    const { world, timers, ask, expire } = setUp({ notify });
    await ask(openRequest(1));
    await ask(openRequest(2, 60_000));
    notified.length = 0;
    await world.clock.advance(10_000 + REAP_ALLOWANCE_MS);
    const { timer, messageId } = timers.sent[0]!;
    await world.until(expire({ Records: [message(timer, messageId)] }));
    expect(notified).toEqual([[NAMESPACE, 3]]);
  });

  it('closes the sessions of an embedded keeper that died, without any gateway, by a timer that the log began', async () => {
    const { world, timers, expire, materialize } = setUp();
    const { GatewaySessions } = await import('../../lib/keeper/sessions.js');
    const { keeper, store } = world.instance();
    const { clock, random } = world;
    const embedded = new GatewaySessions({ store, keeper, clock, random, address: () => 'here:0' });
    await world.until(embedded.start());
    const { session } = await world.until(embedded.create(6_000));
    await world.until(materialize({ namespace: NAMESPACE }));
    await world.until(materialize({ namespace: NAMESPACE }));
    expect(timers.sent.map(({ timer }) => timer.kind)).toEqual(['gateway']);
    await world.until(embedded.stop());
    const diedMs = clock.now();
    for (let index = 0; (await world.closes()).length === 0; index++) {
      const next = timers.sent[index]!;
      await clock.advance(Math.max(0, next.dueMs - clock.now()));
      await world.until(expire({ Records: [message(next.timer, next.messageId)] }));
    }
    expect(await world.closes()).toEqual([session]);
    expect(clock.now() - diedMs).toBeLessThan(8_000);
  });

  it('sets no timer for sessions with a lease of their own, and none twice for one owner', async () => {
    const { world, timers, materialize } = setUp();
    const { keeper } = world.instance();
    for (const id of [11n, 12n]) await world.until(keeper.write(createSession(id, 'g1'), ANYONE));
    await world.until(keeper.write(createSession(13n, ''), ANYONE));
    await world.until(materialize({ namespace: NAMESPACE }));
    expect(timers.sent.map(({ timer }) => timer)).toMatchObject([{ kind: 'gateway', gatewayId: 'g1' }]);
  });
});

describe('api', () => {
  it('answers over Invoke as a trusted caller, and over a function URL as the caller whom IAM names', async () => {
    const { ask } = setUp();
    await ask(
      batchRequest({ operations: [{ ...create('/a'), acl: [{ perms: 31, scheme: 'iam', id: 'arn:me' }] }] }),
    );
    const read = batchRequest({ operations: [{ op: 'getData', path: '/a' }] });
    expect(await ask(read)).toMatchObject({ results: [{ op: 'getData' }] });
    for (const [userArn, op] of [
      ['arn:me', 'getData'],
      ['arn:other', 'error'],
    ] as const) {
      const requestContext = { http: {}, authorizer: { iam: { userArn } } };
      const { body } = await ask({ requestContext, body: JSON.stringify(read) });
      expect(JSON.parse(body as string)).toMatchObject({ results: [{ op }] });
    }
    expect(await ask({ requestContext: { http: {} }, body: 'no json' })).toMatchObject({ statusCode: 200 });
  });

  it('tells notify after an append when there are thin sessions, and survives its failure', async () => {
    const notify = vi.fn(() => Promise.reject(new Error('throttled')));
    const { ask } = setUp({ notify });
    await ask(batchRequest({ operations: [create('/a')] }));
    expect(notify).not.toHaveBeenCalled();
    await ask(openRequest());
    expect(await ask(batchRequest({ operations: [create('/b')] }))).toMatchObject({
      results: [{ op: 'create' }],
    });
    expect(notify.mock.calls).toEqual([
      [NAMESPACE, 2],
      [NAMESPACE, 3],
    ]);
    await ask(batchRequest({ operations: [{ op: 'exists', path: '/b' }] }));
    expect(notify).toHaveBeenCalledTimes(2);
  });

  it('logs and counts what happened, but neither data nor passwords', async () => {
    vi.stubEnv('POWERTOOLS_DEV', 'true');
    vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'DEBUG');
    vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
    const lines: string[] = [];
    const spies = (['debug', 'info', 'warn', 'error', 'log'] as const).map((name) =>
      vi
        .spyOn(console, name)
        .mockImplementation((...parts: unknown[]) => void lines.push(parts.map(String).join(' '))),
    );
    const { ask } = setUp({ logger: functionLogger(), metrics: functionMetrics('zerokeeper') });
    const opened = await ask(openRequest());
    const session = { id: opened['session'] as string, epoch: 1 };
    const data = base64('the secret of the znode');
    await ask(
      batchRequest({
        session,
        operations: [
          { ...create('/a', 1), data },
          { op: 'getData', path: '/a' },
        ],
      }),
    );
    await ask({
      ...batchRequest({ session }),
      operations: [{ op: 'create', path: '/a', data: { [data]: data } }],
    });
    await ask({ v: 1, type: 'attach', session: session.id, password: data });
    for (const spy of spies) spy.mockRestore();
    vi.unstubAllEnvs();
    const text = lines.join('\n');
    expect(text).toContain('request-1');
    expect(text).toContain(session.id);
    expect(text).toContain('"_aws"');
    expect(text).toContain('"zxid"');
    for (const secret of [opened['password'] as string, data, 'the secret of the znode']) {
      expect(text).not.toContain(secret);
    }
  });
});
