import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../lib/core/errors.js';
import { BATCH_RESERVE_MS } from '../../lib/api/limits.js';
import { THIN_PAYLOAD_BYTES_MAX } from '../../lib/wire/thin-protocol.js';
import { base64, batchRequest, create, reference, setData, ThinWorld } from './world.js';

async function setUp() {
  const world = new ThinWorld();
  const one = world.instance();
  const session = reference(await world.open(one));
  return { world, one, session };
}

/** The transactions of a session's writes in the log. */
async function writesOf(world: ThinWorld): Promise<number[]> {
  const { entries } = await world.log();
  return entries.flatMap(({ txns }) => txns.map(({ cxid }) => cxid)).filter((cxid) => cxid > 0);
}

describe('a batch', () => {
  it('carries operations out in order, each failing on its own', async () => {
    const { world, one, session } = await setUp();
    const results = await world.batch(one, {
      session,
      operations: [
        create('/a', 1),
        create('/a', 2),
        { op: 'getData', path: '/a' },
        { op: 'getData', path: '/none' },
        { op: 'exists', path: '/none' },
        { op: 'delete', path: '/a', version: -1, cxid: 3 },
        { op: 'exists', path: '/a' },
        { op: 'sync' },
      ],
    });
    expect(results.map((result) => (result.op === 'error' ? result.code : result.op))).toEqual([
      'create',
      ErrorCode.NodeExists,
      'getData',
      ErrorCode.NoNode,
      'exists',
      'delete',
      'exists',
      'sync',
    ]);
    expect(results[6]).toMatchObject({ stat: null });
  });

  it('puts consecutive writes into one entry of the log', async () => {
    const { world, one, session } = await setUp();
    await world.batch(one, { session, operations: [create('/a', 1), create('/b', 2), create('/c', 3)] });
    const { entries } = await world.log();
    expect(entries.at(-1)?.txns).toHaveLength(3);
  });

  it('tells a multi operation by operation, and all its codes when it is refused', async () => {
    const { world, one, session } = await setUp();
    const operations = [create('/a'), { op: 'check', path: '/none', version: -1 } as const];
    const [refused, done] = await world.batch(one, {
      session,
      operations: [
        { op: 'multi', operations, cxid: 1 },
        { op: 'multi', operations: [create('/a'), setData('/a', 'y')], cxid: 2 },
      ],
    });
    expect(refused).toMatchObject({ op: 'error', code: ErrorCode.NoNode, operations: [0, ErrorCode.NoNode] });
    expect(done).toMatchObject({ op: 'multi', results: [{ op: 'create' }, { op: 'setData' }] });
  });

  it.each([
    ['a number', 7, ''],
    ['another version', { ...batchRequest({}), v: 2 }, 'v'],
    ['a field nobody knows', { ...batchRequest({}), secret: 'p' }, ''],
    [
      'a wrong field',
      batchRequest({ operations: [{ op: 'exists', path: 3 as never }] }),
      'operations[0].path',
    ],
    [
      'an unknown operation',
      batchRequest({ operations: [{ op: 'drop' as never, path: '/' }] }),
      'operations[0].op',
    ],
    ['a number without a session', batchRequest({ operations: [create('/a', 1)] }), 'operations[0].cxid'],
    [
      'a write without a number',
      batchRequest({ session: { id: '5', epoch: 1 }, operations: [create('/a')] }),
      'operations[0].cxid',
    ],
    [
      'a watch without a session',
      batchRequest({ operations: [{ op: 'exists', path: '/', watch: true }] }),
      'operations[0]',
    ],
    ['another namespace', { ...batchRequest({}), namespace: 'other' }, 'namespace'],
    ['a zxid beyond the log', batchRequest({ seen: 99 }), 'seen'],
    [
      'data that is not base64',
      batchRequest({ operations: [{ ...create('/a'), data: '%' }] }),
      'operations[0].data',
    ],
  ])('refuses %s and names the field', async (_what, request, field) => {
    const world = new ThinWorld();
    const answer = await world.ask(world.instance(), request);
    expect(answer).toMatchObject({ type: 'error', reason: 'BadRequest', retriable: false });
    expect(answer.type === 'error' && answer.message.startsWith(field === '' ? '' : `${field}: `)).toBe(true);
    expect(world.store.dump('log')).toEqual([]);
  });

  it('gives a listing in pages in the order of the names’ bytes, none left out', async () => {
    const { world, one, session } = await setUp();
    const names = Array.from(
      { length: 30 },
      (_, index) => `${String(index).padStart(4, '0')}${'é'.repeat(500)}`,
    );
    const writes = names.map((name, index) => create(`/${name}`, index + 1));
    await world.batch(one, { session, operations: writes });
    const { listingPage } = await import('../../lib/api/listing.js');
    const answer = one.keeper.tryRead({ kind: 'getChildren', path: '/' }, []);
    const read = answer ?? (await world.until(one.keeper.read({ kind: 'getChildren', path: '/' }))).answer;
    if (!read.ok || read.result.kind !== 'getChildren') throw new Error('no listing');
    const listed: string[] = [];
    let pages = 0;
    for (let after: string | undefined; ; pages++) {
      const page = listingPage(read.result, { zxid: 1, after, bytesMax: 10_000 });
      expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThanOrEqual(10_000);
      listed.push(...page.children);
      if (page.next === undefined) break;
      after = page.next;
    }
    const sorted = [...read.result.children].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(listed).toEqual(sorted);
    expect(pages).toBeGreaterThan(2);
  });

  it('answers with fewer results when they would not fit, and the rest is answered when it is asked again', async () => {
    const { world, one, session } = await setUp();
    const data = 'd'.repeat(900_000);
    for (const [index, path] of ['/a', '/b', '/c', '/d', '/e'].entries()) {
      await world.batch(one, { session, operations: [{ ...create(path, index + 1), data: base64(data) }] });
    }
    const reads = ['/a', '/b', '/c', '/d', '/e'].map((path) => ({ op: 'getData', path }) as const);
    const answer = await world.ask(one, batchRequest({ session, operations: reads }));
    if (answer.type !== 'batch') throw new Error('refused');
    expect(Buffer.byteLength(JSON.stringify(answer))).toBeLessThan(THIN_PAYLOAD_BYTES_MAX + 1_000);
    expect(answer.results).toHaveLength(3);
    const rest = await world.batch(one, { session, operations: reads.slice(3) });
    expect(rest).toHaveLength(2);
  });

  it('stops when its time is nearly up, tells what is done, and does the rest once when it is asked again', async () => {
    const { world, one, session } = await setUp();
    let leftMs = 60_000;
    const operations = [create('/a', 1), { op: 'exists', path: '/a' } as const, create('/b', 2)];
    const caller = world.caller({ remainingMs: () => leftMs });
    one.store.intercept = ({ table, operation }) => {
      if (table === 'log' && operation === 'put') leftMs = BATCH_RESERVE_MS;
      return undefined;
    };
    const answer = await world.ask(one, batchRequest({ session, operations }), caller);
    expect(answer).toMatchObject({ type: 'batch', results: [{ op: 'create' }] });
    const rest = await world.batch(one, { session, seen: 2, operations: operations.slice(1) });
    expect(rest).toMatchObject([{ op: 'exists' }, { op: 'create' }]);
    expect(await writesOf(world)).toEqual([1, 2]);
  });

  it('answers that nothing was done when there was no time for anything', async () => {
    const { world, one, session } = await setUp();
    const caller = world.caller({ remainingMs: () => BATCH_RESERVE_MS });
    const answer = await world.ask(one, batchRequest({ session, operations: [create('/a', 1)] }), caller);
    expect(answer).toMatchObject({ type: 'error', reason: 'StoreUnavailable', retriable: true });
    expect(await writesOf(world)).toEqual([]);
  });

  it('arms the watch of a read at the zxid that the read was answered at, and only where the znode is there', async () => {
    const { world, one, session } = await setUp();
    await world.batch(one, { session, operations: [create('/a', 1)] });
    const results = await world.batch(one, {
      session,
      operations: [
        { op: 'getData', path: '/a', watch: true },
        { op: 'getData', path: '/none', watch: true },
        { op: 'exists', path: '/none', watch: true },
        { op: 'getChildren', path: '/a', watch: true },
      ],
    });
    expect(one.watches.armed.map(({ kind, path, zxid }) => [kind, path, zxid])).toEqual([
      ['data', '/a', results[0]?.zxid],
      ['exists', '/none', results[2]?.zxid],
      ['children', '/a', results[3]?.zxid],
    ]);
  });

  it('carries no result beyond the events that fit, so that none is handed out too early', async () => {
    const { world, one, session } = await setUp();
    const event = { zxid: 2, position: 0, type: 'created', path: '/a', kinds: ['exists'] } as const;
    one.watches.events = () => ({ events: [event], until: 2 });
    const operations = [create('/a', 1), create('/b', 2)];
    const answer = await world.ask(one, batchRequest({ session, seen: 1, operations }));
    expect(answer).toMatchObject({ type: 'batch', zxid: 2, results: [{ zxid: 2 }], events: [event] });
    one.watches.events = (head) => ({ events: [], until: head });
    const rest = await world.batch(one, { session, seen: 2, operations: operations.slice(1) });
    expect(rest).toMatchObject([{ op: 'create', path: '/b', zxid: 3 }]);
    expect(await writesOf(world)).toEqual([1, 2]);
  });
});

