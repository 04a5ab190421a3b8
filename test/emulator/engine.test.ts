import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescribeTableCommand, DescribeTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { EngineUnavailableError, startEngine } from '../../lib/emulator/engine.js';
import { createTables } from '../../lib/emulator/tables.js';
import { createDynamoClient } from '../../lib/log/dynamo-client.js';
import { DynamoStore } from '../../lib/log/dynamo-store.js';
import { TABLE_NAMES, TABLES, tableNameOf } from '../../lib/log/tables.js';
import { useEngine } from '../support/engine.js';

const running = useEngine();

describe('the local engine', () => {
  it('keeps what it has answered for over a kill, with a data file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'zerokeeper-'));
    const dataFile = join(folder, 'tables.db');
    const first = await startEngine({ dataFile });
    const client = createDynamoClient({ endpoint: first.endpoint });
    await createTables({ client, prefix: 'zk' });
    await new DynamoStore({ client, tablePrefix: 'zk' }).put({ table: 'log', item: { ns: 'ns', zxid: 1 } });
    client.destroy();
    process.kill(first.pid, 'SIGKILL');
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await first.stop();

    const second = await startEngine({ dataFile });
    const again = createDynamoClient({ endpoint: second.endpoint });
    const store = new DynamoStore({ client: again, tablePrefix: 'zk' });
    expect(await store.get('log', { partition: 'ns', sort: 1 })).toEqual({ ns: 'ns', zxid: 1 });
    again.destroy();
    await second.stop();
    expect(await second.exited).toMatchObject({ signal: null });
    await rm(folder, { recursive: true });
  });

  it('says why it did not start', async () => {
    const taken = createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    await expect(startEngine({ port })).rejects.toBeInstanceOf(EngineUnavailableError);
    taken.close();
  });
});

describe('createTables', () => {
  it('makes the four tables as they are defined, and leaves them alone the next time', async () => {
    const prefix = await running.freshTables();
    const store = new DynamoStore({ client: running.client, tablePrefix: prefix });
    await store.put({ table: 'log', item: { ns: 'ns', zxid: 1 } });
    await createTables({ client: running.client, prefix });
    expect(await store.get('log', { partition: 'ns', sort: 1 })).toBeDefined();
    for (const table of TABLE_NAMES) {
      const TableName = tableNameOf(prefix, table);
      const { Table } = await running.client.send(new DescribeTableCommand({ TableName }));
      expect(Table?.TableStatus).toBe('ACTIVE');
      expect(Table?.StreamSpecification?.StreamViewType).toBe(TABLES[table].stream);
      const ttl = await running.client.send(new DescribeTimeToLiveCommand({ TableName }));
      expect(ttl.TimeToLiveDescription?.AttributeName).toBe(TABLES[table].ttl);
    }
  });
});
