/**
 * A tenant reaches nothing of another: every call that its client makes is held against the policies that the grants synthesize, once as it is
 * and once as if it were about the other's partitions.
 */
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AccountPrincipal, Role } from 'aws-cdk-lib/aws-iam';
import { describe, expect, it } from 'vitest';
import { ZeroKeeper } from '../../cdk/constructs/zero-keeper.js';
import { systemClock } from '../../lib/base/clock.js';
import { systemRandom } from '../../lib/base/random.js';
import { connect } from '../../lib/client/index.js';
import { SimulatedStore, type StoreCall } from '../../lib/log/simulated-store.js';
import { TABLES } from '../../lib/log/tables.js';
import { BUNDLES } from './bundles.js';
import { isAllowed, resourcesOf, statementsOf, type Call } from './policies.js';

const [A, B] = ['tenant-a', 'tenant-b'];

const stack = new Stack(new App({ analyticsReporting: false }), 'Test');
const namespaces = [A, B];
const zooKeeper = new ZeroKeeper(stack, 'ZeroKeeper', {
  ...{ deploymentName: 'zk', namespaces, functionUrl: true, bundles: BUNDLES },
});
const grants = {
  Client: (role: Role) => zooKeeper.grantClient(role, { namespace: A }),
  Url: (role: Role) => zooKeeper.grantClientUrl(role, { namespace: A }),
  Socket: (role: Role) => zooKeeper.grantWebSocket(role, { namespace: A }),
  Direct: (role: Role) => zooKeeper.grantDirect(role, { namespace: A }),
  Gateway: (role: Role) => zooKeeper.grantGateway(role, { namespace: A }),
  Read: (role: Role) => zooKeeper.grantRead(role, { namespace: A }),
};
for (const [name, grant] of Object.entries(grants)) {
  grant(new Role(stack, `${name}OfA`, { assumedBy: new AccountPrincipal('111122223333') }));
}
const template = Template.fromStack(stack);
const statements = (name: keyof typeof grants) => statementsOf(template, new RegExp(`^${name}OfA`));

const ACTIONS = {
  get: 'GetItem',
  query: 'Query',
  put: 'PutItem',
  update: 'UpdateItem',
  delete: 'DeleteItem',
};

function callOf(call: StoreCall): Call {
  const partition =
    call.operation === 'put'
      ? String(call.input.item[TABLES[call.table].partitionKey.name])
      : call.operation === 'get'
        ? call.key.partition
        : call.operation === 'query'
          ? call.input.partition
          : call.input.key.partition;
  return { action: `dynamodb:${ACTIONS[call.operation]}`, resource: call.table, leadingKeys: [partition] };
}

/** Every call that an embedded client of a namespace makes of DynamoDB, by what it is about. */
async function callsOfClient(namespace: string): Promise<Call[]> {
  const store = new SimulatedStore({ clock: systemClock, random: systemRandom });
  const calls = new Map<string, Call>();
  store.intercept = (call) => {
    calls.set(JSON.stringify(callOf(call)), callOf(call));
    return undefined;
  };
  const client = await connect({ transport: 'direct', store, namespace });
  await client.create('/a', new Uint8Array(600_000));
  await client.set('/a', 'small');
  await client.create('/a/b-', 'x', { mode: 'ephemeralSequential' });
  await client.getChildren('/a', { watch: () => undefined });
  await client.exists('/none');
  await client.multi([{ op: 'check', path: '/a' }]);
  await client.create('/gone');
  await client.delete('/gone');
  await client.close();
  return [...calls.values()];
}

const ofOther = (call: Call): Call => ({
  ...call,
  leadingKeys: (call.leadingKeys ?? []).map((key) => key.replaceAll(A, B)),
});

describe('a tenant with tables of its own rows', () => {
  it.each(['Direct', 'Gateway'] as const)(
    'may make every call that its client makes, by grant%s',
    async (name) => {
      const calls = await callsOfClient(A);
      expect(calls.length).toBeGreaterThan(15);
      expect(calls.filter((call) => !isAllowed(template, statements(name), call))).toEqual([]);
    },
  );

  it.each(['Direct', 'Gateway', 'Read'] as const)(
    'may make none of them on another’s rows, by grant%s',
    async (name) => {
      const calls = (await callsOfClient(A)).map(ofOther);
      expect(calls.filter((call) => isAllowed(template, statements(name), call))).toEqual([]);
    },
  );

  it.each(['Direct', 'Gateway', 'Read'] as const)(
    'may not name no key, nor scan, nor change limits, by grant%s',
    (name) => {
      const tries: Call[] = [
        { action: 'dynamodb:Query', resource: 'state' },
        { action: 'dynamodb:Scan', resource: 'state' },
        { action: 'dynamodb:GetItem', resource: 'state', leadingKeys: [`#namespace#${B}`] },
        { action: 'dynamodb:Query', resource: 'state', leadingKeys: ['#namespaces'] },
        { action: 'dynamodb:PutItem', resource: 'state', leadingKeys: [`#namespace#${A}`] },
        { action: 'dynamodb:UpdateItem', resource: 'state', leadingKeys: [`#namespace#${A}`] },
        { action: 'dynamodb:GetItem', resource: 'state', leadingKeys: [`${A}#node#/a`, `${B}#node#/a`] },
        { action: 'dynamodb:GetItem', resource: 'state', leadingKeys: [`${A}-more#node#/a`] },
        { action: 'dynamodb:GetItem', resource: 'watches', leadingKeys: [`${A}#path#/a`] },
      ];
      expect(tries.filter((call) => isAllowed(template, statements(name), call))).toEqual([]);
    },
  );

  it('may read its own limits', () => {
    const limits = { action: 'dynamodb:GetItem', resource: 'state', leadingKeys: [`#namespace#${A}`] };
    expect(isAllowed(template, statements('Direct'), limits)).toBe(true);
  });
});

describe('a tenant that invokes', () => {
  it('has its own alias, and neither the function itself nor another alias', () => {
    expect(statements('Client').flatMap((statement) => resourcesOf(template, statement))).toEqual([A]);
    const invoke = (resource: string) => ({ action: 'lambda:InvokeFunction', resource });
    expect(isAllowed(template, statements('Client'), invoke(A))).toBe(true);
    for (const other of [B, 'api', 'materialize', 'notify', 'expire', 'connect']) {
      expect(isAllowed(template, statements('Client'), invoke(other))).toBe(false);
    }
  });

  it('has its own function URL, and its own stage of the WebSocket API', () => {
    const resources = (name: keyof typeof grants) =>
      statements(name).flatMap((statement) => resourcesOf(template, statement));
    expect([...new Set(resources('Url'))]).toEqual([A]);
    const [stage, ...others] = resources('Socket');
    expect(stage).toContain(`/${A}/$connect`);
    expect(others).toEqual([]);
  });
});
