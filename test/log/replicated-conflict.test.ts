/** What a table of several Regions answers when two of them write one item at the same time. */
import { describe, expect, it } from 'vitest';
import { PutItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { systemClock } from '../../lib/base/clock.js';
import { systemRandom } from '../../lib/base/random.js';
import { Keeper } from '../../lib/keeper/keeper.js';
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

/** The engine, whose first puts into the log meet another Region's. */
function contended(conflicts: number, puts: PutItemCommand[]): DynamoDBClient {
  const client = Object.create(engine.client) as DynamoDBClient;
  let left = conflicts;
  client.send = ((command: object) => {
    const isLogPut = command instanceof PutItemCommand && command.input.TableName?.endsWith('-log') === true;
    if (!isLogPut) return engine.client.send(command as never);
    puts.push(command);
    return left-- > 0 ? Promise.reject(conflict()) : engine.client.send(command);
  }) as never;
  return client;
}

describe('a conflict between Regions', () => {
  it('says that nothing has happened yet, unless an attempt before it may have', () => {
    expect(storeErrorOf(conflict(), 'put')).toMatchObject({ code: 'Throttled', retriable: true });
    expect(storeErrorOf(conflict(2), 'put')).toMatchObject({ code: 'Unavailable', retriable: true });
  });

  it('makes the append try the same entry at the same slot again, and never another', async () => {
    const puts: PutItemCommand[] = [];
    const tablePrefix = await engine.freshTables();
    const store = new DynamoStore({ client: contended(3, puts), tablePrefix });
    const keeper = new Keeper({ store, namespace: 'default', clock: systemClock, random: systemRandom });
    expect(await keeper.write(create('/a'), ANYONE)).toMatchObject({ ok: true, zxid: 1 });
    expect(puts.map(({ input }) => input.Item)).toEqual(Array(4).fill(puts[0]?.input.Item));
    const page = await store.query({ table: 'log', partition: 'default' });
    expect(page.items.map((row) => row['zxid'])).toEqual([1]);
  });
});
