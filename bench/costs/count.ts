/** What operations and sessions use, counted while the real code does them. */
import { sleep } from '../../lib/base/clock.js';
import { seededRandom } from '../../lib/base/random.js';
import {
  NO_SESSION,
  OPEN_ACL,
  type CreateMode,
  type Origin,
  type WriteRequest,
} from '../../lib/core/types.js';
import type { ZeroKeeperClient } from '../../lib/client/index.js';
import { Mutex } from '../../lib/client/recipes/mutex.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
import { CountedDeployment } from './deployment.js';
import { NO_USAGE, plus, times, type Usage } from './usage.js';

/** Operations that are counted, of which the mean is taken; and how many share an invocation of what comes after, when it is busy. */
const OPERATIONS = 25;
export const SHARED_BY = OPERATIONS;
const HOUR_MS = 3_600_000;
export const HOURS_PER_MONTH = 730;
const LONG_MS = HOUR_MS;
/** API Gateway closes a connection that is idle for as long; the client opens the next. */
const IDLE_MS = 10 * 60_000;
const IDLES_PER_MONTH = (HOURS_PER_MONTH * HOUR_MS) / IDLE_MS;

export interface Operation {
  readonly what: string;
  readonly over: 'lambda' | 'direct';
  /** Each alone: functions that come after it are called for it. */
  readonly alone: Usage;
  /** As one of {@link SHARED_BY} that come together: those functions are called once for all of them. */
  readonly shared: Usage;
}

interface Subject {
  readonly what: string;
  readonly isRead?: boolean;
  /** Not counted. */
  readonly before?: (index: number) => Promise<unknown>;
  readonly run: (index: number) => Promise<unknown>;
}

async function each(count: number, from: number, work: (index: number) => Promise<unknown>): Promise<void> {
  for (let index = from; index < from + count; index++) await work(index);
}

class Counter {
  readonly deployment = new CountedDeployment();
  readonly #over: Operation['over'];

  constructor(over: Operation['over']) {
    this.#over = over;
  }

