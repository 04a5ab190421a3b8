/**
 * `npm run test:mutations [-- WORD] [--seeds N]`: breaks a copy of the code in each way of `mutations.ts` and runs the tests that have to notice. With `--seeds`
 * the simulation has to notice as well, within so many seeds; how many it took is printed. A mutation that survives is a hole in the proof.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { applied } from './apply.js';
import type { Mutation } from './mutations.js';
import { MUTATIONS } from './mutations.js';

const COPIED = [
  'lib',
  'functions',
  'test',
  'cdk',
  'bench',
  'build',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
];
const RUN_SECONDS_MAX = 600;
/** Of what a run prints, its beginning and its end are kept. */
const OUTPUT_CHARACTERS_MAX = 50_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: 'string' }, steps: { type: 'string' } },
});
const seeds = values.seeds === undefined ? 0 : Number(values.seeds);
const steps = values.steps ?? '2000';

const root = mkdtempSync(join(tmpdir(), 'zerokeeper-mutations-'));
for (const name of COPIED) cpSync(name, join(root, name), { recursive: true });
symlinkSync(join(process.cwd(), 'node_modules'), join(root, 'node_modules'));

interface Ended {
  readonly code: number;
  readonly output: string;
}

/** Runs a command in the copy. One that hangs has noticed as well: it ends with a code of its own. */
function run(command: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    // The summary is on standard output; what failed, which may be long, on the other.
    let [head, tail] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      const text = chunk.toString();
      head += text.slice(0, OUTPUT_CHARACTERS_MAX - head.length);
      tail = (tail + text).slice(-OUTPUT_CHARACTERS_MAX);
    });
    child.stderr.resume();
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, RUN_SECONDS_MAX * 1000);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 124, output: `${head}\n${tail}` });
    });
  });
}

const plain = (text: string) => text.replaceAll(/\u001b\[[0-9;]*m/g, '');

/** The number of tests that failed; 0 when none did. Tests that could not run at all are an error, never a success. */
async function failedTests({ tests }: Mutation): Promise<number> {
  const { code, output } = await run('npx', ['vitest', 'run', '--bail', '0', ...tests]);
  if (code === 0) return 0;
  if (code === 124) return 1;
  const failed = /Tests\s+(\d+) failed/.exec(plain(output));
  if (failed?.[1] === undefined) throw new Error(`the tests did not run:\n${output.slice(-2000)}`);
  return Number(failed[1]);
}

/** The seed at which the simulation noticed, counted from 1; 0 when it did not. */
async function seedOfSimulation(): Promise<number> {
  const args = [
    'tsx',
    'test/sim/main.ts',
    '--seed',
    '1',
    '--seeds',
    String(seeds),
    '--steps',
    steps,
    '--full',
  ];
  const { code, output } = await run('npx', args);
  if (code === 0) return 0;
  const seed = /seed (\d+): \d+ violations/.exec(plain(output));
  // Anything else that ends it (an assertion of the code, a hang) has been noticed as well; which seed it was is not said.
  return seed?.[1] === undefined ? Number.NaN : Number(seed[1]);
}

const say = (line: string) => void process.stdout.write(`${line}\n`);
const meant = MUTATIONS.filter(({ name, invariant }) =>
  positionals.every((word) => name.includes(word) || invariant === word),
);
let passed = 0;
let failed = 0;
try {
  for (const mutation of meant) {
    const files = applied(mutation, (file) => readFileSync(file, 'utf8'));
    for (const [file, text] of files) writeFileSync(join(root, file), text);
    const tests = await failedTests(mutation);
    const seed = seeds === 0 ? undefined : await seedOfSimulation();
    for (const file of files.keys()) writeFileSync(join(root, file), readFileSync(file));
    const isCaught = tests > 0;
    if (isCaught) passed++;
    else failed++;
    const bySimulation =
      seed === undefined
        ? ''
        : seed === 0
          ? `; the simulation did not notice in ${seeds} seeds`
          : `; the simulation noticed at seed ${Number.isNaN(seed) ? '?' : seed}`;
    say(
      `${isCaught ? 'caught  ' : 'SURVIVED'} ${mutation.invariant} ${mutation.name}: ${tests} tests failed${bySimulation}`,
    );
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
say(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
