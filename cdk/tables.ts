import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, StreamViewType, Table, type Attribute } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import type { TableName } from '../lib/log/store.js';
import { TABLE_NAMES, TABLES, tableNameOf, type TableDefinition } from '../lib/log/tables.js';

export interface ZeroKeeperTablesProps {
  /** The tables are called `prefix-log` and so on, as `DynamoStore` expects them. Default: `zerokeeper`. */
  readonly tablePrefix?: string;
}

/**
 * The four tables, as `lib/log/tables.ts` defines them: on demand, with point-in-time recovery, and kept when the
 * stack goes, because the log is the database.
 *
 * @example
 * const { tables } = new ZeroKeeperTables(this, 'ZeroKeeper', { tablePrefix: 'orders' });
 * tables.log.grantReadWriteData(worker);
 */
export class ZeroKeeperTables extends Construct {
  readonly tables: Readonly<Record<TableName, Table>>;

  constructor(scope: Construct, id: string, props: ZeroKeeperTablesProps = {}) {
    super(scope, id);
    const prefix = props.tablePrefix ?? 'zerokeeper';
    const entries = TABLE_NAMES.map((name) => [name, this.#table(prefix, name)] as const);
    this.tables = Object.fromEntries(entries) as Record<TableName, Table>;
  }

  #table(prefix: string, name: TableName): Table {
    const definition = TABLES[name];
    return new Table(this, name, {
      tableName: tableNameOf(prefix, name),
      partitionKey: attribute(definition.partitionKey),
      sortKey: attribute(definition.sortKey),
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy: RemovalPolicy.RETAIN,
      ...(definition.stream === undefined ? {} : { stream: StreamViewType[definition.stream] }),
      ...(definition.ttl === undefined ? {} : { timeToLiveAttribute: definition.ttl }),
    });
  }
}

function attribute(key: TableDefinition['sortKey']): Attribute {
  return { name: key.name, type: key.type === 'N' ? AttributeType.NUMBER : AttributeType.STRING };
}
