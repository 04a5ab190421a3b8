import {
  CreateTableCommand,
  DescribeTimeToLiveCommand,
  ResourceInUseException,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import type { CreateTableCommandInput, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { TABLE_NAMES, TABLES, tableNameOf } from '../log/tables.js';
import type { TableName } from '../log/store.js';

/** How long a table may take to become active. */
export const TABLE_ACTIVE_SECONDS_MAX = 60;

export interface CreateTablesInput {
  readonly client: DynamoDBClient;
  /** The tables are called `prefix-log` and so on. */
  readonly prefix: string;
}

/**
 * Creates the four tables where they do not exist yet, waits until they are active, and switches their time to live on.
 * Tables that exist are left as they are, so that it may run at every start.
 */
export async function createTables(input: CreateTablesInput): Promise<void> {
  await Promise.all(TABLE_NAMES.map((table) => createOne(input, table)));
}

async function createOne({ client, prefix }: CreateTablesInput, table: TableName): Promise<void> {
  const TableName = tableNameOf(prefix, table);
  try {
    await client.send(new CreateTableCommand(definitionOf(table, TableName)));
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
  await waitUntilTableExists(
    { client, maxWaitTime: TABLE_ACTIVE_SECONDS_MAX, minDelay: 1, maxDelay: 2 },
    { TableName },
  );
  const attribute = TABLES[table].ttl;
  if (attribute !== undefined) await enableTimeToLive(client, TableName, attribute);
}

function definitionOf(table: TableName, TableName: string): CreateTableCommandInput {
  const { partitionKey, sortKey, stream } = TABLES[table];
  return {
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [partitionKey, sortKey].map(({ name, type }) => ({
      AttributeName: name,
      AttributeType: type,
    })),
    KeySchema: [
      { AttributeName: partitionKey.name, KeyType: 'HASH' },
      { AttributeName: sortKey.name, KeyType: 'RANGE' },
    ],
    ...(stream && { StreamSpecification: { StreamEnabled: true, StreamViewType: stream } }),
  };
}

/** DynamoDB refuses to switch on what is on already, so it is asked first. */
async function enableTimeToLive(client: DynamoDBClient, TableName: string, attribute: string): Promise<void> {
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName }));
  const status = TimeToLiveDescription?.TimeToLiveStatus;
  if (status === 'ENABLED' || status === 'ENABLING') return;
  await client.send(
    new UpdateTimeToLiveCommand({
      TableName,
      TimeToLiveSpecification: { Enabled: true, AttributeName: attribute },
    }),
  );
}
