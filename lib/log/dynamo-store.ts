import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import type { ConsumedCapacity, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { systemClock, type Clock } from '../base/clock.js';
import { DynamoCalls } from './dynamo-calls.js';
import { storeErrorOf } from './dynamo-errors.js';
import { ExpressionBuilder, conditionOf, keyExpression, marshalItem } from './dynamo-expressions.js';
import { projectionOf, unmarshalItem, updateExpression } from './dynamo-expressions.js';
import type { DynamoItem } from './dynamo-expressions.js';
import {
  checkItem,
  checkKey,
  checkQuery,
  checkUpdate,
  compareSortKeys,
  keyAttributes,
} from './input-checks.js';
import { itemSize, writeUnits } from './item-size.js';
import { StoreError } from './store.js';
import type { DeleteInput, Item, Key, Page, PutInput, QueryInput, Store, StoreObserver } from './store.js';
import type { TableName, UpdateInput, WriteOutcome } from './store.js';
import { TABLE_NAMES, TABLES, tableNameOf } from './tables.js';

export interface DynamoStoreOptions {
  readonly client: DynamoDBClient;
  /** The tables are called `prefix-log` and so on. */
  readonly tablePrefix: string;
  /** Capacity is asked for only if `onCall` is there, server time is sampled only if `onServerTime` is. */
  readonly observer?: StoreObserver;
  /** For the samples of server time. */
  readonly clock?: Clock;
}

type Operation = 'get' | 'put' | 'update' | 'delete' | 'query';

const DONE: WriteOutcome = { ok: true };

/**
 * The store port on DynamoDB. Reads are strongly consistent. What DynamoDB would refuse anyway (keys, sizes, numbers) is
 * refused before it is sent.
 */
export class DynamoStore implements Store {
  readonly #calls: DynamoCalls;
  readonly #observer: StoreObserver | undefined;
  readonly #tableNames: Readonly<Record<TableName, string>>;
  readonly #capacity: { readonly ReturnConsumedCapacity?: 'TOTAL' };

  constructor(options: DynamoStoreOptions) {
    this.#calls = DynamoCalls.of(options.client);
    this.#observer = options.observer;
    this.#capacity = options.observer?.onCall ? { ReturnConsumedCapacity: 'TOTAL' } : {};
    this.#tableNames = Object.fromEntries(
      TABLE_NAMES.map((table) => [table, tableNameOf(options.tablePrefix, table)]),
    ) as Record<TableName, string>;
    if (options.observer?.onServerTime) sampleServerTime(options, options.clock ?? systemClock);
  }

  async get(table: TableName, key: Key): Promise<Item | undefined> {
    checkKey(table, key);
    const request = {
      TableName: this.#tableNames[table],
      Key: marshalItem(keyAttributes(table, key)),
      ConsistentRead: true,
      ...this.#capacity,
    };
    const output = await this.#send('get', table, () => this.#calls.getItem(request));
    return output.Item && unmarshalItem(output.Item);
  }

  async put(input: PutInput): Promise<WriteOutcome> {
    const { table, item } = input;
    checkItem(table, item);
    const builder = new ExpressionBuilder();
    const request = {
      TableName: this.#tableNames[table],
      Item: marshalItem(item),
      ...conditionOf(table, input.condition, builder),
      ...builder.attributes(),
      ...this.#capacity,
    };
    return this.#write({ operation: 'put', table, item }, () => this.#calls.putItem(request));
  }

  async update(input: UpdateInput): Promise<WriteOutcome> {
    const { table, key, set } = input;
    checkUpdate(input);
    const builder = new ExpressionBuilder();
    const request = {
      TableName: this.#tableNames[table],
      Key: marshalItem(keyAttributes(table, key)),
      ...updateExpression(input, builder),
      ...conditionOf(table, input.condition, builder),
      ...builder.attributes(),
      ...this.#capacity,
    };
    return this.#write({ operation: 'update', table, item: set }, () => this.#calls.updateItem(request));
  }

  async delete(input: DeleteInput): Promise<WriteOutcome> {
    const { table, key } = input;
    checkKey(table, key);
    const builder = new ExpressionBuilder();
    const request = {
      TableName: this.#tableNames[table],
      Key: marshalItem(keyAttributes(table, key)),
      ...conditionOf(table, input.condition, builder),
      ...builder.attributes(),
      ...this.#capacity,
    };
    return this.#write({ operation: 'delete', table, item: {} }, () => this.#calls.deleteItem(request));
  }

  async query(input: QueryInput): Promise<Page> {
    checkQuery(input);
    const { table, partition, from, to, after } = input;
    // DynamoDB refuses bounds that cross; in the contract such a range is just empty.
    if (from !== undefined && to !== undefined && compareSortKeys(from, to) > 0) {
      return { items: [], next: undefined };
    }
    const builder = new ExpressionBuilder();
    const request = {
      TableName: this.#tableNames[table],
      KeyConditionExpression: keyExpression(input, builder),
      ...projectionOf(input, builder),
      ...builder.attributes(),
      ConsistentRead: true,
      ScanIndexForward: !(input.descending ?? false),
      ...(input.limit !== undefined && { Limit: input.limit }),
      ...(after !== undefined && {
        ExclusiveStartKey: marshalItem(keyAttributes(table, { partition, sort: after })),
      }),
      ...this.#capacity,
    };
    const output = await this.#send('query', table, () => this.#calls.query(request));
    return {
      items: (output.Items ?? []).map(unmarshalItem),
      next: output.LastEvaluatedKey && sortOf(table, output.LastEvaluatedKey),
    };
  }

  /** `item` is what the write brings, to tell what a failed condition costs: DynamoDB does not say. */
  async #write(
    call: { operation: Operation; table: TableName; item: Item },
    send: () => Promise<{ ConsumedCapacity?: ConsumedCapacity | undefined }>,
  ): Promise<WriteOutcome> {
    const outcome = await this.#send(call.operation, call.table, async () => {
      try {
        return await send();
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return error;
        throw error;
      }
    });
    if (!(outcome instanceof ConditionalCheckFailedException)) return DONE;
    const existing = outcome.Item && unmarshalItem(outcome.Item);
    this.#observer?.onCall?.({
      operation: call.operation,
      table: call.table,
      capacityUnits: writeUnits(Math.max(itemSize(call.item), existing ? itemSize(existing) : 0)),
      conditionFailed: true,
    });
    return { ok: false, existing };
  }

  async #send<Output extends object>(
    operation: Operation,
    table: TableName,
    send: () => Promise<Output>,
  ): Promise<Output & { ConsumedCapacity?: ConsumedCapacity | undefined }> {
    let output: Output & { ConsumedCapacity?: ConsumedCapacity | undefined };
    try {
      output = await send();
    } catch (error) {
      throw storeErrorOf(error, `${operation} on ${this.#tableNames[table]}`);
    }
    if (this.#observer?.onCall && !(output instanceof Error)) {
      const capacityUnits = output.ConsumedCapacity?.CapacityUnits ?? 0;
      this.#observer.onCall({ operation, table, capacityUnits, conditionFailed: false });
    }
    return output;
  }
}

