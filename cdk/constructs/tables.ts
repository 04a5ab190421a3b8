import { RemovalPolicy } from 'aws-cdk-lib';
import {
  AttributeType,
  BillingMode,
  StreamViewType,
  Table,
  TableEncryption,
  type Attribute,
} from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { TableName } from '../../lib/log/store.js';
import { TABLE_NAMES, TABLES, tableNameOf, type TableDefinition } from '../../lib/log/tables.js';

export interface ZeroKeeperTablesProps {
  /**
   * The tables are called `prefix-log` and so on, as `DynamoStore` expects them.
   *
   * @default 'zerokeeper'
   */
  readonly tablePrefix?: string;

  /**
   * What becomes of the tables when they leave the stack.
   *
   * @default RemovalPolicy.RETAIN - the log is the database
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * Whether DynamoDB refuses to delete the tables, whoever asks.
   *
   * @default - true, unless `removalPolicy` is DESTROY, which it would defeat
   */
  readonly deletionProtection?: boolean;

  /**
   * A key of your own for the tables.
   *
   * @default - a key that DynamoDB owns, at no charge
   */
  readonly encryptionKey?: IKey;
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
  /** Which names the tables begin with. */
  readonly tablePrefix: string;
  readonly tables: Readonly<Record<TableName, Table>>;
  readonly encryptionKey: IKey | undefined;

  constructor(scope: Construct, id: string, props: ZeroKeeperTablesProps = {}) {
    super(scope, id);
    this.tablePrefix = props.tablePrefix ?? 'zerokeeper';
    this.encryptionKey = props.encryptionKey;
    const entries = TABLE_NAMES.map((name) => [name, this.#table(name, props)] as const);
    this.tables = Object.fromEntries(entries) as Record<TableName, Table>;
  }

  #table(name: TableName, props: ZeroKeeperTablesProps): Table {
    const definition = TABLES[name];
    const { removalPolicy = RemovalPolicy.RETAIN, encryptionKey } = props;
    return new Table(this, name, {
      tableName: tableNameOf(this.tablePrefix, name),
      partitionKey: attribute(definition.partitionKey),
      sortKey: attribute(definition.sortKey),
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy,
      deletionProtection: props.deletionProtection ?? removalPolicy !== RemovalPolicy.DESTROY,
      ...(encryptionKey === undefined ? {} : { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey }),
      ...(definition.stream === undefined ? {} : { stream: StreamViewType[definition.stream] }),
      ...(definition.ttl === undefined ? {} : { timeToLiveAttribute: definition.ttl }),
    });
  }
}

function attribute(key: TableDefinition['sortKey']): Attribute {
  return { name: key.name, type: key.type === 'N' ? AttributeType.NUMBER : AttributeType.STRING };
}
