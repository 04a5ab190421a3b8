import { describe, expect, it as always } from 'vitest';
import type { AttributeValue, Clause, Item, Store, TableName, WriteOutcome } from '../../lib/log/store.js';

/**
 * What every implementation of the store port does. `makeStore` gives a store on empty tables. `lacking` names tests that an
 * engine cannot pass, each with the reason; a name that no test has fails the suite.
 */
export function runStoreContract(
  name: string,
  makeStore: () => Promise<Store>,
  lacking: Readonly<Record<string, string>> = {},
): void {
  const unknown = new Set(Object.keys(lacking));
  const it = (title: string, test: () => Promise<void>) => {
    unknown.delete(title);
    always.skipIf(title in lacking)(title, test);
  };
  describe(`the store contract on ${name}`, () => {
    describe('put and get', () => {
      it('gives back every type as it was put', async () => {
        const store = await makeStore();
        const item = {
          ...KEY,
          text: 'häüß 🦓',
          emptyText: '',
          yes: true,
          no: false,
          zero: 0,
          negative: -7,
          largest: Number.MAX_SAFE_INTEGER,
          smallest: Number.MIN_SAFE_INTEGER,
          bytes: Uint8Array.from({ length: 256 }, (_, index) => index),
          emptyBytes: new Uint8Array(0),
        };
        expect(await store.put({ table: 'state', item })).toEqual({ ok: true });
        expect(plain(await store.get('state', WHERE))).toEqual(plain(item));
      });

      it('answers undefined for an item that is not there', async () => {
        const store = await makeStore();
        expect(await store.get('state', WHERE)).toBeUndefined();
        expect(await store.get('log', { partition: 'p', sort: 1 })).toBeUndefined();
      });

      it('leaves out attributes that are undefined', async () => {
        const store = await makeStore();
        await store.put({ table: 'state', item: { ...KEY, there: 1, gone: undefined } });
        expect(Object.keys((await store.get('state', WHERE)) ?? {}).sort()).toEqual(['pk', 'sk', 'there']);
      });

      it('replaces the whole item', async () => {
        const store = await makeStore();
        await store.put({ table: 'state', item: { ...KEY, a: 1, b: 2 } });
        await store.put({ table: 'state', item: { ...KEY, b: 3 } });
        expect(await store.get('state', WHERE)).toEqual({ ...KEY, b: 3 });
      });

      it('keeps keys in unicode, tables and partitions apart', async () => {
        const store = await makeStore();
        const keys = [
          { pk: 'ns#node#/zebra', sk: '-' },
          { pk: 'ns#node#/🦓', sk: '-' },
          { pk: 'ns#node#/🦓', sk: 'é' },
          { pk: 'ns#node#/🦓', sk: 'e\u0301' },
        ];
        for (const [index, key] of keys.entries())
          await store.put({ table: 'state', item: { ...key, index } });
        await store.put({ table: 'leases', item: { pk: 'ns#node#/zebra', sk: '-', index: 99 } });
        for (const [index, { pk, sk }] of keys.entries()) {
          expect((await store.get('state', { partition: pk, sort: sk }))?.['index']).toBe(index);
        }
      });

      it('holds keys as numbers up to the largest safe integer', async () => {
        const store = await makeStore();
        const item = { ns: 'ns', zxid: Number.MAX_SAFE_INTEGER, last: Number.MAX_SAFE_INTEGER };
        await store.put({ table: 'log', item });
        expect(await store.get('log', { partition: 'ns', sort: Number.MAX_SAFE_INTEGER })).toEqual(item);
        expect(
          await store.get('log', { partition: 'ns', sort: Number.MAX_SAFE_INTEGER - 1 }),
        ).toBeUndefined();
      });
    });

    describe('conditions', () => {
      it('appends to a slot once and shows the loser what stands there', async () => {
        const store = await makeStore();
        const condition: Clause[] = [{ kind: 'absent' }];
        const winner = { ns: 'ns', zxid: 1, w: Uint8Array.of(1, 2) };
        expect(await store.put({ table: 'log', item: winner, condition })).toEqual({ ok: true });
        const lost = await store.put({ table: 'log', item: { ...winner, w: Uint8Array.of(3) }, condition });
        expect(plainOutcome(lost)).toEqual({ ok: false, existing: plain(winner) });
        expect(plain(await store.get('log', { partition: 'ns', sort: 1 }))).toEqual(plain(winner));
      });

      it('lets exactly one of many concurrent conditional puts win', async () => {
        const store = await makeStore();
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, (_, writer) =>
            store.put({
              table: 'log',
              item: { ns: 'ns', zxid: 7, writer },
              condition: [{ kind: 'absent' }],
            }),
          ),
        );
        const winners = outcomes.flatMap((outcome, writer) => (outcome.ok ? [writer] : []));
        expect(winners).toHaveLength(1);
        const stands = { ns: 'ns', zxid: 7, writer: winners[0] };
        for (const outcome of outcomes) if (!outcome.ok) expect(outcome.existing).toEqual(stands);
        expect(await store.get('log', { partition: 'ns', sort: 7 })).toEqual(stands);
      });

      const bytes = Uint8Array.of(1, 2, 3);
      const item = { n: 5, text: 'x', flag: true, bytes };
      const cases: readonly (readonly [Clause, onItem: boolean, onNothing: boolean])[] = [
        [{ kind: 'absent' }, false, true],
        [{ kind: 'exists' }, true, false],
        [{ kind: 'equals', attribute: 'n', value: 5 }, true, false],
        [{ kind: 'equals', attribute: 'n', value: 6 }, false, false],
        [{ kind: 'equals', attribute: 'n', value: '5' }, false, false],
        [{ kind: 'equals', attribute: 'text', value: 'x' }, true, false],
        [{ kind: 'equals', attribute: 'text', value: 'y' }, false, false],
        [{ kind: 'equals', attribute: 'flag', value: true }, true, false],
        [{ kind: 'equals', attribute: 'flag', value: false }, false, false],
        [{ kind: 'equals', attribute: 'bytes', value: Uint8Array.of(1, 2, 3) }, true, false],
        [{ kind: 'equals', attribute: 'bytes', value: Uint8Array.of(1, 2) }, false, false],
        [{ kind: 'equals', attribute: 'missing', value: 5 }, false, false],
        [{ kind: 'less', attribute: 'n', value: 6 }, true, false],
        [{ kind: 'less', attribute: 'n', value: 5 }, false, false],
        [{ kind: 'less', attribute: 'text', value: 5 }, false, false],
        [{ kind: 'less', attribute: 'missing', value: 5 }, false, false],
        [{ kind: 'lessOrEqual', attribute: 'n', value: 5 }, true, false],
        [{ kind: 'lessOrEqual', attribute: 'n', value: 4 }, false, false],
        [{ kind: 'greater', attribute: 'n', value: 4 }, true, false],
        [{ kind: 'greater', attribute: 'n', value: 5 }, false, false],
        [{ kind: 'absentOrLess', attribute: 'n', value: 6 }, true, true],
        [{ kind: 'absentOrLess', attribute: 'n', value: 5 }, false, true],
        [{ kind: 'absentOrLess', attribute: 'missing', value: 5 }, false, true],
      ];

      it('decides every kind of clause alike for put, update and delete, on an item and on nothing', async () => {
        const store = await makeStore();
        for (const [index, [clause, onItem, onNothing]] of cases.entries()) {
          for (const operation of ['put', 'update', 'delete'] as const) {
            for (const present of [true, false]) {
              const sk = `${index}-${operation}-${present}`;
              const before = present ? { pk: 'p', sk, ...item } : undefined;
              if (before) await store.put({ table: 'state', item: before });
              const outcome = await writeIf({ store, operation, sk, condition: [clause] });
              const label = `${operation} if ${JSON.stringify(clause)} on ${present ? 'an item' : 'nothing'}`;
              expect(outcome.ok, label).toBe(present ? onItem : onNothing);
              if (!outcome.ok) expect(plain(outcome.existing), label).toEqual(plain(before));
              const after = await store.get('state', { partition: 'p', sort: sk });
              if (!outcome.ok) expect(plain(after), label).toEqual(plain(before));
              else expect(after?.['written'], label).toBe(operation === 'delete' ? undefined : 1);
            }
          }
        }
      });

      it('holds only if all clauses hold', async () => {
        const store = await makeStore();
        await store.put({ table: 'state', item: { ...KEY, a: 1, b: 2 } });
        const one: Clause = { kind: 'equals', attribute: 'a', value: 1 };
        const wrong: Clause = { kind: 'greater', attribute: 'b', value: 2 };
        const put = (condition: Clause[]) =>
          store.put({ table: 'state', item: { ...KEY, a: 1, b: 2 }, condition });
        expect((await put([one, wrong])).ok).toBe(false);
        expect((await put([wrong, one])).ok).toBe(false);
        expect((await put([one, { kind: 'exists' }])).ok).toBe(true);
        expect((await put([])).ok).toBe(true);
      });
    });

    describe('update', () => {
      it('sets and removes attributes and leaves the others alone', async () => {
        const store = await makeStore();
        await store.put({ table: 'state', item: { ...KEY, keep: 'k', change: 1, drop: true } });
        const update = { table: 'state', key: WHERE, set: { change: 2, add: Uint8Array.of(9) } } as const;
        expect(await store.update({ ...update, remove: ['drop', 'never'] })).toEqual({ ok: true });
        expect(plain(await store.get('state', WHERE))).toEqual(
          plain({ ...KEY, keep: 'k', change: 2, add: Uint8Array.of(9) }),
        );
      });

      it('creates the item if it is absent and nothing forbids that', async () => {
        const store = await makeStore();
        const update = { table: 'state', key: WHERE, set: { a: 1, none: undefined } } as const;
        expect(await store.update({ ...update, condition: [{ kind: 'exists' }] })).toEqual({
          ok: false,
          existing: undefined,
        });
        expect(await store.get('state', WHERE)).toBeUndefined();
        expect(await store.update(update)).toEqual({ ok: true });
        expect(await store.get('state', WHERE)).toEqual({ ...KEY, a: 1 });
      });

      it('may change nothing', async () => {
        const store = await makeStore();
        expect(await store.update({ table: 'state', key: WHERE, set: {} })).toEqual({ ok: true });
        expect(await store.get('state', WHERE)).toEqual(KEY);
      });

      it('refuses to change a key, and to set and remove the same attribute', async () => {
        const store = await makeStore();
        const update = { table: 'state', key: WHERE } as const;
        await expectRejected(store.update({ ...update, set: { sk: 'other' } }));
        await expectRejected(store.update({ ...update, set: {}, remove: ['pk'] }));
        await expectRejected(store.update({ ...update, set: { a: 1 }, remove: ['a'] }));
        expect(await store.get('state', WHERE)).toBeUndefined();
      });
    });

    describe('delete', () => {
      it('removes the item, and is no error when there is none', async () => {
        const store = await makeStore();
        await store.put({ table: 'leases', item: { ...KEY, a: 1 } });
        expect(await store.delete({ table: 'leases', key: WHERE })).toEqual({ ok: true });
        expect(await store.get('leases', WHERE)).toBeUndefined();
        expect(await store.delete({ table: 'leases', key: WHERE })).toEqual({ ok: true });
      });
    });

    describe('query', () => {
      it('reads a partition in both directions, within inclusive bounds', async () => {
        const store = await makeStore();
        await fillLog(store, [1, 2, 10, 100, 1000]);
        const read = async (bounds: object) => zxids((await store.query({ ...LOG, ...bounds })).items);
        expect(await read({})).toEqual([1, 2, 10, 100, 1000]);
        expect(await read({ descending: true })).toEqual([1000, 100, 10, 2, 1]);
        expect(await read({ from: 2 })).toEqual([2, 10, 100, 1000]);
        expect(await read({ from: 3, to: 100 })).toEqual([10, 100]);
        expect(await read({ to: 99 })).toEqual([1, 2, 10]);
        expect(await read({ to: 99, descending: true })).toEqual([10, 2, 1]);
        expect(await read({ to: 99, descending: true, limit: 1 })).toEqual([10]);
        expect(await read({ from: 2, to: 2 })).toEqual([2]);
        expect(await read({ from: 3, to: 9 })).toEqual([]);
        expect(await read({ from: 9, to: 3 })).toEqual([]);
        expect(await read({ from: 1001 })).toEqual([]);
        expect(await read({ partition: 'nobody' })).toEqual([]);
      });

      it('orders strings by their bytes in UTF-8', async () => {
        const store = await makeStore();
        const names = ['', 'A', 'B', 'a', 'aa', 'b', 'é', '\uffee', '🦓'].slice(1);
        for (const sk of [...names].reverse()) await store.put({ table: 'state', item: { pk: 'p', sk } });
        const query = { table: 'state', partition: 'p' } as const;
        expect((await store.query(query)).items.map((item) => item['sk'])).toEqual(names);
        const range = await store.query({ ...query, from: 'a', to: 'é', descending: true });
        expect(range.items.map((item) => item['sk'])).toEqual(['é', 'b', 'aa', 'a']);
      });

      it('goes on behind a page, in both directions and within bounds', async () => {
        const store = await makeStore();
        await fillLog(store, [1, 2, 3, 4, 5, 6, 7]);
        expect(await readAll(store, { limit: 2 })).toEqual([1, 2, 3, 4, 5, 6, 7]);
        expect(await readAll(store, { limit: 3, descending: true })).toEqual([7, 6, 5, 4, 3, 2, 1]);
        expect(await readAll(store, { limit: 2, from: 2, to: 6 })).toEqual([2, 3, 4, 5, 6]);
        expect(await readAll(store, { limit: 1, from: 3, to: 5, descending: true })).toEqual([5, 4, 3]);
        expect((await store.query({ ...LOG, limit: 100 })).next).toBeUndefined();
      });

      it('cuts pages at one megabyte', async () => {
        const store = await makeStore();
        const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
        await fillLog(store, numbers, new Uint8Array(300_000));
        const page = await store.query(LOG);
        expect(page.next).toBeDefined();
        expect(page.items.length).toBeGreaterThanOrEqual(3);
        expect(page.items.length).toBeLessThanOrEqual(4);
        expect(await readAll(store, {})).toEqual(numbers);
        expect(await readAll(store, { descending: true })).toEqual([...numbers].reverse());
      });

      it('brings only the attributes that are asked for, and the keys', async () => {
        const store = await makeStore();
        await store.put({
          table: 'log',
          item: { ns: 'ns', zxid: 1, last: 3, body: new Uint8Array(9), t: 5 },
        });
        const page = await store.query({ ...LOG, attributes: ['last', 'zxid', 'missing'] });
        expect(page.items).toEqual([{ ns: 'ns', zxid: 1, last: 3 }]);
      });

      it('refuses a limit that is not a positive integer', async () => {
        const store = await makeStore();
        await expectRejected(store.query({ ...LOG, limit: 0 }));
        await expectRejected(store.query({ ...LOG, limit: 1.5 }));
      });
    });

    describe('limits', () => {
      it('takes an item of 400 KB and refuses one byte more', async () => {
        const store = await makeStore();
        const fixed = 'pk'.length + 'p'.length + 'sk'.length + 's'.length + 'd'.length;
        const data = new Uint8Array(400 * 1024 - fixed);
        expect(await store.put({ table: 'state', item: { ...KEY, d: data } })).toEqual({ ok: true });
        const larger = new Uint8Array(data.length + 1);
        await expectRejected(store.put({ table: 'state', item: { pk: 'p', sk: 't', d: larger } }));
        await expectRejected(store.update({ table: 'state', key: WHERE, set: { e: data } }));
        expect((await store.get('state', WHERE))?.['e']).toBeUndefined();
      });

      it('refuses an update that makes an existing item too large', async () => {
        const store = await makeStore();
        await store.put({ table: 'state', item: { ...KEY, a: new Uint8Array(250_000) } });
        const set = { b: new Uint8Array(250_000) };
        await expectRejected(store.update({ table: 'state', key: WHERE, set }));
        expect((await store.get('state', WHERE))?.['b']).toBeUndefined();
      });

      it('takes keys up to 2048 and 1024 bytes and refuses longer and empty ones', async () => {
        const store = await makeStore();
        const put = (pk: string, sk: string) => store.put({ table: 'state', item: { pk, sk } });
        expect(await put('é'.repeat(1024), 'é'.repeat(512))).toEqual({ ok: true });
        await expectRejected(put('é'.repeat(1024) + 'x', 's'));
        await expectRejected(put('p', 'é'.repeat(512) + 'x'));
        await expectRejected(put('', 's'));
        await expectRejected(put('p', ''));
        await expectRejected(store.get('state', { partition: '', sort: 's' }));
        await expectRejected(store.delete({ table: 'state', key: { partition: 'p', sort: '' } }));
        await expectRejected(store.query({ table: 'state', partition: '' }));
      });

      it('refuses keys of the wrong type, and items without their key', async () => {
        const store = await makeStore();
        await expectRejected(store.get('log', { partition: 'ns', sort: '1' }));
        await expectRejected(store.get('state', { partition: 'p', sort: 1 }));
        await expectRejected(store.put({ table: 'log', item: { ns: 'ns' } }));
        await expectRejected(store.put({ table: 'state', item: { sk: 's' } }));
      });

      it('refuses numbers that are not safe integers', async () => {
        const store = await makeStore();
        for (const number of [0.5, 2 ** 53, -(2 ** 53), NaN, Infinity]) {
          await expectRejected(store.put({ table: 'state', item: { ...KEY, number } }));
          await expectRejected(store.update({ table: 'state', key: WHERE, set: { number } }));
        }
        expect(await store.get('state', WHERE)).toBeUndefined();
      });
    });
  });

  always(`${name} is excused from nothing that the contract does not have`, () => {
    expect([...unknown]).toEqual([]);
  });
}

