import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { ZeroKeeperTables } from '../../cdk/constructs/tables.js';
import { TABLE_NAMES, TABLES, tableNameOf } from '../../lib/log/tables.js';

interface TableResource {
  readonly DeletionPolicy: string;
  readonly UpdateReplacePolicy: string;
  readonly Properties: Record<string, unknown> & { readonly TableName: string };
}

function synthesized(): Map<string, TableResource> {
  const stack = new Stack(new App({ analyticsReporting: false }), 'Test');
  new ZeroKeeperTables(stack, 'Tables', { tablePrefix: 'orders' });
  const resources = Template.fromStack(stack).findResources('AWS::DynamoDB::Table');
  const tables = Object.values(resources) as unknown as TableResource[];
  return new Map(tables.map((table) => [table.Properties.TableName, table]));
}

describe('the stack', () => {
  const tables = synthesized();

  it('declares the four tables and no other', () => {
    expect([...tables.keys()].sort()).toEqual(
      ['orders-leases', 'orders-log', 'orders-state', 'orders-watches'].sort(),
    );
  });

  it.each(TABLE_NAMES)('keeps the table %s, on demand and with point-in-time recovery', (name) => {
    const table = tables.get(tableNameOf('orders', name))!;
    expect(table.DeletionPolicy).toBe('Retain');
    expect(table.UpdateReplacePolicy).toBe('Retain');
    expect(table.Properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      DeletionProtectionEnabled: true,
    });
    expect(table.Properties).not.toHaveProperty('GlobalSecondaryIndexes');
  });

  it.each(TABLE_NAMES)(
    'declares key, stream and time to live of the table %s as the code defines them',
    (name) => {
      const { partitionKey, sortKey, stream, ttl } = TABLES[name];
      const { Properties } = tables.get(tableNameOf('orders', name))!;
      expect(Properties['KeySchema']).toEqual([
        { AttributeName: partitionKey.name, KeyType: 'HASH' },
        { AttributeName: sortKey.name, KeyType: 'RANGE' },
      ]);
      expect(Properties['AttributeDefinitions']).toContainEqual({
        AttributeName: sortKey.name,
        AttributeType: sortKey.type,
      });
      expect(Properties['StreamSpecification']).toEqual(stream && { StreamViewType: stream });
      expect(Properties['TimeToLiveSpecification']).toEqual(ttl && { AttributeName: ttl, Enabled: true });
    },
  );

  it('gives the log no time to live, because its rows are never deleted', () => {
    expect(tables.get('orders-log')!.Properties).not.toHaveProperty('TimeToLiveSpecification');
  });
});
