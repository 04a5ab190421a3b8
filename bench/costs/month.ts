import type { Counts, Operation } from './count.js';
import { KEEPER_MONTH } from './idle.js';
import { priced, type PriceList } from './prices.js';
import { costOf, GB, times } from './usage.js';

/** A month's load. */
export interface Load {
  readonly name: string;
  /** `setData`, each alone. */
  readonly writes: number;
  /** Linearizable. */
  readonly reads: number;
  /** Connected all the time: over lambda with a watch and a WebSocket. */
  readonly sessions: number;
  /** Of data in each write. */
  readonly bytes: number;
  /** Processes with a keeper, over direct or as gateways. */
  readonly keepers: number;
}

export const EXAMPLES: readonly Load[] = [
  { name: 'small', writes: 100_000, reads: 1_000_000, sessions: 5, bytes: 100, keepers: 2 },
  { name: 'medium', writes: 5_000_000, reads: 50_000_000, sessions: 50, bytes: 100, keepers: 3 },
  { name: 'busy', writes: 100_000_000, reads: 1_000_000_000, sessions: 500, bytes: 100, keepers: 6 },
];

export interface MonthCost {
  readonly load: Load;
  readonly lambda: number;
  readonly direct: number;
  /** GB that the month adds to the log, which stay and cost as much each month from then on. */
  readonly addedGb: number;
}

function find(counts: Counts, over: Operation['over'], what: string): Operation {
  const found = counts.operations.find((one) => one.over === over && one.what === what);
  if (found === undefined) throw new Error(`${what} over ${over} was not counted`);
  return found;
}

/** Beyond the first KB each KB of data is a write unit in the log and one in the znode's row. */
function largerUnits(bytes: number): number {
  return 2 * Math.max(0, Math.ceil((bytes + ENTRY_BYTES) / 1024) - 1);
}
const ENTRY_BYTES = 200;

export function monthCost(list: PriceList, counts: Counts, load: Load): MonthCost {
  const addedGb = (load.writes * (counts.logBytesPerWrite - 100 + load.bytes)) / GB;
  const kept = priced(list, 'storage', addedGb) + priced(list, 'recovery', addedGb);
  const larger = priced(list, 'writeUnits', load.writes * largerUnits(load.bytes));
  const operations = (over: Operation['over']) =>
    load.writes * costOf(list, find(counts, over, 'setData, 100 B').alone) +
    load.reads * costOf(list, find(counts, over, 'get, linearizable').alone);
  const sessions = load.sessions * costOf(list, counts.sessions.withWebSocket);
  const keepers = costOf(list, times(KEEPER_MONTH, load.keepers));
  return {
    load,
    lambda: operations('lambda') + sessions + kept + larger,
    direct: operations('direct') + keepers + kept + larger,
    addedGb,
  };
}

const VM_COUNT = 3;
const VM_DISK_GB = 20;
const HOURS = 730;

/** Three machines and their disks; no traffic between zones, no backups, nobody who keeps them. */
export function machinesMonth(list: PriceList, type: 't4gSmall' | 'm7gMedium'): number {
  return VM_COUNT * (priced(list, type, HOURS) + priced(list, 'gp3', VM_DISK_GB));
}
