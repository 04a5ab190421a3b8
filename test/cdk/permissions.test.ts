/**
 * The functions are run as they are, by the client's whole behaviour suite and by what only time brings about, and every call that they make
 * of AWS is noted. Their policies have those calls and no others.
 */
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it, vi } from 'vitest';
import { FUNCTION_NAMES, type FunctionName } from '../../cdk/constructs/functions.js';
import { ZeroKeeper } from '../../cdk/constructs/zero-keeper.js';
import { apiHandler } from '../../functions/shared/api.js';
import { connectHandler } from '../../functions/shared/connect.js';
import { expireFunction } from '../../functions/shared/expire.js';
import { materializeHandler } from '../../functions/shared/materialize.js';
import { notifyHandler } from '../../functions/shared/notify.js';
import type * as apiModule from '../../functions/shared/api.js';
import type * as materializeModule from '../../functions/shared/materialize.js';
import type * as notifyModule from '../../functions/shared/notify.js';
import type * as expireModule from '../../functions/shared/expire.js';
import type * as connectModule from '../../functions/shared/connect.js';
import type * as wiringModule from '../../functions/shared/wiring.js';
import type * as watchWiringModule from '../../functions/shared/watch-wiring.js';
import { createWatchWiring } from '../../functions/shared/watch-wiring.js';
import { createWiring } from '../../functions/shared/wiring.js';
import { timerMessage } from '../../functions/shared/timer-messages.js';
import { ManualClock, type Clock } from '../../lib/base/clock.js';
import { silentLogger } from '../../lib/base/logger.js';
import { connect, type Invoke } from '../../lib/client/index.js';
import { startEmulator } from '../../lib/emulator/index.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import type { Timer } from '../../lib/keeper/thin-timers.js';
import { garbageRow } from '../../lib/keeper/rows.js';
import { ANYONE, World } from '../keeper/world.js';
import { runBehaviour } from '../behaviour/suite.js';
import type { Target } from '../behaviour/support/target.js';
import { BUNDLES } from './bundles.js';
import { actionsOf, resourcesOf, statementsOf } from './policies.js';
import { callsOf, record, recordStores, under } from './recorder.js';

vi.mock('../../functions/shared/api.js', async (original) => {
  const module = await original<typeof apiModule>();
  return { ...module, apiHandler: (...args: [never]) => under('api', module.apiHandler(...args)) };
});
vi.mock('../../functions/shared/materialize.js', async (original) => {
  const module = await original<typeof materializeModule>();
  const materializeHandler = (...args: [never]) => under('materialize', module.materializeHandler(...args));
  return { ...module, materializeHandler };
});
vi.mock('../../functions/shared/notify.js', async (original) => {
  const module = await original<typeof notifyModule>();
  return { ...module, notifyHandler: (...args: [never]) => under('notify', module.notifyHandler(...args)) };
});
vi.mock('../../functions/shared/expire.js', async (original) => {
  const module = await original<typeof expireModule>();
  return { ...module, expireFunction: (...args: [never]) => under('expire', module.expireFunction(...args)) };
});
vi.mock('../../functions/shared/connect.js', async (original) => {
  const module = await original<typeof connectModule>();
  return {
    ...module,
    connectHandler: (...args: [never]) => under('connect', module.connectHandler(...args)),
  };
});
// What the other clients are asked for, where the functions ask for it.
vi.mock('../../functions/shared/wiring.js', async (original) => {
  const module = await original<typeof wiringModule>();
  const createWiring: typeof module.createWiring = ({ timers, notify, materialize, ...options }) =>
    module.createWiring({
      ...options,
      timers: {
        schedule: async (...args) => {
          record('sqs:SendMessage timers');
          await timers?.schedule(...args);
        },
      },
      notify: async (...args) => {
        record('lambda:InvokeFunction notify');
        await notify?.(...args);
      },
      materialize: async (...args) => {
        record('lambda:InvokeFunction materialize');
        await materialize?.(...args);
      },
    });
  return { ...module, createWiring };
});
vi.mock('../../functions/shared/watch-wiring.js', async (original) => {
  const module = await original<typeof watchWiringModule>();
  const createWatchWiring: typeof module.createWatchWiring = ({ pusherOf, ...options }) =>
    module.createWatchWiring({
      ...options,
      pusherOf: (namespace) => ({
        push: (...args) => {
          record('execute-api:ManageConnections connections');
          return pusherOf?.(namespace).push(...args) ?? Promise.resolve('gone');
        },
      }),
    });
  return { ...module, createWatchWiring };
});
recordStores();