describe('exactly once', () => {
  it('a request that is sent again, to any instance, is answered as it was and done once', async () => {
    const { world, one, session } = await setUp();
    const operations = [
      create('/q-', 1, 'persistentSequential'),
      create('/a', 2),
      create('/a', 3),
      setData('/a', 'y', 4),
      { op: 'check', path: '/a', version: 9, cxid: 5 } as const,
    ];
    const request = { session, seen: 1, operations };
    const first = await world.batch(one, request);
    expect(await world.batch(one, request)).toEqual(first);
    expect(await world.batch(world.instance(), request)).toEqual(first);
    await world.until(world.materializer().run());
    expect(await world.batch(world.instance(), request)).toEqual(first);
    expect(await writesOf(world)).toEqual([1, 2, 3, 4, 5]);
  });

  it('a lost reply is no lost and no doubled write', async () => {
    const { world, one, session } = await setUp();
    for (const [index, fault] of (
      ['lostReply', 'lostRequest', 'delayedWrite', 'throttle'] as const
    ).entries()) {
      one.store.failNext({ operation: 'put', table: 'log', fault });
      const results = await world.batch(one, {
        session,
        operations: [create('/q-', index + 1, 'persistentSequential')],
      });
      expect(results).toMatchObject([{ op: 'create', path: `/q-000000000${index}` }]);
    }
    expect(await writesOf(world)).toEqual([1, 2, 3, 4]);
  });

  it('two copies at the same time, at two instances, end as one', async () => {
    const { world, one, session } = await setUp();
    const two = world.instance();
    const request = batchRequest({
      session,
      seen: 1,
      operations: [create('/q-', 1, 'persistentSequential')],
    });
    const [a, b] = await world.until(
      Promise.all([one.service.handle(request, world.caller()), two.service.handle(request, world.caller())]),
    );
    expect(a.type === 'batch' && b.type === 'batch' && a.results).toEqual(
      b.type === 'batch' ? b.results : [],
    );
    expect(await writesOf(world)).toEqual([1]);
  });

  it('a write that overtakes is out of order, and is done when it comes in its turn', async () => {
    const { world, one, session } = await setUp();
    expect(await world.batch(one, { session, operations: [create('/b', 2)] })).toMatchObject([
      { op: 'error', code: 0, reason: 'OutOfOrder' },
    ]);
    await world.batch(one, { session, operations: [create('/a', 1)] });
    expect(await world.batch(one, { session, operations: [create('/b', 2)] })).toMatchObject([
      { op: 'create' },
    ]);
    expect(await writesOf(world)).toEqual([1, 2]);
  });

  it('a number that was settled cannot act any more, and settling what was done leaves it as it is', async () => {
    const { world, one, session } = await setUp();
    const settle = (cxid: number) => ({ op: 'settle', cxid }) as const;
    expect(await world.batch(one, { session, operations: [settle(1)] })).toMatchObject([{ op: 'settle' }]);
    expect(await world.batch(one, { session, operations: [create('/a', 1)] })).toMatchObject([
      { op: 'error', reason: 'CxidReused' },
    ]);
    await world.batch(one, { session, operations: [create('/a', 2), create('/a', 3)] });
    expect(await world.batch(one, { session, operations: [settle(2), settle(3)] })).toMatchObject([
      { op: 'settle', zxid: 3 },
      { op: 'settle', zxid: 4 },
    ]);
    expect(await world.batch(one, { operations: [{ op: 'exists', path: '/a' }] })).toMatchObject([
      { stat: {} },
    ]);
    expect(await writesOf(world)).toEqual([1, 2, 3]);
  });

  it('a write without a session whose end is not known is told so, and is not asked for again', async () => {
    const { world, one } = await setUp();
    one.store.intercept = ({ operation, table }) =>
      operation === 'put' && table === 'log' ? 'lostReply' : undefined;
    const caller = world.caller();
    const answer = await world.ask(
      one,
      batchRequest({ consistency: 'session', operations: [create('/a')] }),
      caller,
    );
    expect(answer).toMatchObject({
      type: 'batch',
      results: [{ op: 'error', reason: 'MaybeApplied', maybeApplied: true }],
    });
  });
});
