import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { AccountPrincipal, Role } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { describe, expect, it, vi } from 'vitest';
import { FUNCTION_NAMES, type FunctionName } from '../../cdk/constructs/functions.js';
import type { ZeroKeeperProps } from '../../cdk/constructs/props.js';
import { METRIC_NAMESPACE } from '../../cdk/constructs/monitoring.js';
import { ZeroKeeper } from '../../cdk/constructs/zero-keeper.js';
import { functionMetrics } from '../../functions/shared/observability.js';
import { parseLogRetention } from '../../functions/shared/retention.js';
import { BUNDLES } from './bundles.js';

interface Statement {
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

/** A stack with a deployment called `zk`, what `grant` gives to a role, and ways to ask for either. */
function deploy(
  props: ZeroKeeperProps = {},
  grant: (zooKeeper: ZeroKeeper, role: Role) => void = () => undefined,
) {
  const stack = new Stack(new App({ analyticsReporting: false }), 'Test');
  const zooKeeper = new ZeroKeeper(stack, 'ZeroKeeper', { deploymentName: 'zk', bundles: BUNDLES, ...props });
  const role = new Role(stack, 'Grantee', { assumedBy: new AccountPrincipal('111122223333') });
  grant(zooKeeper, role);
  const template = Template.fromStack(stack);
  const idOf = (type: string, properties: object) =>
    Object.keys(template.findResources(type, { Properties: properties }))[0]!;
  const statementsOf = (pattern: RegExp): Statement[] =>
    Object.entries(template.findResources('AWS::IAM::Policy'))
      .filter(([id]) => pattern.test(id))
      .flatMap(([, policy]) => (policy as unknown as PolicyResource).Properties.PolicyDocument.Statement);
  return {
    template,
    zooKeeper,
    table: (name: string) => idOf('AWS::DynamoDB::Table', { TableName: `zk-${name}` }),
    functionId: (name: FunctionName) => idOf('AWS::Lambda::Function', { FunctionName: `zk-${name}` }),
    queue: (name: string) => idOf('AWS::SQS::Queue', { QueueName: `zk-${name}` }),
    ofRole: (name: FunctionName) => statementsOf(new RegExp(`^ZeroKeeperFunctions${name}role`)),
    granted: () => statementsOf(/^Grantee/),
  };
}

interface PolicyResource {
  readonly Properties: {
    readonly PolicyDocument: { readonly Statement: Statement[] };
    readonly Roles: unknown;
  };
}

interface FunctionResource {
  readonly Properties: { readonly Environment: { readonly Variables: Record<string, unknown> } };
}

const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const actionsOn = (statements: readonly Statement[], resource: unknown) =>
  statements
    .filter((one) => JSON.stringify(one.Resource) === JSON.stringify(resource))
    .flatMap((one) => one.Action)
    .sort();

const deployment = deploy({ namespaces: ['first', 'second'] });
const { template } = deployment;

describe('the functions', () => {
  it.each(FUNCTION_NAMES)(
    '%s runs on arm64 and nodejs24.x, traced, with a log that is not kept for good',
    (name) => {
      template.hasResourceProperties('AWS::Lambda::Function', {
        FunctionName: `zk-${name}`,
        Architectures: ['arm64'],
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        TracingConfig: { Mode: 'Active' },
        LoggingConfig: { LogGroup: Match.anyValue() },
        Environment: {
          Variables: Match.objectLike({
            ZEROKEEPER_TABLE_PREFIX: 'zk',
            ZEROKEEPER_NAMESPACES: 'first,second',
          }),
        },
      });
    },
  );

  it('keep their logs for a month', () => {
    template.resourceCountIs('AWS::Logs::LogGroup', FUNCTION_NAMES.length);
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
  });

  const variablesOf = (name: FunctionName, props: ZeroKeeperProps) => {
    const found = deploy(props).template.findResources('AWS::Lambda::Function', {
      Properties: { FunctionName: `zk-${name}` },
    });
    return (Object.values(found)[0] as unknown as FunctionResource).Properties.Environment.Variables;
  };

  it('keep history for good and refuse nothing because of quotas, unless they are told to', () => {
    const plain = {};
    expect(variablesOf('api', plain)).not.toHaveProperty('ZEROKEEPER_ENFORCE_QUOTA');
    expect(variablesOf('expire', plain)).not.toHaveProperty('ZEROKEEPER_LOG_RETENTION_DAYS');
    const props = { enforceQuota: true, historyRetention: Duration.days(30) };
    expect(variablesOf('api', props)).toMatchObject({ ZEROKEEPER_ENFORCE_QUOTA: 'true' });
    expect(variablesOf('expire', props)).toMatchObject({ ZEROKEEPER_LOG_RETENTION_DAYS: '30' });
  });

  it('read from their environment how long each namespace’s history is kept, as the construct wrote it', () => {
    const historyRetention = { first: Duration.days(90), second: Duration.hours(7 * 24) };
    const variables = variablesOf('expire', { namespaces: ['first', 'second', 'third'], historyRetention });
    const retention = parseLogRetention(String(variables['ZEROKEEPER_LOG_RETENTION_DAYS']));
    const dayMs = Duration.days(1).toMilliseconds();
    expect(['first', 'second', 'third'].map(retention)).toEqual([90 * dayMs, 7 * dayMs, undefined]);
  });

  it.each<[string, ZeroKeeperProps['historyRetention']]>([
    ['less than a week', Duration.days(6)],
    ['more than a hundred years', Duration.days(36_501)],
    ['a part of a day', Duration.hours(7 * 24 + 1)],
    ['a namespace that is not there', { elsewhere: Duration.days(30) }],
  ])('cannot be told to keep history for %s', (_what, historyRetention) => {
    expect(() => deploy({ ...(historyRetention && { historyRetention }) })).toThrow(
      expect.objectContaining({ code: 'InvalidProps' }),
    );
  });

  it('know the queue of timers, whom to call, and where to push', () => {
    const queue = { Ref: deployment.queue('timers') };
    const notify = { Ref: deployment.functionId('notify') };
    const variables = (name: FunctionName) => {
      const Properties = { FunctionName: `zk-${name}` };
      const [found] = Object.values(template.findResources('AWS::Lambda::Function', { Properties }));
      return (found as unknown as FunctionResource).Properties.Environment.Variables;
    };
    for (const name of ['api', 'expire', 'materialize'] as const) {
      expect(variables(name)).toMatchObject({ ZEROKEEPER_TIMER_QUEUE_URL: queue });
    }
    expect(variables('api')).toMatchObject({
      ZEROKEEPER_NOTIFY_FUNCTION: notify,
      ZEROKEEPER_MATERIALIZE_FUNCTION: { Ref: deployment.functionId('materialize') },
    });
    expect(variables('expire')).toMatchObject({ ZEROKEEPER_NOTIFY_FUNCTION: notify });
    expect(JSON.stringify(variables('notify')['ZEROKEEPER_PUSH_ENDPOINT'])).toMatch(
      /https:.*\.execute-api\./,
    );
    expect(JSON.stringify(template.toJSON())).not.toContain('ZEROKEEPER_NAMESPACE_IN_PAYLOAD');
  });

  it('may loop over the queue only where a chain of timers does', () => {
    const loops = template.findResources('AWS::Lambda::Function', { Properties: { RecursiveLoop: 'Allow' } });
    expect(Object.keys(loops)).toEqual([deployment.functionId('expire')]);
  });

  it('take settings of their own', () => {
    const { template: small } = deploy({
      functions: { api: { memorySize: 256, reservedConcurrentExecutions: 7 } },
    });
    small.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'zk-api',
      MemorySize: 256,
      Timeout: 29,
      ReservedConcurrentExecutions: 7,
    });
  });
});

