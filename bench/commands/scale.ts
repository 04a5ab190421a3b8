/** That a large tree costs what a small one does: loaded through the public API, then read and written by keepers with a small view. */
import { seededRandom } from '../../lib/base/random.js';
import { connectOver } from '../../lib/client/connect.js';
import { createDirectTransport } from '../../lib/client/direct/index.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
import { DEFAULT_VIEW_LIMITS } from '../../lib/keeper/view.js';
import { formatTable } from '../../lib/cli/format.js';
import { Model, written, type Line } from '../cloud/model.js';
import { NAMESPACE } from '../cloud/thin-client.js';
import { bound, targetTable, type Target } from '../targets.js';

const SMALL = 1_000;
const DATA = seededRandom(4).bytes(100);
const CHILDREN = 100;
/** Creates in one transaction, and transactions between two runs of the materializer. */
const TOGETHER = 500;
const MATERIALIZE_EACH = 20;
/** Operations that a figure is made of; no znode is touched twice, so that none is in the view for another reason than its size. */
const OPERATIONS = 400;
/** What a record of such a znode takes in the view, generously, times how many there may be. */
const VIEW_RECORDS = 10_000;
const RECORD_BYTES = 512;
const VIEW_LIMITS = { ...DEFAULT_VIEW_LIMITS, nodesBytes: VIEW_RECORDS * RECORD_BYTES };

export interface Scale {
  readonly znodes: number;
  /** Of this machine. */
  readonly loadSeconds: number;
  /** In the view when everything has been measured. */
  readonly records: number;
  readonly lines: readonly Line[];
}

export async function runScale(znodes: number): Promise<{
  results: readonly Scale[];
  targets: readonly Target[];
}> {
  const results = [await scale(SMALL), await scale(znodes)];
  const targets = targetsOf(results);
  console.log(table(results));
  console.log(targetTable(targets));
  return { results, targets };
}

const parentOf = (index: number) => `/p${Math.floor(index / CHILDREN)}`;
const pathOf = (index: number) => `${parentOf(index)}/n${index}`;

async function scale(znodes: number): Promise<Scale> {
  const model = new Model();
  const startMs = performance.now();
  await model.clock.until(load(model, znodes));
  const loadSeconds = (performance.now() - startMs) / 1000;
  const keeper = model.keeper(5, VIEW_LIMITS);
  await model.clock.until(keeper.start());
  // All over the tree, each once.
  const step = Math.floor(znodes / (2 * OPERATIONS));
  const first = (n: number) => pathOf(2 * n * step);
  const second = (n: number) => pathOf((2 * n + 1) * step);
  const options = { operations: OPERATIONS };
  const lines = [
    await model.measure('get, not in the view', (n) => get(keeper, first(n)), options),
    await model.measure('get, in the view', (n) => get(keeper, first(n)), options),
    await model.measure('set, not in the view', (n) => set(keeper, second(n)), options),
    await model.measure('set, in the view', (n) => set(keeper, second(n)), options),
  ];
  const { records } = keeper.replica.view.statistics;
  await model.clock.until(keeper.stop());
  return { znodes, loadSeconds, records, lines };
}

function get(keeper: Keeper, path: string): Promise<unknown> {
  return keeper.read({ kind: 'getData', path }, { consistency: 'linearizable' });
}

function set(keeper: Keeper, path: string): Promise<void> {
  return written(keeper, { kind: 'setData', path, data: DATA, version: -1 });
}

/** Over `direct`, in transactions of many, with the materializer at work as the stream would have it. */
async function load(model: Model, znodes: number): Promise<void> {
  const { clock, cloud, meter } = model;
  const random = seededRandom(6);
  const store = cloud.connect(meter);
  const of = { namespace: NAMESPACE, session: false, store, clock, random, viewLimits: VIEW_LIMITS } as const;
  // Not by `connect`, which loads the transport's module: virtual time does not wait for that.
  const client = await connectOver(createDirectTransport(of), { clock, random });
  const materializer = model.instance(7).materializer(NAMESPACE);
  for (let from = 0; from < znodes; from += TOGETHER) {
    const creates = [];
    for (let index = from; index < Math.min(znodes, from + TOGETHER); index++) {
      if (index % CHILDREN === 0) creates.push({ op: 'create', path: parentOf(index) } as const);
      creates.push({ op: 'create', path: pathOf(index), data: DATA } as const);
    }
    await client.multi(creates);
    const done = from + TOGETHER;
    if ((done / TOGETHER) % MATERIALIZE_EACH !== 0 && done < znodes) continue;
    await materializer.run({ deadlineMs: Infinity });
    showProgress(Math.min(done, znodes), znodes);
  }
  await client.close();
}

const BAR_WIDTH = 40;

function showProgress(done: number, all: number): void {
  if (!process.stderr.isTTY && done < all) return;
  const filled = Math.round((BAR_WIDTH * done) / all);
  const bar = '#'.repeat(filled).padEnd(BAR_WIDTH, '.');
  process.stderr.write(`\r${bar} ${done} of ${all} znodes${done === all ? '\n' : ''}`);
}

function targetsOf([small, large]: readonly Scale[]): Target[] {
  if (small === undefined || large === undefined) return [];
  return large.lines.flatMap((line, index) => {
    const before = small.lines[index];
    if (before === undefined) return [];
    const units = ({ readUnits, writeUnits }: Line) => readUnits + writeUnits;
    const to = `${large.znodes} znodes / ${small.znodes}`;
    return [
      bound({ what: `${line.what}: units, ${to}`, measured: units(line) / units(before), atMost: 1 }),
      bound({
        what: `${line.what}: p50, ${to}`,
        measured: line.summary.p50 / before.summary.p50,
        atMost: 1.2,
      }),
    ];
  });
}

function table(results: readonly Scale[]): string {
  const rows = results.flatMap(({ znodes, loadSeconds, records, lines }) =>
    lines.map(({ what, summary, writeUnits, readUnits }) => [
      String(znodes),
      what,
      ...[summary.p50, summary.p99, writeUnits, readUnits].map((value) => value.toFixed(2)),
      String(records),
      loadSeconds.toFixed(1),
    ]),
  );
  return formatTable(
    ['ZNODES', 'OPERATION', 'P50 MS', 'P99 MS', 'WCU', 'RCU', 'RECORDS IN VIEW', 'LOADED IN S'],
    rows,
  );
}
