import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { UnavailableError } from '../../lib/client/index.js';
import {
  done,
  readDone,
  ScriptedFunction,
  ScriptedWebSocket,
  setDone,
  settled,
  turn,
} from './scripted-function.js';

let api: ScriptedFunction;

beforeEach(() => {
  api = new ScriptedFunction();
});

afterEach(() => api.close());

const refused = () => Object.assign(new Error('not allowed'), { $metadata: { httpStatusCode: 403 } });

describe('numbers of writes over lambda', () => {
  it('says of a write that an answer left out that it may have been applied, when it cannot be sent again', async () => {
    const client = await api.connect();
    const one = client.set('/a', '1');
    const two = settled(client.set('/a', '2'));
    (await api.takeBatch()).answer(done([setDone(5)]));
    await one;
    (await api.takeBatch()).fail(refused());
    const error = await two;
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ maybeApplied: true });
    const three = client.set('/a', '3');
    await api.pass(2_000);
    const settling = await api.takeBatch();
    expect(settling.request.operations[0]).toEqual({ op: 'settle', cxid: 2 });
    settling.answer(done([{ op: 'settle', zxid: 6 }]));
    const next = await api.takeBatch();
    expect(next.request.operations).toMatchObject([{ op: 'setData', cxid: 3 }]);
    next.answer(done([setDone(7)]));
    await three;
  });

  it('says how far it had seen when it first sent the writes that an answer left out', async () => {
    const client = await api.connect();
    const writes = Promise.all([client.set('/a', '1'), client.set('/a', '2')]);
    const first = await api.takeBatch();
    expect(first.request).not.toHaveProperty('writesSeen');
    first.answer(done([setDone(5)], 10));
    const second = await api.takeBatch();
    expect(second.request).toMatchObject({ seen: 10, writesSeen: 1 });
    second.answer(done([setDone(6)], 10));
    await writes;
  });

  it('fails nobody but the call whose request the function does not understand', async () => {
    const client = await api.connect();
    const all = [client.set('/a', '1'), client.set('/a', '2', { version: 1.5 }), client.set('/a', '3')];
    const outcomes = all.map(settled);
    const badRequest = { v: 1, type: 'error', code: 0, reason: 'BadRequest', retriable: false } as const;
    (await api.takeBatch()).answer({ ...badRequest, message: 'operations[1].version: not an integer' });
    await api.pass(2_000);
    const first = await api.takeBatch();
    expect(first.request.operations).toMatchObject([{ cxid: 1 }]);
    first.answer(done([setDone(5)]));
    (await api.takeBatch()).answer({ ...badRequest, message: 'operations[0].version: not an integer' });
    await api.pass(2_000);
    const third = await api.takeBatch();
    expect(third.request.operations).toMatchObject([{ cxid: 2, data: Buffer.from('3').toString('base64') }]);
    third.answer(done([setDone(6)]));
    const [one, two, three] = await Promise.all(outcomes);
    expect(one).toMatchObject({ version: 1 });
    expect(two).toMatchObject({ name: 'BadArguments', maybeApplied: false });
    expect(three).toMatchObject({ version: 1 });
  });
});

describe('events over lambda', () => {
  it('are fetched after a hint that came while a request was under way', async () => {
    const socket = new ScriptedWebSocket();
    const client = await api.connect({ webSocketUrl: 'wss://push', webSocket: () => socket });
    const events: string[] = [];
    const read = client.get('/a', { watch: ({ type }) => events.push(type) });
    (await api.takeBatch()).answer(done([readDone(5)], 5));
    await read;
    socket.emit('open');
    (await api.takeBatch()).answer(done([], 5));
    const other = client.get('/b');
    const underWay = await api.takeBatch();
    socket.emit('message');
    underWay.answer(done([readDone(5)], 5));
    await other;
    const fetch = await api.takeBatch();
    const event = { type: 'dataChanged', path: '/a', zxid: 6, position: 0, kinds: ['data'] } as const;
    fetch.answer(done([], 6, [event]));
    await turn();
    expect(events).toEqual(['dataChanged']);
    await turn();
    expect(api.arrived).toEqual([]);
  });

  it('still come to a watch that is being armed while the last other one at its path is closed', async () => {
    const client = await api.connect();
    const options = { type: 'persistent' } as const;
    const armed = { op: 'addWatch', zxid: 5 } as const;
    const watching = client.watch('/a', options);
    (await api.takeBatch()).answer(done([armed], 5));
    const before = await watching;
    const rewatching = client.watch('/a', options);
    const underWay = await api.takeBatch();
    before.close();
    underWay.answer(done([armed], 5));
    const watch = await rewatching;
    await turn();
    expect(api.arrived).toEqual([]);
    watch.close();
    expect((await api.takeBatch()).request.operations).toEqual([
      { op: 'removeWatch', path: '/a', kind: 'persistent' },
    ]);
  });

  it('are no longer asked for once the arming has failed that the removal of a watch waited for', async () => {
    const client = await api.connect();
    const options = { type: 'persistent' } as const;
    const watching = client.watch('/a', options);
    (await api.takeBatch()).answer(done([{ op: 'addWatch', zxid: 5 }], 5));
    const before = await watching;
    const rewatching = settled(client.watch('/a', options));
    const underWay = await api.takeBatch();
    before.close();
    underWay.answer(done([{ op: 'error', zxid: 5, code: -102, path: '/a' }], 5));
    await rewatching;
    expect((await api.takeBatch()).request.operations).toEqual([
      { op: 'removeWatch', path: '/a', kind: 'persistent' },
    ]);
  });
});
