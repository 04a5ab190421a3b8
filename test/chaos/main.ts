/**
 * `npm run test:chaos [-- --seconds N] [--seed N] [--pause MS]`: the emulator's real processes under load from real clients, while they are killed, frozen and cut off
 * from each other. What the clients were told is judged by the simulation's checkers. Ends with 1 when anything is wrong.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { systemClock } from '../../lib/base/clock.js';
import { systemRandom } from '../../lib/base/random.js';
import type { TransportKind } from '../../lib/client/transport.js';
import { OPEN_ACL, NO_SESSION, type MultiOperation } from '../../lib/core/types.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { createDynamoClient, silenceNodeVersionNotice } from '../../lib/log/dynamo-client.js';
import { DynamoStore } from '../../lib/log/dynamo-store.js';
import { History } from '../sim/history.js';
import { PERMANENT, Workload } from '../sim/workload.js';
import { Dice } from '../sim/world/dice.js';
import { ChaosClient, NAMESPACE } from './clients.js';
import { Cluster, TABLE_PREFIX } from './cluster.js';
import { FAULTS } from './faults.js';
import { judge } from './judge.js';
import { say, sayCounts, strike, sum } from './strike.js';

const KINDS: readonly TransportKind[] = ['tcp', 'tcp', 'tcp', 'lambda', 'lambda', 'direct'];
/** Everybody has an answer so long after the last fault. */
const SETTLE_MS_MAX = 180_000;
const VIOLATIONS_SHOWN_MAX = 40;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    seed: { type: 'string' },
    pause: { type: 'string' },
    'engine-port': { type: 'string' },
  },
});
const seconds = Number(values.seconds ?? 120);
const seed = Number(values.seed ?? 1 + Math.floor(Math.random() * 2 ** 31));
const enginePort = values['engine-port'] === undefined ? undefined : Number(values['engine-port']);
const pauseMs = Number(values.pause ?? 1_500);

async function main(): Promise<boolean> {
  silenceNodeVersionNotice();
  say(`seed ${seed}, faults for ${seconds} s`);
  const dice = new Dice(seed);
  const cluster = await Cluster.start(enginePort);
  const client = createDynamoClient({ endpoint: cluster.endpoint, requestTimeoutMs: 15_000 });
  const problems: string[] = [];
  const problem = (what: string) => void problems.push(what);
  process.on('unhandledRejection', (error) => problem(`nobody caught ${String(error)}`));
  try {
    await found(client);
    const history = new RealHistory();
    const workload = new Workload({
      ...{ history, fires: () => false, pauseMsMax: 60, largeShare: 0.05 },
    });
    const clients = KINDS.map((kind, index) => {
      const who = { kind, name: `${kind}-${index}`, seed: dice.between(1, 2 ** 31) };
      return new ChaosClient({ ...who, cluster, history, workload, problem });
    });
    const faults = await strikeAll(cluster, dice, history);
    await settle(clients);
    // Whoever still writes (sessions go on ending) would do so between two of the tables that are copied.
    await cluster.killEmulator();
    const { violations, transactions } = await judge(history, {
      ...{ client, tablePrefix: TABLE_PREFIX, namespace: NAMESPACE },
    });
    return report({ history, faults, violations: [...problems, ...violations], transactions });
  } finally {
    client.destroy();
    await cluster.stop();
  }
}

/** A history in this machine's time. What the log has is not known from outside: what somebody was told is there at least. */
class RealHistory extends History {
  constructor() {
    super({
      get nowMs() {
        return systemClock.now();
      },
    });
  }

  override moment() {
    return { ...super.moment(), head: this.known };
  }
}

async function found(client: ReturnType<typeof createDynamoClient>): Promise<void> {
  const store = new DynamoStore({ client, tablePrefix: TABLE_PREFIX });
  const keeper = new Keeper({ store, namespace: NAMESPACE, clock: systemClock, random: systemRandom });
  const operations = PERMANENT.map((path): MultiOperation => {
    return { kind: 'create', path, data: Buffer.from('founded'), acl: OPEN_ACL, mode: 'persistent' };
  });
  await keeper.write({ kind: 'multi', operations }, { session: NO_SESSION, epoch: 0, authIds: [] });
  await keeper.stop();
}

/** Until the time is up; what cannot be done on this machine is left out, and said. */
async function strikeAll(
  cluster: Cluster,
  dice: Dice,
  history: History,
): Promise<ReadonlyMap<string, number>> {
  const faults = FAULTS.filter(({ isPossible }) => isPossible?.(cluster) ?? true);
  for (const { name } of FAULTS.filter((fault) => !faults.includes(fault)))
    say(`left out, for it takes root, or an engine of one's own: ${name}`);
  const counts = await strike(cluster, {
    ...{ faults, dice, seconds, pauseMs: [0, 2 * pauseMs] },
    onFault: (name) => history.note(name),
    progress: () => `${history.calls.length} operations`,
  });
  history.note('from now on nothing goes wrong');
  return counts;
}

async function settle(clients: readonly ChaosClient[]): Promise<void> {
  for (const client of clients) client.stop();
  const late = pause(SETTLE_MS_MAX, 'late' as const);
  const done = Promise.all(clients.map((client) => client.done)).then(() => 'done' as const);
  if ((await Promise.race([done, late])) === 'late')
    throw new Error(`clients have no answers ${SETTLE_MS_MAX} ms after the last fault`);
}

function report(run: {
  history: History;
  faults: ReadonlyMap<string, number>;
  violations: readonly string[];
  transactions: number;
}): boolean {
  const { history, faults, violations, transactions } = run;
  sayCounts(faults);
  const total = sum(faults.values());
  const answered = history.calls.filter(({ outcome }) => outcome?.kind === 'answer').length;
  const unknown = history.calls.filter(
    ({ outcome }) => outcome?.kind !== 'answer' && outcome?.maybeApplied === true,
  ).length;
  for (const violation of violations.slice(0, VIOLATIONS_SHOWN_MAX)) say(violation.slice(0, 600));
  say(
    `${total} faults of ${faults.size} kinds in ${seconds} s; ${history.sessions.length} sessions, ${history.calls.length} operations, ` +
      `${answered} answered, ${unknown} of unknown outcome; ${transactions} transactions; ${violations.length} violations`,
  );
  return violations.length === 0 && answered > 0 && total > 0;
}

// What hangs on in this process (a client that was given up) must not keep it.
process.exitCode = 1;
const isRight = await main().catch((error: unknown) => {
  say(String(error));
  return false;
});
process.exit(isRight ? 0 : 1);
