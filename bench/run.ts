import { setTimeout as delay } from 'node:timers/promises';
import { ZooKeeperConnection, parseConnectString, type ServerAddress } from '../lib/client/tcp/index.js';
import { Driver } from './driver.js';
import { Samples, type Summary } from './samples.js';
import { NODES, requestsOf, type OperationName } from './workload.js';

/** Deletes in one multi, and multis under way, when a run's znodes are removed. */
const CLEANUP_MULTI = 100;
const CLEANUP_PARALLEL = 8;

export interface BenchOptions {
  readonly operations: readonly OperationName[];
  readonly connections: number;
  /** Requests under way per connection. */
  readonly pipeline: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Bytes of data per znode. */
  readonly size: number;
}

export type Results = Readonly<Partial<Record<OperationName, Summary>>>;

/** Runs the operations one after the other against one server, and leaves it as it was. */
export async function bench(target: string, options: BenchOptions): Promise<Results> {
  const [address] = parseConnectString(target).servers;
  if (address === undefined) throw new Error('no target');
  const client = await ZooKeeperConnection.connect(target);
  const root = await client.create('/bench-', '', { mode: 'persistentSequential' });
  try {
    await prepare(client, root, options.size);
    const results: Partial<Record<OperationName, Summary>> = {};
    for (const operation of options.operations) {
      results[operation] = await measure({ address, operation, root }, options);
    }
    return results;
  } finally {
    await cleanUp(client, root);
    await client.close();
  }
}

async function prepare(client: ZooKeeperConnection, root: string, size: number): Promise<void> {
  const data = Buffer.alloc(size, 'x');
  const creates = Array.from({ length: NODES }, (_, index) => client.create(`${root}/n${index}`, data));
  await Promise.all([...creates, client.create(`${root}/created`)]);
}

async function measure(
  what: { address: ServerAddress; operation: OperationName; root: string },
  options: BenchOptions,
): Promise<Summary> {
  const opening = Array.from({ length: options.connections }, () =>
    Driver.open(what.address, options.pipeline),
  );
  const drivers = await Promise.all(opening);
  const phase = async (seconds: number) => {
    const samples = new Samples();
    const onAnswer = (latencyMs: number, err: number) => {
      samples.add(latencyMs);
      if (err !== 0) samples.errors++;
    };
    const begun = performance.now();
    const stop = delay(seconds * 1000, undefined);
    const write = requestsOf(what.operation, what.root, options.size);
    await Promise.all(drivers.map((driver) => driver.run(write, onAnswer, stop)));
    return samples.summarize(performance.now() - begun);
  };
  await phase(options.warmupSeconds);
  const summary = await phase(options.seconds);
  for (const driver of drivers) driver.close();
  return summary;
}

async function cleanUp(client: ZooKeeperConnection, root: string): Promise<void> {
  await deleteChildren(client, `${root}/created`);
  await client.delete(`${root}/created`);
  await deleteChildren(client, root);
  await client.delete(root);
}

async function deleteChildren(client: ZooKeeperConnection, parent: string): Promise<void> {
  const paths = (await client.getChildren(parent)).map((name) => `${parent}/${name}`);
  const multis: string[][] = [];
  for (let from = 0; from < paths.length; from += CLEANUP_MULTI) {
    multis.push(paths.slice(from, from + CLEANUP_MULTI));
  }
  for (let from = 0; from < multis.length; from += CLEANUP_PARALLEL) {
    const batch = multis.slice(from, from + CLEANUP_PARALLEL);
    await Promise.all(
      batch.map((part) => client.multi(part.map((path) => ({ kind: 'delete' as const, path })))),
    );
  }
}