/** The function `api` of an emulator, behind a network that can fail. */
async function lambdaTarget(): Promise<Target> {
  const emulator = await startEmulator({ logger: silentLogger });
  const { webSocketUrl, functionName } = emulator.connectOptions('lambda') as {
    webSocketUrl: string;
    functionName: string;
  };
  const url = `${emulator.endpoints.lambda}/2015-03-31/functions/${functionName}/invocations`;
  let isBroken = false;
  let lostShare = 0;
  let luck = 0;
  const invoke: Invoke = async (payload, { signal }) => {
    if (isBroken) throw new Error('the network is down');
    const response = await fetch(url, { method: 'POST', body: Buffer.from(payload), signal });
    const answer = { payload: new Uint8Array(await response.arrayBuffer()) };
    luck += lostShare;
    if (luck < 1) return answer;
    luck -= 1;
    throw new Error('the reply was lost');
  };
  return {
    connect: (options = {}) =>
      connect({ transport: 'lambda', functionName, invoke, webSocketUrl, pollMs: 20, ...options }),
    interrupt: () => void (isBroken = true),
    repair: () => void (isBroken = false),
    loseReplies: (share) => void (lostShare = share),
    stop: () => emulator.stop(),
  };
}

runBehaviour('lambda, with every call noted', lambdaTarget);

const DAY_MS = 24 * 3600_000;
const NAMESPACE = 'default';
const SCHEDULED = { 'detail-type': 'Scheduled Event' };