describe('what the functions may do', () => {
  const get = 'dynamodb:GetItem';
  const query = 'dynamodb:Query';
  const put = 'dynamodb:PutItem';
  const update = 'dynamodb:UpdateItem';
  const remove = 'dynamodb:DeleteItem';

  it.each<[FunctionName, Record<string, string[]>]>([
    [
      'api',
      {
        log: [put, query],
        state: [remove, get, put, query],
        leases: [remove, get, put, update],
        watches: [remove, get, put, query, update],
      },
    ],
    ['materialize', { log: [query], state: [get, put, query], leases: [remove, put], watches: [] }],
    ['notify', { log: [query], state: [get, put, query], leases: [], watches: [remove, get, query, update] }],
    [
      'expire',
      {
        log: [put, query],
        state: [remove, get, put, query],
        leases: [remove, get, query, update],
        watches: [],
      },
    ],
    ['connect', { log: [query], state: [get], leases: [], watches: [remove, get, put] }],
  ])('%s calls on each table what its code calls, and no more', (name, tables) => {
    for (const [table, actions] of Object.entries(tables)) {
      expect([table, actionsOn(deployment.ofRole(name), arn(deployment.table(table)))]).toEqual([
        table,
        actions.sort(),
      ]);
    }
  });

  it('has no wildcard in any action', () => {
    for (const name of FUNCTION_NAMES) {
      const actions = deployment.ofRole(name).flatMap((one) => one.Action);
      expect(actions.filter((action) => action.includes('*'))).toEqual([]);
      expect(actions).toContain('dynamodb:Query');
    }
  });

  it('has every resource only for what cannot be granted on single ones', () => {
    const unscoped = FUNCTION_NAMES.flatMap((name) => actionsOn(deployment.ofRole(name), '*'));
    expect([...new Set(unscoped)].sort()).toEqual([
      'dynamodb:ListStreams',
      'xray:PutTelemetryRecords',
      'xray:PutTraceSegments',
    ]);
  });

  it('lets notify alone push, on the stages of the namespaces alone', () => {
    const policies = template.findResources('AWS::IAM::Policy', {
      Properties: {
        PolicyDocument: {
          Statement: Match.arrayWith([Match.objectLike({ Action: 'execute-api:ManageConnections' })]),
        },
      },
    });
    const [policy, ...others] = Object.values(policies);
    expect(others).toEqual([]);
    expect(JSON.stringify(policy)).toContain('/first/POST/@connections/*');
    expect(JSON.stringify(policy)).toContain('/second/POST/@connections/*');
    const { Roles } = (policy as unknown as PolicyResource).Properties;
    expect(Roles).toEqual([{ Ref: expect.stringMatching(/notifyrole/) as string }]);
  });
});

