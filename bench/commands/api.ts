/** Latency and cost of single operations, modelled: the real code, in virtual time, on tables with published latencies. */
import { seededRandom } from '../../lib/base/random.js';
import { formatTable } from '../../lib/cli/format.js';
import { NO_SESSION, OPEN_ACL, type Origin } from '../../lib/core/types.js';
import { INVOKE_MS } from '../cloud/figures.js';
import { Model, type Line } from '../cloud/model.js';
import { ThinClient } from '../cloud/thin-client.js';
import { roundTripTargets } from './cold-start.js';
import { bound, targetTable, type Target } from '../targets.js';

const DATA_BYTES = 1024;
const PATH = '/n';
const ANYONE: Origin = { session: NO_SESSION, epoch: 0, authIds: [] };

export async function runApi(): Promise<{ lines: unknown; targets: readonly Target[] }> {
  const lines = [...(await embedded()), ...(await thin())];
  const cold = await roundTripTargets();
  const targets = [...targetsOf(lines), ...cold];
  console.log(table(lines));
  console.log(targetTable(targets));
  return { lines, targets };
}

/** What the client over `direct` does: a keeper in its own process. */
async function embedded(): Promise<Line[]> {
  const bench = new Model();
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
  const bench = new Model();
  const instance = bench.instance(1);
  const client = new ThinClient(bench.clock, seededRandom(2));
  await bench.clock.until(client.open(instance));
  await bench.clock.until(client.create(instance, PATH, DATA_BYTES));
  return [
    await bench.measure('lambda: write', () => client.set(instance, PATH, DATA_BYTES), {
      addedMs: INVOKE_MS,
    }),
    await bench.measure('lambda: linearizable read', () => client.get(instance, PATH), {
      addedMs: INVOKE_MS,
    }),
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
