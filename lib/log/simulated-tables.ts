import { checkItem, checkKey, checkQuery, checkUpdate } from './input-checks.js';
import { compareSortKeys, keyAttributes, keyOf } from './input-checks.js';
import { PAGE_BYTES_MAX, itemSize, readUnits, writeUnits } from './item-size.js';
import type { AttributeValue, Clause, Condition, Item } from './store.js';
import type { DeleteInput, Key, Page, PutInput, QueryInput, TableName } from './store.js';
import type { UpdateInput, WriteOutcome } from './store.js';
import { TABLE_NAMES, TABLES } from './tables.js';

export type WriteCall =
  | { readonly operation: 'put'; readonly table: TableName; readonly input: PutInput }
  | { readonly operation: 'update'; readonly table: TableName; readonly input: UpdateInput }
  | { readonly operation: 'delete'; readonly table: TableName; readonly input: DeleteInput };

/** One change of one item, as DynamoDB's stream would tell it. A write that changes nothing makes no record. */
export interface StoreChange {
  readonly table: TableName;
  readonly kind: 'INSERT' | 'MODIFY' | 'REMOVE';
  readonly keys: Key;
  readonly oldItem: Item | undefined;
  /** Removed by the time to live, not by a caller. */
  readonly byTtl: boolean;
}

export interface Costed<Result> {
  readonly result: Result;
  readonly capacityUnits: number;
}

/** The items of one partition, in the order of their sort keys. */
interface Partition {
  readonly sorts: (string | number)[];
  readonly items: Map<string | number, Item>;
}

/**
 * The tables of a simulated DynamoDB: synchronous, without faults, each call atomic. {@link SimulatedStore} is the
 * network in front of them.
 */
export class SimulatedTables {
  readonly #tables = new Map<TableName, Map<string, Partition>>(TABLE_NAMES.map((name) => [name, new Map()]));
  readonly #listeners = new Set<(change: StoreChange) => void>();

