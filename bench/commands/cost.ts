/** Capacity units of operations, sessions and of a gateway at rest, counted on the real code. In dollars: `npm run costs`. */
import { sleep } from '../../lib/base/clock.js';
import { seededRandom } from '../../lib/base/random.js';
import { formatTable } from '../../lib/cli/format.js';
import { OPEN_ACL, type WriteRequest } from '../../lib/core/types.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { Reaper } from '../../lib/keeper/reaper.js';
import { GatewaySessions } from '../../lib/keeper/sessions.js';
import { Meter } from '../cloud/cloud-store.js';
import { Model, written } from '../cloud/model.js';
import { NAMESPACE } from '../cloud/thin-client.js';
import { bound, targetTable, type Target } from '../targets.js';

const OPERATIONS = 50;
const DATA = seededRandom(1).bytes(100);
const IDLE_MINUTES = 10;
const SESSION_TIMEOUT_MS = 30_000;

/** Units an operation. */
export interface CostLine {
  readonly what: string;
  readonly logWrites: number;
  /** Later, by the materializer, without the watermark, which is once a batch. */
  readonly rowWrites: number;
  readonly reads: number;
}

export interface GatewayCost {
  readonly sessions: number;
  readonly writesAMinute: number;
  readonly readsAMinute: number;
}

export interface CostResult {
  readonly lines: readonly CostLine[];
  readonly gateways: readonly GatewayCost[];
  /** Rows of a session and of the watermark that one batch writes which holds many writes of the session. */
  readonly batch: { readonly writes: number; readonly rowWrites: number };
}

export async function runCost(): Promise<CostResult & { readonly targets: readonly Target[] }> {
  const result = await countCosts();
  const targets = targetsOf(result);
  console.log(table(result.lines));
  console.log(gatewayTable(result.gateways));
  console.log(targetTable(targets));
  return { ...result, targets };
}

export async function countCosts(): Promise<CostResult> {
  const gateways: GatewayCost[] = [];
  for (const sessions of [0, 1, 1_000]) gateways.push(await gatewayAtRest(sessions));
  const counter = new Counter();
  await counter.start();
  return { lines: await counter.lines(), batch: await counter.batch(), gateways };
}

class Counter {
  readonly #model = new Model();
  readonly #keeper: Keeper;
  readonly #meter: Meter;
  readonly #rows = new Meter();
  readonly #materialize: () => Promise<unknown>;

  constructor() {
    this.#meter = this.#model.meter;
    this.#keeper = this.#model.keeper(1);
    const { cloud, clock } = this.#model;
    const materializer = this.#model.instanceOn(cloud.connect(this.#rows), 2).materializer(NAMESPACE);
    this.#materialize = () => clock.until(materializer.run({ deadlineMs: Infinity }));
  }

