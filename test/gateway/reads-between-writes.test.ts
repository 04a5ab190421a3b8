import { describe, expect, it } from 'vitest';

import { systemClock } from '../../lib/base/clock.js';
import { systemRandom } from '../../lib/base/random.js';
import { ErrorCode } from '../../lib/core/errors.js';
import { OPEN_ACL } from '../../lib/core/types.js';
import { SimulatedStore } from '../../lib/log/simulated-store.js';
import { EventType, operations, type OperationName, type RequestOf } from '../../lib/wire/index.js';
import { startOn } from './support/real-gateway.js';

type Request = {
  [Name in OperationName]: { readonly name: Name; readonly body: RequestOf<Name> };
}[OperationName];

const set = (data: string, version = -1): Request => ({
  name: 'setData',
  body: { path: '/a', data: Buffer.from(data), version },
});
const get = (path = '/a', watch = false): Request => ({ name: 'getData', body: { path, watch } });
const list: Request = { name: 'getChildren', body: { path: '/', watch: false } };
const exists = (path: string): Request => ({ name: 'exists', body: { path, watch: false } });
const remove = (path: string): Request => ({ name: 'delete', body: { path, version: -1 } });
const create = (path: string): Request => ({
  name: 'create2',
  body: { path, data: Buffer.from('0'), acl: OPEN_ACL, flags: 0 },
});

/** What a response says, in short. */
function brief(response: object | undefined): string {
  const { data, children } = (response ?? {}) as { data?: Uint8Array; children?: readonly string[] };
  if (data !== undefined) return Buffer.from(data).toString();
  return children === undefined ? 'ok' : [...children].sort().join(',');
}

/** A client that sends requests in one packet, with `/a` and `/b`, both of which the gateway knows. */
async function start() {
  const { keeper, open } = await startOn(new SimulatedStore({ clock: systemClock, random: systemRandom }));
  const client = await open();
  for (const { name, body } of [create('/a'), create('/b'), list]) await client.call(name, body);
  const { statistics } = keeper.committer;
  const before = statistics.batches;
  return {
    entries: () => statistics.batches - before,
    /** What is told up to the last reply. */
    pipeline: async (...requests: readonly Request[]): Promise<string[]> => {
      const frames = requests.map(({ name, body }, index) =>
        client.encode(name, body as never, 1_000 + index),
      );
      client.socket.write(Buffer.concat(frames));
      const told: string[] = [];
      for (let replies = 0; replies < requests.length;) {
        const message = await client.next();
        if (message?.kind === 'event') told.push(`event ${message.event.type} ${message.event.path}`);
        if (message?.kind !== 'reply') continue;
        expect(message.xid).toBe(1_000 + replies);
        const { name } = requests[replies++]!;
        told.push(message.err === 0 ? brief(operations[name].readResponse(message.body)) : `${message.err}`);
      }
      return told;
    },
  };
}

describe('reads between writes of one session', () => {
  it('see the writes before them and none after them, though all writes share an entry', async () => {
    const { pipeline, entries } = await start();
    const told = await pipeline(get(), set('1'), get(), set('2'), get(), get(), set('3'), get());
    expect(told).toEqual(['0', 'ok', '1', 'ok', '2', '2', 'ok', '3']);
    expect(entries()).toBe(1);
  });

  it('are answered on the state that a write before them was refused on', async () => {
    const { pipeline, entries } = await start();
    const told = await pipeline(
      set('1', 7),
      get(),
      set('2', 0),
      set('3', 0),
      get(),
      set('4', 1),
      set('5', 0),
      get(),
    );
    const badVersion = `${ErrorCode.BadVersion}`;
    expect(told).toEqual([badVersion, '0', 'ok', badVersion, '2', 'ok', badVersion, '4']);
    expect(entries()).toBe(1);
  });

  it('see children come and go', async () => {
    const { pipeline, entries } = await start();
    const told = await pipeline(
      create('/c'),
      list,
      remove('/b'),
      list,
      exists('/b'),
      create('/b'),
      exists('/b'),
    );
    expect(told).toEqual(['ok', 'a,b,c,zookeeper', 'ok', 'a,c,zookeeper', `${ErrorCode.NoNode}`, 'ok', 'ok']);
    expect(entries()).toBe(1);
  });

  it('set watches that the very next write fires, before its reply', async () => {
    const { pipeline, entries } = await start();
    const told = await pipeline(set('1'), get('/a', true), set('2'), set('3'));
    expect(told).toEqual(['ok', '1', `event ${EventType.dataChanged} /a`, 'ok', 'ok']);
    expect(entries()).toBe(1);
  });

  it('hold up the writes after them when their records are not known', async () => {
    const { pipeline, entries } = await start();
    expect(await pipeline(set('1'), exists('/a/never/seen'), set('2'))).toEqual([
      'ok',
      `${ErrorCode.NoNode}`,
      'ok',
    ]);
    expect(entries()).toBe(2);
  });

  it('hold them up as well behind a write with large data', async () => {
    const { pipeline, entries } = await start();
    const large = 'x'.repeat(100_000);
    expect(await pipeline(set(large), get(), set('2'), get())).toEqual(['ok', large, 'ok', '2']);
    expect(entries()).toBe(2);
  });
});
