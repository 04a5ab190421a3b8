/**
 * The simulation on the command line: `npm run test:sim -- [--seed N] [--seeds K] [--steps M] [--scenario NAME] [--without FAULT,…]
 * [--clients N] [--seconds S] [--full] [--keep-going]`. Ends with 1 at the first violation, after it has made the run smaller.
 */
import { parseArgs } from 'node:util';
import type { TransportKind } from '../../lib/client/transport.js';
import { SCENARIO_NAMES } from './scenarios.js';
import { commandOf, report, shrink } from './shrink.js';
import { simulate, type SimulationOptions } from './simulate.js';
import { FAULT_KINDS, type FaultKind } from './world/faults.js';

const PROGRESS_MS = 30_000;

Error.stackTraceLimit = 4;

class UsageError extends Error {
  override readonly name = 'UsageError';
}

interface Command extends Omit<SimulationOptions, 'seed'> {
  readonly firstSeed: number;
  readonly seeds: number;
  /** No further seed is begun after so long. */
  readonly milliseconds: number;
  /** Prints the run as it is, from its first line, instead of a smaller one. */
  readonly isFull: boolean;
  /** Only names the seeds with violations, and goes on. */
  readonly keepsGoing: boolean;
}

function commandIn(args: readonly string[]): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      steps: { type: 'string' },
      seconds: { type: 'string' },
      scenario: { type: 'string' },
      without: { type: 'string' },
      clients: { type: 'string' },
      full: { type: 'boolean' },
      'keep-going': { type: 'boolean' },
    },
  });
  const { scenario } = values;
  if (scenario !== undefined && !SCENARIO_NAMES.includes(scenario)) {
    throw new UsageError(`--scenario has to be one of ${SCENARIO_NAMES.join(', ')}`);
  }
  const without = values.without?.split(',') as FaultKind[] | undefined;
  const unknown = without?.filter((kind) => !FAULT_KINDS.includes(kind)) ?? [];
  if (unknown.length > 0) throw new UsageError(`--without knows ${FAULT_KINDS.join(', ')}`);
  const clients = values.clients === undefined ? undefined : whole('clients', values.clients);
  return {
    firstSeed: values.seed === undefined ? freshSeed() : whole('seed', values.seed),
    seeds: whole('seeds', values.seeds ?? '1'),
    steps: whole('steps', values.steps ?? '2000'),
    milliseconds: whole('seconds', values.seconds ?? '1000000') * 1000,
    isFull: values.full === true,
    keepsGoing: values['keep-going'] === true,
    ...{ scenario, without, clients },
  };
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new UsageError(`--${name} has to be a whole number from 1 on`);
  return value;
}

/** Among so many every transport occurs, many times. */
const SEEDS_FOR_ALL_TRANSPORTS = 20;
/** Among so many every kind of fault happens. */
const SEEDS_FOR_ALL_FAULTS = 100;

function freshSeed(): number {
  return 1 + Math.floor(Math.random() * 2 ** 31);
}

const say = (line: string) => void process.stdout.write(`${line}\n`);

async function run(command: Command): Promise<boolean> {
  const { firstSeed, seeds, milliseconds, isFull, keepsGoing, ...common } = command;
  const startedMs = performance.now();
  const answeredOver: Record<TransportKind, number> = { tcp: 0, lambda: 0, direct: 0 };
  const faults = new Map<FaultKind, number>(FAULT_KINDS.map((kind) => [kind, 0]));
  const sums = { seeds: 0, steps: 0, calls: 0, answered: 0, transactions: 0 };
  let progressMs = startedMs;
  let failed = 0;
  say(`seeds from ${firstSeed}, ${common.steps} steps under faults each`);
  for (
    let seed = firstSeed;
    seed < firstSeed + seeds && performance.now() - startedMs < milliseconds;
    seed++
  ) {
    const options: SimulationOptions = { seed, ...common };
    const result = await simulate(options);
    if (result.violations.length > 0) {
      say(`seed ${seed}: ${result.violations.length} violations. ${commandOf(options)}`);
      if (keepsGoing) {
        for (const violation of result.violations.slice(0, 3)) say(`  ${violation.slice(0, 400)}`);
        failed++;
        continue;
      }
      say(isFull ? report({ options, result }, { isFull }) : report(await shrink(options, result)));
      return false;
    }
    if (seeds === 1) say(`history ${result.digest}`);
    sums.seeds++;
    for (const [kind, count] of result.faults) faults.set(kind, (faults.get(kind) ?? 0) + count);
    for (const { session, outcome } of result.history.calls)
      if (outcome?.kind === 'answer') answeredOver[session.transport]++;
    for (const key of ['steps', 'calls', 'answered', 'transactions'] as const) sums[key] += result[key];
    if (performance.now() - progressMs > PROGRESS_MS) {
      progressMs = performance.now();
      say(`${sums.seeds} seeds so far`);
    }
  }
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  say(
    `${sums.seeds} seeds, ${sums.steps} steps, ${sums.calls} operations (${sums.answered} answered), ` +
      `${sums.transactions} transactions, ${failed === 0 ? 'no violation' : `${failed} seeds more with violations`}; ${seconds} s`,
  );
  say(`faults: ${[...faults].map(([kind, count]) => `${kind} ${count}`).join(', ')}`);
  // A world in which a transport answers nobody shows nothing of it, whatever the checkers say.
  const silent = Object.entries(answeredOver).flatMap(([kind, answered]) => (answered === 0 ? [kind] : []));
  if (sums.seeds >= SEEDS_FOR_ALL_TRANSPORTS && silent.length > 0) {
    say(`nobody was answered over ${silent.join(', ')}`);
    return false;
  }
  const absent = [...faults].flatMap(([kind, count]) => (count === 0 ? [kind] : []));
  if (
    sums.seeds >= SEEDS_FOR_ALL_FAULTS &&
    command.without === undefined &&
    command.scenario === undefined &&
    absent.length > 0
  ) {
    say(`never happened: ${absent.join(', ')}`);
    return false;
  }
  return failed === 0;
}

/** Clients that died in the simulation hold this process as they would hold their own: it has to be told to end. */
function exit(code: number): void {
  process.stdout.write('', () => process.exit(code));
}

try {
  exit((await run(commandIn(process.argv.slice(2)))) ? 0 : 1);
} catch (error) {
  if (!(error instanceof UsageError) && !(error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS'))
    throw error;
  process.stderr.write(`${(error as Error).message}\n`);
  exit(2);
}
