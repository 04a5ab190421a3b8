/** The doctor against tables of a real engine, and functions as Lambda would describe them, with one fault each. */
import {
  CreateTableCommand,
  DeleteTableCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../lib/base/clock.js';
import { systemRandom } from '../../lib/base/random.js';
import { NO_SESSION } from '../../lib/core/types.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { Materializer } from '../../lib/keeper/materializer.js';
import { watchKey } from '../../lib/keeper/watch-rows.js';
import { rowKey } from '../../lib/keeper/rows.js';
import { DynamoStore } from '../../lib/log/dynamo-store.js';
import { ServerClock } from '../../lib/log/server-clock.js';
import type { Store } from '../../lib/log/store.js';
import { AwsInspector } from '../../lib/operations/aws-inspector.js';
import { examine, type Finding } from '../../lib/operations/doctor/index.js';
import { useEngine } from '../support/engine.js';

const engine = useEngine();
const NAMESPACE = 'default';
const ACCOUNT = 'eu-central-1:123456789012';

/** Lambda as far as the doctor asks it: by the name of the command. */
class DescribedLambda {
  readonly answers: Record<string, (input: { FunctionName: string }) => unknown>;

  constructor(prefix: string) {
    const sources: Record<string, string[]> = {
      materialize: [`arn:aws:dynamodb:${ACCOUNT}:table/${prefix}-log/stream/2026`],
      notify: [`arn:aws:dynamodb:${ACCOUNT}:table/${prefix}-log/stream/2026`],
      expire: [
        `arn:aws:dynamodb:${ACCOUNT}:table/${prefix}-leases/stream/2026`,
        `arn:aws:sqs:${ACCOUNT}:${prefix}-timers`,
      ],
    };
    const enabled = (EventSourceArn: string) => ({
      EventSourceArn,
      State: 'Enabled',
      LastProcessingResult: 'OK',
    });
    this.answers = {
      GetFunctionConfigurationCommand: () => ({
        ...{ State: 'Active', LastUpdateStatus: 'Successful' },
        Environment: { Variables: { ZEROKEEPER_TABLE_PREFIX: prefix } },
      }),
      GetFunctionRecursionConfigCommand: () => ({ RecursiveLoop: 'Allow' }),
      ListEventSourceMappingsCommand: ({ FunctionName }) => ({
        EventSourceMappings: (sources[FunctionName.slice(prefix.length + 1)] ?? []).map(enabled),
      }),
      InvokeCommand: () => ({}),
    };
  }

  readonly send = (command: object): Promise<unknown> =>
    Promise.resolve().then(() =>
      this.answers[command.constructor.name]?.((command as { input: { FunctionName: string } }).input),
    );
}

class AwsError extends Error {
  override readonly name: string;
  constructor(name: string, message = 'as the test wants it') {
    super(message);
    this.name = name;
  }
}

interface World {
  readonly prefix: string;
  readonly lambda: DescribedLambda;
  dynamo: Pick<DynamoDBClient, 'send'>;
  clock: Clock;
  writes: boolean;
}

/** A deployment that is well, but for what a test does to it. */
async function deployment(clock = systemClock): Promise<World> {
  const prefix = await engine.freshTables();
  const world = { prefix, lambda: new DescribedLambda(prefix), clock: systemClock, writes: false };
  await write({ ...world, dynamo: engine.client }, clock);
  await catchUp({ ...world, dynamo: engine.client });
  return { ...world, dynamo: engine.client };
}

const storeOf = ({ prefix }: World): Store => new DynamoStore({ client: engine.client, tablePrefix: prefix });
const optionsOf = (world: World) => ({
  ...{ store: storeOf(world), namespace: NAMESPACE, clock: systemClock, random: systemRandom },
});

async function write(world: World, clock = systemClock): Promise<void> {
  const keeper = new Keeper({ ...optionsOf(world), clock });
  await keeper.write({ kind: 'noop' }, { session: NO_SESSION, epoch: 0, authIds: [] });
  await keeper.stop();
}

async function catchUp(world: World): Promise<void> {
  const { watermark } = await new Materializer(optionsOf(world)).run();
  await storeOf(world).put({ table: 'state', item: { ...rowKey(watchKey.cursor(NAMESPACE)), z: watermark } });
}

async function look(world: World): Promise<Finding[]> {
  const { prefix: tablePrefix, lambda, dynamo, writes } = world;
  const clock = new ServerClock(world.clock);
  const observer = { onServerTime: clock.observe.bind(clock) };
  const client = dynamo as DynamoDBClient;
  return examine({
    inspector: new AwsInspector({ dynamo, lambda: lambda, tablePrefix }),
    store: new DynamoStore({ client, tablePrefix, observer, clock: world.clock }),
    ...{ clock, tablePrefix, namespaces: [NAMESPACE], writes },
  });
}

const bad = (findings: readonly Finding[]) =>
  findings.filter(({ level }) => level === 'problem').map(({ subject, text }) => `${subject}: ${text}`);
const unknown = (findings: readonly Finding[]) => findings.filter(({ level }) => level === 'unknown');

describe('the doctor', () => {
  it('finds nothing wrong with a deployment that is well', async () => {
    const findings = await look(await deployment());
    expect(bad(findings)).toEqual([]);
    expect(findings.filter(({ level }) => level === 'ok').map(({ subject }) => subject)).toEqual(
      expect.arrayContaining([
        'function expire',
        'permission to invoke',
        'namespace default',
        'clock of this machine',
      ]),
    );
  });

  it('finds a table that is missing', async () => {
    const world = await deployment();
    await engine.client.send(new DeleteTableCommand({ TableName: `${world.prefix}-leases` }));
    const findings = await look(world);
    expect(bad(findings)).toEqual([expect.stringMatching(/^table leases: .* does not exist/)]);
    expect(findings.find(({ subject }) => subject === 'table leases')?.advice).toMatch(/Deploy the stack/);
  });

  it('finds a stream that is off', async () => {
    const world = await deployment();
    const TableName = `${world.prefix}-log`;
    await engine.client.send(
      new UpdateTableCommand({ TableName, StreamSpecification: { StreamEnabled: false } }),
    );
    expect(bad(await look(world))).toEqual([
      expect.stringMatching(/^table log: its stream is off: materialize/),
    ]);
  });

  it('finds time to live that is off', async () => {
    const world = await deployment();
    const TimeToLiveSpecification = { Enabled: false, AttributeName: 'ttl' };
    const TableName = `${world.prefix}-leases`;
    await engine.client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
    expect(bad(await look(world))).toEqual([expect.stringMatching(/^table leases: time to live is off/)]);
  });

  it('finds a table that is not one of ours', async () => {
    const world = await deployment();
    const TableName = `${world.prefix}-watches`;
    await engine.client.send(new DeleteTableCommand({ TableName }));
    await engine.client.send(
      new CreateTableCommand({
        ...{ TableName, BillingMode: 'PAY_PER_REQUEST' },
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    );
    expect(bad(await look(world))[0]).toMatch(/^table watches: its keys are id and , not pk and sk/);
  });

  it('finds that materialize and notify are behind, by the age of what they have not seen', async () => {
    const world = await deployment();
    await write(world);
    expect(bad(await look(world)), 'a moment is nothing').toEqual([]);
    const old = await deployment({ ...systemClock, now: () => systemClock.now() - 90_000 });
    await write(old, { ...systemClock, now: () => systemClock.now() - 90_000 });
    const findings = await look(old);
    expect(bad(findings)).toEqual([
      expect.stringMatching(/^namespace default: materialize is 9\d s behind: its rows end at zxid 1;/),
      expect.stringMatching(/^namespace default: notify is 9\d s behind/),
    ]);
  });

  it.each([
    [7000, 'problem', /7\d\d\d ms ahead|6\d\d\d ms ahead/],
    [-7000, 'problem', /ms behind/],
    [2500, 'warning', /ms ahead/],
  ] as const)('finds a clock that is %d ms off', async (offMs, level, text) => {
    const world = await deployment();
    const skewed = { ...systemClock, now: () => systemClock.now() + offMs };
    const findings = await look({ ...world, clock: skewed });
    const found = findings.find(({ subject }) => subject === 'clock of this machine');
    expect(found).toMatchObject({ level, text: expect.stringMatching(text) as string });
    expect(found?.advice).toMatch(/NTP/);
  });

  it('says what it was not allowed to ask, and looks at everything else', async () => {
    const world = await deployment();
    world.dynamo = denying(/^Describe(Table|TimeToLive)/);
    world.lambda.answers['GetFunctionConfigurationCommand'] = () => {
      throw new AwsError('AccessDeniedException');
    };
    const findings = await look(world);
    expect(bad(findings)).toEqual([]);
    expect(unknown(findings).map(({ subject }) => subject)).toEqual(
      expect.arrayContaining(['table log', 'table state', 'function api', 'function expire']),
    );
    expect(unknown(findings)[0]?.advice).toMatch(/may not ask/);
  });

  it('finds that this identity may not read or write', async () => {
    const world = await deployment();
    world.dynamo = denying(/^(Query|PutItem)/);
    world.writes = true;
    expect(bad(await look(world))).toEqual([
      expect.stringMatching(/^namespace default: its rows cannot be read: .*AccessDenied/),
      expect.stringMatching(/^permission to write log: .*AccessDenied/),
      expect.stringMatching(/^permission to write state: /),
      expect.stringMatching(/^permission to write leases: /),
    ]);
  });

  it('writes nothing when it looks whether it may write', async () => {
    const world = await deployment();
    world.writes = true;
    const findings = await look(world);
    expect(findings.filter(({ subject }) => subject.startsWith('permission to write'))).toHaveLength(3);
    expect(bad(findings)).toEqual([]);
    const rows = await storeOf(world).query({ table: 'log', partition: NAMESPACE });
    expect(rows.items.map((row) => row['zxid'])).toEqual([1]);
    expect(
      await storeOf(world).get('state', { partition: `${NAMESPACE}#doctor`, sort: '-' }),
    ).toBeUndefined();
  });

  it('finds a log that a newer version has written', async () => {
    const world = await deployment();
    const row = { ns: NAMESPACE, zxid: 2, last: 2, t: systemClock.now(), w: new Uint8Array(16) };
    await storeOf(world).put({ table: 'log', item: { ...row, body: Uint8Array.of(99, 0, 0) } });
    expect(bad(await look(world))).toEqual([
      expect.stringMatching(/cannot be read: unknown entry format 99/),
    ]);
  });

  it.each([
    [
      'is missing',
      'GetFunctionConfigurationCommand',
      new AwsError('ResourceNotFoundException'),
      /does not exist/,
    ],
    [
      'has another prefix',
      'GetFunctionConfigurationCommand',
      { State: 'Active' },
      /works on the tables zerokeeper-/,
    ],
    ['has failed', 'GetFunctionConfigurationCommand', { State: 'Failed' }, /is Failed/],
    [
      'is kept from calling itself',
      'GetFunctionRecursionConfigCommand',
      { RecursiveLoop: 'Terminate' },
      /sweep/,
    ],
    [
      'has no event source',
      'ListEventSourceMappingsCommand',
      { EventSourceMappings: [] },
      /not woken by the/,
    ],
    [
      'has an event source that is off',
      'ListEventSourceMappingsCommand',
      { EventSourceMappings: [{ EventSourceArn: 'arn:aws:sqs:r:a:x-timers', State: 'Disabled' }] },
      /queue of timers is Disabled/,
    ],
    ['may not be invoked', 'InvokeCommand', new AwsError('ResourceNotFoundException'), /does not exist/],
  ])('finds a function that %s', async (...row) => {
    const [, command, answer, text] = row;
    const world = await deployment();
    world.lambda.answers[command] = () => {
      if (answer instanceof Error) throw answer;
      return answer;
    };
    const found = bad(await look(world));
    expect(found.filter((one) => text.test(one)).length).toBeGreaterThan(0);
    expect(found.every((one) => /^(function|permission)/.test(one))).toBe(true);
  });
});

/** DynamoDB, which denies what the pattern names. */
function denying(pattern: RegExp): Pick<DynamoDBClient, 'send'> {
  const client = Object.create(engine.client) as DynamoDBClient;
  client.send = ((command: object) => {
    if (!pattern.test(command.constructor.name)) return engine.client.send(command as never);
    const denied = Object.assign(new AwsError('AccessDeniedException'), {
      $metadata: { httpStatusCode: 400 },
    });
    return Promise.reject(denied);
  }) as never;
  Object.defineProperty(client, 'middlewareStack', { value: engine.client.middlewareStack.clone() });
  return client;
}
