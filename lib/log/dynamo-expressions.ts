import type { AttributeValue as DynamoValue } from '@aws-sdk/client-dynamodb';
import { unreachable } from '../base/assert.js';
import { checkNumber } from './input-checks.js';
import { StoreError } from './store.js';
import type { AttributeValue, Clause, Condition, Item, QueryInput, TableName, UpdateInput } from './store.js';
import { TABLES } from './tables.js';

export type DynamoItem = Record<string, DynamoValue>;

export function marshalItem(item: Item): DynamoItem {
  const marshalled: DynamoItem = {};
  for (const name in item) {
    const value = item[name];
    if (value !== undefined) marshalled[name] = marshalValue(value, name);
  }
  return marshalled;
}

function marshalValue(value: AttributeValue, name: string): DynamoValue {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'boolean') return { BOOL: value };
  if (typeof value !== 'number') return { B: value };
  checkNumber(name, value);
  return { N: String(value) };
}

/** @throws StoreError `Rejected` for a type, or a number, that this system never writes. */
export function unmarshalItem(marshalled: DynamoItem): Item {
  const item: Record<string, AttributeValue> = {};
  for (const name in marshalled) {
    const value = marshalled[name];
    if (value !== undefined) item[name] = unmarshalValue(value, name);
  }
  return item;
}

function unmarshalValue(value: DynamoValue, name: string): AttributeValue {
  if (value.S !== undefined) return value.S;
  if (value.B !== undefined) return value.B;
  if (value.BOOL !== undefined) return value.BOOL;
  if (value.N === undefined)
    throw new StoreError('Rejected', `attribute ${name} has a type that is not in use`);
  const number = Number(value.N);
  checkNumber(name, number);
  return number;
}

/** Names and values of one request's expressions. */
export class ExpressionBuilder {
  readonly #names: Record<string, string> = {};
  readonly #values: DynamoItem = {};
  #count = 0;

  name(attribute: string): string {
    const placeholder = `#${this.#count++}`;
    this.#names[placeholder] = attribute;
    return placeholder;
  }

  value(value: AttributeValue, attribute: string): string {
    const placeholder = `:${this.#count++}`;
    this.#values[placeholder] = marshalValue(value, attribute);
    return placeholder;
  }

  compare(attribute: string, operator: '=' | '<' | '<=' | '>' | '>=', value: AttributeValue): string {
    return `${this.name(attribute)} ${operator} ${this.value(value, attribute)}`;
  }

  /** The request's two maps, left out when empty: DynamoDB refuses empty ones. */
  attributes(): {
    ExpressionAttributeNames?: Record<string, string>;
    ExpressionAttributeValues?: DynamoItem;
  } {
    return {
      ...(Object.keys(this.#names).length > 0 && { ExpressionAttributeNames: this.#names }),
      ...(Object.keys(this.#values).length > 0 && { ExpressionAttributeValues: this.#values }),
    };
  }
}

/** The condition of a write, and that a failure brings the item that stood in the way. */
export function conditionOf(table: TableName, condition: Condition | undefined, builder: ExpressionBuilder) {
  if (condition === undefined || condition.length === 0) return {};
  const clauses = condition.map((clause) => clauseExpression(table, clause, builder));
  return {
    ConditionExpression: clauses.join(' AND '),
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  } as const;
}

function clauseExpression(table: TableName, clause: Clause, builder: ExpressionBuilder): string {
  const partitionKey = TABLES[table].partitionKey.name;
  switch (clause.kind) {
    case 'absent':
      return `attribute_not_exists(${builder.name(partitionKey)})`;
    case 'exists':
      return `attribute_exists(${builder.name(partitionKey)})`;
    case 'equals':
      return builder.compare(clause.attribute, '=', clause.value);
    case 'less':
      return builder.compare(clause.attribute, '<', clause.value);
    case 'lessOrEqual':
      return builder.compare(clause.attribute, '<=', clause.value);
    case 'greater':
      return builder.compare(clause.attribute, '>', clause.value);
    case 'absentOrLess': {
      const less = builder.compare(clause.attribute, '<', clause.value);
      return `(attribute_not_exists(${builder.name(partitionKey)}) OR ${less})`;
    }
    default:
      return unreachable(clause);
  }
}

export function updateExpression(input: UpdateInput, builder: ExpressionBuilder) {
  const sets: string[] = [];
  for (const name in input.set) {
    const value = input.set[name];
    if (value !== undefined) sets.push(builder.compare(name, '=', value));
  }
  const removes = (input.remove ?? []).map((name) => builder.name(name));
  const parts = [
    ...(sets.length > 0 ? [`SET ${sets.join(', ')}`] : []),
    ...(removes.length > 0 ? [`REMOVE ${removes.join(', ')}`] : []),
  ];
  return parts.length > 0 ? { UpdateExpression: parts.join(' ') } : {};
}

export function keyExpression(input: QueryInput, builder: ExpressionBuilder): string {
  const { partitionKey, sortKey } = TABLES[input.table];
  const partition = builder.compare(partitionKey.name, '=', input.partition);
  const { from, to } = input;
  if (from !== undefined && to !== undefined) {
    const name = builder.name(sortKey.name);
    const [low, high] = [builder.value(from, sortKey.name), builder.value(to, sortKey.name)];
    return `${partition} AND ${name} BETWEEN ${low} AND ${high}`;
  }
  if (from !== undefined) return `${partition} AND ${builder.compare(sortKey.name, '>=', from)}`;
  if (to !== undefined) return `${partition} AND ${builder.compare(sortKey.name, '<=', to)}`;
  return partition;
}

export function projectionOf(input: QueryInput, builder: ExpressionBuilder) {
  if (input.attributes === undefined) return {};
  const { partitionKey, sortKey } = TABLES[input.table];
  const wanted = new Set([partitionKey.name, sortKey.name, ...input.attributes]);
  return { ProjectionExpression: [...wanted].map((name) => builder.name(name)).join(', ') };
}
