import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ManualClock } from '../../lib/base/clock.js';
import { seededRandom } from '../../lib/base/random.js';
import {
  AbortedError,
  connect,
  OperationTimeoutError,
  SessionExpiredError,
  UnavailableError,
  UnsupportedError,
  type InvokeAnswer,
  type LambdaOptions,
  type ZeroKeeperClient,
} from '../../lib/client/index.js';
import type { ThinAnswer, ThinRequest, ThinResult, ThinStat } from '../../lib/wire/thin-protocol.js';

const stat: ThinStat = {
  czxid: 1,
  mzxid: 2,
  ctime: 3,
  mtime: 4,
  version: 1,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: '0',
  dataLength: 0,
  numChildren: 0,
  pzxid: 1,
};
const setDone = (zxid: number): ThinResult => ({ op: 'setData', zxid, stat });

type Batch = Extract<ThinRequest, { type: 'batch' }>;

/** An Invoke that the test answers. */
interface Arrived {
  readonly text: string;
  readonly request: ThinRequest;
  readonly answer: (answer: ThinAnswer) => void;
  readonly fail: (error: Error) => void;
}

let clock: ManualClock;
let arrived: Arrived[];
let client: ZeroKeeperClient | undefined;

beforeEach(() => {
  clock = new ManualClock();
  arrived = [];
  client = undefined;
});