describe('what wakes the functions', () => {
  it.each(['materialize', 'notify'] as const)('has %s read the stream of the log', (name) => {
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      FunctionName: { Ref: deployment.functionId(name) },
      EventSourceArn: { 'Fn::GetAtt': [deployment.table('log'), 'StreamArn'] },
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 5,
      DestinationConfig: { OnFailure: { Destination: arn(deployment.queue('failures')) } },
    });
  });

  it('has expire read the leases that were removed, and no other changes', () => {
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      FunctionName: { Ref: deployment.functionId('expire') },
      EventSourceArn: { 'Fn::GetAtt': [deployment.table('leases'), 'StreamArn'] },
      FilterCriteria: { Filters: [{ Pattern: '{"eventName":["REMOVE"]}' }] },
      BisectBatchOnFunctionError: true,
      DestinationConfig: { OnFailure: { Destination: arn(deployment.queue('failures')) } },
    });
  });

  it('has expire take timers, and say which of a batch failed', () => {
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      FunctionName: { Ref: deployment.functionId('expire') },
      EventSourceArn: arn(deployment.queue('timers')),
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 10 },
    });
  });

  it('puts timers aside that failed five times, and shows none again while expire works on it', () => {
    template.hasResourceProperties('AWS::SQS::Queue', {
      QueueName: 'zk-timers',
      VisibilityTimeout: 90,
      RedrivePolicy: { maxReceiveCount: 5, deadLetterTargetArn: arn(deployment.queue('timers-dead')) },
    });
    const { template: slow } = deploy({ functions: { expire: { timeout: Duration.seconds(120) } } });
    slow.hasResourceProperties('AWS::SQS::Queue', { QueueName: 'zk-timers', VisibilityTimeout: 150 });
  });

  it.each(['materialize', 'notify', 'expire'] as const)(
    'keeps calls of %s that nobody waits for and that failed',
    (name) => {
      template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
        FunctionName: { Ref: deployment.functionId(name) },
        MaximumEventAgeInSeconds: 300,
        DestinationConfig: { OnFailure: { Destination: arn(deployment.queue('failures')) } },
      });
    },
  );

  it('calls materialize, notify and expire each minute', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 minute)',
      Targets: ['materialize', 'notify', 'expire'].map((name) =>
        Match.objectLike({
          Arn: arn(deployment.functionId(name as FunctionName)),
          DeadLetterConfig: { Arn: arn(deployment.queue('failures')) },
        }),
      ),
    });
  });
});