  /** Called synchronously for every change. A listener must not throw. Returns how to take it off. */
  onChange(listener: (change: StoreChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get(table: TableName, key: Key): Costed<Item | undefined> {
    checkKey(table, key);
    const item = this.#find(table, key);
    return { result: item && copyItem(item), capacityUnits: readUnits(item ? itemSize(item) : 0) };
  }

  write(call: WriteCall): Costed<WriteOutcome> {
    const key = checkWrite(call);
    const before = this.#find(call.table, key);
    const after = imageAfter(call, key, before);
    const capacityUnits = writeUnits(Math.max(before ? itemSize(before) : 0, after ? itemSize(after) : 0));
    if (!holds(call.input.condition, before)) {
      return { result: { ok: false, existing: before && copyItem(before) }, capacityUnits };
    }
    if (after) checkItem(call.table, after);
    this.#replace({ table: call.table, key, before, after, byTtl: false });
    return { result: { ok: true }, capacityUnits };
  }

  /** `itemsMax` forces pages shorter than DynamoDB's 1 MB. */
  query(input: QueryInput, itemsMax = Infinity): Costed<Page> {
    checkQuery(input);
    const partition = this.#tables.get(input.table)?.get(input.partition);
    const page: Item[] = [];
    let bytes = 0;
    let next: string | number | undefined;
    const limit = Math.min(input.limit ?? Infinity, itemsMax);
    for (const [sort, item] of partition ? rangeOf(partition, input) : []) {
      const size = itemSize(item);
      if (page.length > 0 && bytes + size > PAGE_BYTES_MAX) break;
      page.push(project(input, item));
      bytes += size;
      next = sort;
      if (page.length >= limit) return { result: { items: page, next }, capacityUnits: readUnits(bytes) };
    }
    const more = partition !== undefined && next !== undefined && hasBeyond(partition, input, next);
    return { result: { items: page, next: more ? next : undefined }, capacityUnits: readUnits(bytes) };
  }

  /** All items of a table, ordered by key. */
  dump(table: TableName): Item[] {
    const partitions = [...(this.#tables.get(table) ?? [])].sort(([a], [b]) => compareSortKeys(a, b));
    return partitions.flatMap(([, { sorts, items }]) => sorts.map((sort) => copyItem(items.get(sort) ?? {})));
  }

  /** Removes what has outlived its time to live at `nowMs`, as DynamoDB's sweep does some day. Returns what went. */
  deleteExpired(nowMs: number): { readonly table: TableName; readonly item: Item }[] {
    const removed: { table: TableName; item: Item }[] = [];
    for (const table of TABLE_NAMES) {
      const attribute = TABLES[table].ttl;
      if (attribute === undefined) continue;
      for (const item of this.dump(table)) {
        const ttl = item[attribute];
        if (typeof ttl !== 'number' || ttl * 1000 >= nowMs) continue;
        removed.push({ table, item });
        this.#replace({ table, key: keyOf(table, item), before: item, after: undefined, byTtl: true });
      }
    }
    return removed;
  }

  #find(table: TableName, key: Key): Item | undefined {
    return this.#tables.get(table)?.get(key.partition)?.items.get(key.sort);
  }

  #replace(change: {
    table: TableName;
    key: Key;
    before: Item | undefined;
    after: Item | undefined;
    byTtl: boolean;
  }): void {
    const { table, key, before, after, byTtl } = change;
    if (after) this.#insert(table, key, after);
    else if (before) this.#remove(table, key);
    if (this.#listeners.size === 0 || sameItem(before, after)) return;
    const kind = before === undefined ? 'INSERT' : after === undefined ? 'REMOVE' : 'MODIFY';
    for (const listener of this.#listeners) listener({ table, kind, keys: key, oldItem: before, byTtl });
  }

  #insert(table: TableName, key: Key, item: Item): void {
    const partitions = this.#tables.get(table);
    let partition = partitions?.get(key.partition);
    if (partition === undefined) {
      partition = { sorts: [], items: new Map() };
      partitions?.set(key.partition, partition);
    }
    if (!partition.items.has(key.sort))
      partition.sorts.splice(lowerBound(partition.sorts, key.sort), 0, key.sort);
    partition.items.set(key.sort, item);
  }

  #remove(table: TableName, key: Key): void {
    const partitions = this.#tables.get(table);
    const partition = partitions?.get(key.partition);
    if (!partition?.items.delete(key.sort)) return;
    partition.sorts.splice(lowerBound(partition.sorts, key.sort), 1);
    if (partition.sorts.length === 0) partitions?.delete(key.partition);
  }
}

/** @throws StoreError `Rejected` for what DynamoDB refuses before it looks at the item. Returns the key. */
export function checkWrite(call: WriteCall): Key {
  if (call.operation === 'put') {
    checkItem(call.table, call.input.item);
    return keyOf(call.table, call.input.item);
  }
  if (call.operation === 'update') checkUpdate(call.input);
  else checkKey(call.table, call.input.key);
  return call.input.key;
}

function imageAfter(call: WriteCall, key: Key, before: Item | undefined): Item | undefined {
  if (call.operation === 'delete') return undefined;
  if (call.operation === 'put') return copyItem(call.input.item);
  const after: Record<string, AttributeValue | undefined> = {
    ...before,
    ...copyItem(call.input.set),
    ...keyAttributes(call.table, key),
  };
  const removed = new Set(call.input.remove);
  return Object.fromEntries(Object.entries(after).filter(([name]) => !removed.has(name)));
}

function holds(condition: Condition | undefined, item: Item | undefined): boolean {
  return condition?.every((clause) => clauseHolds(clause, item)) ?? true;
}

/** An attribute that is missing, or of another type, satisfies no comparison. */
function clauseHolds(clause: Clause, item: Item | undefined): boolean {
  if (clause.kind === 'absent') return item === undefined;
  if (clause.kind === 'exists') return item !== undefined;
  const value = item?.[clause.attribute];
  if (clause.kind === 'equals') return value !== undefined && sameValue(value, clause.value);
  if (clause.kind === 'absentOrLess' && item === undefined) return true;
  if (typeof value !== 'number') return false;
  switch (clause.kind) {
    case 'less':
    case 'absentOrLess':
      return value < clause.value;
    case 'lessOrEqual':
      return value <= clause.value;
    case 'greater':
      return value > clause.value;
  }
}

function* rangeOf(partition: Partition, input: QueryInput): Generator<[string | number, Item]> {
  const { sorts, items } = partition;
  const step = input.descending ? -1 : 1;
  for (let index = startOf(sorts, input); index >= 0 && index < sorts.length; index += step) {
    const sort = sorts[index];
    const item = sort === undefined ? undefined : items.get(sort);
    if (sort === undefined || item === undefined) return;
    if (!input.descending && input.to !== undefined && compareSortKeys(sort, input.to) > 0) return;
    if (input.descending && input.from !== undefined && compareSortKeys(sort, input.from) < 0) return;
    yield [sort, item];
  }
}

/** The index of the first key of the range in the query's direction. */
function startOf(sorts: readonly (string | number)[], input: QueryInput): number {
  if (!input.descending) {
    const fromIndex = input.from === undefined ? 0 : lowerBound(sorts, input.from);
    return input.after === undefined ? fromIndex : Math.max(fromIndex, upperBound(sorts, input.after));
  }
  const toIndex = input.to === undefined ? sorts.length - 1 : upperBound(sorts, input.to) - 1;
  return input.after === undefined ? toIndex : Math.min(toIndex, lowerBound(sorts, input.after) - 1);
}

function hasBeyond(partition: Partition, input: QueryInput, after: string | number): boolean {
  return rangeOf(partition, { ...input, after }).next().done !== true;
}

function project(input: QueryInput, item: Item): Item {
  if (input.attributes === undefined) return copyItem(item);
  const { partitionKey, sortKey } = TABLES[input.table];
  const wanted = new Set([...input.attributes, partitionKey.name, sortKey.name]);
  return copyItem(Object.fromEntries(Object.entries(item).filter(([name]) => wanted.has(name))));
}

function lowerBound(sorts: readonly (string | number)[], key: string | number): number {
  return firstIndex(sorts, (sort) => compareSortKeys(sort, key) >= 0);
}

function upperBound(sorts: readonly (string | number)[], key: string | number): number {
  return firstIndex(sorts, (sort) => compareSortKeys(sort, key) > 0);
}

function firstIndex(
  sorts: readonly (string | number)[],
  reached: (sort: string | number) => boolean,
): number {
  let low = 0;
  let high = sorts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const sort = sorts[middle];
    if (sort !== undefined && reached(sort)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** What goes in and out is copied, so that nobody shares memory with the tables. Undefined values are left out. */
function copyItem(item: Item): Item {
  const copy: Record<string, AttributeValue> = {};
  for (const name in item) {
    const value = item[name];
    if (value !== undefined) copy[name] = value instanceof Uint8Array ? Uint8Array.from(value) : value;
  }
  return copy;
}

function sameItem(a: Item | undefined, b: Item | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => sameValue(a[name], b[name]));
}

function sameValue(a: AttributeValue | undefined, b: AttributeValue | undefined): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return a === b;
}
