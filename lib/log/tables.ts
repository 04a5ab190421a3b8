import type { TableName } from './store.js';

/** How one table is keyed and what is switched on. The emulator creates tables from it, the CDK construct declares them from it. */
export interface TableDefinition {
  readonly partitionKey: { readonly name: string; readonly type: 'S' };
  readonly sortKey: { readonly name: string; readonly type: 'S' | 'N' };
  readonly stream?: 'KEYS_ONLY' | 'OLD_IMAGE';
  /** The attribute with the time to live, in seconds since 1970. */
  readonly ttl?: string;
}

/** The four tables: on demand, without secondary indexes, without the transactions API. */
export const TABLES: Readonly<Record<TableName, TableDefinition>> = {
  /** Entries; the key is (namespace, first zxid). Never deleted, so no TTL. */
  log: {
    partitionKey: { name: 'ns', type: 'S' },
    sortKey: { name: 'zxid', type: 'N' },
    stream: 'KEYS_ONLY',
  },
  /** Znode records, child and ephemeral index rows, session records, blobs, watermark, cursors. */
  state: { partitionKey: { name: 'pk', type: 'S' }, sortKey: { name: 'sk', type: 'S' }, ttl: 'ttl' },
  /** Until when sessions and gateways are alive. */
  leases: {
    partitionKey: { name: 'pk', type: 'S' },
    sortKey: { name: 'sk', type: 'S' },
    stream: 'OLD_IMAGE',
    ttl: 'ttl',
  },
  /** Watches of thin clients. */
  watches: { partitionKey: { name: 'pk', type: 'S' }, sortKey: { name: 'sk', type: 'S' }, ttl: 'ttl' },
};

export const TABLE_NAMES: readonly TableName[] = ['log', 'state', 'leases', 'watches'];

/** What a table is called in an account: `prefix-log` and so on. */
export function tableNameOf(prefix: string, table: TableName): string {
  return `${prefix}-${table}`;
}