const KEY = { pk: 'p', sk: 's' };
const WHERE = { partition: 'p', sort: 's' };
const LOG = { table: 'log', partition: 'ns' } as const;

async function expectRejected(call: Promise<unknown>): Promise<void> {
  await expect(call).rejects.toMatchObject({ name: 'StoreError', code: 'Rejected' });
}

function writeIf(input: {
  store: Store;
  operation: 'put' | 'update' | 'delete';
  sk: string;
  condition: Clause[];
}): Promise<WriteOutcome> {
  const { store, operation, sk, condition } = input;
  const table: TableName = 'state';
  const key = { partition: 'p', sort: sk };
  if (operation === 'put') return store.put({ table, item: { pk: 'p', sk, written: 1 }, condition });
  if (operation === 'update') return store.update({ table, key, set: { written: 1 }, condition });
  return store.delete({ table, key, condition });
}

async function fillLog(store: Store, numbers: readonly number[], body?: Uint8Array): Promise<void> {
  for (const zxid of numbers) await store.put({ table: 'log', item: { ns: 'ns', zxid, body } });
}

async function readAll(store: Store, bounds: object): Promise<number[]> {
  const found: number[] = [];
  let after: string | number | undefined;
  do {
    const page = await store.query({ ...LOG, ...bounds, ...(after !== undefined && { after }) });
    found.push(...zxids(page.items));
    after = page.next;
  } while (after !== undefined);
  return found;
}

function zxids(items: readonly Item[]): number[] {
  return items.map((item) => item['zxid'] as number);
}

/** Binary values in hex, so that a Buffer equals a Uint8Array. */
function plain(item: Item | undefined): object | undefined {
  const text = (value: AttributeValue | undefined) =>
    value instanceof Uint8Array ? `hex:${Buffer.from(value).toString('hex')}` : value;
  return item && Object.fromEntries(Object.entries(item).map(([name, value]) => [name, text(value)]));
}

function plainOutcome(outcome: WriteOutcome): object {
  return outcome.ok ? outcome : { ok: false, existing: plain(outcome.existing) };
}
