import { countAll, SHARED_BY, type Counts, type Operation } from './count.js';
import { deployedResources, idleItems, KEEPER_MONTH, type Item } from './idle.js';
import { EXAMPLES, machinesMonth, monthCost, type Load, type MonthCost } from './month.js';
import { priced, readPrices, type PriceList } from './prices.js';
import { costOf, LOG_BYTES, PROCESSOR_MS } from './usage.js';

export interface Section {
  readonly title: string;
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
}

export interface Report {
  readonly prices: PriceList;
  readonly counts: Counts;
  readonly idle: readonly Item[];
  readonly months: readonly MonthCost[];
  readonly sections: readonly Section[];
}

export async function report(loads: readonly Load[] = EXAMPLES): Promise<Report> {
  const prices = readPrices();
  const counts = await countAll();
  const idle = idleItems(prices, { resources: deployedResources(), scheduled: counts.scheduled });
  const months = loads.map((load) => monthCost(prices, counts, load));
  const sections = [
    operationsSection(prices, counts),
    monthsSection(months, idle),
    sessionsSection(prices, counts),
    idleSection(prices, idle),
    besideSection(prices),
    pricesSection(prices),
  ];
  return { prices, counts, idle, months, sections };
}

const usd = (amount: number) => (amount === 0 ? '0' : amount.toFixed(amount < 100 ? 2 : 0));
const units = (amount: number) => String(Math.round(amount * 100) / 100);
const count = (amount: number) => amount.toLocaleString('en-US');
const sum = (items: readonly Item[]) => items.reduce((total, item) => total + item.usd, 0);

function operationsSection(prices: PriceList, { operations }: Counts): Section {
  const row = ({ what, over, alone, shared }: Operation) => [
    ...[what, over, units(alone.writeUnits), units(alone.readUnits), units(alone.invocations)],
    ...[usd(1e6 * costOf(prices, alone)), usd(1e6 * costOf(prices, shared))],
  ];
  return {
    title: 'A million operations, in dollars',
    headings: ['operation', 'over', 'WRU each', 'RRU each', 'invocations each', 'alone', 'together'],
    rows: operations.map(row),
    notes: [
      'alone: materialize and notify are called for each. ' +
        `together: once for ${SHARED_BY} that come together, and rows of one key are written once.`,
      'The watch has its read, the write of somebody else and the request that fetches the event in it; its background runs each time. ' +
        'Over direct a watch costs nothing of its own: keepers read the log anyway.',
      `Duration is what DynamoDB takes by published latencies, and ${PROCESSOR_MS} ms of processor, which is assumed. ` +
        `So are ${LOG_BYTES} bytes of logs an invocation.`,
    ],
  };
}

function monthsSection(months: readonly MonthCost[], idle: readonly Item[]): Section {
  const rows = months.map(({ load, lambda, direct, addedGb }) => [
    ...[load.name, count(load.writes), count(load.reads), count(load.sessions), count(load.bytes)],
    ...[count(load.keepers), units(addedGb), usd(lambda + sum(idle)), usd(direct + sum(idle))],
  ]);
  const loadOf = ['load', 'writes', 'reads', 'sessions', 'bytes', 'keepers'];
  return {
    title: 'A month, in dollars',
    headings: [...loadOf, 'GB added', 'lambda', 'direct'],
    rows,
    notes: [
      'Writes are setData, each alone; reads are linearizable; sessions over lambda watch by a WebSocket; what the deployment costs at rest is in it. ' +
        'direct (or gateways) is without the machines that the processes run on anyway.',
      'The GB stay in the log and cost as much in each month that follows, unless a retention is set; the first month is priced as a whole one.',
    ],
  };
}

function sessionsSection(prices: PriceList, { sessions }: Counts): Section {
  const row = (what: string, one: keyof Counts['sessions']) => {
    const usage = sessions[one];
    const { invocations, writeUnits, readUnits, queueRequests } = usage;
    const used = [invocations, writeUnits, readUnits, queueRequests].map((amount) =>
      count(Math.round(amount)),
    );
    return [what, ...used, usd(costOf(prices, usage))];
  };
  return {
    title: 'A session over lambda that is connected for a month and does nothing, in dollars',
    headings: ['session', 'invocations', 'WRU', 'RRU', 'SQS requests', 'month'],
    rows: [
      row('without watches', 'withoutWatches'),
      row('with a watch and a WebSocket', 'withWebSocket'),
      row('with a watch, asking each second', 'polling'),
    ],
    notes: [
      'With the defaults: a timeout of 30 s. Heartbeats, renewals and timers come as the client and expire make them; a longer timeout makes all of them fewer.',
      'The WebSocket is the cheap way to be told: asking each second is what a client with watches does without one. pollMs makes it rarer.',
    ],
  };
}

function idleSection(prices: PriceList, idle: readonly Item[]): Section {
  const gb = priced(prices, 'storage', 1) + priced(prices, 'recovery', 1);
  return {
    title: 'A deployment that nobody uses, in dollars a month',
    headings: ['item', 'month'],
    rows: [...idle, { what: 'together', usd: sum(idle) }].map(({ what, usd: amount }) => [what, usd(amount)]),
    notes: [
      `Beside that: each GB stored ${usd(priced(prices, 'storage', 1))} and its point-in-time recovery ${usd(priced(prices, 'recovery', 1))}, ` +
        `together ${usd(gb)}; a key of your own ${usd(priced(prices, 'keys', 1))}; each keeper of a gateway or over direct without sessions ` +
        `${usd(costOf(prices, KEEPER_MONTH))} at most.`,
      'A scheduled rule of EventBridge and stream reads by Lambda are taken as free. Traces of X-Ray, on by default, and traffic out of the Region are not counted. ' +
        'Further namespaces add their part of the schedule.',
    ],
  };
}

function besideSection(prices: PriceList): Section {
  const row = (what: string, type: 't4gSmall' | 'm7gMedium') => [what, usd(machinesMonth(prices, type))];
  return {
    title: 'Beside it, in dollars a month',
    headings: ['what', 'month'],
    rows: [
      row('3 × t4g.small, 20 GB gp3 each', 't4gSmall'),
      row('3 × m7g.medium, 20 GB gp3 each', 'm7gMedium'),
    ],
    notes: [
      'Three machines for ZooKeeper on demand; no traffic between zones, no backups, no monitoring, and nobody who keeps them.',
      'FaaSKeeper: its abstract (https://arxiv.org/html/2203.14859v3) says that it can cost up to 110 to 719 times less than ZooKeeper ' +
        'on infrequent workloads. Its costs of single operations could not be read where this was written, and are left out.',
    ],
  };
}

function pricesSection({ region, date, prices }: PriceList): Section {
  return {
    title: `The prices, ${region}, ${date}`,
    headings: ['unit', 'dollars', 'per', 'source', 'checked'],
    rows: Object.values(prices).map(({ usd: amount, per, unit, source, checked }) => [
      ...[unit, String(amount), count(per), source, checked ?? 'not checked'],
    ]),
    notes: ['On demand, before free tiers, discounts and taxes; all from bench/costs/prices.json.'],
  };
}

export function markdown({ sections }: Report): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  return sections
    .map(({ title, headings, rows, notes }) => {
      const table = [headings, headings.map(() => '---'), ...rows].map(line).join('');
      return `### ${title}\n\n${table}\n${notes.join('\n\n')}\n`;
    })
    .join('\n');
}
