import type { AttributeValue, Item } from './store.js';

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