describe('the ways in', () => {
  it('is an alias of api for each namespace', () => {
    for (const Name of ['first', 'second']) {
      const FunctionName = { Ref: deployment.functionId('api') };
      template.hasResourceProperties('AWS::Lambda::Alias', { Name, FunctionName });
    }
    template.resourceCountIs('AWS::Lambda::Alias', 2);
    template.resourceCountIs('AWS::Lambda::Url', 0);
  });

  it('is a function URL with IAM for each namespace, if wanted', () => {
    const { template: withUrls } = deploy({ namespaces: ['first', 'second'], functionUrl: true });
    for (const Qualifier of ['first', 'second']) {
      withUrls.hasResourceProperties('AWS::Lambda::Url', { AuthType: 'AWS_IAM', Qualifier });
    }
  });

  it('is a WebSocket API that lets in signed connections only', () => {
    template.hasResourceProperties('AWS::ApiGatewayV2::Api', { ProtocolType: 'WEBSOCKET' });
    template.hasResourceProperties('AWS::ApiGatewayV2::Route', {
      RouteKey: '$connect',
      AuthorizationType: 'AWS_IAM',
    });
    for (const RouteKey of ['$disconnect', '$default']) {
      template.hasResourceProperties('AWS::ApiGatewayV2::Route', { RouteKey });
    }
    for (const StageName of ['first', 'second']) {
      template.hasResourceProperties('AWS::ApiGatewayV2::Stage', { StageName });
    }
    template.resourceCountIs('AWS::ApiGatewayV2::Stage', 2);
  });
});

describe('logical ids', () => {
  it('stay as they are: another id is another resource, and CloudFormation would replace it', () => {
    const { Resources } = template.toJSON() as { Resources: Record<string, { Type: string }> };
    // A version's id and a deployment's are made of what they contain.
    const stable = Object.entries(Resources)
      .filter(([, { Type }]) => !/^AWS::Lambda::Version$/.test(Type))
      .map(([id, { Type }]) => `${Type} ${id}`);
    expect(stable.sort()).toMatchSnapshot();
  });
});

