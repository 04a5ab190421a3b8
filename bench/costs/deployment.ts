/** A deployment in memory: the functions' real code, each on a connection with a meter, woken as AWS would wake them. */
import { createWatchWiring, type WatchWiring } from '../../functions/shared/watch-wiring.js';
import { createWiring, type FunctionWiring } from '../../functions/shared/wiring.js';
import type { FunctionName } from '../../cdk/constructs/functions.js';
import { sleep } from '../../lib/base/clock.js';
import { silentLogger } from '../../lib/base/logger.js';
import { seededRandom } from '../../lib/base/random.js';
import { connect, type ZeroKeeperClient } from '../../lib/client/index.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import type { Timer, Timers } from '../../lib/keeper/thin-timers.js';
import { itemSize } from '../../lib/log/item-size.js';
import type { PutInput, WriteOutcome } from '../../lib/log/store.js';
import { Cloud, CloudStore, Meter } from '../cloud/cloud-store.js';
import { INVOKE_LATER_MS, STREAM_MS } from '../cloud/figures.js';
import { VirtualClock } from '../cloud/virtual-clock.js';
import { invocation, NO_USAGE, plus, type Usage } from './usage.js';

const NAMESPACE = 'costs';
/** What DynamoDB adds to an item's size when it bills storage. */
const ITEM_OVERHEAD_BYTES = 100;
/** Sending a timer, receiving it, deleting it. */
const REQUESTS_PER_TIMER = 3;
const REMAINING_MS = 29_000;

/** Also counts what stays in the log. */
class SizedStore extends CloudStore {
  logBytes = 0;

  override put(input: PutInput): Promise<WriteOutcome> {
    if (input.table === 'log') this.logBytes += itemSize(input.item) + ITEM_OVERHEAD_BYTES;
    return super.put(input);
  }
}

export class CountedDeployment {
  readonly clock = new VirtualClock();
  readonly #cloud = new Cloud({ clock: this.clock, random: seededRandom(11), limited: false });
  readonly #meters: Meter[] = [];
  readonly #stores: SizedStore[] = [];
  readonly #timers: Timers = { schedule: (timer, delayMs) => this.#setTimer(timer, delayMs) };
  readonly #api: FunctionWiring;
  readonly #materialize: FunctionWiring;
  readonly #expire: FunctionWiring;
  readonly #watches: WatchWiring;
  readonly #clients: ZeroKeeperClient[] = [];
  readonly #running = new Set<Promise<unknown>>();
  #invoked = NO_USAGE;
  #deliveries = 0;
  #failure: Error | undefined;

  constructor() {
    this.#api = this.#wiring(1);
    this.#materialize = this.#wiring(2);
    this.#expire = this.#wiring(3);
    const pusherOf = () => ({ push: () => this.#pushed() });
    this.#watches = createWatchWiring({ ...this.#common(4), logger: silentLogger, pusherOf });
  }

  #common(seed: number) {
    return { store: this.#store(), clock: this.clock, random: seededRandom(seed), namespaces: [NAMESPACE] };
  }

  #wiring(seed: number): FunctionWiring {
    return createWiring({
      ...this.#common(seed),
      timers: this.#timers,
      notify: () => this.#later(() => this.#notifySoon()),
    });
  }

  #store(): SizedStore {
    const meter = new Meter();
    const store = new SizedStore(this.#cloud, meter);
    this.#meters.push(meter);
    this.#stores.push(store);
    return store;
  }

  #pushed() {
    this.#invoked = plus(this.#invoked, { ...NO_USAGE, messages: 1 });
    return Promise.resolve('sent' as const);
  }

  #setTimer(timer: Timer, delayMs: number): Promise<void> {
    this.#invoked = plus(this.#invoked, { ...NO_USAGE, queueRequests: REQUESTS_PER_TIMER });
    const id = `delivery-${++this.#deliveries}`;
    const deliver = () => this.#invoke('expire', () => this.#expire.onTimer(timer, id));
    this.clock.after(delayMs, () => void this.#later(deliver));
    return Promise.resolve();
  }

