import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { apiHandler, type UrlResponse } from '../../functions/shared/api.js';
import { connectHandler } from '../../functions/shared/connect.js';
import { EventError } from '../../functions/shared/events.js';
import { parseTimer } from '../../functions/shared/timer-messages.js';
import { createWatchWiring } from '../../functions/shared/watch-wiring.js';
import { createWiring } from '../../functions/shared/wiring.js';
import { silentLogger } from '../../lib/base/logger.js';
import { THIN_PROTOCOL_VERSION, type ThinAnswer } from '../../lib/wire/thin-protocol.js';
import { base64, batchRequest, create, ManualTimers, ThinWorld } from '../api/world.js';
import { NAMESPACE } from '../keeper/world.js';

/** `npm run fuzz` takes 5000, or what the environment says; `npm test` makes do with few. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 200);
const RUN_MS_MAX = 200;
const TIME = { timeout: 20_000 + RUNS * RUN_MS_MAX };
const ANSWER_TYPES = ['opened', 'closed', 'batch', 'error'];

/** Values as an attacker would choose them. */
const odd = fc.oneof(
  fc.constantFrom(
    ...[null, true, -1, 0, 1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308, '', '0', '-1', '/', '//', '/a/../b'],
    ...['__proto__', 'constructor', 'toString', '\u0000', '\ud800', 'x'.repeat(5000), [], {}],
  ),
  fc.jsonValue({ maxDepth: 3 }),
);
const path = fc.constantFrom(
  '/',
  '/fuzz',
  '/fuzz/a',
  '/fuzz/a/b',
  '/zookeeper/config',
  '/zookeeper/quota',
  'fuzz',
  '/fuzz/',
  '/\u0000',
);
const acl = fc.constantFrom(
  [{ perms: 31, scheme: 'world', id: 'anyone' }],
  [{ perms: 0, scheme: 'world', id: 'anyone' }],
  [{ perms: 31, scheme: 'digest', id: 'x' }],
  [],
);
const version = fc.constantFrom(-1, 0, 1, 2 ** 31 - 1);
const data = fc.constantFrom('', 'eA==', 'not base64!', Buffer.alloc(2000, 7).toString('base64'));
const kind = fc.constantFrom('data', 'exists', 'children', 'persistent', 'persistentRecursive', 'none');
const cxid = fc.constantFrom(...Array<undefined>(20).fill(undefined), 1, 2, 0, -1, 2 ** 31);
const seen = fc.constantFrom(0, 0, 0, 1, -1, 2 ** 31);
const mode = fc.constantFrom(
  'persistent',
  'ephemeral',
  'persistentSequential',
  'container',
  'ttl',
  'no mode',
);

const write = fc.oneof(
  fc.record({
    op: fc.constant('create'),
    path,
    data,
    acl,
    mode,
    ttlMs: fc.constantFrom(undefined, 0, 1000, 1e15),
  }),
  fc.record({ op: fc.constant('delete'), path, version }),
  fc.record({ op: fc.constant('setData'), path, data, version }),
  fc.record({ op: fc.constant('check'), path, version }),
);
const operation = fc
  .oneof(
    write,
    fc.record({ op: fc.constant('setAcl'), path, acl, version }),
    fc.record({ op: fc.constant('multi'), operations: fc.array(write, { maxLength: 4 }) }),
    fc.record({ op: fc.constantFrom('settle', 'sync', 'no operation') }),
    fc.record({
      op: fc.constantFrom('exists', 'getData', 'getAcl', 'getChildren'),
      path,
      watch: fc.boolean(),
    }),
    fc.record({ op: fc.constantFrom('addWatch', 'removeWatch'), path, kind }),
    fc.record({ op: fc.constant('changes'), path, since: version, recursive: fc.boolean() }),
  )
  .chain((one) => cxid.map((id) => (id === undefined ? one : { ...one, cxid: id })));

const bytes = fc.constantFrom(
  Buffer.alloc(16, 5).toString('base64'),
  '',
  'x',
  Buffer.alloc(17).toString('base64'),
);
const session = fc.constantFrom(
  ...Array<undefined>(10).fill(undefined),
  { id: '1', epoch: 1 },
  { id: 'ffffffffffffffff', epoch: 0 },
  { id: 'zz', epoch: 1 },
);
const timeoutMs = fc.constantFrom(-1, 0, 4000, 10_000, 2 ** 31);
const request = fc.oneof(
  fc.record({ type: fc.constant('open'), timeoutMs, openId: bytes }),
  fc.record({
    type: fc.constant('attach'),
    session: fc.constantFrom('1', 'zz', ''),
    password: bytes,
    timeoutMs,
    epoch: version,
    attachId: bytes,
    seen: version,
  }),
  fc.record({ type: fc.constant('close'), session }),
  fc.record({
    type: fc.constant('batch'),
    session,
    seen,
    consistency: fc.constantFrom(undefined, 'linearizable', 'session', 'none'),
    watching: fc.constantFrom(undefined, true, false),
    operations: fc.array(operation, { maxLength: 6 }),
  }),
);

/** A request with one of its parts, however deep, taken for another. */
const spoiled = fc
  .tuple(request, fc.option(fc.tuple(fc.nat(), odd), { nil: undefined }))
  .map(([whole, change]) => {
    const copy = JSON.parse(JSON.stringify({ v: THIN_PROTOCOL_VERSION, ...whole })) as object;
    if (change !== undefined) spoil(copy, ...change);
    return copy;
  });

function spoil(value: object, at: number, by: unknown): void {
  const places: [Record<string, unknown>, string][] = [];
  const walk = (one: unknown) => {
    if (typeof one !== 'object' || one === null) return;
    for (const [key, inner] of Object.entries(one)) {
      places.push([one as Record<string, unknown>, key]);
      walk(inner);
    }
  };
  walk(value);
  const place = places[at % places.length];
  if (place !== undefined) place[0][place[1]] = by;
}

