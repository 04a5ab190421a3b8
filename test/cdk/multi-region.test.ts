/** The tables of docs/MULTI-REGION.md can be declared from the definitions as they are. Nothing deploys them yet. */
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import {
  AttributeType,
  Billing,
  MultiRegionConsistency,
  StreamViewType,
  TableV2,
} from 'aws-cdk-lib/aws-dynamodb';
import { describe, expect, it } from 'vitest';
import { TABLES } from '../../lib/log/tables.js';
import './bundles.js';

const REGIONS = { home: 'us-east-1', second: 'us-east-2', third: 'us-west-2' };

function globalTables(others: { replicas: readonly string[]; witness?: string }): Template {
  const stack = new Stack(new App({ analyticsReporting: false }), 'Test', { env: { region: REGIONS.home } });
  for (const name of ['log', 'state'] as const) {
    const { partitionKey, sortKey, stream } = TABLES[name];
    const type = { S: AttributeType.STRING, N: AttributeType.NUMBER };
    new TableV2(stack, name, {
      tableName: `orders-${name}`,
      partitionKey: { name: partitionKey.name, type: type[partitionKey.type] },
      sortKey: { name: sortKey.name, type: type[sortKey.type] },
      billing: Billing.onDemand(),
      multiRegionConsistency: MultiRegionConsistency.STRONG,
      replicas: others.replicas.map((region) => ({ region })),
      ...(others.witness === undefined ? {} : { witnessRegion: others.witness }),
      ...(stream === undefined ? {} : { dynamoStream: StreamViewType[stream as 'KEYS_ONLY'] }),
    });
  }
  return Template.fromStack(stack);
}

describe.each([
  ['three Regions', { replicas: [REGIONS.second, REGIONS.third] }, 3],
  ['two Regions and a witness', { replicas: [REGIONS.second], witness: REGIONS.third }, 2],
])('log and state in %s', (_, others, replicas) => {
  const tables = Object.values(globalTables(others).findResources('AWS::DynamoDB::GlobalTable')).map(
    (resource) => resource['Properties'] as Record<string, unknown>,
  );

  it('are global tables that are strongly consistent across Regions', () => {
    expect(tables.map(({ TableName }) => TableName)).toEqual(['orders-log', 'orders-state']);
    for (const table of tables) {
      expect(table).toMatchObject({ MultiRegionConsistency: 'STRONG', BillingMode: 'PAY_PER_REQUEST' });
      expect(table['Replicas']).toHaveLength(replicas);
    }
  });

  it('have nothing that such tables bar: no time to live, no index', () => {
    for (const table of tables) {
      expect(table).not.toHaveProperty('TimeToLiveSpecification');
      expect(table).not.toHaveProperty('LocalSecondaryIndexes');
      expect(table).not.toHaveProperty('GlobalSecondaryIndexes');
    }
  });
});
