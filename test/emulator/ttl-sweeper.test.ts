import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/base/clock.js';
import type { StreamRecord } from '../../functions/shared/events.js';
import { sdkStreamReader } from '../../lib/emulator/stream-reader.js';
import { SWEEP_ROWS_MAX, TTL_IDENTITY, TtlSweeper } from '../../lib/emulator/ttl-sweeper.js';
import { clientConfig } from '../../lib/log/dynamo-client.js';
import { DynamoStore } from '../../lib/log/dynamo-store.js';
import { TABLE_NAMES, TABLES, tableNameOf } from '../../lib/log/tables.js';
import { useEngine } from '../support/engine.js';

const NOW_SECONDS = 1_700_000_000;
const FIVE_YEARS_SECONDS = 5 * 365 * 24 * 3600;

const running = useEngine();

async function setUp() {
  const prefix = await running.freshTables();
  const { client } = running;
  const tables = TABLE_NAMES.map((name) => ({
    tableName: tableNameOf(prefix, name),
    definition: TABLES[name],
  }));
  const sweeper = new TtlSweeper({ client, clock: new ManualClock(NOW_SECONDS * 1000), tables });
  const store = new DynamoStore({ client, tablePrefix: prefix });
  return { prefix, sweeper, store };
}

/** Everything in the stream of the table `leases`. */
async function leaseRecords(prefix: string): Promise<readonly StreamRecord[]> {
  const TableName = tableNameOf(prefix, 'leases');
  const { Table } = await running.client.send(new DescribeTableCommand({ TableName }));
  const streams = new DynamoDBStreamsClient(clientConfig({ endpoint: running.endpoint }));
  const reader = sdkStreamReader(streams, Table!.LatestStreamArn!);
  const [shard] = await reader.shards();
  const { records } = await reader.read(await reader.iterator(shard!.id, { kind: 'TRIM_HORIZON' }), 100);
  streams.destroy();
  return records;
}

describe('the sweeper of the time to live', () => {
  it('deletes what is due in every table that has a time to live, and nothing else', async () => {
    const { sweeper, store } = await setUp();
    for (const table of ['state', 'leases', 'watches'] as const) {
      await store.put({ table, item: { pk: 'due', sk: '-', ttl: NOW_SECONDS } });
      await store.put({ table, item: { pk: 'later', sk: '-', ttl: NOW_SECONDS + 1 } });
      await store.put({ table, item: { pk: 'never', sk: '-' } });
      await store.put({ table, item: { pk: 'absurd', sk: '-', ttl: NOW_SECONDS - FIVE_YEARS_SECONDS - 1 } });
    }
    await store.put({ table: 'log', item: { ns: 'due', zxid: 1, ttl: 1 } });

    expect(await sweeper.sweep()).toBe(3);
    for (const table of ['state', 'leases', 'watches'] as const) {
      expect(await store.get(table, { partition: 'due', sort: '-' })).toBeUndefined();
      for (const partition of ['later', 'never', 'absurd']) {
        expect(await store.get(table, { partition, sort: '-' })).toBeDefined();
      }
    }
    expect(await store.get('log', { partition: 'due', sort: 1 })).toBeDefined();
  });

  it('comes by every row of a table that is too large for one round', async () => {
    const { sweeper, store } = await setUp();
    const rows = SWEEP_ROWS_MAX + 50;
    const put = (index: number) =>
      store.put({ table: 'state', item: { pk: `row ${index}`, sk: '-', ttl: NOW_SECONDS - 1 } });
    await Promise.all(Array.from({ length: rows }, (_, index) => put(index)));
    expect(await sweeper.sweep()).toBe(SWEEP_ROWS_MAX);
    expect(await sweeper.sweep()).toBe(rows - SWEEP_ROWS_MAX);
    expect(await sweeper.sweep()).toBe(0);
  }, 60_000);

  it('marks the stream records of its own deletions as DynamoDB does, once each, and no others', async () => {
    const { prefix, sweeper, store } = await setUp();
    const tableName = tableNameOf(prefix, 'leases');
    await store.put({ table: 'leases', item: { pk: 'due', sk: '-', ttl: NOW_SECONDS } });
    await store.put({ table: 'leases', item: { pk: 'by hand', sk: '-', ttl: NOW_SECONDS + 10 } });
    await store.delete({ table: 'leases', key: { partition: 'by hand', sort: '-' } });
    await sweeper.sweep();

    const removed = (await leaseRecords(prefix)).filter(({ eventName }) => eventName === 'REMOVE');
    const marked = removed.map((record) => sweeper.annotate(tableName, record));
    expect(marked.map(({ dynamodb, userIdentity }) => [dynamodb.OldImage?.['pk'], userIdentity])).toEqual([
      [{ S: 'by hand' }, undefined],
      [{ S: 'due' }, TTL_IDENTITY],
    ]);
    expect(sweeper.annotate(tableName, removed[1]!).userIdentity).toBeUndefined();
  });
});
