import { ScanCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { systemClock } from '../../lib/base/clock.js';
import { systemRandom } from '../../lib/base/random.js';
import { Materializer } from '../../lib/keeper/materializer.js';
import { DynamoStore } from '../../lib/log/dynamo-store.js';
import { SimulatedTables } from '../../lib/log/simulated-tables.js';
import type { Item } from '../../lib/log/store.js';
import { TABLE_NAMES, tableNameOf } from '../../lib/log/tables.js';
import { CHECKERS } from '../sim/checkers/index.js';
import type { History } from '../sim/history.js';
import { LogReader } from '../sim/log.js';

/**
 * Checkers that say nothing here. Ends of sessions need the moment at which each entry was appended, which only the simulation knows; orphans are what is
 * left after days.
 */
const NOT_HERE: ReadonlySet<string> = new Set(['ends of sessions', 'orphans']);

/** Materializes what is left, copies the tables, and asks the simulation's checkers. */
export async function judge(
  history: History,
  engine: { readonly client: DynamoDBClient; readonly tablePrefix: string; readonly namespace: string },
): Promise<{ readonly violations: string[]; readonly transactions: number }> {
  const { client, tablePrefix, namespace } = engine;
  const store = new DynamoStore({ client, tablePrefix });
  await new Materializer({ store, namespace, clock: systemClock, random: systemRandom }).run();
  const tables = await copyTables(client, tablePrefix);
  const log = new LogReader(tables, namespace);
  await log.catchUp();
  placeInTime(history, log);
  const run = { history, log, tables, namespace };
  const violations = Object.entries(CHECKERS)
    .filter(([name]) => !NOT_HERE.has(name))
    .flatMap(([name, check]) => check(run).map((text) => `${name}: ${text}`));
  return { violations, transactions: log.transactions.length };
}

/**
 * Nobody was there when an entry was appended, but its time, which was taken before, bounds that: an answer cannot tell of an entry
 * whose time is later than the answer. (All clocks are this machine's.) What was there at least, when something was asked, is what anybody had been told of; that stands there already.
 */
function placeInTime(history: History, log: LogReader): void {
  const times = log.transactions.map(({ position }) => position.timeMs);
  for (const call of history.calls) {
    if (call.returned === undefined) continue;
    const { ms } = call.returned;
    call.returned = { ...call.returned, head: countUpTo(times, ms) };
  }
}

/** How many of the rising times are at or before `ms`. */
function countUpTo(times: readonly number[], ms: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function copyTables(client: DynamoDBClient, prefix: string): Promise<SimulatedTables> {
  const tables = new SimulatedTables();
  for (const table of TABLE_NAMES) {
    let from: Record<string, AttributeValue> | undefined;
    do {
      const page = await client.send(
        new ScanCommand({
          TableName: tableNameOf(prefix, table),
          ConsistentRead: true,
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        }),
      );
      for (const item of page.Items ?? [])
        tables.write({ operation: 'put', table, input: { table, item: plain(item) } });
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
  }
  return tables;
}

function plain(item: Record<string, AttributeValue>): Item {
  return Object.fromEntries(
    Object.entries(item).map(([name, value]) => [
      name,
      value.N === undefined ? (value.S ?? value.B ?? value.BOOL) : Number(value.N),
    ]),
  );
}
