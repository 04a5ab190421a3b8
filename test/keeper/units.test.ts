import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OPEN_ACL } from '../../lib/core/types.js';
import { apply, keysTouched } from '../../lib/core/machine.js';
import type { Effect, NodeRecord, SessionRecord, Txn } from '../../lib/core/types.js';
import { parseKey, recordKey } from '../../lib/core/state.js';
import { narrowed } from '../../lib/keeper/narrow.js';
import { SingleRecord } from '../../lib/keeper/single-record.js';
import { ClockCache } from '../../lib/keeper/clock-cache.js';
import { gatewayOfRow, gatewayRow } from '../../lib/keeper/gateway-lease.js';
import {
  garbageOfRow,
  garbageRow,
  nodeOfRow,
  nodeRow,
  sessionOfRow,
  sessionRow,
  tombstone,
  stateKey,
  watermarkOfRow,
  watermarkRow,
  ephemeralRow,
  pathOfEphemeralRow,
} from '../../lib/keeper/rows.js';
import { Semaphore } from '../../lib/keeper/semaphore.js';
import { Window } from '../../lib/keeper/window.js';
import type { Entry } from '../../lib/log/entry.js';
import { Gate } from './meddling.js';
import { World } from './world.js';

describe('ClockCache', () => {
  it('stays within its weight but for the newest and what is pinned, and never gives a wrong value', () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 12 }),
      weight: fc.integer({ min: 1, max: 60 }),
      read: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.set(fc.integer({ min: 0, max: 12 })),
        (steps, pins) => {
          const pinned = new Set(pins);
          const cache = new ClockCache<number, string>(100, (key) => pinned.has(key));
          const weights = new Map<number, number>();
          const values = new Map<number, string>();
          for (const [index, { key, weight, read }] of steps.entries()) {
            if (read) expect([undefined, values.get(key)]).toContain(cache.get(key));
            else {
              const had = new Set([...pinned].filter((pin) => cache.has(pin)));
              cache.set(key, `${key}@${index}`, weight);
              values.set(key, `${key}@${index}`);
              weights.set(key, weight);
              expect(cache.get(key)).toBe(`${key}@${index}`);
              for (const pin of had) expect(cache.has(pin)).toBe(true);
            }
            const present = [...weights].filter(([present]) => cache.has(present));
            expect(cache.weight).toBe(present.reduce((sum, [, held]) => sum + held, 0));
            expect(cache.size).toBe(present.length);
            const movable = present.filter(([present]) => !pinned.has(present) && present !== key);
            if (!read && cache.weight > 100) expect(movable).toEqual([]);
          }
        },
      ),
    );
  });

  it('evicts what was not asked for before what was', () => {
    const cache = new ClockCache<string, number>(4, () => false);
    for (const key of ['a', 'b', 'c', 'd']) cache.set(key, 1, 1);
    cache.set('e', 1, 1); // clears every flag, and takes the first that comes round
    expect(cache.has('a')).toBe(false);
    cache.get('b');
    cache.set('f', 1, 1);
    expect(cache.has('b')).toBe(true);
    expect(cache.has('c')).toBe(false);
    expect(cache.evictions).toBe(2);
  });

  it('counts weight that is added to a value in place, and forgets all at once', () => {
    const cache = new ClockCache<string, number>(10, () => false);
    cache.set('a', 1, 4);
    cache.set('b', 1, 4);
    cache.reweigh('b', 4);
    expect(cache.has('a')).toBe(false);
    expect(cache.weight).toBe(8);
    cache.reweigh('gone', 100);
    expect(cache.weight).toBe(8);
    cache.clear();
    expect([cache.size, cache.weight]).toEqual([0, 0]);
  });
});

function entry(first: number, last = first, path = '/a'): Entry {
  const txns = Array.from({ length: last - first + 1 }, () => ({
    ...{ session: 0n, cxid: 0 },
    effect: { type: 'setData', path, data: new Uint8Array(0), version: 1 } as const,
  }));
  return {
    ...{ first, last, timeMs: first, batchId: '', txns },
    counters: { znodes: 0, sessions: 0, thinSessions: 0, bytes: 0 },
  };
}

