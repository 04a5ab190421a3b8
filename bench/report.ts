import { formatTable } from '../lib/cli/format.js';
import type { Results } from './run.js';
import type { Summary } from './samples.js';
import type { OperationName } from './workload.js';

const HEADINGS = ['OP', 'REQUESTS/S', 'P50 MS', 'P95 MS', 'P99 MS', 'REQUESTS', 'ERRORS'];

/** One line per operation. */
export function resultTable(results: Results): string {
  return formatTable(
    HEADINGS,
    entries(results).map(([name, summary]) => [name, ...cells(summary)]),
  );
}

/** The rounds of two servers, and the median of A's throughput over the median of B's. */
export function comparisonTable(a: readonly Results[], b: readonly Results[]): string {
  const headings = [
    'OP',
    'ZEROKEEPER/S',
    'ZOOKEEPER/S',
    'RATIO',
    'ZEROKEEPER P50/P99 MS',
    'ZOOKEEPER P50/P99 MS',
  ];
  const names = entries(a[0] ?? {}).map(([name]) => name);
  const rows = names.map((name) => {
    const ours = a.flatMap((round) => round[name] ?? []);
    const theirs = b.flatMap((round) => round[name] ?? []);
    const rate = (rounds: readonly Summary[]) => median(rounds.map((round) => round.perSecond));
    return [
      name,
      rate(ours).toFixed(0),
      rate(theirs).toFixed(0),
      (rate(ours) / rate(theirs)).toFixed(2),
      latencies(ours),
      latencies(theirs),
    ];
  });
  return formatTable(headings, rows);
}

function entries(results: Results): [OperationName, Summary][] {
  return Object.entries(results) as [OperationName, Summary][];
}

function cells(summary: Summary): string[] {
  const { perSecond, p50, p95, p99 } = summary;
  const latency = [p50, p95, p99].map((value) => value.toFixed(2));
  return [perSecond.toFixed(0), ...latency, String(summary.operations), String(summary.errors)];
}

function latencies(rounds: readonly Summary[]): string {
  const p50 = median(rounds.map((round) => round.p50));
  const p99 = median(rounds.map((round) => round.p99));
  return `${p50.toFixed(2)} / ${p99.toFixed(2)}`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((x, y) => x - y);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? NaN;
  return (lower + upper) / 2;
}
