/** What a table of several Regions answers when two of them write one item at the same time. */
import { describe, expect, it } from 'vitest';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { systemClock } from '../../lib/base/clock.js';
import { systemRandom } from '../../lib/base/random.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { createDynamoClient } from '../../lib/log/dynamo-client.js';
import { storeErrorOf } from '../../lib/log/dynamo-errors.js';
import { DynamoStore } from '../../lib/log/dynamo-store.js';
import { ANYONE, create } from '../keeper/world.js';
import { useEngine } from '../support/engine.js';

const conflict = (attempts = 1) =>
  Object.assign(new Error('another Region is writing the item'), {
    name: 'ReplicatedWriteConflictException',
    $metadata: { httpStatusCode: 400, attempts },
  });

const engine = useEngine();

interface Request {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

/** A client of the engine, whose first puts into the log meet another Region's. */
function contended(conflicts: number, puts: unknown[]): DynamoDBClient {
  const client = createDynamoClient({ endpoint: engine.endpoint });
  const handler = client.config.requestHandler as unknown as { handle(request: Request): Promise<unknown> };
  const handle = handler.handle.bind(handler);
  let left = conflicts;
  handler.handle = async (request) => {
    const input = JSON.parse(Buffer.from(request.body).toString()) as { TableName: string; Item: unknown };
    const isLogPut =
      request.headers['x-amz-target']?.endsWith('PutItem') === true && input.TableName.endsWith('-log');
    if (!isLogPut) return await handle(request);
    puts.push(input.Item);
    if (left-- <= 0) return await handle(request);
    const error = {
      __type: 'x#ReplicatedWriteConflictException',
      message: 'another Region is writing the item',
    };
    return { response: { statusCode: 400, headers: {}, body: Buffer.from(JSON.stringify(error)) } };
  };
  return client;
}

describe('a conflict between Regions', () => {
  it('says that nothing has happened yet, unless an attempt before it may have', () => {
    expect(storeErrorOf(conflict(), 'put')).toMatchObject({ code: 'Throttled', retriable: true });
    expect(storeErrorOf(conflict(2), 'put')).toMatchObject({ code: 'Unavailable', retriable: true });
  });

  it('makes the append try the same entry at the same slot again, and never another', async () => {
    const puts: unknown[] = [];
    const tablePrefix = await engine.freshTables();
    const store = new DynamoStore({ client: contended(3, puts), tablePrefix });
    const keeper = new Keeper({ store, namespace: 'default', clock: systemClock, random: systemRandom });
    expect(await keeper.write(create('/a'), ANYONE)).toMatchObject({ ok: true, zxid: 1 });
    expect(puts).toEqual(Array(4).fill(puts[0]));
    const page = await store.query({ table: 'log', partition: 'default' });
    expect(page.items.map((row) => row['zxid'])).toEqual([1]);
  });
});
