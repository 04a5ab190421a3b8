import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatTable } from '../../lib/cli/format.js';
import { contention, type ContentionResult } from '../cloud/contention.js';
import { svgOf } from '../plot.js';
import { bound, targetTable, type Target } from '../targets.js';

const INSTANCES = [1, 4, 16, 64, 200];

/** Instances of the function that write one namespace at the same time. */
export async function runContention(options: {
  instances?: string;
  seconds: number;
  /** Where the charts go. */
  plots?: string;
}): Promise<{ results: readonly ContentionResult[]; targets: readonly Target[] }> {
  const counts = options.instances?.split(',').map(Number) ?? INSTANCES;
  if (counts.some((count) => !Number.isInteger(count) || count < 1)) {
    throw new Error('--instances wants whole numbers from 1 on, separated by commas');
  }
  const results: ContentionResult[] = [];
  for (const count of counts) results.push(await contention(count, options.seconds));
  const targets = targetsOf(results);
  console.log(table(results));
  console.log(targetTable(targets));
  if (options.plots !== undefined) await plot(options.plots, results);
  return { results, targets };
}

async function plot(directory: string, results: readonly ContentionResult[]): Promise<void> {
  const line = (name: string, value: (result: ContentionResult) => number) => ({
    name,
    points: results.map((result) => [result.instances, value(result)] as const),
  });
  const x = 'instances of api that write one namespace at once';
  const latency = {
    title: 'Latency against load',
    x,
    y: 'ms a write',
    series: [line('p50', ({ p50 }) => p50), line('p99', ({ p99 }) => p99)],
  };
  const cost = {
    title: 'Cost against load',
    x,
    y: 'capacity units a write',
    series: [
      line('write units', ({ writeUnits }) => writeUnits),
      line('read units', ({ readUnits }) => readUnits),
      line('write units of the materializer', ({ materializeWriteUnits }) => materializeWriteUnits),
    ],
  };
  await writeFile(join(directory, 'contention-latency.svg'), svgOf(latency));
  await writeFile(join(directory, 'contention-cost.svg'), svgOf(cost));
}

function table(results: readonly ContentionResult[]): string {
  const headings = [
    'INSTANCES',
    'WRITES/S',
    'P50 MS',
    'P99 MS',
    'SLOWEST',
    'WCU',
    'RCU',
    'ROWS WCU',
    'THROTTLED',
  ];
  return formatTable(
    headings,
    results.map((result) => [
      String(result.instances),
      result.perSecond.toFixed(0),
      result.p50.toFixed(1),
      result.p99.toFixed(1),
      result.slowest.toFixed(0),
      result.writeUnits.toFixed(2),
      result.readUnits.toFixed(2),
      result.materializeWriteUnits.toFixed(2),
      String(result.throttled),
    ]),
  );
}

function targetsOf(results: readonly ContentionResult[]): Target[] {
  const [alone] = results.filter(({ instances }) => instances === 1);
  const many = results.filter(({ instances }) => instances === 200);
  const others = results.filter(({ instances }) => instances > 1);
  return [
    ...(alone === undefined ? [] : others).map(({ instances, perSecond }) =>
      bound({
        what: `${instances} instances, writes/s`,
        measured: perSecond,
        atLeast: Math.floor(alone?.perSecond ?? 0),
      }),
    ),
    ...many.flatMap(({ perSecond, p99, writeUnits, readUnits }) => [
      bound({ what: '200 instances, writes/s', measured: perSecond, atLeast: 2500 }),
      bound({ what: '200 instances, p99', measured: p99, atMost: 300, unit: ' ms' }),
      bound({ what: '200 instances, write units a write', measured: writeUnits, atMost: 4 }),
      bound({ what: '200 instances, read units a write', measured: readUnits, atMost: 5 }),
    ]),
  ];
}