describe('grants', () => {
  const namespaces = ['first', 'second'];

  it('open one namespace to a client, by its alias alone', () => {
    const { granted, template: made } = deploy({ namespaces }, (zooKeeper, role) =>
      zooKeeper.grantClient(role, { namespace: 'second' }),
    );
    const [alias] = Object.keys(made.findResources('AWS::Lambda::Alias', { Properties: { Name: 'second' } }));
    expect(granted()).toEqual([
      { Action: 'lambda:InvokeFunction', Effect: 'Allow', Resource: { Ref: alias } },
    ]);
  });

  it.each(['grantDirect', 'grantGateway'] as const)('%s opens the partitions of one namespace', (grant) => {
    const { granted, table } = deploy({ namespaces }, (zooKeeper, role) =>
      zooKeeper[grant](role, { namespace: 'second' }),
    );
    const keyed = { Null: { 'dynamodb:LeadingKeys': 'false' } };
    const prefix = { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['second#*'] }, ...keyed };
    const whole = { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['second'] }, ...keyed };
    const limits = {
      'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['#namespace#second'] },
      ...keyed,
    };
    const found = granted().map(({ Resource, Condition }) => ({ Resource, Condition }));
    expect(found).toEqual([
      { Resource: arn(table('log')), Condition: whole },
      { Resource: arn(table('state')), Condition: prefix },
      { Resource: arn(table('leases')), Condition: prefix },
      // What it may hold, which it can read and not change.
      { Resource: arn(table('state')), Condition: limits },
    ]);
    expect(granted().at(-1)).toMatchObject({ Action: 'dynamodb:GetItem' });
  });

  it('grantRead grants no writes', () => {
    const { granted } = deploy({}, (zooKeeper, role) => zooKeeper.grantRead(role));
    const actions = granted().flatMap(({ Action }) => Action);
    expect([...new Set(actions)].sort()).toEqual(['dynamodb:GetItem', 'dynamodb:Query']);
    expect(granted().every(({ Condition }) => Condition !== undefined)).toBe(true);
  });

  it('grantNamespaces opens the list of namespaces, their limits and what they hold, and no namespace', () => {
    const { granted } = deploy({ namespaces }, (zooKeeper, role) => zooKeeper.grantNamespaces(role));
    const keys = granted().map(({ Action, Condition }) => [
      Action,
      Object.values((Condition ?? {}) as Record<string, Record<string, unknown>>)[0]?.[
        'dynamodb:LeadingKeys'
      ],
    ]);
    expect(keys).toEqual([
      [['dynamodb:Query', 'dynamodb:PutItem'], ['#namespaces']],
      [['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'], ['#namespace#*']],
      ['dynamodb:GetItem', ['*#watermark']],
      ['dynamodb:Query', ['*#gateways']],
      [['lambda:CreateAlias', 'lambda:DeleteAlias'], undefined],
    ]);
  });

  it('grantWebSocket lets connect to the stage of one namespace, and nothing else', () => {
    const { granted } = deploy({ namespaces }, (zooKeeper, role) =>
      zooKeeper.grantWebSocket(role, { namespace: 'second' }),
    );
    expect(granted().map(({ Action }) => Action)).toEqual(['execute-api:Invoke']);
    expect(JSON.stringify(granted())).toContain('/second/$connect');
    expect(JSON.stringify(granted())).not.toContain('first');
  });

  it('grantClientUrl grants one namespace’s URL, and says so when there is none', () => {
    const { granted } = deploy({ functionUrl: true }, (zooKeeper, role) => zooKeeper.grantClientUrl(role));
    expect(granted().flatMap(({ Action }) => Action)).toContain('lambda:InvokeFunctionUrl');
    expect(() => deploy({}, (zooKeeper, role) => zooKeeper.grantClientUrl(role))).toThrow('no function URL');
  });

  it('refuse a namespace that is not deployed', () => {
    const grants = ['grantClient', 'grantDirect', 'grantGateway', 'grantRead', 'grantWebSocket'] as const;
    for (const grant of grants) {
      const build = () => deploy({}, (zooKeeper, role) => zooKeeper[grant](role, { namespace: 'other' }));
      expect(build).toThrow(expect.objectContaining({ code: 'NotDeployed' }));
    }
  });
});

