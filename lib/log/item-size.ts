import { StoreError, type AttributeValue, type Item, type Key, type TableName } from './store.js';
import { TABLES } from './tables.js';

/** DynamoDB's own limits and units, in bytes. */
export const ITEM_BYTES_MAX = 400 * 1024;
export const PARTITION_KEY_BYTES_MAX = 2048;
export const SORT_KEY_BYTES_MAX = 1024;
export const WRITE_UNIT_BYTES = 1024;
export const READ_UNIT_BYTES = 4096;
export const PAGE_BYTES_MAX = 1024 * 1024;

/** Bytes of an item as DynamoDB counts them: attribute names and values, in UTF-8. */
export function itemSize(item: Item): number {
  let bytes = 0;
  for (const name in item) {
    const value = item[name];
    if (value !== undefined) bytes += Buffer.byteLength(name) + valueSize(value);
  }
  return bytes;
}

function valueSize(value: AttributeValue): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'boolean') return 1;
  if (typeof value === 'number') return numberSize(value);
  return value.length;
}

/** One byte, and one for every two significant digits; a sign takes one more. */
function numberSize(value: number): number {
  const digits = Math.abs(value).toString().replace(/0+$/, '').length;
  return 1 + Math.ceil(digits / 2) + (value < 0 ? 1 : 0);
}

/** Write units of an item of so many bytes; nothing costs less than one. */
export function writeUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));
}

/** Read units, strongly consistent; a read that finds nothing costs one too. */
export function readUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES));
}

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

function rejected(message: string): never {
  throw new StoreError('Rejected', message);
}
