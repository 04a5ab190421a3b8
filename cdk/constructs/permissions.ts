/**
 * What each part calls, read off its code: the functions' in functions/shared and what they use of lib, and keepers' in
 * lib/keeper. Nothing here is a wildcard, and nobody has `Scan`, batches or transactions, because the store port has none.
 */
import { Stack } from 'aws-cdk-lib';
import { Grant, type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { registryKey } from '../../lib/keeper/registry.js';
import { leaseKey, stateKey } from '../../lib/keeper/rows.js';
import type { TableName } from '../../lib/log/store.js';
import type { FunctionName } from './functions.js';
import type { ZeroKeeperTables } from './tables.js';

/** The five calls of the store port, as IAM names them. */
export type TableAction = 'GetItem' | 'Query' | 'PutItem' | 'UpdateItem' | 'DeleteItem';

export type TableActions = Readonly<Partial<Record<TableName, readonly TableAction[]>>>;

/** Appends, reads, and writes blobs before an append and their entries in the garbage list. */
const KEEPER: TableActions = {
  log: ['Query', 'PutItem'],
  state: ['GetItem', 'Query', 'PutItem', 'DeleteItem'],
};

export const FUNCTION_ACTIONS: Readonly<Record<FunctionName, TableActions>> = {
  api: {
    ...KEEPER,
    leases: ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem'],
    watches: ['GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem'],
  },
  /** In `leases` only the chains of timers that look after gateways: begun here, or taken back. */
  materialize: {
    log: ['Query'],
    state: ['GetItem', 'Query', 'PutItem'],
    leases: ['PutItem', 'DeleteItem'],
  },
  /** In `state` only the watermark, blobs, the list of namespaces, and the cursor, which it moves. */
  notify: {
    log: ['Query'],
    state: ['GetItem', 'Query', 'PutItem'],
    watches: ['GetItem', 'Query', 'UpdateItem', 'DeleteItem'],
  },
  /** Leases are renewed and deleted, never made. */
  expire: {
    log: ['Query', 'PutItem'],
    state: ['GetItem', 'Query', 'PutItem', 'DeleteItem'],
    leases: ['GetItem', 'Query', 'UpdateItem', 'DeleteItem'],
  },
  connect: {
    log: ['Query'],
    state: ['GetItem'],
    watches: ['GetItem', 'PutItem', 'DeleteItem'],
  },
};

/** A keeper outside Lambda, in a gateway or embedded: appends, owns sessions, and reaps those of the dead. */
export const DIRECT_ACTIONS: TableActions = {
  ...KEEPER,
  leases: ['GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem'],
};

export const READ_ACTIONS: TableActions = {
  log: ['Query'],
  state: ['GetItem', 'Query'],
  leases: ['GetItem', 'Query'],
};

export interface TableGrant {
  readonly grantee: IGrantable;
  readonly actions: TableActions;
  /** Only this namespace's partitions. Without it all of them. */
  readonly namespace?: string;
}

/** Grants calls on tables, and the use of their key if it is a customer's. */
export function grantTables(tables: ZeroKeeperTables, { grantee, actions, namespace }: TableGrant): void {
  const names = Object.keys(actions) as TableName[];
  for (const name of names) {
    grantTable(tables, {
      grantee,
      name,
      actions: actions[name] ?? [],
      ...(namespace === undefined ? {} : { keys: keysOf(name, namespace) }),
    });
  }
  // Its own limits, which are outside of its partitions so that it cannot change them.
  const limits = [registryKey.namespace(namespace ?? '').partition];
  if (namespace !== undefined)
    grantTable(tables, { grantee, name: 'state', actions: ['GetItem'], keys: limits });
  if (tables.encryptionKey !== undefined) grantKey(tables.encryptionKey, tables, grantee);
}

/** Grants the list of namespaces and their limits, which nobody else may write, and what they hold. */
export function grantRegistry(tables: ZeroKeeperTables, grantee: IGrantable): void {
  const own = { grantee, name: 'state' } as const;
  grantTable(tables, { ...own, actions: ['Query', 'PutItem'], keys: [registryKey.names] });
  const { partition } = registryKey.namespace('*');
  grantTable(tables, { ...own, actions: ['GetItem', 'PutItem', 'UpdateItem'], keys: [partition] });
  grantTable(tables, { ...own, actions: ['GetItem'], keys: [stateKey.watermark('*').partition] });
  // Whether everybody who is running reads the format that a namespace is switched to.
  grantTable(tables, { grantee, name: 'leases', actions: ['Query'], keys: [leaseKey.gateways('*')] });
  if (tables.encryptionKey !== undefined) grantKey(tables.encryptionKey, tables, grantee);
}

interface SingleTableGrant {
  readonly grantee: IGrantable;
  readonly name: TableName;
  readonly actions: readonly TableAction[];
  /** Partitions, perhaps with a `*`. Without them all. */
  readonly keys?: readonly string[];
}

function grantTable(tables: ZeroKeeperTables, { grantee, name, actions, keys }: SingleTableGrant): void {
  grantee.grantPrincipal.addToPrincipalPolicy(
    new PolicyStatement({
      actions: actions.map((action) => `dynamodb:${action}`),
      resources: [tables.tables[name].tableArn],
      ...(keys === undefined ? {} : { conditions: onlyKeys(keys) }),
    }),
  );
}

/** A namespace has no `*`, `?` or `#` in its name, which is why a prefix cannot reach another's partitions. */
function keysOf(table: TableName, namespace: string): readonly string[] {
  return [table === 'log' ? namespace : `${namespace}#*`];
}

/** `ForAllValues` alone holds for calls that name no key, so `Null` says that there has to be one. */
function onlyKeys(keys: readonly string[]): Record<string, Record<string, unknown>> {
  const operator = keys.some((key) => key.includes('*')) ? 'StringLike' : 'StringEquals';
  return {
    [`ForAllValues:${operator}`]: { 'dynamodb:LeadingKeys': keys },
    Null: { 'dynamodb:LeadingKeys': 'false' },
  };
}

/** What DynamoDB asks of whoever uses a table with a customer's key; through DynamoDB and not by itself. */
const KEY_ACTIONS = [
  'kms:Decrypt',
  'kms:DescribeKey',
  'kms:Encrypt',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
];

function grantKey(key: IKey, tables: ZeroKeeperTables, grantee: IGrantable): void {
  const { region, urlSuffix } = Stack.of(tables);
  grantee.grantPrincipal.addToPrincipalPolicy(
    new PolicyStatement({
      actions: KEY_ACTIONS,
      resources: [key.keyArn],
      conditions: { StringEquals: { 'kms:ViaService': `dynamodb.${region}.${urlSuffix}` } },
    }),
  );
}

/** `Function.grantInvoke` grants all versions and aliases besides; the functions call each other without either. */
export function grantInvokeUnqualified(target: IFunction, grantee: IGrantable): Grant {
  return Grant.addToPrincipal({
    grantee,
    actions: ['lambda:InvokeFunction'],
    resourceArns: [target.functionArn],
  });
}
