/** How long the emulators take to start, and what an idle one costs: `npm run bench:emulator`. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { startEmulator } from '../lib/emulator/index.js';

const CLI = new URL('../dist/lib/cli/main.js', import.meta.url).pathname;
const STARTS = 10;
const IDLE_MS = 20_000;
/** Until what a start leaves behind (first calls of the functions, compilation) has calmed down. */
const SETTLE_MS = 10_000;
/** Of /proc, on every Linux. */
const TICK_MS = 10;

async function memoryStarts(): Promise<void> {
  const samples: number[] = [];
  for (let index = 0; index < STARTS; index++) {
    const begun = performance.now();
    await using emulator = await startEmulator();
    samples.push(performance.now() - begun);
    if (emulator.endpoints.tcp.length !== 1) throw new Error('it did not start');
  }
  samples.sort((a, b) => a - b);
  const [median = NaN, slowest = NaN] = [samples[Math.floor(STARTS / 2)], samples.at(-1)];
  console.log(`startEmulator()      median ${median.toFixed(0)} ms, slowest ${slowest.toFixed(0)} ms`);
}

async function program(): Promise<void> {
  if (!existsSync(CLI)) throw new Error('ZeroKeeper is not built: npm run build');
  const begun = performance.now();
  const child = spawn(process.execPath, [CLI, 'start', '--memory', '--port', '0', '--lambda-port', '0'], {
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(createInterface(child.stdout), 'line');
  console.log(`zerokeeper start     ready after ${(performance.now() - begun).toFixed(0)} ms`);
  await delay(SETTLE_MS);
  const pids = [child.pid ?? 0, ...childrenOf(child.pid ?? 0)];
  const before = pids.map(cpuMs);
  await delay(IDLE_MS);
  for (const [index, pid] of pids.entries()) {
    const percent = ((cpuMs(pid) - (before[index] ?? 0)) / IDLE_MS) * 100;
    console.log(`  idle: ${percent.toFixed(1)} % of a core, ${rssMb(pid).toFixed(0)} MB  ${nameOf(pid)}`);
  }
  child.kill('SIGTERM');
  await once(child, 'exit');
}

function childrenOf(parent: number): number[] {
  const parentOf = (pid: string) => fieldsOf(Number(pid))[1];
  return readdirSync('/proc')
    .filter(
      (name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/stat`) && parentOf(name) === String(parent),
    )
    .map(Number);
}

/** The fields of a process's stat that follow its name. */
function fieldsOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function cpuMs(pid: number): number {
  const fields = fieldsOf(pid);
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function rssMb(pid: number): number {
  const [, kilobytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

function nameOf(pid: number): string {
  const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  return (args.find((arg) => arg.endsWith('.js')) ?? args[0] ?? '').split('/').at(-1) ?? '';
}

await memoryStarts();
await program();
