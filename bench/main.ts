import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { runApi } from './commands/api.js';
import { runColdStart } from './commands/cold-start.js';
import { runContention } from './commands/contention.js';
import { runCost } from './commands/cost.js';
import { runScale } from './commands/scale.js';
import { runWatch } from './commands/watch.js';
import { comparisonTable, resultTable } from './report.js';
import { bench, type BenchOptions, type Results } from './run.js';
import { runningServer, startZeroKeeper, startZooKeeper, type Server } from './servers.js';
import type { Target } from './targets.js';
import { OPERATIONS, type OperationName } from './workload.js';

const HELP = `Usage: npm run bench -- --target HOST:PORT [OPTIONS]
       npm run bench -- compare [--zerokeeper HOST:PORT] [--zookeeper HOST:PORT] [OPTIONS]
       npm run bench -- api [--check] [--json FILE]
       npm run bench -- cold-start [--check] [--json FILE]
       npm run bench -- gateway [OPTIONS]
       npm run bench -- cost [--check] [--json FILE]
       npm run bench -- scale [--znodes N] [--check] [--json FILE]
       npm run bench -- watch [--check] [--json FILE]
       npm run bench -- contention [--instances 1,4,16,64,200] [--seconds N] [--plots DIRECTORY] [--check] [--json FILE]

Measures a server that speaks ZooKeeper's protocol: every connection keeps a fixed number of requests under
way. compare measures ZeroKeeper and a real ZooKeeper in turn, A B A B; those that are not named are
started for it, with data on this machine's disk (ZeroKeeper needs npm run build). gateway starts ZeroKeeper alone, or drives --target.

api and contention are models with the real code in them, in virtual time, on tables with published latencies; the same comes out each
time. api: single operations of the clients over direct and lambda, and of cold instances. cold-start: those on trees of growing size. watch: from a
write's answer to the event. cost: capacity units, counted. scale: a tree
of --znodes (default 1000000) against one of 1000. contention: so many instances of the function
api write one namespace, whose partitions have DynamoDB's limits. --check fails when a target is missed.

  --ops LIST        get, set, create (sequential), mixed (90 % get, 10 % set); default: all
  --connections N   default 8
  --pipeline N      requests under way per connection, default 16
  --seconds N       per operation, default 5
  --warmup N        seconds before, default 1
  --size N          bytes of data per znode, default 100
  --rounds N        of compare, default 2
  --json FILE       write the results there, too
`;

const text = { type: 'string' } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: text,
    zerokeeper: text,
    zookeeper: text,
    ops: text,
    connections: text,
    pipeline: text,
    seconds: text,
    warmup: text,
    size: text,
    rounds: text,
    znodes: text,
    instances: text,
    plots: text,
    check: { type: 'boolean' },
    json: text,
    help: { type: 'boolean', short: 'h' },
  },
});

function positive(
  name: 'connections' | 'pipeline' | 'seconds' | 'warmup' | 'size' | 'rounds' | 'znodes',
  fallback: number,
) {
  const value = Number(values[name] ?? fallback);
  if (!(value > 0)) throw new Error(`--${name} wants a number above 0`);
  return value;
}

function operationsOf(list: string): OperationName[] {
  return list.split(',').map((name) => {
    const known = OPERATIONS.find((operation) => operation === name.trim());
    if (known === undefined) throw new Error(`--ops knows ${OPERATIONS.join(', ')}, not ${name}`);
    return known;
  });
}

function benchOptions(): BenchOptions {
  return {
    operations: operationsOf(values.ops ?? OPERATIONS.join(',')),
    connections: positive('connections', 8),
    pipeline: positive('pipeline', 16),
    seconds: positive('seconds', 5),
    warmupSeconds: positive('warmup', 1),
    size: positive('size', 100),
  };
}

async function compare(options: BenchOptions): Promise<unknown> {
  const servers: Server[] = [];
  try {
    const theirs = values.zookeeper === undefined ? await startZooKeeper() : runningServer(values.zookeeper);
    servers.push(theirs);
    const ours = values.zerokeeper === undefined ? await startZeroKeeper() : runningServer(values.zerokeeper);
    servers.push(ours);
    const rounds = { zerokeeper: [] as Results[], zookeeper: [] as Results[] };
    for (let round = 1; round <= positive('rounds', 2); round++) {
      for (const [name, server] of [['zerokeeper', ours] as const, ['zookeeper', theirs] as const]) {
        const results = await bench(server.target, options);
        rounds[name].push(results);
        console.log(`${name}, round ${round}\n${resultTable(results)}`);
      }
    }
    console.log(`medians\n${comparisonTable(rounds.zerokeeper, rounds.zookeeper)}`);
    return rounds;
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** One gateway alone, started for it unless one is named. */
async function gateway(options: BenchOptions): Promise<unknown> {
  const { target } = values;
  const server = target === undefined ? await startZeroKeeper() : runningServer(target);
  try {
    const results = await bench(server.target, options);
    console.log(resultTable(results));
    return results;
  } finally {
    await server.stop();
  }
}

async function single(options: BenchOptions): Promise<unknown> {
  if (values.target === undefined) throw new Error('--target HOST:PORT is missing');
  const results = await bench(values.target, options);
  console.log(resultTable(results));
  return results;
}

function run(command: string | undefined, options: BenchOptions): Promise<unknown> {
  const { instances, plots } = values;
  switch (command) {
    case undefined:
      return single(options);
    case 'compare':
      return compare(options);
    case 'contention':
      return checked(
        runContention({
          seconds: options.seconds,
          ...(instances === undefined ? {} : { instances }),
          ...(plots === undefined ? {} : { plots }),
        }),
      );
    case 'api':
      return checked(runApi());
    case 'gateway':
      return gateway(options);
    case 'cost':
      return checked(runCost());
    case 'scale':
      return checked(runScale(positive('znodes', 1_000_000)));
    case 'watch':
      return checked(runWatch());
    case 'cold-start':
      return checked(runColdStart());
    default:
      throw new Error(`there is no ${command}: see --help`);
  }
}

async function checked<T extends { readonly targets: readonly Target[] }>(running: Promise<T>): Promise<T> {
  const outcome = await running;
  const missed = outcome.targets.filter(({ reached }) => !reached);
  if (values.check === true && missed.length > 0) {
    throw new Error(`missed: ${missed.map(({ what }) => what).join('; ')}`);
  }
  return outcome;
}

async function main(): Promise<void> {
  if (values.help === true) {
    console.log(HELP);
    return;
  }
  const options = benchOptions();
  const results = await run(positionals[0], options);
  if (values.json === undefined) return;
  const report = { node: process.version, options, results };
  await writeFile(values.json, JSON.stringify(report, null, 2) + '\n');
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