describe('Window', () => {
  const zxids = (window: Window, path = '/a') =>
    window.items(recordKey.node(path)).map(({ position }) => position.zxid);

  it('gives a record its transactions, and lets go of whole entries only', () => {
    const window = new Window(0);
    window.push(entry(1, 3), 10);
    window.push(entry(4), 20);
    window.push(entry(5, 5, '/b'), 30);
    expect(zxids(window)).toEqual([1, 2, 3, 4]);
    window.trimTo(2);
    expect([window.base, window.bytes]).toEqual([0, 60]);
    window.trimTo(3);
    expect([window.base, window.bytes, window.oldestTimeMs]).toEqual([3, 50, 4]);
    expect(zxids(window)).toEqual([4]);
    window.trimTo(5);
    expect([window.base, window.bytes, window.oldestTimeMs]).toEqual([5, 0, undefined]);
    expect([...window.keys()]).toEqual([]);
  });

  it('keeps everything above the base of the oldest hold, and trims when the last is released', () => {
    const window = new Window(0);
    window.push(entry(1), 1);
    window.push(entry(2), 1);
    const old = window.hold();
    window.trimTo(1);
    expect(window.base).toBe(0);
    const other = window.hold();
    old.release();
    expect(window.base).toBe(0);
    window.trimTo(2);
    old.release();
    expect(zxids(window)).toEqual([1, 2]);
    other.release();
    expect(window.base).toBe(2);
    expect(zxids(window)).toEqual([]);
  });

  it('does not go back when an older watermark is heard of', () => {
    const window = new Window(0);
    window.push(entry(1), 1);
    window.push(entry(2), 1);
    window.trimTo(2);
    window.trimTo(1);
    expect(window.base).toBe(2);
  });
});

describe('the part of a large transaction that touches a record', () => {
  it('does to the record what the whole does', () => {
    const name = fc.integer({ min: 0, max: 9 });
    const paths = fc.uniqueArray(fc.tuple(name, name), { minLength: 16, maxLength: 60, selector: String });
    fc.assert(
      fc.property(paths, fc.boolean(), (pairs, isMulti) => {
        const all = pairs.map(([parent, child]) => `/p${parent}/c${child}`);
        const effect: Effect = isMulti
          ? { type: 'multi', operations: all.map((path) => ({ type: 'delete', path, ephemeralOwner: 5n })) }
          : { type: 'closeSession', session: 5n, ephemerals: all };
        const txn = { session: 5n, cxid: 1, effect };
        const parts = narrowed(txn);
        expect([...parts.keys()].sort()).toEqual(keysTouched(txn).sort());
        for (const [key, part] of parts) {
          const [whole, narrow] = [txn, part].map((applied) => outcomeOn(key, applied));
          expect(narrow).toEqual(whole);
        }
      }),
      { numRuns: 30 },
    );
  });

  /** What applying a transaction to a state that knows one record alone makes of it. */
  function outcomeOn(key: string, txn: Txn): unknown {
    const parsed = parseKey(key);
    if (parsed.kind === 'blob') throw new Error('no record');
    const state = new SingleRecord(parsed);
    const names: [string, boolean][] = [];
    state.onName = (name, present) => names.push([name, present]);
    const before = {
      zxid: 1,
      czxid: 1,
      mzxid: 1,
      pzxid: 1,
      ctime: 1,
      mtime: 1,
      version: 0,
      creates: 90,
      aversion: 0,
    };
    const node = { ...before, ephemeralOwner: 0n, numChildren: 90, acl: OPEN_ACL, data: new Uint8Array(0) };
    if (parsed.kind === 'node') state.setNode(parsed.path, node);
    apply(txn, { zxid: 2, timeMs: 2 }, state);
    const record = parsed.kind === 'node' ? state.node(parsed.path) : undefined;
    return { names, record };
  }
});