  async measure({ what, isRead = false, before, run }: Subject): Promise<Operation> {
    const { deployment } = this;
    const stream = () => (isRead ? Promise.resolve() : deployment.stream());
    if (before !== undefined) await deployment.count(() => each(2 * OPERATIONS, 0, before));
    await deployment.count(() => deployment.stream());
    const alone = await deployment.count(() =>
      each(OPERATIONS, 0, async (index) => {
        await run(index);
        await stream();
      }),
    );
    const shared = await deployment.count(async () => {
      await each(OPERATIONS, OPERATIONS, run);
      await stream();
    });
    const mean = (usage: Usage) => times(usage, 1 / OPERATIONS);
    return { what, over: this.#over, alone: mean(alone), shared: mean(shared) };
  }
}

const bytes = (count: number) => seededRandom(7).bytes(count);
const at = (index: number) => `/all/${index}`;

export interface Counts {
  readonly operations: readonly Operation[];
  readonly sessions: Sessions;
  /** A minute of the schedule, on a namespace that nobody uses. */
  readonly scheduled: Usage;
  /** What a write of 100 bytes leaves in the log, with what DynamoDB bills beside. */
  readonly logBytesPerWrite: number;
}

export async function countAll(): Promise<Counts> {
  const lambda = await overLambda();
  return {
    operations: [...lambda.operations, ...(await overDirect())],
    sessions: await countSessions(),
    scheduled: await countSchedule(),
    logBytesPerWrite: lambda.logBytesPerWrite,
  };
}

async function overLambda(): Promise<{ operations: Operation[]; logBytesPerWrite: number }> {
  const counter = new Counter('lambda');
  const { deployment } = counter;
  const options = { pollMs: LONG_MS, sessionTimeoutMs: LONG_MS };
  const client = await deployment.client(1, options);
  await deployment.count(async () => {
    await client.create('/all');
    await each(2 * OPERATIONS, 0, (index) => client.create(at(index), bytes(100)));
  });
  const operations: Operation[] = [];
  for (const subject of readsAndWrites(client)) operations.push(await counter.measure(subject));
  operations.push(await counter.measure(lockCycle(client)));
  const logBefore = deployment.logBytes;
  await deployment.count(() => each(OPERATIONS, 0, (index) => client.set(at(index), bytes(100))));
  const logBytesPerWrite = (deployment.logBytes - logBefore) / OPERATIONS;
  operations.push(await counter.measure(await watchEvent(deployment, client)));
  await deployment.close();
  return { operations, logBytesPerWrite };
}

function readsAndWrites(client: ZeroKeeperClient): Subject[] {
  const session = { consistency: 'session' } as const;
  return [
    { what: 'get, session', isRead: true, run: (index) => client.get(at(index), session) },
    { what: 'get, linearizable', isRead: true, run: (index) => client.get(at(index)) },
    { what: 'setData, 100 B', run: (index) => client.set(at(index), bytes(100)) },
    { what: 'setData, 1 KB', run: (index) => client.set(at(index), bytes(1024)) },
    { what: 'create, 100 B', run: (index) => client.create(`/all/new-${index}`, bytes(100)) },
    { what: 'delete', run: (index) => client.delete(`/all/new-${index}`) },
    {
      what: 'create sequential, 100 B',
      run: () => client.create('/all/line-', bytes(100), { mode: 'persistentSequential' }),
    },
  ];
}

/** By the recipe, nobody else wanting it. */
function lockCycle(client: ZeroKeeperClient): Subject {
  const mutex = new Mutex(client, '/all/lock');
  const run = async () => {
    const held = await mutex.acquire();
    await held.release();
  };
  return {
    what: 'lock: acquire and release',
    before: (index) => (index === 0 ? run() : Promise.resolve()),
    run,
  };
}

/** A read that arms a watch, another session's write, its mark, the push, and the request that fetches the event. */
async function watchEvent(deployment: CountedDeployment, writer: ZeroKeeperClient): Promise<Subject> {
  const watcher = await deployment.client(2, { pollMs: LONG_MS, sessionTimeoutMs: LONG_MS });
  await deployment.count(() => deployment.open(sessionOf(watcher)));
  let told = 0;
  const run = async (index: number) => {
    await watcher.get(at(index), {
      watch: () => {
        told++;
      },
    });
    await writer.set(at(index), bytes(100));
    await deployment.stream();
    await watcher.exists('/all', { consistency: 'session' });
    if (told === 0) throw new Error('the watch was not told of');
  };
  return { what: 'watch: arm, change, event', isRead: true, run };
}

function sessionOf(client: ZeroKeeperClient): bigint {
  const { session } = client;
  if (session === undefined) throw new Error('the client has no session');
  return BigInt(`0x${session.id.replace(/^0x/, '')}`);
}

const ANYONE: Origin = { session: NO_SESSION, epoch: 0, authIds: [] };
const OWNER = 77n;

async function overDirect(): Promise<Operation[]> {
  const counter = new Counter('direct');
  const { deployment } = counter;
  const keeper = deployment.keeper();
  const write = (request: WriteRequest) => written(keeper, request, ANYONE);
  const make = (path: string, mode: CreateMode = 'persistent') =>
    ({ kind: 'create', path, data: bytes(100), acl: OPEN_ACL, mode }) as const;
  await deployment.count(async () => {
    await keeper.start();
    for (const path of ['/all', '/line']) await write(make(path));
    await each(2 * OPERATIONS, 0, (index) => write(make(at(index))));
    await keeper.read({ kind: 'getChildren', path: '/all' });
  });
  const set = (index: number, size: number) =>
    write({ kind: 'setData', path: at(index), data: bytes(size), version: -1 });
  const get = (index: number, consistency: 'session' | 'linearizable') =>
    keeper.read({ kind: 'getData', path: at(index) }, { consistency });
  const subjects: Subject[] = [
    { what: 'get, session', isRead: true, run: (index) => get(index, 'session') },
    { what: 'get, linearizable', isRead: true, run: (index) => get(index, 'linearizable') },
    { what: 'setData, 100 B', run: (index) => set(index, 100) },
    { what: 'setData, 1 KB', run: (index) => set(index, 1024) },
    { what: 'create, 100 B', run: (index) => write(make(`/all/new-${index}`)) },
    { what: 'delete', run: (index) => write({ kind: 'delete', path: `/all/new-${index}`, version: -1 }) },
    { what: 'create sequential, 100 B', run: () => write(make('/all/line-', 'persistentSequential')) },
    await lockOfKeeper(deployment, keeper, write),
  ];
  const operations: Operation[] = [];
  for (const subject of subjects) operations.push(await counter.measure(subject));
  return operations;
}

/** What the recipe does: an ephemeral sequential znode, a look at the line, and its end. */
async function lockOfKeeper(
  deployment: CountedDeployment,
  keeper: Keeper,
  write: (request: WriteRequest) => Promise<unknown>,
): Promise<Subject> {
  const open = { kind: 'createSession', session: OWNER, owner: 'g', attachId: 'a' } as const;
  const session = { timeoutMs: LONG_MS, passwordHash: new Uint8Array(32) };
  await deployment.count(() => write({ ...open, ...session }));
  const origin = { session: OWNER, epoch: 1, authIds: [] };
  const create = { kind: 'create', path: '/line/lock-', data: bytes(100), acl: OPEN_ACL } as const;
  const run = async () => {
    await written(keeper, { ...create, mode: 'ephemeralSequential' }, origin);
    const look = { kind: 'getChildren', path: '/line' } as const;
    const { answer } = await keeper.read(look, { consistency: 'linearizable' });
    const [name] = answer.ok && answer.result.kind === 'getChildren' ? answer.result.children : [];
    await written(keeper, { kind: 'delete', path: `/line/${name ?? ''}`, version: -1 }, origin);
  };
  return { what: 'lock: acquire and release', run };
}

async function written(keeper: Keeper, request: WriteRequest, origin: Origin): Promise<void> {
  const outcome = await keeper.write(request, origin);
  if (!outcome.ok) throw new Error(`${request.kind} was refused: ${outcome.refusal.code}`);
}

export interface Sessions {
  /** Of a month each, with the client's defaults and no operation of its own. */
  readonly withoutWatches: Usage;
  readonly polling: Usage;
  readonly withWebSocket: Usage;
}

/** Ten idle minutes, so often. */
async function countSessions(): Promise<Sessions> {
  const withoutWatches = await idle({ watches: false, pollMs: LONG_MS });
  const polling = await idle({ watches: true, pollMs: undefined });
  const hinted = await idle({ watches: true, pollMs: LONG_MS });
  const deployment = new CountedDeployment();
  const client = await deployment.client(1, { pollMs: LONG_MS });
  const connection = await deployment.count(() => deployment.connection(sessionOf(client)));
  await deployment.close();
  const socket = plus(connection, { ...NO_USAGE, connectionMinutes: IDLE_MS / 60_000 });
  return {
    withoutWatches: times(withoutWatches, IDLES_PER_MONTH),
    polling: times(polling, IDLES_PER_MONTH),
    withWebSocket: times(plus(hinted, socket), IDLES_PER_MONTH),
  };
}

async function idle(of: { watches: boolean; pollMs: number | undefined }): Promise<Usage> {
  const deployment = new CountedDeployment();
  const client = await deployment.client(1, of.pollMs === undefined ? {} : { pollMs: of.pollMs });
  await deployment.count(async () => {
    if (of.watches) await client.exists('/', { watch: () => undefined });
    await deployment.stream();
  });
  const usage = await deployment.count(() => sleep(deployment.clock, IDLE_MS));
  await deployment.close();
  return usage;
}

async function countSchedule(): Promise<Usage> {
  const deployment = new CountedDeployment();
  await deployment.count(() => deployment.schedule());
  return deployment.count(() => deployment.schedule());
}