describe('options', () => {
  it('keep the data unless told otherwise', () => {
    const { template: destroyed } = deploy({ removalPolicy: RemovalPolicy.DESTROY });
    destroyed.allResources('AWS::DynamoDB::Table', { DeletionPolicy: 'Delete' });
    destroyed.allResourcesProperties('AWS::DynamoDB::Table', { DeletionProtectionEnabled: false });
    template.allResources('AWS::DynamoDB::Table', { DeletionPolicy: 'Retain' });
    template.allResourcesProperties('AWS::DynamoDB::Table', { DeletionProtectionEnabled: true });
  });

  it('encrypt the tables with a customer’s key, which functions use through DynamoDB only', () => {
    const stack = new Stack(new App({ analyticsReporting: false }), 'Keys');
    const encryptionKey = new Key(stack, 'Key');
    new ZeroKeeper(stack, 'ZeroKeeper', { bundles: BUNDLES, encryptionKey });
    const made = Template.fromStack(stack);
    made.allResourcesProperties('AWS::DynamoDB::Table', {
      SSESpecification: { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: Match.anyValue() },
    });
    made.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: Match.arrayWith(['kms:Decrypt']),
            Condition: { StringEquals: { 'kms:ViaService': Match.anyValue() } },
          }),
        ]),
      },
    });
  });

  it.each<[string, ZeroKeeperProps]>([
    ['no namespace', { namespaces: [] }],
    ['a namespace twice', { namespaces: ['a', 'a'] }],
    ['a namespace that is no alias', { namespaces: ['a.b'] }],
    ['a namespace of digits', { namespaces: ['12'] }],
    ['too many namespaces', { namespaces: Array.from({ length: 51 }, (_, index) => `n${index}`) }],
    ['a name that resources cannot have', { deploymentName: 'a b' }],
  ])('refuse %s', (_what, props) => {
    expect(() => deploy(props)).toThrow(expect.objectContaining({ code: 'InvalidProps' }));
  });

  it('say what to do when the functions have not been built', () => {
    expect(() => deploy({ bundles: '/nowhere' })).toThrow(/api has not been built.*npm run build/);
  });
});

describe('watching over it', () => {
  it.each([
    'materializer-lag',
    'notify-lag',
    'expiry-delay',
    'conflicts',
    'materialize-iterator-age',
    'notify-iterator-age',
    'expire-iterator-age',
    'api-errors',
    'api-throttles',
    'timers-late',
    'timers-dead',
    'failures',
    'log-throttled-writes',
  ])('has the alarm %s', (name) => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmName: `zk-${name}`,
      TreatMissingData: 'notBreaching',
      ComparisonOperator: 'GreaterThanThreshold',
    });
  });

  it('looks at the metrics by the dimensions that the functions give them', () => {
    const lines: string[] = [];
    vi.stubEnv('POWERTOOLS_DEV', 'true');
    vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
    const spy = vi.spyOn(console, 'log').mockImplementation((line: unknown) => void lines.push(String(line)));
    functionMetrics('zk').health('MaterializeLagMs', 61_000);
    spy.mockRestore();
    vi.unstubAllEnvs();
    const emitted = JSON.parse(lines[0]!) as Record<string, unknown> & {
      _aws: { CloudWatchMetrics: unknown[] };
    };
    expect(emitted._aws.CloudWatchMetrics).toMatchObject([
      { Namespace: METRIC_NAMESPACE, Metrics: [{ Name: 'MaterializeLagMs', Unit: 'Milliseconds' }] },
    ]);
    const { service, deployment } = emitted as { service?: unknown; deployment?: unknown };
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmName: 'zk-materializer-lag',
      Namespace: METRIC_NAMESPACE,
      MetricName: 'MaterializeLagMs',
      Dimensions: [
        { Name: 'deployment', Value: deployment },
        { Name: 'service', Value: service },
      ],
    });
  });

  it('offers the metrics for alarms of one’s own', () => {
    const { zooKeeper } = deployment;
    const metrics = [
      zooKeeper.metricMaterializeLag(),
      zooKeeper.metricNotifyLag(),
      zooKeeper.metricExpiryDelay(),
      zooKeeper.metricConflicts({ period: Duration.hours(1) }),
    ];
    expect(metrics.map(({ metricName, statistic }) => `${metricName} ${statistic}`)).toEqual([
      'MaterializeLagMs Maximum',
      'NotifyLagMs Maximum',
      'ExpiryDelayMs Maximum',
      'Conflicts Sum',
    ]);
    expect(metrics[3]?.period.toHours()).toBe(1);
  });

  it('measures the lag behind streams by the age of what is read', () => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmName: 'zk-materialize-iterator-age',
      MetricName: 'IteratorAge',
      Threshold: 60_000,
    });
  });

  it('has a dashboard unless it is not wanted', () => {
    template.resourceCountIs('AWS::CloudWatch::Dashboard', 1);
    deploy({ dashboard: false }).template.resourceCountIs('AWS::CloudWatch::Dashboard', 0);
  });
});
