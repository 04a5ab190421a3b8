/**
 * `npm run test:chaos:recipes [-- --seconds N] [--seed N]`: recipes in processes of their own, over all transports, while these are killed and frozen for shorter and for longer than their
 * sessions last, gateways are killed, and connections cut. A resource that refuses old fencing tokens stands behind each lock; every use of it is
 * judged at the end, and nothing may be left of anybody. Ends with 1 when anything is wrong.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { systemClock } from '../../../lib/base/clock.js';
import {
  connect,
  ErrorCode,
  ZeroKeeperError,
  type ConnectOptions,
  type ZeroKeeperClient,
} from '../../../lib/client/index.js';
import { Barrier, LockingQueue } from '../../../lib/client/recipes/index.js';
import { FUNCTION_NAMES } from '../../../lib/emulator/deployment.js';
import { silenceNodeVersionNotice } from '../../../lib/log/dynamo-client.js';
import { Dice } from '../../sim/world/dice.js';
import { Cluster, signal, TABLE_PREFIX } from '../cluster.js';
import { FAULTS, type Fault } from '../faults.js';
import { say, sayCounts, strike, sum } from '../strike.js';
import { FencedResource, misuses, type Access } from './judge.js';

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));
const SESSION_TIMEOUT_MS = 6_000;
/** When all is well again, everybody comes to an end, and what is left of the dead expires, within this time. */
const SETTLE_MS_MAX = 90_000;
const START_MS_MAX = 120_000;
const USE_MS_MAX = 2_000;
const FAULTS_SHOWN_MAX = 40;

/** How many processes use each recipe, and how many of them may hold it at a time. */
const KINDS = {
  mutex: { workers: 3, limit: 1 },
  leader: { workers: 3, limit: 1 },
  semaphore: { workers: 4, limit: 2 },
  queue: { workers: 3, limit: undefined },
  barrier: { workers: 2, limit: undefined },
  doubleBarrier: { workers: 2, limit: undefined },
} as const;
type Kind = keyof typeof KINDS;
const GUARDED = (Object.keys(KINDS) as Kind[]).filter((kind) => KINDS[kind].limit !== undefined);
/** Where recipes leave znodes, and none when all is over. */
const DIRECTORIES = [
  '/recipes/mutex',
  '/recipes/leader',
  '/recipes/semaphore/locks',
  '/recipes/semaphore/leases',
  '/recipes/queue/entries',
  '/recipes/queue/taken',
  '/recipes/double',
];

const { values } = parseArgs({ options: { seconds: { type: 'string' }, seed: { type: 'string' } } });
const seconds = Number(values.seconds ?? 60);
const seed = Number(values.seed ?? 1 + Math.floor(Math.random() * 2 ** 31));

type Message =
  | ({ readonly what: 'access' } & Omit<Access, 'worker'>)
  | { readonly what: 'processed'; readonly item: string }
  | { readonly what: 'warning' | 'error'; readonly message: string }
  | { readonly what: 'passed' | 'connected' | 'done' };

/** Everything that the workers tell. */
class Ledger {
  readonly accesses = new Map<Kind, Access[]>();
  readonly resources = new Map<Kind, FencedResource>();
  readonly processed = new Map<string, number>();
  readonly passed = new Map<Kind, number>();
  readonly problems: string[] = [];
  readonly #connected = new Set<number>();
  readonly #users = new Map<Kind, (worker: number) => void>();

  /** Processes take their time to start, all the more when they all do. */
  async untilConnected(count: number): Promise<void> {
    const endMs = systemClock.monotonic() + START_MS_MAX;
    while (this.#connected.size < count) {
      if (systemClock.monotonic() > endMs)
        throw new Error(`${this.#connected.size} of ${count} have connected`);
      await pause(100);
    }
  }

  /** Who uses it next; nobody in particular when that takes long. */
  nextUser(kind: Kind): Promise<number | undefined> {
    return new Promise((resolve) => {
      this.#users.set(kind, resolve);
      setTimeout(() => resolve(undefined), USE_MS_MAX).unref();
    });
  }

  tell(kind: Kind, worker: number, message: Message): void {
    switch (message.what) {
      case 'access':
        this.#access(kind, { worker, ...message });
        return;
      case 'processed':
        this.processed.set(message.item, (this.processed.get(message.item) ?? 0) + 1);
        return;
      case 'passed':
        this.passed.set(kind, (this.passed.get(kind) ?? 0) + 1);
        return;
      case 'warning':
      case 'error':
        this.problems.push(`${kind}, worker ${worker}: ${message.message}`);
        return;
      case 'connected':
        this.#connected.add(worker);
        return;
      case 'done':
    }
  }

  #access(kind: Kind, access: Access): void {
    const [accesses, resource] = [
      this.accesses.get(kind) ?? [],
      this.resources.get(kind) ?? new FencedResource(),
    ];
    this.#users.get(kind)?.(access.worker);
    accesses.push(access);
    resource.access(access);
    this.accesses.set(kind, accesses);
    this.resources.set(kind, resource);
  }
}

