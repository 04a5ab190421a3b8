import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import type { EventImage, StreamRecord } from '../../functions/shared/events.js';
import type { Clock } from '../base/clock.js';
import type { TableDefinition } from '../log/tables.js';

/** Rows that one round looks at per table. A larger table takes several rounds. */
export const SWEEP_ROWS_MAX = 1_000;

/** Deletions whose stream records have not been seen yet. Beyond it the oldest is forgotten, and its record is not marked. */
export const REMEMBERED_DELETIONS_MAX = 10_000;

/** DynamoDB leaves alone what is more than five years overdue: most likely it is not a time in seconds. */
const OVERDUE_SECONDS_MAX = 5 * 365 * 24 * 3600;

/** Who deletes expired rows, as the stream's records name it. */
export const TTL_IDENTITY = { type: 'Service', principalId: 'dynamodb.amazonaws.com' } as const;

export interface SweptTable {
  readonly tableName: string;
  readonly definition: TableDefinition;
}

export interface TtlSweeperOptions {
  readonly client: DynamoDBClient;
  readonly clock: Clock;
  /** Tables without a time to live are left alone. */
  readonly tables: readonly SweptTable[];
}

type Row = Record<string, AttributeValue>;

/**
 * Deletes rows whose time to live has passed, for an engine that does not do that itself, and marks their stream
 * records as DynamoDB marks them. A row that was renewed between the look and the deletion stays.
 */
export class TtlSweeper {
  readonly #options: TtlSweeperOptions;
  /** Where the next round of a table goes on. */
  readonly #resume = new Map<string, Row>();
  readonly #deleted = new Set<string>();

  constructor(options: TtlSweeperOptions) {
    this.#options = options;
  }

  /** One bounded round over every table. Resolves to the number of rows that were deleted. */
  async sweep(): Promise<number> {
    let deleted = 0;
    for (const table of this.#options.tables) {
      const { ttl } = table.definition;
      if (ttl !== undefined) deleted += await this.#sweepTable(table, ttl);
    }
    return deleted;
  }

  /** Marks the record of a deletion of this sweeper's as DynamoDB's own. To be called once for each record of the table. */
  annotate(tableName: string, record: StreamRecord): StreamRecord {
    if (record.eventName !== 'REMOVE') return record;
    const known = this.#deleted.delete(identityOf(tableName, record.dynamodb.Keys));
    return known ? { ...record, userIdentity: TTL_IDENTITY } : record;
  }

  async #sweepTable(table: SweptTable, ttl: string): Promise<number> {
    const nowSeconds = Math.floor(this.#options.clock.now() / 1000);
    const rows = await this.#overdueKeys(table, ttl, nowSeconds);
    let deleted = 0;
    for (const key of rows) if (await this.#delete(table, key, { ttl, nowSeconds })) deleted++;
    return deleted;
  }

  async #overdueKeys({ tableName, definition }: SweptTable, ttl: string, nowSeconds: number): Promise<Row[]> {
    const { partitionKey, sortKey } = definition;
    const resume = this.#resume.get(tableName);
    const { Items, LastEvaluatedKey } = await this.#options.client.send(
      new ScanCommand({
        TableName: tableName,
        Limit: SWEEP_ROWS_MAX,
        ConsistentRead: true,
        FilterExpression: '#ttl BETWEEN :oldest AND :now',
        ProjectionExpression: '#partition, #sort',
        ExpressionAttributeNames: { '#ttl': ttl, '#partition': partitionKey.name, '#sort': sortKey.name },
        ExpressionAttributeValues: overdue(nowSeconds),
        ...(resume === undefined ? {} : { ExclusiveStartKey: resume }),
      }),
    );
    if (LastEvaluatedKey === undefined) this.#resume.delete(tableName);
    else this.#resume.set(tableName, LastEvaluatedKey);
    return Items ?? [];
  }

  /** The key is remembered first: the stream may bring the record before the deletion is answered. */
  async #delete(table: SweptTable, key: Row, at: { ttl: string; nowSeconds: number }): Promise<boolean> {
    const identity = identityOf(table.tableName, key as EventImage);
    if (table.definition.stream !== undefined) this.#remember(identity);
    try {
      await this.#options.client.send(
        new DeleteItemCommand({
          TableName: table.tableName,
          Key: key,
          ConditionExpression: '#ttl BETWEEN :oldest AND :now',
          ExpressionAttributeNames: { '#ttl': at.ttl },
          ExpressionAttributeValues: overdue(at.nowSeconds),
        }),
      );
      return true;
    } catch (error) {
      this.#deleted.delete(identity);
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }

  #remember(identity: string): void {
    this.#deleted.add(identity);
    if (this.#deleted.size <= REMEMBERED_DELETIONS_MAX) return;
    const [oldest] = this.#deleted;
    if (oldest !== undefined) this.#deleted.delete(oldest);
  }
}

function overdue(nowSeconds: number): Row {
  return { ':now': { N: String(nowSeconds) }, ':oldest': { N: String(nowSeconds - OVERDUE_SECONDS_MAX) } };
}

/** The same for a key as the API gives it and as an event brings it: keys here are strings and numbers only. */
function identityOf(tableName: string, key: EventImage): string {
  return JSON.stringify([tableName, ...Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