describe('Semaphore', () => {
  it('runs no more at a time than it has permits, in the order of asking, also after failures', async () => {
    const semaphore = new Semaphore(2);
    const gates = Array.from({ length: 5 }, () => new Gate());
    const started: number[] = [];
    const tasks = gates.map((gate, index) =>
      semaphore.run(async () => {
        started.push(index);
        await gate.pass();
        if (index === 0) throw new Error('failed');
      }),
    );
    const failed = expect(tasks[0]).rejects.toThrow('failed');
    await gates[1]!.reached;
    expect(started).toEqual([0, 1]);
    gates[0]!.open();
    await failed;
    await gates[2]!.reached;
    expect(started).toEqual([0, 1, 2]);
    for (const gate of gates) gate.open();
    await Promise.all(tasks.slice(1));
    expect(started).toEqual([0, 1, 2, 3, 4]);
  });
});

const zxid = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const ms = fc.integer({ min: 0, max: 4e12 });
const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((id) => Buffer.from(id).toString('hex'));
const session = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });
const acl = fc.oneof(
  fc.constant(OPEN_ACL),
  fc.array(fc.record({ perms: fc.integer({ min: 0, max: 31 }), scheme: fc.string(), id: fc.string() })),
);
const data = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.record({ blob: hex(16), length: fc.integer({ min: 4097, max: 2 ** 20 }) }),
);
const node: fc.Arbitrary<NodeRecord> = fc.record({
  ...{ zxid, czxid: zxid, mzxid: zxid, pzxid: zxid, ctime: ms, mtime: ms, version: int32, creates: int32 },
  ...{
    aversion: int32,
    ephemeralOwner: fc.oneof(fc.constant(0n), session),
    numChildren: fc.nat(),
    acl,
    data,
  },
});
const record: fc.Arbitrary<SessionRecord> = fc.record({
  ...{ zxid, epoch: fc.integer({ min: 1, max: 2 ** 31 }), owner: hex(8), attachId: hex(16) },
  ...{ timeoutMs: ms, passwordHash: fc.uint8Array({ minLength: 32, maxLength: 32 }), cxid: fc.nat() },
});

describe('rows', () => {
  /** What goes through a table comes back without its undefined attributes. */
  async function stored(table: 'state' | 'leases', item: ReturnType<typeof nodeRow>) {
    const { store } = new World();
    await store.put({ table, item });
    return store.dump(table)[0]!;
  }

  it('of znodes, sessions, watermarks and garbage give back what was put in', async () => {
    await fc.assert(
      fc.asyncProperty(node, record, session, async (node, record, id) => {
        expect(nodeOfRow(await stored('state', nodeRow('n', '/a', node)))).toEqual(node);
        expect(sessionOfRow(await stored('state', sessionRow('n', id, record)))).toEqual(record);
      }),
    );
    const counters = { znodes: 1, sessions: 2, thinSessions: 3, bytes: 4 };
    const watermark = { zxid: 7, timeMs: 8, counters };
    expect(watermarkOfRow(await stored('state', watermarkRow('n', watermark)))).toEqual(watermark);
    const garbage = { reference: { blob: 'ab', length: 5000 }, dueMs: 1_700_000_000_000, from: 9 };
    expect(garbageOfRow(await stored('state', garbageRow('n', garbage)))).toEqual(garbage);
  });

  it('of tombstones say that there is nothing', () => {
    expect(nodeOfRow(tombstone(stateKey.node('n', '/a'), 3, 4))).toBeNull();
    expect(sessionOfRow(tombstone(stateKey.session('n', 5n), 3, 4))).toBeNull();
  });

  it('of ephemerals give back paths of any length, in keys that a table takes', async () => {
    const path = fc.integer({ min: 1, max: 1890 }).map((length) => '/' + 'é'.repeat(length));
    await fc.assert(
      fc.asyncProperty(path, async (path) => {
        const row = await stored('state', ephemeralRow({ namespace: 'n', session: 5n, path, zxid: 1 }));
        expect(pathOfEphemeralRow(row)).toBe(path);
      }),
      { numRuns: 30 },
    );
  });

  it('of gateways give back what was put in', async () => {
    const gateway = {
      ...{ gatewayId: 'ab', address: 'h:1', startedAtMs: 1, renewedAtMs: 2, deadlineMs: 3, head: 4 },
      ...{ watermark: 5, sessions: 6, shortestTimeoutMs: 7, longestTimeoutMs: 8, lagMs: 9 },
      newestFormat: 10,
    };
    expect(gatewayOfRow(await stored('leases', gatewayRow('n', gateway)))).toMatchObject(gateway);
  });
});
