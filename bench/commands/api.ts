/** Latency and cost of single operations, modelled: the real code, in virtual time, on tables with published latencies. */
import { createWiring, type FunctionWiring } from '../../functions/shared/wiring.js';
import { seededRandom } from '../../lib/base/random.js';
import { formatTable } from '../../lib/cli/format.js';
import { NO_SESSION, OPEN_ACL, type Origin } from '../../lib/core/types.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { Cloud, Meter } from '../cloud/cloud-store.js';
import { INVOKE_MS } from '../cloud/figures.js';
import { NAMESPACE, ThinClient } from '../cloud/thin-client.js';
import { VirtualClock } from '../cloud/virtual-clock.js';
import { Samples, type Summary } from '../samples.js';
import { bound, targetTable, type Target } from '../targets.js';

const DATA_BYTES = 1024;
const OPERATIONS = 3000;
const PATH = '/n';
const ROUND_TRIP_MS = 10;
const ANYONE: Origin = { session: NO_SESSION, epoch: 0, authIds: [] };

interface Line {
  readonly what: string;
  readonly summary: Summary;
  readonly writeUnits: number;
  readonly readUnits: number;
}

class Bench {
  readonly clock = new VirtualClock();
  readonly cloud: Cloud;
  readonly meter = new Meter();

  constructor(fixedMs?: number) {
    const common = { clock: this.clock, random: seededRandom(11), limited: false };
    this.cloud = new Cloud(fixedMs === undefined ? common : { ...common, fixedMs });
  }

  instance(seed: number): FunctionWiring {
    const store = this.cloud.connect(this.meter);
    return createWiring({ store, clock: this.clock, random: seededRandom(seed), namespaces: [NAMESPACE] });
  }

  keeper(seed: number): Keeper {
    const store = this.cloud.connect(this.meter);
    return new Keeper({ store, namespace: NAMESPACE, clock: this.clock, random: seededRandom(seed) });
  }

  /** One after the other; `addedMs` is what the way to the function takes. */
  async measure(what: string, work: () => Promise<unknown>, addedMs = 0): Promise<Line> {
    this.meter.reset();
    const samples = new Samples();
    const begunMs = this.clock.monotonic();
    for (let n = 0; n < OPERATIONS; n++) {
      const startMs = this.clock.monotonic();
      await this.clock.until(work());
      samples.add(this.clock.monotonic() - startMs + addedMs);
    }
    const summary = samples.summarize(this.clock.monotonic() - begunMs + OPERATIONS * addedMs);
    const { writeUnits, readUnits } = this.meter;
    return { what, summary, writeUnits: writeUnits / OPERATIONS, readUnits: readUnits / OPERATIONS };
  }

  async elapsed(work: Promise<unknown>): Promise<number> {
    const startMs = this.clock.monotonic();
    await this.clock.until(work);
    return this.clock.monotonic() - startMs;
  }
}

export async function runApi(): Promise<{ lines: unknown; targets: readonly Target[] }> {
  const lines = [...(await embedded()), ...(await thin())];
  const cold = await coldStarts();
  const targets = [...targetsOf(lines), ...cold];
  console.log(table(lines));
  console.log(targetTable(targets));
  return { lines, targets };
}

/** What the client over `direct` does: a keeper in its own process. */
async function embedded(): Promise<Line[]> {
  const bench = new Bench();
  const keeper = bench.keeper(1);
  const data = seededRandom(2).bytes(DATA_BYTES);
  const create = { kind: 'create', path: PATH, data, acl: OPEN_ACL, mode: 'persistent' } as const;
  await bench.clock.until(keeper.start());
  await bench.clock.until(keeper.write(create, ANYONE));
  const set = { kind: 'setData', path: PATH, data, version: -1 } as const;
  const get = { kind: 'getData', path: PATH } as const;
  return [
    await bench.measure('direct: write', () => keeper.write(set, ANYONE)),
    await bench.measure('direct: linearizable read', () => keeper.read(get, { consistency: 'linearizable' })),
  ];
}

/** What the client over `lambda` does; the invocation is taken as {@link INVOKE_MS}. */
async function thin(): Promise<Line[]> {
  const bench = new Bench();
  const instance = bench.instance(1);
  const client = new ThinClient(bench.clock, seededRandom(2));
  await bench.clock.until(client.open(instance));
  await bench.clock.until(client.create(instance, PATH, DATA_BYTES));
  return [
    await bench.measure('lambda: write', () => client.set(instance, PATH, DATA_BYTES), INVOKE_MS),
    await bench.measure('lambda: linearizable read', () => client.get(instance, PATH), INVOKE_MS),
  ];
}

/** Every call takes the same time, so that the time that passes counts sequential round trips. */
async function coldStarts(): Promise<Target[]> {
  const bench = new Bench(ROUND_TRIP_MS);
  const warm = bench.instance(1);
  const client = new ThinClient(bench.clock, seededRandom(2));
  await bench.clock.until(client.open(warm));
  await bench.clock.until(client.create(warm, PATH, DATA_BYTES));
  const read = await bench.elapsed(client.get(bench.instance(3), PATH));
  const write = await bench.elapsed(client.set(bench.instance(4), PATH, 100));
  return [
    bound({ what: 'cold instance, first read, round trips', measured: read / ROUND_TRIP_MS, atMost: 2 }),
    bound({ what: 'cold instance, first write, round trips', measured: write / ROUND_TRIP_MS, atMost: 3 }),
  ];
}

function targetsOf(lines: readonly Line[]): Target[] {
  const most = {
    'direct: write': [10, 20],
    'direct: linearizable read': [6, 10],
    'lambda: write': [25, 60],
  } as const;
  const all = { ...most, 'lambda: linearizable read': [20, 40] } as Record<string, readonly [number, number]>;
  return lines.flatMap(({ what, summary }) => {
    const [p50, p99] = all[what] ?? [Infinity, Infinity];
    return [
      bound({ what: `${what}, p50`, measured: summary.p50, atMost: p50, unit: ' ms' }),
      bound({ what: `${what}, p99`, measured: summary.p99, atMost: p99, unit: ' ms' }),
    ];
  });
}

function table(lines: readonly Line[]): string {
  return formatTable(
    ['OPERATION, 1 KB', 'P50 MS', 'P95 MS', 'P99 MS', 'WCU', 'RCU'],
    lines.map(({ what, summary, writeUnits, readUnits }) => [
      what,
      ...[summary.p50, summary.p95, summary.p99, writeUnits, readUnits].map((value) => value.toFixed(2)),
    ]),
  );
}