/** A process with one recipe; another one when it was killed. */
class Worker {
  static #count = 0;
  /** Another one after each death. */
  number = 0;
  readonly #start: () => ChildProcess;
  #child: ChildProcess;
  #frozen = false;

  constructor(kind: Kind, options: ConnectOptions, ledger: Ledger) {
    this.#start = () => {
      const worker = ++Worker.#count;
      this.number = worker;
      const child = fork(WORKER, [kind, JSON.stringify(options), String(worker)], {
        env: {
          ...process.env,
          AWS_ACCESS_KEY_ID: 'local',
          AWS_SECRET_ACCESS_KEY: 'local',
          AWS_REGION: 'us-east-1',
        },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        // What was built, by itself: without this process's loader.
        execArgv: [],
      });
      child.on('message', (message) => ledger.tell(kind, worker, message as Message));
      return child;
    };
    this.#child = this.#start();
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await ended(this.#child);
    this.#child = this.#start();
  }

  /** Goes on by itself later. */
  freeze(ms: number): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#frozen) return;
    this.#frozen = true;
    signal(pid, 'SIGSTOP');
    void pause(ms).then(() => {
      this.#frozen = false;
      signal(pid, 'SIGCONT');
    });
  }

  async stop(): Promise<void> {
    while (this.#frozen) await pause(100);
    if (this.#child.connected) this.#child.send('stop');
    await ended(this.#child);
  }

  destroy(): void {
    this.#child.kill('SIGKILL');
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** A way to the cluster, each over another transport in turn. */
function ways(cluster: Cluster): readonly ConnectOptions[] {
  const common = { sessionTimeoutMs: SESSION_TIMEOUT_MS, connectTimeoutMs: 30_000 };
  const servers = cluster.gatewayProxies.map(({ port }) => `127.0.0.1:${port}`);
  return [
    { ...common, transport: 'tcp', servers },
    {
      ...{
        ...common,
        transport: 'lambda',
        functionName: FUNCTION_NAMES.api,
        region: 'us-east-1',
        pollMs: 300,
      },
      endpoint: `http://127.0.0.1:${cluster.lambdaProxy.port}`,
    },
    {
      ...{ ...common, transport: 'direct', tablePrefix: TABLE_PREFIX, region: 'us-east-1' },
      endpoint: `http://127.0.0.1:${cluster.engineProxy.port}`,
    },
  ];
}

const OF_CLUSTER: ReadonlySet<string> = new Set([
  'kill a gateway',
  'freeze a gateway',
  'cut the connections of clients to a gateway',
  'lose what clients and a gateway say',
  'lose requests and answers of the API',
  'cut everybody off from the engine in the middle of requests',
]);

/** Most of it is done to whoever holds something at the moment. */
function faultsFor(workers: readonly Worker[], ledger: Ledger): readonly Fault[] {
  const victim = async (dice: Dice): Promise<Worker> => {
    if (dice.chance(0.3)) return dice.pick(workers);
    const user = await ledger.nextUser(dice.pick(GUARDED));
    return workers.find(({ number }) => number === user) ?? dice.pick(workers);
  };
  const freeze = async (dice: Dice, ms: number) => {
    (await victim(dice)).freeze(ms);
  };
  return [
    ...FAULTS.filter(({ name }) => OF_CLUSTER.has(name)),
    { name: 'kill a process', weight: 8, strike: async (_, dice) => (await victim(dice)).kill() },
    {
      name: 'freeze a process for less than its session lasts',
      weight: 4,
      strike: (_, dice) => freeze(dice, dice.between(100, SESSION_TIMEOUT_MS / 2)),
    },
    {
      name: 'freeze a process for longer than its session lasts',
      weight: 12,
      strike: (_, dice) => freeze(dice, SESSION_TIMEOUT_MS + dice.between(3_000, 6_000)),
    },
  ];
}

async function main(): Promise<boolean> {
  silenceNodeVersionNotice();
  say(`seed ${seed}, faults for ${seconds} s`);
  const dice = new Dice(seed);
  const cluster = await Cluster.start();
  const ledger = new Ledger();
  const workers: Worker[] = [];
  try {
    const options = ways(cluster);
    for (const kind of Object.keys(KINDS) as Kind[]) {
      for (let index = 0; index < KINDS[kind].workers; index++)
        workers.push(new Worker(kind, options[index % options.length]!, ledger));
    }
    await ledger.untilConnected(workers.length);
    const client = await connect({ ...options[0]!, sessionTimeoutMs: 30_000 });
    const feeding = new Feeder(client);
    const counts = await strike(cluster, {
      ...{ faults: faultsFor(workers, ledger), dice, seconds, pauseMs: [200, 1_200] },
      progress: () => `${sum([...ledger.accesses.values()].map(({ length }) => length))} uses`,
    });
    const items = await feeding.stop();
    await settle(workers, ledger, items);
    const left = await leftovers(client);
    await client.close();
    return report({ ledger, counts, items, left });
  } finally {
    for (const worker of workers) worker.destroy();
    await cluster.stop();
  }
}

/** Puts items into the queue, and the barrier up and down. */
class Feeder {
  readonly #client: ZeroKeeperClient;
  readonly #items: string[] = [];
  readonly #done: Promise<unknown>;
  #stopping = false;

  constructor(client: ZeroKeeperClient) {
    this.#client = client;
    this.#done = Promise.all([this.#feed(), this.#barrier()]);
  }

  /** The items that were put. The barrier is lifted. */
  async stop(): Promise<readonly string[]> {
    this.#stopping = true;
    await this.#done;
    return this.#items;
  }

  async #feed(): Promise<void> {
    const queue = new LockingQueue(this.#client, '/recipes/queue');
    for (let number = 1; !this.#stopping; number++) {
      await queue.put(`item ${number}`).then(() => this.#items.push(`item ${number}`), unlessOfCluster);
      await pause(150);
    }
  }

  async #barrier(): Promise<void> {
    const barrier = new Barrier(this.#client, '/recipes/barrier');
    while (!this.#stopping) {
      await barrier.put().catch(unlessOfCluster);
      await pause(700);
      await barrier.lift().catch(unlessOfCluster);
      await pause(100);
    }
    await barrier.lift();
  }
}

/** What a fault may do to a request. An item whose put ended so may be there; nothing is said of it. */
function unlessOfCluster(error: unknown): void {
  if (!(error instanceof ZeroKeeperError) || error.name === 'SystemError') throw error;
}

/** Until every item was processed, everybody has ended, and the sessions of the dead are over. */
async function settle(workers: readonly Worker[], ledger: Ledger, items: readonly string[]): Promise<void> {
  const late = AbortSignal.timeout(SETTLE_MS_MAX);
  while (items.some((item) => !ledger.processed.has(item)) && !late.aborted) await pause(200);
  const stopped = Promise.all(workers.map((worker) => worker.stop())).then(() => true);
  const isStopped = await Promise.race([
    stopped,
    new Promise<false>((resolve) => late.addEventListener('abort', () => resolve(false))),
  ]);
  if (!isStopped) ledger.problems.push(`somebody still waits ${SETTLE_MS_MAX} ms after the last fault`);
}

/** Znodes of recipes that nobody is there for any more, once the sessions of those that were killed are over. */
async function leftovers(client: ZeroKeeperClient): Promise<readonly string[]> {
  const endMs = systemClock.monotonic() + 10 * SESSION_TIMEOUT_MS;
  for (;;) {
    const left: string[] = [];
    for (const directory of DIRECTORIES) left.push(...(await childrenOf(client, directory)));
    if (left.length === 0 || systemClock.monotonic() > endMs) return left;
    await pause(500);
  }
}

async function childrenOf(client: ZeroKeeperClient, directory: string): Promise<string[]> {
  try {
    const { children } = await client.getChildren(directory, { consistency: 'linearizable' });
    return children.map((name) => `${directory}/${name}`);
  } catch (error) {
    if (error instanceof ZeroKeeperError && error.code === ErrorCode.NoNode) return [];
    throw error;
  }
}

function report(run: {
  readonly ledger: Ledger;
  readonly counts: ReadonlyMap<string, number>;
  readonly items: readonly string[];
  readonly left: readonly string[];
}): boolean {
  const { ledger, counts, items, left } = run;
  sayCounts(counts);
  const faults = [...ledger.problems, ...left.map((path) => `${path} is left of nobody`)];
  for (const kind of GUARDED) {
    const [accesses, resource] = [ledger.accesses.get(kind) ?? [], ledger.resources.get(kind)];
    faults.push(...misuses(accesses, KINDS[kind].limit ?? 0).map((fault) => `${kind}: ${fault}`));
    if (accesses.length === 0) faults.push(`${kind}: nobody ever held it`);
    const holds = new Set(accesses.map(({ token }) => token)).size;
    const refused = KINDS[kind].limit === 1 ? `, ${resource?.refused ?? 0} refused by their token` : '';
    say(`${kind}: ${holds} holds, ${accesses.length} uses${refused}`);
  }
  const lost = items.filter((item) => !ledger.processed.has(item));
  faults.push(...lost.map((item) => `queue: ${item} was lost`));
  const again = [...ledger.processed.values()].filter((times) => times > 1).length;
  say(
    `queue: ${items.length} items put, ${items.length - lost.length} processed, ${again} of them more than once`,
  );
  for (const kind of ['barrier', 'doubleBarrier'] as const) {
    const passed = ledger.passed.get(kind) ?? 0;
    say(`${kind}: passed ${passed} times`);
    if (passed === 0) faults.push(`${kind}: nobody ever passed it`);
  }
  for (const fault of faults.slice(0, FAULTS_SHOWN_MAX)) say(`VIOLATION ${fault.slice(0, 600)}`);
  say(`${sum(counts.values())} faults of ${counts.size} kinds in ${seconds} s; ${faults.length} violations`);
  return faults.length === 0 && items.length > 0 && counts.size > 0;
}

const isRight = await main().catch((error: unknown) => {
  say(String((error as Error).stack ?? error));
  return false;
});
process.exit(isRight ? 0 : 1);
