/* eslint-disable no-console -- a command */
import { parseArgs } from 'node:util';

import { Oracle } from './oracle.js';
import { printDifference } from './print.js';
import { startZeroKeeper, startZooKeeper, type RunningServer } from './servers.js';

const USAGE = `usage: npm run test:oracle -- [--programs N] [--seed S] [--target PORT] [--concurrency N]

Runs random programs of requests on a real ZooKeeper and on ZeroKeeper and compares all that they say. The first program has the
seed S (default: by the clock), the next ones the seeds after it.
  --programs N        how many (default 500)
  --target PORT       a ZeroKeeper that runs already on this machine (default: one in this process)
  --zookeeper PORT    a ZooKeeper that runs already on this machine (default: one that is started)
                      Both need the users of test/oracle/servers.ts, and enforceQuota.
  --concurrency N     programs at a time (default 12)`;

/** Programs whose differences are shrunk and shown. */
const SHOWN_MAX = 10;

interface Options {
  readonly programs: number;
  readonly seed: number;
  readonly concurrency: number;
  readonly target: number | undefined;
  readonly zookeeper: number | undefined;
}

function parse(): Options {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      ...{ programs: text, seed: text, target: text, zookeeper: text, concurrency: text },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    console.log(USAGE);
    process.exit(0);
  }
  return {
    programs: integer('--programs', values.programs ?? '500'),
    seed: integer('--seed', values.seed ?? String(Date.now() % 1_000_000_000)),
    concurrency: integer('--concurrency', values.concurrency ?? '12'),
    target: values.target === undefined ? undefined : integer('--target', values.target),
    zookeeper: values.zookeeper === undefined ? undefined : integer('--zookeeper', values.zookeeper),
  };
}

function integer(name: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new RangeError(`${name} takes a number, not ${text}\n\n${USAGE}`);
  return Number(text);
}

function running(name: string, port: number): RunningServer {
  return { name, port, stop: () => Promise.resolve() };
}

async function main(): Promise<boolean> {
  const options = parse();
  const zookeeper =
    options.zookeeper === undefined ? await startZooKeeper() : running('ZooKeeper', options.zookeeper);
  try {
    const zerokeeper =
      options.target === undefined ? await startZeroKeeper() : running('ZeroKeeper', options.target);
    try {
      const ports = { zookeeper: zookeeper.port, zerokeeper: zerokeeper.port };
      return await judge(new Oracle(ports), options);
    } finally {
      await zerokeeper.stop();
    }
  } finally {
    await zookeeper.stop();
  }
}

async function judge(oracle: Oracle, { programs, seed, concurrency }: Options): Promise<boolean> {
  console.log(`${programs} programs from seed ${seed}, ${concurrency} at a time`);
  const started = performance.now();
  const seeds = Array.from({ length: programs }, (_, index) => seed + index);
  const explained = new Map<string, number>();
  let differing = 0;
  for await (const { program, comparison } of oracle.judgeAll(seeds, concurrency)) {
    for (const name of comparison.explained) explained.set(name, (explained.get(name) ?? 0) + 1);
    if (comparison.difference === undefined) continue;
    differing += 1;
    if (differing > SHOWN_MAX) continue;
    const smallest = await oracle.minimize(program);
    console.log(
      `\nseed ${program.seed}${smallest === undefined ? ', and not when it ran again' : ', shrunk'}:`,
    );
    console.log(printDifference(smallest ?? { program, difference: comparison.difference }));
  }
  for (const [name, count] of explained) console.log(`explained: ${name} (in ${count} programs)`);
  const seconds = (performance.now() - started) / 1_000;
  console.log(`${(programs / seconds).toFixed(0)} programs a second`);
  console.log(`oracle: ${programs - differing} passed, ${differing} failed`);
  return differing === 0;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(2));

main().then(
  (agreed) => process.exit(agreed ? 0 : 1),
  (error: unknown) => {
    console.error(error instanceof RangeError ? error.message : error);
    process.exit(2);
  },
);
