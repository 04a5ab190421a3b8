/** How long instances of the function take that have just been started, and that it does not matter how large the tree is. */
import { seededRandom } from '../../lib/base/random.js';
import { formatTable } from '../../lib/cli/format.js';
import { INVOKE_MS } from '../cloud/figures.js';
import { Model } from '../cloud/model.js';
import { NAMESPACE, ThinClient } from '../cloud/thin-client.js';
import { Samples, type Summary } from '../samples.js';
import { bound, targetTable, type Target } from '../targets.js';

const SIZES = [100, 1_000, 10_000];
const DATA_BYTES = 100;
const ROUND_TRIP_MS = 10;
/** Fresh instances, each for one operation. */
const INSTANCES = 300;

export interface ColdStart {
  readonly znodes: number;
  readonly readTrips: number;
  readonly writeTrips: number;
  /** With published latencies, the invocation included; without starting the process, which the functions' table has. */
  readonly read: Summary;
  readonly write: Summary;
  readonly readUnits: number;
}

export async function runColdStart(): Promise<{
  results: readonly ColdStart[];
  targets: readonly Target[];
}> {
  const results: ColdStart[] = [];
  for (const znodes of SIZES) results.push(await coldStart(znodes));
  const targets = [...targetsOf(results), ...sizeTargets(results)];
  console.log(table(results));
  console.log(targetTable(targets));
  return { results, targets };
}

/** On the smallest tree. */
export async function roundTripTargets(): Promise<Target[]> {
  return targetsOf([await roundTrips(SIZES[0] ?? 1)]);
}

async function coldStart(znodes: number): Promise<ColdStart> {
  const trips = await roundTrips(znodes);
  const { model, client } = await loaded(znodes);
  const one = async (work: (seed: number) => Promise<void>) => {
    model.meter.reset();
    const samples = new Samples();
    for (let seed = 100; seed < 100 + INSTANCES; seed++) {
      samples.add((await model.elapsed(work(seed))) + INVOKE_MS);
    }
    return samples.summarize(1);
  };
  const path = (seed: number) => pathOf((seed * 7919) % znodes);
  const read = await one((seed) => client.get(model.instance(seed), path(seed)));
  const readUnits = model.meter.readUnits / INSTANCES;
  const write = await one(async (seed) => {
    await client.set(model.instance(seed), path(seed), DATA_BYTES);
  });
  return { znodes, ...trips, read, write, readUnits };
}

/** Every call takes the same time, so that the time that passes counts sequential round trips. */
async function roundTrips(znodes: number): Promise<{ readTrips: number; writeTrips: number }> {
  const { model, client } = await loaded(znodes, ROUND_TRIP_MS);
  const read = await model.elapsed(client.get(model.instance(3), pathOf(znodes >> 1)));
  const write = await model.elapsed(client.set(model.instance(4), pathOf(znodes >> 2), DATA_BYTES));
  return { readTrips: read / ROUND_TRIP_MS, writeTrips: write / ROUND_TRIP_MS };
}

const PARENTS = 10;
const pathOf = (index: number) => `/p${index % PARENTS}/n${index}`;

/** A tree whose every znode has its row: the materializer has done its work. */
async function loaded(znodes: number, fixedMs?: number): Promise<{ model: Model; client: ThinClient }> {
  const model = new Model(fixedMs);
  const warm = model.instance(1);
  const client = new ThinClient(model.clock, seededRandom(2));
  await model.clock.until(client.open(warm));
  await model.clock.until(model.load({ znodes, pathOf, parents: PARENTS, bytes: DATA_BYTES }));
  await model.clock.until(model.instance(2).materializer(NAMESPACE).run({ deadlineMs: Infinity }));
  return { model, client };
}

function targetsOf(results: readonly { readTrips: number; writeTrips: number }[]): Target[] {
  const most = (value: (result: { readTrips: number; writeTrips: number }) => number) =>
    Math.max(...results.map(value));
  return [
    bound({
      what: 'cold instance, first read, round trips',
      measured: most(({ readTrips }) => readTrips),
      atMost: 2,
    }),
    bound({
      what: 'cold instance, first write, round trips',
      measured: most(({ writeTrips }) => writeTrips),
      atMost: 3,
    }),
  ];
}

/** The largest tree against the smallest. */
function sizeTargets(results: readonly ColdStart[]): Target[] {
  const [first, last] = [results[0], results.at(-1)];
  if (first === undefined || last === undefined) return [];
  const ratio = (value: (result: ColdStart) => number) => value(last) / value(first);
  const to = `${last.znodes} znodes / ${first.znodes}`;
  return [
    bound({ what: `first read, p50, ${to}`, measured: ratio(({ read }) => read.p50), atMost: 1.05 }),
    bound({ what: `first write, p50, ${to}`, measured: ratio(({ write }) => write.p50), atMost: 1.05 }),
    bound({ what: `first read, RCU, ${to}`, measured: ratio(({ readUnits }) => readUnits), atMost: 1.05 }),
  ];
}

function table(results: readonly ColdStart[]): string {
  return formatTable(
    ['ZNODES', 'READ TRIPS', 'READ P50/P99 MS', 'WRITE TRIPS', 'WRITE P50/P99 MS', 'RCU, READ'],
    results.map(({ znodes, readTrips, writeTrips, read, write, readUnits }) => [
      String(znodes),
      readTrips.toFixed(0),
      `${read.p50.toFixed(1)} / ${read.p99.toFixed(1)}`,
      writeTrips.toFixed(0),
      `${write.p50.toFixed(1)} / ${write.p99.toFixed(1)}`,
      readUnits.toFixed(2),
    ]),
  );
}
