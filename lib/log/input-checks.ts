import { ITEM_BYTES_MAX, PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX, itemSize } from './item-size.js';
import {
  StoreError,
  type Item,
  type Key,
  type QueryInput,
  type TableName,
  type UpdateInput,
} from './store.js';
import { TABLES } from './tables.js';

/** @throws StoreError `Rejected` for a number that JavaScript does not hold exactly. */
export function checkNumber(name: string, value: number): void {
  if (!Number.isSafeInteger(value)) rejected(`attribute ${name} is not a safe integer: ${value}`);
}

/** @throws StoreError `Rejected` when DynamoDB would not take the key. */
export function checkKey(table: TableName, key: Key): void {
  const { partitionKey, sortKey } = TABLES[table];
  checkKeyText(partitionKey.name, key.partition, PARTITION_KEY_BYTES_MAX);
  if (sortKey.type === 'N') {
    if (typeof key.sort !== 'number') rejected(`key ${sortKey.name} of table ${table} must be a number`);
    checkNumber(sortKey.name, key.sort);
  } else {
    checkKeyText(sortKey.name, key.sort, SORT_KEY_BYTES_MAX);
  }
}

function checkKeyText(name: string, value: unknown, bytesMax: number): void {
  if (typeof value !== 'string') rejected(`key ${name} must be a string`);
  if (value === '') rejected(`key ${name} is empty`);
  const bytes = Buffer.byteLength(value);
  if (bytes > bytesMax) rejected(`key ${name} has ${bytes} bytes, ${bytesMax} are allowed`);
}

/** @throws StoreError `Rejected` when DynamoDB would not take the item. */
export function checkItem(table: TableName, item: Item): void {
  checkKey(table, keyOf(table, item));
  for (const name in item) {
    const value = item[name];
    if (typeof value === 'number') checkNumber(name, value);
  }
  const bytes = itemSize(item);
  if (bytes > ITEM_BYTES_MAX) rejected(`item has ${bytes} bytes, ${ITEM_BYTES_MAX} are allowed`);
}

/** The key of an item, read from its key attributes. */
export function keyOf(table: TableName, item: Item): Key {
  const { partitionKey, sortKey } = TABLES[table];
  const partition = item[partitionKey.name];
  const sort = item[sortKey.name];
  if (typeof partition !== 'string') rejected(`item for table ${table} lacks its key ${partitionKey.name}`);
  if (typeof sort !== 'string' && typeof sort !== 'number') {
    rejected(`item for table ${table} lacks its key ${sortKey.name}`);
  }
  return { partition, sort };
}

/** The key attributes of a key. */
export function keyAttributes(table: TableName, key: Key): Record<string, string | number> {
  const { partitionKey, sortKey } = TABLES[table];
  return { [partitionKey.name]: key.partition, [sortKey.name]: key.sort };
}

/**
 * Checks an update's attributes and key.
 * @throws StoreError `Rejected` for what DynamoDB would not take.
 */
export function checkUpdate(input: UpdateInput): void {
  checkKey(input.table, input.key);
  const { partitionKey, sortKey } = TABLES[input.table];
  for (const name of [...Object.keys(input.set), ...(input.remove ?? [])]) {
    if (name === partitionKey.name || name === sortKey.name) {
      rejected(`an update cannot change key attribute ${name}`);
    }
  }
  for (const name of input.remove ?? []) {
    if (input.set[name] !== undefined) rejected(`an update cannot both set and remove attribute ${name}`);
  }
  checkItem(input.table, { ...input.set, ...keyAttributes(input.table, input.key) });
}

/** @throws StoreError `Rejected` for bounds that DynamoDB refuses. */
export function checkQuery(input: QueryInput): void {
  const { table, partition, from, to, after, limit } = input;
  checkKey(table, { partition, sort: TABLES[table].sortKey.type === 'N' ? 0 : '-' });
  for (const sort of [from, to, after]) if (sort !== undefined) checkKey(table, { partition, sort });
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1)) {
    rejected(`a query's limit must be a positive integer: ${limit}`);
  }
}

/** Numbers by value, strings by their UTF-8 bytes, as DynamoDB orders them. */
export function compareSortKeys(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}

function rejected(message: string): never {
  throw new StoreError('Rejected', message);
}