function sortOf(table: TableName, key: DynamoItem): string | number {
  const sort = unmarshalItem(key)[TABLES[table].sortKey.name];
  if (typeof sort === 'string' || typeof sort === 'number') return sort;
  throw new StoreError('Rejected', `the store gave a page key of an unknown form for table ${table}`);
}

/**
 * Reads the Date header of every answer, refusals included, once for each attempt. At the client's handler and not by middleware: a client
 * may have put its chains of middleware together already ({@link createDynamoClient}), and would never call it.
 */
function sampleServerTime({ client, observer }: DynamoStoreOptions, clock: Clock): void {
  const handler = client.config.requestHandler;
  const handle = handler.handle.bind(handler);
  handler.handle = async (...call: Parameters<typeof handle>) => {
    const sentMs = clock.now();
    const sentMonotonicMs = clock.monotonic();
    const result = await handle(...call);
    const serverMs = Date.parse(dateHeader(result.response) ?? '');
    if (!Number.isNaN(serverMs)) {
      const roundTripMonotonicMs = clock.monotonic() - sentMonotonicMs;
      observer?.onServerTime?.({ serverMs, sentMs, receivedMs: clock.now(), roundTripMonotonicMs });
    }
    return result;
  };
}

function dateHeader(response: unknown): string | undefined {
  return (response as { headers?: Record<string, string> } | undefined)?.headers?.['date'];
}