/** The functions on a store whose time stands still until it is moved, with connections that are gone and timers that can fail. */
class Deployment {
  readonly world = new World();
  timersFail = false;
  readonly timers: Timer[] = [];
  readonly #wiring = createWiring({
    ...this.#common(),
    timers: {
      schedule: (timer) => {
        if (this.timersFail) return Promise.reject(new Error('no queue'));
        this.timers.push(timer);
        return Promise.resolve();
      },
    },
    notify: () => Promise.resolve(),
    materialize: () => Promise.resolve(),
    logRetention: () => 7 * DAY_MS,
  });
  readonly #watchWiring = createWatchWiring({
    ...this.#common(),
    pusherOf: () => ({ push: () => Promise.resolve('gone') }),
  });
  readonly #api = apiHandler(() => this.#wiring);
  readonly #functions = {
    materialize: materializeHandler(() => this.#wiring),
    expire: expireFunction(() => this.#wiring),
    notify: notifyHandler(() => this.#watchWiring),
    connect: connectHandler(() => this.#watchWiring),
  };

  #common() {
    const { store, clock, random } = this.world;
    return { store, clock, random, logger: silentLogger, namespaces: [NAMESPACE] };
  }

  call(name: Exclude<FunctionName, 'api'>, event: unknown = SCHEDULED): Promise<unknown> {
    return this.world.until<unknown>(this.#functions[name](event));
  }

  /** Delivers the timers that have been set so far. */
  async deliver(): Promise<void> {
    const Records = this.timers
      .splice(0)
      .map((timer, index) => ({ messageId: `m${index}`, eventSource: 'aws:sqs', body: timerMessage(timer) }));
    await this.call('expire', { Records });
  }

  /** With a time of its own it sends no sign of life when the world's moves on. */
  client(clock: Clock = this.world.clock) {
    const invoke: Invoke = async (payload) => {
      const answer = await this.#api(JSON.parse(new TextDecoder().decode(payload)));
      return { payload: new TextEncoder().encode(JSON.stringify(answer)) };
    };
    return this.world.until(connect({ transport: 'lambda', functionName: 'api', invoke, clock }));
  }
}

/** A blob that nothing names, whose time has just come. */
function garbageAt(nowMs: number) {
  return garbageRow(NAMESPACE, { reference: { blob: 'b', length: 1 }, dueMs: nowMs - 1, from: 0 });
}

describe('what time and trouble bring about', () => {
  it('is a materializer that lags, and connections that are gone', async () => {
    const deployment = new Deployment();
    const { world } = deployment;
    const client = await deployment.client();
    await world.until(client.create('/a'));
    await world.until(client.get('/a', { watch: () => undefined }));
    const { id: session, password: hex, epoch } = client.session!;
    const hello = { action: 'attach', session, epoch, password: Buffer.from(hex, 'hex').toString('base64') };
    const requestContext = { routeKey: '$default', connectionId: 'c1', stage: NAMESPACE };
    await deployment.call('connect', { requestContext, body: JSON.stringify(hello) });
    await world.until(client.set('/a', 'new'));
    await deployment.call('notify');
    for (let round = 0; round < 9; round++) {
      await world.clock.advance(9_000);
      await world.until(client.set('/a', 'later'));
    }
    await world.until(client.close());
  });

  it('is a queue that fails when a gateway’s chain of timers begins', async () => {
    const deployment = new Deployment();
    const { world } = deployment;
    const { store, clock, random } = world;
    const keeper = new Keeper({ store, clock, random, namespace: NAMESPACE });
    const passwordHash = new Uint8Array(32);
    const session = { session: 5n, owner: 'gateway-1', attachId: '01', timeoutMs: 10_000, passwordHash };
    await world.until(keeper.write({ kind: 'createSession', ...session }, ANYONE));
    deployment.timersFail = true;
    await expect(deployment.call('materialize')).rejects.toThrow(/failed for the namespaces/);
    deployment.timersFail = false;
    await deployment.call('materialize');
  });

  it('is sessions that end because nobody is heard of any more, by their timers and by the sweep', async () => {
    const deployment = new Deployment();
    const { world } = deployment;
    const lasting = await deployment.client();
    const dying = await deployment.client(new ManualClock());
    const swept = await deployment.client(new ManualClock());
    await world.until(dying.create('/dying', '', { mode: 'ephemeral' }));
    await world.until(swept.create('/swept', '', { mode: 'ephemeral' }));
    // The timers of the living go on, again and again.
    const [, ofDying] = deployment.timers;
    await deployment.deliver();
    for (let round = 0; round < 9; round++) {
      await world.clock.advance(9_000);
      await world.until(lasting.exists('/dying'));
    }
    deployment.timers.push(ofDying!);
    await deployment.deliver();
    await deployment.call('expire');
    expect(await world.until(lasting.exists('/dying'))).toBeUndefined();
    expect(await world.until(lasting.exists('/swept'))).toBeUndefined();
    await world.until(lasting.close());
  });

  it('is garbage, and a log that is trimmed', async () => {
    const deployment = new Deployment();
    const { world } = deployment;
    const client = await deployment.client();
    await world.until(client.create('/large', new Uint8Array(500_000)));
    await world.until(client.set('/large', new Uint8Array(600_000)));
    await world.until(client.set('/large', ''));
    await world.until(client.close());
    await deployment.call('notify');
    await deployment.call('materialize');
    await world.clock.advance(4 * DAY_MS);
    await world.store.put({ table: 'state', item: garbageAt(world.clock.now()) });
    await deployment.call('expire');
    await world.clock.advance(8 * DAY_MS);
    await deployment.call('notify');
    await deployment.call('materialize');
    await deployment.call('expire');
    // What a sweep of garbage does that comes upon a part of the log, or a blob of one, that has been trimmed.
    await world.clock.advance(4 * DAY_MS);
    await world.store.put({ table: 'state', item: garbageAt(world.clock.now()) });
    await deployment.call('expire');
  });
});

/** What policies have for others than the functions' code: Lambda itself, with the function's role. */
const OF_LAMBDA: Readonly<Record<string, string>> = {
  'logs:CreateLogStream': 'Lambda writes the function’s log',
  'logs:PutLogEvents': 'Lambda writes the function’s log',
  'xray:PutTraceSegments': 'Lambda traces; it cannot be granted on single resources',
  'xray:PutTelemetryRecords': 'Lambda traces; it cannot be granted on single resources',
  'dynamodb:ListStreams': 'the event source mapping looks for streams; it cannot be granted on single ones',
  'dynamodb:DescribeStream': 'the event source mapping reads the stream',
  'dynamodb:GetRecords': 'the event source mapping reads the stream',
  'dynamodb:GetShardIterator': 'the event source mapping reads the stream',
  'sqs:ReceiveMessage': 'the event source mapping takes messages',
  'sqs:ChangeMessageVisibility': 'the event source mapping takes messages',
  'sqs:GetQueueUrl': 'the event source mapping takes messages',
  'sqs:DeleteMessage': 'the event source mapping takes messages',
  'sqs:GetQueueAttributes': 'the event source mapping takes messages',
  'sqs:SendMessage failures': 'event source mappings and asynchronous calls say what they gave up',
};

/** Statements that name every resource, each for the reason above. */
const UNSCOPED = ['xray:PutTraceSegments', 'xray:PutTelemetryRecords', 'dynamodb:ListStreams'];

describe('the policy of each function', () => {
  const stack = new Stack(new App({ analyticsReporting: false }), 'Test');
  new ZeroKeeper(stack, 'ZeroKeeper', {
    deploymentName: 'zk',
    namespaces: ['first', 'second'],
    bundles: BUNDLES,
  });
  const template = Template.fromStack(stack);
  const granted = (name: FunctionName) =>
    statementsOf(template, new RegExp(`^ZeroKeeperFunctions${name}role`)).flatMap((statement) =>
      resourcesOf(template, statement).flatMap((resource) =>
        actionsOf(statement).map((action) => ({ action, resource })),
      ),
    );
  const wordsOf = ({ action, resource }: { action: string; resource: string }) =>
    `${action} ${resource.includes('@connections') ? 'connections' : resource}`;

  it.each(FUNCTION_NAMES)('has for %s the calls that it was seen to make, and no others', (name) => {
    const ofCode = granted(name)
      .filter((grant) => OF_LAMBDA[grant.action] === undefined && OF_LAMBDA[wordsOf(grant)] === undefined)
      .map(wordsOf);
    expect([...new Set(ofCode)].sort()).toEqual(callsOf(name));
  });

  it.each(FUNCTION_NAMES)('has for %s no wildcard that could be avoided', (name) => {
    const wild = granted(name).filter(
      ({ action, resource }) => action.includes('*') || resource.includes('*'),
    );
    const avoidable = wild.filter(
      ({ action, resource }) => !UNSCOPED.includes(action) && !resource.includes('POST/@connections/*'),
    );
    expect(avoidable).toEqual([]);
  });
});