const anything = fc.oneof({ weight: 8, arbitrary: spoiled }, { weight: 1, arbitrary: odd });

function setUp() {
  const world = new ThinWorld();
  const timers = new ManualTimers(() => world.clock.now());
  const { store, clock, random } = world;
  const wiring = createWiring({ store, clock, random, namespaces: [NAMESPACE], timers });
  const api = apiHandler(() => wiring);
  const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 10_000 };
  const ask = (event: unknown): Promise<ThinAnswer | UrlResponse> => world.until(api(event, context));
  return { ask };
}

/** Nothing that cannot be an answer, and nothing that says that the code fell over. */
function expectAnswer(answer: unknown): void {
  const { type, message } = answer as { readonly type: string; readonly message?: string };
  expect(ANSWER_TYPES).toContain(type);
  expect(message ?? '').not.toMatch(/TypeError|RangeError|is not a function|Cannot read/);
  expect(() => JSON.stringify(answer)).not.toThrow();
}

describe('whatever is sent to the API', () => {
  const { ask } = setUp();

  beforeAll(async () => {
    const answer = await ask(
      batchRequest({
        operations: [create('/kept'), { op: 'setData', path: '/kept', data: base64('kept'), version: -1 }],
      }),
    );
    expectAnswer(answer);
  });

  async function bystanderIsWell(): Promise<void> {
    expect(await ask(batchRequest({ operations: [{ op: 'getData', path: '/kept' }] }))).toMatchObject({
      type: 'batch',
      results: [{ op: 'getData', data: base64('kept') }],
    });
  }

  it('by Invoke is answered, and others do not notice', TIME, async () => {
    await fc.assert(
      fc.asyncProperty(anything, async (event) => {
        expectAnswer(await ask(event));
        await bystanderIsWell();
      }),
      { numRuns: RUNS },
    );
  });

  it('through a function URL is answered, and others do not notice', TIME, async () => {
    const body = fc.oneof(
      anything.map((value) => JSON.stringify(value)),
      fc.string(),
      fc.constant(undefined),
    );
    const userArn = fc.constantFrom(undefined, 'arn:aws:iam::123456789012:user/a', '');
    await fc.assert(
      fc.asyncProperty(body, userArn, fc.boolean(), async (text, arn, isBase64Encoded) => {
        const sent = isBase64Encoded && text !== undefined ? Buffer.from(text).toString('base64') : text;
        const requestContext = {
          http: {},
          authorizer: arn === undefined ? undefined : { iam: { userArn: arn } },
        };
        const answer = await ask({ requestContext, body: sent, isBase64Encoded });
        expect(answer).toMatchObject({ statusCode: 200, headers: { 'content-type': 'application/json' } });
        expectAnswer(JSON.parse((answer as UrlResponse).body));
        await bystanderIsWell();
      }),
      { numRuns: RUNS },
    );
  });

  it('reaches the tree when it is well-formed, so that this tests more than the schema', async () => {
    const { ask } = setUp();
    const types = new Set<string>();
    for (const one of fc.sample(spoiled, { numRuns: 500, seed: 4 })) {
      const answer = (await ask(one)) as ThinAnswer;
      types.add(answer.type);
    }
    expect([...types].sort()).toEqual(expect.arrayContaining(['batch', 'error', 'opened']));
  }, 60_000);
});

describe('whatever comes over the WebSocket', () => {
  it('is answered by a status, or refused as no event of it', TIME, async () => {
    const world = new ThinWorld();
    const { store, clock, random } = world;
    const wiring = createWatchWiring({ store, clock, random, logger: silentLogger, namespaces: [NAMESPACE] });
    const connect = connectHandler(() => wiring);
    const hello = fc.record({
      action: fc.constantFrom('attach', 'x'),
      session: fc.constantFrom('1', 'zz', '8000000000000000'),
      epoch: version,
      password: bytes,
    });
    const body = fc.oneof(
      hello.map((value) => JSON.stringify(value)),
      odd.map((value) => JSON.stringify(value)),
      fc.string(),
      fc.constant(null),
    );
    const event = fc.oneof(
      odd,
      fc.record({
        requestContext: fc.record({
          routeKey: fc.constantFrom('$connect', '$disconnect', '$default', 'x'),
          connectionId: fc.constantFrom('c1', 'c2', ''),
          stage: fc.constantFrom(NAMESPACE, 'a#b', ''),
        }),
        body,
        isBase64Encoded: fc.constantFrom(true, false, null),
      }),
    );
    await fc.assert(
      fc.asyncProperty(event, async (one) => {
        const answer = await world.until(connect(one).catch((error: unknown) => error));
        if (answer instanceof EventError) return;
        expect([200, 400, 403]).toContain((answer as { readonly statusCode?: number }).statusCode);
      }),
      { numRuns: RUNS },
    );
  });
});

it('whatever is in a timer’s message, it is a timer or refused as none', () => {
  const body = fc.oneof(
    fc.string(),
    odd.map((value) => JSON.stringify(value)),
    fc
      .record({
        kind: fc.constantFrom('session', 'gateway', 'x'),
        namespace: odd,
        session: odd,
        epoch: odd,
        chain: odd,
        deadlineMs: odd,
        gatewayId: odd,
      })
      .map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(body, (text) => {
      try {
        expect(['session', 'gateway']).toContain(parseTimer(text).kind);
      } catch (error) {
        expect(error).toBeInstanceOf(EventError);
      }
    }),
    { numRuns: RUNS * 5 },
  );
});