  /** Runs beside what called it, as an asynchronous invocation does; {@link count} waits for it. */
  #later(work: () => Promise<unknown>): Promise<void> {
    const running = work().catch((error: unknown) => {
      this.#failure ??= new Error('an invocation failed', { cause: error });
    });
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
    return Promise.resolve();
  }

  async #invoke<T>(name: FunctionName, work: () => Promise<T>): Promise<T> {
    const startMs = this.clock.monotonic();
    try {
      return await work();
    } finally {
      this.#invoked = plus(this.#invoked, invocation(name, this.clock.monotonic() - startMs));
    }
  }

  #notify(): Promise<unknown> {
    return this.#invoke('notify', () => this.#watches.notifier(NAMESPACE).run({ deadlineMs: Infinity }));
  }

  /** What a writer calls, which comes before the stream does. */
  async #notifySoon(): Promise<void> {
    await sleep(this.clock, INVOKE_LATER_MS);
    await this.#notify();
  }

  /** What a record of the log's stream wakes. */
  async stream(): Promise<void> {
    await sleep(this.clock, STREAM_MS);
    const run = () => this.#materialize.materializer(NAMESPACE).run({ deadlineMs: Infinity });
    await Promise.all([this.#invoke('materialize', run), this.#notify()]);
  }

  /** What the schedule calls each minute. */
  async schedule(): Promise<void> {
    const sweep = () =>
      this.#expire.withReaper(NAMESPACE, async (reaper) => {
        await reaper.sweep();
      });
    await Promise.all([this.stream(), this.#invoke('expire', sweep)]);
  }

  /** A WebSocket connection from its beginning to its end: three routes, one of them with a message. */
  async connection(session: bigint): Promise<void> {
    const rows = this.#watches.connections(NAMESPACE);
    await this.#invoke('connect', () => Promise.resolve());
    await this.#invoke('connect', async () => {
      await this.#watches.session(NAMESPACE, session);
      await rows.add(session, 'connection');
    });
    await this.#invoke('connect', () => rows.remove('connection'));
    await this.#pushed();
  }

  /** A connection that stays, so that the session is told by pushes. */
  open(session: bigint): Promise<void> {
    return this.#watches.connections(NAMESPACE).add(session, 'stays');
  }

  /** A keeper in a process of its own, as gateways and clients over `direct` have it. */
  keeper(): Keeper {
    const { store, clock, random } = this.#common(5);
    return new Keeper({ store, clock, random, namespace: NAMESPACE });
  }

  /** The client over `lambda`. `pollMs` is long where a WebSocket tells of events. */
  async client(
    seed: number,
    options: { pollMs?: number; sessionTimeoutMs?: number },
  ): Promise<ZeroKeeperClient> {
    const invoke = async (payload: Uint8Array) => {
      const request: unknown = JSON.parse(new TextDecoder().decode(payload));
      const caller = { requestId: 'r', namespace: NAMESPACE, authIds: [], remainingMs: () => REMAINING_MS };
      const answer = await this.#invoke('api', () => this.#api.answer(request, caller));
      return { payload: new TextEncoder().encode(JSON.stringify(answer)) };
    };
    const { clock } = this;
    const random = seededRandom(seed);
    const client = await this.clock.until(
      connect({ transport: 'lambda', functionName: 'api', invoke, clock, random, ...options }),
    );
    this.#clients.push(client);
    return client;
  }

  /** Closes the clients: an open one keeps the process alive. */
  async close(): Promise<void> {
    for (const client of this.#clients.splice(0)) await this.clock.until(client.close());
  }

  get logBytes(): number {
    return this.#stores.reduce((sum, store) => sum + store.logBytes, 0);
  }

  /** What everything uses while `work` runs, and what it has set off. */
  async count(work: () => Promise<unknown>): Promise<Usage> {
    const before = this.#total();
    await this.clock.until(this.#settled(work));
    if (this.#failure !== undefined) throw this.#failure;
    const after = this.#total();
    const names = Object.keys(NO_USAGE) as (keyof Usage)[];
    return Object.fromEntries(names.map((name) => [name, after[name] - before[name]])) as unknown as Usage;
  }

  async #settled(work: () => Promise<unknown>): Promise<void> {
    await work();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #total(): Usage {
    const sum = (field: 'readUnits' | 'writeUnits') =>
      this.#meters.reduce((units, meter) => units + meter[field], 0);
    return { ...this.#invoked, readUnits: sum('readUnits'), writeUnits: sum('writeUnits') };
  }
}