  async start(): Promise<void> {
    const { clock } = this.#model;
    await clock.until(this.#keeper.start());
    await this.#write(create('/all'));
    for (let index = 0; index < OPERATIONS; index++) await this.#write(create(`/all/n${index}`));
    await clock.until(this.#keeper.read({ kind: 'getChildren', path: '/all' }));
    await this.#materialize();
  }

  async lines(): Promise<CostLine[]> {
    const set = (index: number): WriteRequest => ({
      ...{ kind: 'setData', path: `/all/n${index}`, data: DATA, version: -1 },
    });
    const remove = (index: number): WriteRequest => ({
      kind: 'delete',
      path: `/all/new${index}`,
      version: -1,
    });
    const get = (consistency: 'session' | 'linearizable') => (index: number) =>
      this.#model.clock.until(
        this.#keeper.read({ kind: 'getData', path: `/all/n${index}` }, { consistency }),
      );
    return [
      await this.#count('setData', (index) => this.#write(set(index))),
      await this.#count('create', (index) => this.#write(create(`/all/new${index}`))),
      await this.#count('delete', (index) => this.#write(remove(index))),
      await this.#count('read, session', get('session')),
      await this.#count('read, linearizable', get('linearizable')),
    ];
  }

  /** Many writes of one znode, which share a batch of the materializer. */
  async batch(): Promise<{ writes: number; rowWrites: number }> {
    this.#rows.reset();
    const set = { kind: 'setData', path: '/all/n0', data: DATA, version: -1 } as const;
    for (let n = 0; n < OPERATIONS; n++) await this.#write(set);
    await this.#materialize();
    return { writes: OPERATIONS, rowWrites: this.#rows.writeUnits };
  }

  /** Each alone: the materializer runs after each, and writes the watermark each time, which is left out. */
  async #count(what: string, work: (index: number) => Promise<unknown>): Promise<CostLine> {
    const sum = { logWrites: 0, rowWrites: 0, reads: 0 };
    for (let index = 0; index < OPERATIONS; index++) {
      this.#meter.reset();
      this.#rows.reset();
      await work(index);
      sum.logWrites += this.#meter.writeUnits;
      sum.reads += this.#meter.readUnits;
      await this.#materialize();
      sum.rowWrites += Math.max(0, this.#rows.writeUnits - 1);
    }
    const { logWrites, rowWrites, reads } = sum;
    const each = (units: number) => units / OPERATIONS;
    return { what, logWrites: each(logWrites), rowWrites: each(rowWrites), reads: each(reads) };
  }

  #write(request: WriteRequest): Promise<void> {
    return this.#model.clock.until(written(this.#keeper, request));
  }
}

function create(path: string): WriteRequest {
  return { kind: 'create', path, data: DATA, acl: OPEN_ACL, mode: 'persistent' };
}

/** A gateway whose clients do nothing but show that they live: its lease, its looks at the log and at the other gateways. */
async function gatewayAtRest(count: number): Promise<GatewayCost> {
  const model = new Model();
  const { cloud, clock } = model;
  const [meter, random] = [new Meter(), seededRandom(1)];
  const store = cloud.connect(meter);
  const keeper = new Keeper({ store, clock, random, namespace: NAMESPACE, follow: true });
  const sessions = new GatewaySessions({ store, clock, random, keeper, address: () => 'gateway:2181' });
  const isOwnGateway = (id: string) => id === sessions.lease.gatewayId;
  const reaper = new Reaper({ store, clock, random, keeper, isOwnGateway });
  const run = async () => {
    await keeper.start();
    await sessions.start();
    reaper.start();
    const making = Array.from({ length: count }, () => sessions.create(SESSION_TIMEOUT_MS));
    const open = await Promise.all(making);
    const beat = async (ms: number) => {
      for (let passedMs = 0; passedMs < ms; passedMs += SESSION_TIMEOUT_MS / 3) {
        for (const { session } of open) sessions.touch(session);
        await sleep(clock, SESSION_TIMEOUT_MS / 3);
      }
    };
    // The rows of the new sessions are written, as the stream would have it: what is in the window is looked after.
    await model.instance(2).materializer(NAMESPACE).run({ deadlineMs: Infinity });
    await beat(60_000);
    meter.reset();
    await beat(IDLE_MINUTES * 60_000);
    const { writeUnits, readUnits } = meter;
    if (sessions.size !== count) throw new Error('sessions were lost');
    reaper.stop();
    await sessions.stop();
    await keeper.stop();
    return {
      sessions: count,
      writesAMinute: writeUnits / IDLE_MINUTES,
      readsAMinute: readUnits / IDLE_MINUTES,
    };
  };
  return clock.until(run());
}

function targetsOf({ lines, gateways, batch }: CostResult): Target[] {
  const of = (what: string) => lines.find((line) => line.what === what);
  const all = (what: string) => (of(what)?.logWrites ?? NaN) + (of(what)?.rowWrites ?? NaN);
  const [, one, thousand] = gateways;
  return [
    bound({ what: 'setData: WCU in the log', measured: of('setData')?.logWrites ?? NaN, atMost: 1 }),
    bound({ what: 'setData: WCU in rows', measured: of('setData')?.rowWrites ?? NaN, atMost: 1 }),
    bound({ what: 'create: WCU in all', measured: all('create'), atMost: 4 }),
    bound({ what: 'delete: WCU in all', measured: all('delete'), atMost: 4 }),
    bound({
      what: `${batch.writes} writes of one znode: WCU of their batch, watermark included`,
      measured: batch.rowWrites,
      atMost: 2,
    }),
    bound({ what: 'read, session: RCU', measured: of('read, session')?.reads ?? NaN, atMost: 0 }),
    bound({ what: 'read, linearizable: RCU', measured: of('read, linearizable')?.reads ?? NaN, atMost: 2 }),
    bound({
      what: 'heartbeats: WCU of 1000 sessions / of one',
      measured: (thousand?.writesAMinute ?? NaN) / (one?.writesAMinute ?? NaN),
      atMost: 1,
    }),
  ];
}

function table(lines: readonly CostLine[]): string {
  return formatTable(
    ['OPERATION, 100 BYTES', 'WCU, LOG', 'WCU, ROWS', 'RCU'],
    lines.map(({ what, logWrites, rowWrites, reads }) => [
      what,
      ...[logWrites, rowWrites, reads].map((units) => units.toFixed(2)),
    ]),
  );
}

function gatewayTable(gateways: readonly GatewayCost[]): string {
  return formatTable(
    ['GATEWAY AT REST, SESSIONS', 'WCU A MINUTE', 'RCU A MINUTE'],
    gateways.map(({ sessions, writesAMinute, readsAMinute }) => [
      String(sessions),
      writesAMinute.toFixed(1),
      readsAMinute.toFixed(1),
    ]),
  );
}
