import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.js';
import { systemRandom } from '../../lib/base/random.js';
import type { WriteRequest } from '../../lib/core/types.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { Materializer } from '../../lib/keeper/materializer.js';
import type { StoreObserver, TableName } from '../../lib/log/store.js';
import { useEngine } from '../support/engine.js';
import { ANYONE, create, createSession } from './world.js';

/**
 * What the operations cost, counted from the engine's ReturnConsumedCapacity. The table in docs/COSTS.md says the same numbers;
 * this test is where they come from.
 */
type Call = Parameters<NonNullable<StoreObserver['onCall']>>[0];

const engine = useEngine();
const HUNDRED_BYTES = new Uint8Array(100).fill(7);

describe('the capacity that an operation consumes', () => {
  let calls: Call[] = [];
  let keeper: Keeper;
  let materializer: Materializer;

  beforeEach(async () => {
    calls = [];
    const observer = { onCall: (call: Call) => calls.push(call) };
    const store = await engine.freshStore({ observer });
    const options = { store, namespace: 'app', clock: systemClock, random: systemRandom };
    keeper = new Keeper(options);
    materializer = new Materializer(options);
    await write(create('/service'));
    await write(create('/service/znode', HUNDRED_BYTES));
    await materializer.run();
    await keeper.replica.refreshWatermark();
    await keeper.read({ kind: 'getData', path: '/service/znode' });
  });

  async function write(request: WriteRequest): Promise<void> {
    const outcome = await keeper.write(request, ANYONE);
    expect(outcome.ok).toBe(true);
  }

  /** The calls that `work` makes, by table and operation, with their units. */
  async function counted(
    work: () => Promise<unknown>,
  ): Promise<Record<string, [calls: number, units: number]>> {
    calls = [];
    await work();
    const sums: Record<string, [number, number]> = {};
    for (const { table, operation, capacityUnits } of calls) {
      const sum = (sums[name(table, operation)] ??= [0, 0]);
      sum[0]++;
      sum[1] += capacityUnits;
    }
    return sums;
  }

  const name = (table: TableName, operation: Call['operation']) => `${table} ${operation}`;

  /** What one transaction costs to materialize, the watermark (one put a batch) and the looks at the log taken off. */
  async function rowsOf(request: WriteRequest): Promise<[calls: number, units: number]> {
    await materializer.run();
    await write(request);
    const puts = (await counted(() => materializer.run()))['state put'] ?? [0, 0];
    return [puts[0] - 1, puts[1] - 1];
  }

  it('is one put of one unit in the log for a warm write of 100 bytes', async () => {
    const setData = { kind: 'setData', path: '/service/znode', data: HUNDRED_BYTES, version: -1 } as const;
    expect(await counted(() => write(setData))).toEqual({ 'log put': [1, 1] });
  });

  it('is one put of one unit in the log for a warm create and a warm delete', async () => {
    await keeper.read({ kind: 'getChildren', path: '/service' });
    expect(await counted(() => write(create('/service/new', HUNDRED_BYTES)))).toEqual({ 'log put': [1, 1] });
    const remove = { kind: 'delete', path: '/service/new', version: -1 } as const;
    expect(await counted(() => write(remove))).toEqual({ 'log put': [1, 1] });
  });

  it('is at most one more unit in znode rows for setData, and three for create and delete', async () => {
    const setData = { kind: 'setData', path: '/service/znode', data: HUNDRED_BYTES, version: -1 } as const;
    expect(await rowsOf(setData)).toEqual([1, 1]);
    expect(await rowsOf(create('/service/new', HUNDRED_BYTES))).toEqual([3, 3]);
    expect(await rowsOf({ kind: 'delete', path: '/service/new', version: -1 })).toEqual([3, 3]);
  });

  it('is one row more for a session, once a batch however much it wrote', async () => {
    expect(await rowsOf(createSession(77n))).toEqual([1, 1]);
  });

  it('is shared under load: a batch is one put in the log, one row a znode and one watermark', async () => {
    const setData = { kind: 'setData', path: '/service/znode', data: HUNDRED_BYTES, version: -1 } as const;
    const log = await counted(() => Promise.all(Array.from({ length: 50 }, () => write(setData))));
    expect(log['log put']?.[0]).toBe(1);
    // Fifty times 100 bytes, compressed where that saves a unit.
    expect(log['log put']?.[1]).toBeLessThanOrEqual(7);
    const rows = await counted(() => materializer.run());
    expect(rows['state put']).toEqual([2, 2]);
  });

  it('is nothing for a read at session consistency, and one look at the tail for a linearizable one', async () => {
    const read = { kind: 'getData', path: '/service/znode' } as const;
    expect(await counted(() => keeper.read(read))).toEqual({});
    const linearizable = await counted(() => keeper.read(read, { consistency: 'linearizable' }));
    expect(linearizable).toEqual({ 'log query': [1, 1] });
  });

  it('is one more read of the row when the record is not cached', async () => {
    const read = { kind: 'getData', path: '/service/other' } as const;
    const sums = await counted(() => keeper.read(read, { consistency: 'linearizable' }));
    expect(sums).toEqual({ 'log query': [1, 1], 'state get': [1, 1] });
  });
});
