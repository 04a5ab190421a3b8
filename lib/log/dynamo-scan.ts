import { ScanCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { storeErrorOf } from './dynamo-errors.js';
import { unmarshalItem } from './dynamo-expressions.js';
import type { Item, TableName } from './store.js';
import { tableNameOf } from './tables.js';

/** All items of a table, strongly consistent page by page. For tools of operators: nothing that serves clients reads whole tables. */
export async function* scanTable(
  at: { readonly client: DynamoDBClient; readonly tablePrefix: string },
  table: TableName,
): AsyncGenerator<Item> {
  const TableName = tableNameOf(at.tablePrefix, table);
  let from: { ExclusiveStartKey?: Record<string, never> } = {};
  do {
    const page = await at.client
      .send(new ScanCommand({ TableName, ConsistentRead: true, ...from }))
      .catch((error: unknown) => {
        throw storeErrorOf(error, `scan ${TableName}`);
      });
    for (const item of page.Items ?? []) yield unmarshalItem(item);
    from =
      page.LastEvaluatedKey === undefined
        ? {}
        : { ExclusiveStartKey: page.LastEvaluatedKey as Record<string, never> };
  } while ('ExclusiveStartKey' in from);
}
