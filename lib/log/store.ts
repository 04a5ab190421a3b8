/**
 * The store port: the few DynamoDB calls that the system needs, and nothing else. Keepers, the materializer and the
 * reapers speak to this interface; `DynamoStore` implements it on @aws-sdk/client-dynamodb, `SimulatedStore` in memory
 * with faults. Both pass the same contract suite.
 *
 * Contract:
 * - Every read is strongly consistent.
 * - A conditional write is atomic on its one item. A failed condition is a result, not an error, and carries the item
 *   that stood in the way (`undefined` when there was none).
 * - Any call may throw {@link StoreError}. After a *write* threw, it may or may not have happened, and may even happen
 *   later, for as long as a packet lives: the caller settles it by trying the same again.
 */

/** The four tables. What they are called in an account is the implementation's business. */
export type TableName = 'log' | 'state' | 'leases' | 'watches';

/** DynamoDB's types that are in use: S, N (safe integers only), B, BOOL. An absent attribute is `undefined`. */
export type AttributeValue = string | number | Uint8Array | boolean;

export type Item = Readonly<Record<string, AttributeValue | undefined>>;

/** Partition and sort key, by value. Attribute names come from the table definition. */
export interface Key {
  readonly partition: string;
  readonly sort: string | number;
}

/** A clause of a condition. All clauses of a condition must hold. */
export type Clause =
  | { readonly kind: 'absent' }
  | { readonly kind: 'exists' }
  | { readonly kind: 'equals'; readonly attribute: string; readonly value: AttributeValue }
  | { readonly kind: 'less'; readonly attribute: string; readonly value: number }
  | { readonly kind: 'lessOrEqual'; readonly attribute: string; readonly value: number }
  | { readonly kind: 'greater'; readonly attribute: string; readonly value: number }
  /** The item does not exist, or `attribute` is less than `value`: how full images are written in order. */
  | { readonly kind: 'absentOrLess'; readonly attribute: string; readonly value: number };

export type Condition = readonly Clause[];

export type WriteOutcome =
  { readonly ok: true } | { readonly ok: false; readonly existing: Item | undefined };

export interface PutInput {
  readonly table: TableName;
  /** With its key attributes. Values that are `undefined` are left out. */
  readonly item: Item;
  readonly condition?: Condition;
}

/** Sets and removes attributes of one item; creates the item if it is absent and no clause forbids that. */
export interface UpdateInput {
  readonly table: TableName;
  readonly key: Key;
  readonly set: Item;
  readonly remove?: readonly string[];
  readonly condition?: Condition;
}

export interface DeleteInput {
  readonly table: TableName;
  readonly key: Key;
  readonly condition?: Condition;
}

export interface QueryInput {
  readonly table: TableName;
  readonly partition: string;
  /** Inclusive bounds on the sort key. */
  readonly from?: string | number;
  readonly to?: string | number;
  readonly descending?: boolean;
  readonly limit?: number;
  /** The `next` of the previous page. */
  readonly after?: string | number;
  /** Bring only these attributes (and the keys). Saves transfer, not read capacity. */
  readonly attributes?: readonly string[];
}

export interface Page {
  readonly items: readonly Item[];
  /** Present when there may be more: pass it as `after`. A page may be empty and still have it. */
  readonly next: string | number | undefined;
}

/** Consumed capacity and calls, for cost tests. */
export interface StoreObserver {
  onCall?(call: {
    readonly operation: 'get' | 'put' | 'update' | 'delete' | 'query';
    readonly table: TableName;
    readonly capacityUnits: number;
    readonly conditionFailed: boolean;
  }): void;
  /** A sample of the store's own clock: its `Date` header (whole seconds, cut off) and when the call was sent and answered. */
  onServerTime?(sample: {
    readonly serverMs: number;
    readonly sentMs: number;
    readonly receivedMs: number;
    readonly roundTripMonotonicMs: number;
  }): void;
}

export interface Store {
  get(table: TableName, key: Key): Promise<Item | undefined>;
  put(input: PutInput): Promise<WriteOutcome>;
  update(input: UpdateInput): Promise<WriteOutcome>;
  delete(input: DeleteInput): Promise<WriteOutcome>;
  query(input: QueryInput): Promise<Page>;
}

export type StoreErrorCode =
  /** Over the capacity of table or partition: nothing happened; try again later. */
  | 'Throttled'
  /** No answer, or a 5xx: a write may have happened. */
  | 'Unavailable'
  /** The request itself is wrong (item too large, key too long, table missing, no permission): trying again is no use. */
  | 'Rejected';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get retriable(): boolean {
    return this.code !== 'Rejected';
  }
}
