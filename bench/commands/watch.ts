/** From the answer to a write to the event at whoever watches. */
import { formatTable } from '../../lib/cli/format.js';
import { directWatch, gatewayWatch, thinWatch } from '../cloud/watching.js';
import type { Summary } from '../samples.js';
import { bound, targetTable, type Target } from '../targets.js';

/** Mean pauses between two writes: the log is followed closely while something comes in, and rarely while nothing does. */
const BUSY_MS = 20;
const QUIET_MS = 10_000;

interface Line {
  readonly watcher: string;
  readonly summary: Summary;
}

export async function runWatch(): Promise<{ lines: readonly Line[]; targets: readonly Target[] }> {
  const thin = await thinWatch(true);
  const lines: Line[] = [
    { watcher: 'thin client, the writer calls notify', summary: thin },
    { watcher: 'thin client, the stream alone', summary: await thinWatch(false) },
    { watcher: `gateway, a write each ${BUSY_MS} ms`, summary: await gatewayWatch(BUSY_MS) },
    { watcher: `gateway, a write each ${QUIET_MS / 1000} s`, summary: await gatewayWatch(QUIET_MS) },
    { watcher: `direct, a write each ${BUSY_MS} ms`, summary: await directWatch(BUSY_MS) },
    { watcher: `direct, a write each ${QUIET_MS / 1000} s`, summary: await directWatch(QUIET_MS) },
  ];
  const targets = [
    bound({ what: 'event at a thin client, p50', measured: thin.p50, atMost: 60, unit: ' ms' }),
  ];
  console.log(table(lines));
  console.log(targetTable(targets));
  return { lines, targets };
}

function table(lines: readonly Line[]): string {
  return formatTable(
    ['WATCHER', 'P50 MS', 'P95 MS', 'P99 MS', 'EVENTS'],
    lines.map(({ watcher, summary: { p50, p95, p99, operations } }) => [
      watcher,
      ...[p50, p95, p99].map((value) => value.toFixed(1)),
      String(operations),
    ]),
  );
}
