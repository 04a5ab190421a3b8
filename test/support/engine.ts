import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { startEngine, type Engine } from '../../lib/emulator/engine.js';
import { createTables } from '../../lib/emulator/tables.js';
import { createDynamoClient, silenceNodeVersionNotice } from '../../lib/log/dynamo-client.js';
import { DynamoStore, type DynamoStoreOptions } from '../../lib/log/dynamo-store.js';

export interface TestEngine {
  /** Of the engine, once the file's `beforeAll` has run. */
  readonly endpoint: string;
  readonly client: DynamoDBClient;
  /** Creates tables of a fresh prefix and returns it. */
  freshTables(): Promise<string>;
  /** A store on tables of its own. */
  freshStore(options?: Partial<Pick<DynamoStoreOptions, 'observer' | 'clock'>>): Promise<DynamoStore>;
}

/** Another DynamoDB to run the tests on, which somebody else has started: `npm run test:engines` does. */
export const OTHER_ENGINE = process.env['ZEROKEEPER_TEST_ENDPOINT'];

/** Which engine that is, when it is one with differences that are known; see docs/ENGINES.md. */
export const OTHER_ENGINE_KIND = process.env['ZEROKEEPER_TEST_ENGINE'] ?? 'dynamodb';

/**
 * One engine in memory for a whole test file, started before its tests and stopped after them. Call it at the top of the
 * file or of a `describe`. With {@link OTHER_ENGINE}, that one serves all files, each with tables of its own.
 */
export function useEngine(): TestEngine {
  let engine: Pick<Engine, 'endpoint' | 'stop'> | undefined;
  let client: DynamoDBClient | undefined;
  const clients: DynamoDBClient[] = [];
  let prefixes = 0;
  const file = randomUUID().slice(0, 8);
  beforeAll(async () => {
    silenceNodeVersionNotice();
    engine = OTHER_ENGINE === undefined ? await startEngine() : elsewhere(OTHER_ENGINE);
    client = newClient(engine.endpoint);
  });
  const newClient = (endpoint: string) => {
    // Patient: a machine that runs many tests at once is slow, and that is not what any of them is about.
    const patience = { connectionTimeoutMs: 15_000, requestTimeoutMs: 15_000, socketsMax: 16 };
    const made = createDynamoClient({ endpoint, ...patience });
    clients.push(made);
    return made;
  };
  afterAll(async () => {
    for (const made of clients) made.destroy();
    await engine?.stop();
  });
  const started = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('the engine starts in beforeAll: use it within tests only');
    return value;
  };
  const testEngine: TestEngine = {
    get endpoint() {
      return started(engine).endpoint;
    },
    get client() {
      return started(client);
    },
    async freshTables() {
      const prefix = `test-${file}-${++prefixes}`;
      await createTables({ client: started(client), prefix });
      return prefix;
    },
    async freshStore(options = {}) {
      const tablePrefix = await testEngine.freshTables();
      // A client of its own: an observer listens to all of its client's calls.
      return new DynamoStore({ client: newClient(testEngine.endpoint), tablePrefix, ...options });
    },
  };
  return testEngine;
}

/** An engine that belongs to whoever started it. */
function elsewhere(endpoint: string): Pick<Engine, 'endpoint' | 'stop'> {
  return { endpoint, stop: () => Promise.resolve() };
}