afterEach(async () => {
  const closing = client?.close();
  await clock.advance(10_000);
  await closing;
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

function invoke(payload: Uint8Array): Promise<InvokeAnswer> {
  const text = new TextDecoder().decode(payload);
  return new Promise((resolve, reject) => {
    arrived.push({
      text,
      request: JSON.parse(text) as ThinRequest,
      answer: (answer) => resolve({ payload: new TextEncoder().encode(JSON.stringify(answer)) }),
      fail: reject,
    });
  });
}

async function take(): Promise<Arrived> {
  await turn();
  const next = arrived.shift();
  if (next === undefined) throw new Error('no request has come');
  return next;
}

async function takeBatch(): Promise<Arrived & { readonly request: Batch }> {
  const next = await take();
  if (next.request.type !== 'batch') throw new Error(`a ${next.request.type} has come`);
  return next as Arrived & { readonly request: Batch };
}

const done = (results: readonly ThinResult[], zxid = 10): ThinAnswer => ({
  v: 1,
  type: 'batch',
  zxid,
  results,
  events: [],
});

async function opened(options: Partial<LambdaOptions> = {}): Promise<ZeroKeeperClient> {
  const connecting = connect({
    transport: 'lambda',
    functionName: 'api',
    invoke,
    sessionTimeoutMs: 9_000,
    clock,
    random: seededRandom(1),
    ...options,
  });
  if (options.session !== false) {
    const open = await take();
    expect(open.request.type).toBe('open');
    const password = Buffer.alloc(16).toString('base64');
    open.answer({
      v: 1,
      type: 'opened',
      session: 'ab',
      password,
      epoch: 1,
      timeoutMs: 9_000,
      zxid: 1,
      cxid: 0,
    });
  }
  client = await connecting;
  return client;
}

const settled = (promise: Promise<unknown>) =>
  promise.then(
    (value) => value,
    (error: unknown) => error,
  );

describe('a session over lambda', () => {
  it('numbers its writes, and sends a request again byte for byte until it is answered', async () => {
    const { set, get } = bound(await opened());
    const results = Promise.all([set('/a', '1'), set('/a', '2'), get('/a')]);
    const first = await takeBatch();
    expect(first.request.operations).toMatchObject([
      { op: 'setData', cxid: 1 },
      { op: 'setData', cxid: 2 },
      { op: 'getData' },
    ]);
    first.fail(new Error('socket hang up'));
    await turn();
    await clock.advance(100);
    const second = await takeBatch();
    expect(second.text).toBe(first.text);
    second.answer(done([setDone(8), setDone(9), { op: 'getData', zxid: 9, data: 'Mg==', stat }]));
    expect(await results).toHaveLength(3);
  });

  it('puts no write behind a read into one request', async () => {
    const { set, get } = bound(await opened());
    const results = Promise.all([get('/a'), set('/a', '1')]);
    const first = await takeBatch();
    expect(first.request.operations).toMatchObject([{ op: 'getData' }]);
    first.answer(done([{ op: 'getData', zxid: 3, data: 'b2xk', stat }]));
    const second = await takeBatch();
    expect(second.request.operations).toMatchObject([{ op: 'setData', cxid: 1 }]);
    second.answer(done([setDone(8)]));
    expect(await results).toHaveLength(2);
  });

  it('has one request under way, and puts together what is called meanwhile', async () => {
    const { set } = bound(await opened());
    const one = set('/a', '1');
    const first = await takeBatch();
    const others = Promise.all([set('/a', '2'), set('/a', '3')]);
    await turn();
    expect(arrived).toEqual([]);
    first.answer(done([setDone(5)]));
    await one;
    const second = await takeBatch();
    expect(second.request).toMatchObject({ seen: 10, operations: [{ cxid: 2 }, { cxid: 3 }] });
    second.answer(done([setDone(6)]));
    const third = await takeBatch();
    expect(third.request.operations).toMatchObject([{ cxid: 3 }]);
    third.answer(done([setDone(7)]));
    await others;
  });

  it('settles the number of a write that its caller gave up, before the next write', async () => {
    const { set } = bound(await opened());
    const aborter = new AbortController();
    const given = settled(set('/a', '1', { signal: aborter.signal }));
    const first = await takeBatch();
    aborter.abort();
    const error = await given;
    expect(error).toBeInstanceOf(AbortedError);
    expect(error).toMatchObject({ maybeApplied: true });
    first.fail(new Error('socket hang up'));
    const next = set('/a', '2');
    await turn();
    await clock.advance(100);
    const second = await takeBatch();
    expect(second.request.operations).toEqual([{ op: 'settle', cxid: 1 }]);
    second.answer(done([{ op: 'settle', zxid: 4 }]));
    const third = await takeBatch();
    expect(third.request.operations).toMatchObject([{ op: 'setData', cxid: 2 }]);
    third.answer(done([setDone(5)]));
    await next;
  });

  it('spends no number on a write that is given up before it is sent', async () => {
    const { set } = bound(await opened());
    const one = set('/a', '1');
    const first = await takeBatch();
    const aborter = new AbortController();
    const given = settled(set('/a', '2', { signal: aborter.signal }));
    const three = set('/a', '3');
    aborter.abort();
    expect(await given).toMatchObject({ maybeApplied: false });
    first.answer(done([setDone(5)]));
    await one;
    const second = await takeBatch();
    expect(second.request.operations).toMatchObject([{ cxid: 2, data: Buffer.from('3').toString('base64') }]);
    second.answer(done([setDone(6)]));
    await three;
  });

  it('sends a write with the same number again that was refused without being logged, and what follows it', async () => {
    const { set, get } = bound(await opened());
    const all = Promise.all([set('/a', '1'), set('/a', '2'), get('/a')]);
    const first = await takeBatch();
    const overloaded: ThinResult = { op: 'error', zxid: 3, code: 0, reason: 'Overloaded' };
    const outOfOrder: ThinResult = { op: 'error', zxid: 3, code: 0, reason: 'OutOfOrder' };
    first.answer(done([overloaded, outOfOrder, { op: 'getData', zxid: 3, data: 'b2xk', stat }]));
    await turn();
    await clock.advance(100);
    const second = await takeBatch();
    expect(second.request.operations).toEqual(first.request.operations);
    second.answer(done([setDone(8), setDone(9), { op: 'getData', zxid: 9, data: 'bmV3', stat }]));
    const [, , read] = await all;
    expect(Buffer.from(read.data).toString()).toBe('new');
  });

  it('sends a heartbeat after a third of its timeout, and is suspended two thirds after the last answer', async () => {
    const opening = await opened();
    const states: string[] = [];
    for (const name of ['connected', 'suspended', 'lost'] as const) opening.on(name, () => states.push(name));
    await clock.advance(3_000);
    const heartbeat = await takeBatch();
    expect(heartbeat.request.operations).toEqual([]);
    await clock.advance(2_999);
    expect(opening.state).toBe('connected');
    await clock.advance(1);
    expect(opening.state).toBe('suspended');
    heartbeat.answer(done([]));
    await turn();
    expect(opening.state).toBe('connected');
    // The answer says that the session lived when the heartbeat was sent: the next one is due at once.
    (await takeBatch()).answer({
      v: 1,
      type: 'error',
      code: -112,
      reason: 'SessionExpired',
      message: 'over',
      retriable: false,
    });
    await turn();
    expect(states).toEqual(['suspended', 'connected', 'lost']);
    await expect(opening.get('/a')).rejects.toBeInstanceOf(SessionExpiredError);
  });

  it('rejects calls at their deadline while nobody answers', async () => {
    const { set } = bound(await opened());
    const write = settled(set('/a', '1', { timeoutMs: 500 }));
    const { fail } = await takeBatch();
    await clock.advance(500);
    expect(await write).toBeInstanceOf(OperationTimeoutError);
    fail(new Error('too late'));
  });

  it('hands out an event before the results that show it, after those that do not, and once', async () => {
    const opening = await opened();
    const order: string[] = [];
    const event = { type: 'dataChanged', path: '/a', zxid: 7, position: 0, kinds: ['data'] } as const;
    const reads = [
      opening.get('/a', { watch: ({ type }) => order.push(type) }).then(() => order.push('old')),
      opening.get('/a').then(() => order.push('new')),
    ];
    const result = (zxid: number): ThinResult => ({ op: 'getData', zxid, data: '', stat });
    (await takeBatch()).answer({
      v: 1,
      type: 'batch',
      zxid: 8,
      results: [result(6), result(8)],
      events: [event],
    });
    await Promise.all(reads);
    expect(order).toEqual(['old', 'dataChanged', 'new']);
    const again = opening.get('/a', { watch: () => order.push('twice') });
    const next = await takeBatch();
    expect(next.request.acknowledged).toEqual({ zxid: 7, position: 0 });
    next.answer({ v: 1, type: 'batch', zxid: 9, results: [result(9)], events: [event] });
    await again;
    expect(order).toHaveLength(3);
  });
});

describe('a client without a session', () => {
  it('does not repeat a write whose end is not known', async () => {
    const { set } = bound(await opened({ session: false }));
    const write = settled(set('/a', '1'));
    const request = await takeBatch();
    expect(request.request).not.toHaveProperty('session');
    expect(request.request.operations[0]).not.toHaveProperty('cxid');
    request.fail(new Error('socket hang up'));
    const error = await write;
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ maybeApplied: true });
    await clock.advance(5_000);
    expect(arrived).toEqual([]);
  });

  it('repeats a write that Lambda refused to take', async () => {
    const { set } = bound(await opened({ session: false }));
    const write = set('/a', '1');
    (await takeBatch()).fail(Object.assign(new Error('slow down'), { name: 'TooManyRequestsException' }));
    await turn();
    await clock.advance(100);
    (await takeBatch()).answer(done([setDone(4)]));
    expect((await write).version).toBe(1);
  });

  it('has no ephemerals and no watches', async () => {
    const opening = await opened({ session: false });
    const { create, watch } = {
      create: opening.create('/e', '', { mode: 'ephemeral' }),
      watch: opening.exists('/a', { watch: () => undefined }),
    };
    await expect(create).rejects.toBeInstanceOf(UnsupportedError);
    await expect(watch).rejects.toBeInstanceOf(UnsupportedError);
  });
});

function bound(of: ZeroKeeperClient) {
  return { set: of.set.bind(of), get: of.get.bind(of) };
}
