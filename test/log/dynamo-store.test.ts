import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { createDynamoClient } from '../../lib/log/dynamo-client.js';
import { DynamoStore } from '../../lib/log/dynamo-store.js';
import type { StoreObserver } from '../../lib/log/store.js';
import { OTHER_ENGINE, OTHER_ENGINE_KIND, useEngine } from '../support/engine.js';
import { runStoreContract } from './store-contract.js';

const engine = useEngine();

/** Tests of the contract that an engine does not pass, with the reason. */
const LACKING: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  moto: {
    'decides every kind of clause alike for put, update and delete, on an item and on nothing':
      'moto fails on a comparison between an attribute and a value of another type, where DynamoDB says false',
    'may change nothing': 'moto creates no item for an update without an expression',
    'takes an item of 400 KB and refuses one byte more': 'moto counts the size of an item in another way',
  },
};

runStoreContract(
  OTHER_ENGINE === undefined ? 'DynamoStore with the local engine' : `DynamoStore at ${OTHER_ENGINE}`,
  () => engine.freshStore(),
  LACKING[OTHER_ENGINE_KIND],
);

const SLOT = { partition: 'ns', sort: 1 };

describe('the observer of DynamoStore', () => {
  // moto counts every write as one unit.
  it.skipIf(OTHER_ENGINE_KIND === 'moto')('hears of capacity, also of a failed condition', async () => {
    const units: string[] = [];
    const store = await engine.freshStore({
      observer: {
        onCall: ({ operation, table, capacityUnits, conditionFailed }) =>
          units.push(`${operation} ${table} ${capacityUnits}${conditionFailed ? ' failed' : ''}`),
      },
    });
    const put = {
      table: 'log',
      item: { ns: 'ns', zxid: 1, body: new Uint8Array(3000) },
      condition: [{ kind: 'absent' }],
    } as const;
    await store.put(put);
    await store.put(put);
    await store.get('log', SLOT);
    await store.query({ table: 'log', partition: 'ns' });
    expect(units).toEqual(['put log 3', 'put log 3 failed', 'get log 1', 'query log 1']);
  });

  it("hears the server's time with every answer", async () => {
    const samples: Parameters<NonNullable<StoreObserver['onServerTime']>>[0][] = [];
    const store = await engine.freshStore({ observer: { onServerTime: (sample) => samples.push(sample) } });
    await store.get('log', SLOT);
    expect(samples).toHaveLength(1);
    const [sample] = samples;
    expect(sample!.serverMs % 1000).toBe(0);
    expect(sample!.receivedMs).toBeGreaterThanOrEqual(sample!.sentMs);
    // The engine runs on this machine's clock, so its second overlaps the call.
    expect(sample!.serverMs).toBeLessThanOrEqual(sample!.receivedMs);
    expect(sample!.serverMs + 1000).toBeGreaterThan(sample!.sentMs);
  });
});

describe('errors of DynamoStore', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
  });

  /** A store in front of a server that gives these answers one after the other, the last one for ever. */
  async function storeFor(
    ...answers: readonly (readonly [status: number, type: string] | 'hang up' | 'silence')[]
  ) {
    let calls = 0;
    server = createServer((request, response) => {
      request.resume();
      const answer = answers[Math.min(calls++, answers.length - 1)]!;
      if (answer === 'silence') return;
      if (answer === 'hang up') return void request.socket.destroy();
      response.writeHead(answer[0], { 'content-type': 'application/x-amz-json-1.0' });
      response.end(
        JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${answer[1]}`, message: 'said so' }),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const client = createDynamoClient({ endpoint: `http://127.0.0.1:${port}`, requestTimeoutMs: 100 });
    return new DynamoStore({ client, tablePrefix: 'zk' });
  }

  it.each([
    ['a refusal that trying again cannot change', 'Rejected', [400, 'ValidationException']],
    ['a missing permission', 'Rejected', [400, 'AccessDeniedException']],
    ['an internal error', 'Unavailable', [500, 'InternalServerError']],
    ['a service that is not there', 'Unavailable', [503, 'ServiceUnavailable']],
    ['a connection that breaks', 'Unavailable', 'hang up'],
    ['no answer in time', 'Unavailable', 'silence'],
  ] as const)('tell %s', async (_, code, answer) => {
    const store = await storeFor(answer);
    await expect(store.get('log', SLOT)).rejects.toMatchObject({ name: 'StoreError', code });
  });

  it.each(['ProvisionedThroughputExceededException', 'ThrottlingException', 'RequestLimitExceeded'])(
    'tell throttling by %s, with nothing done',
    async (name) => {
      await storeFor([400, name]);
      const { port } = server!.address() as { port: number };
      const client = createDynamoClient({ endpoint: `http://127.0.0.1:${port}`, attemptsMax: 1 });
      const store = new DynamoStore({ client, tablePrefix: 'zk' });
      await expect(store.get('log', SLOT)).rejects.toMatchObject({ name: 'StoreError', code: 'Throttled' });
    },
  );

  it('do not call a write throttled whose first attempt may have arrived', async () => {
    const store = await storeFor('silence', [400, 'ThrottlingException']);
    const put = store.put({ table: 'log', item: { ns: 'ns', zxid: 1 } });
    await expect(put).rejects.toMatchObject({ name: 'StoreError', code: 'Unavailable' });
  });

  it('tell a table that does not exist, by name', async () => {
    const store = new DynamoStore({ client: engine.client, tablePrefix: 'nobody' });
    await expect(store.get('log', SLOT)).rejects.toMatchObject({
      name: 'StoreError',
      code: 'Rejected',
      message: expect.stringContaining('nobody-log') as string,
    });
  });
});
