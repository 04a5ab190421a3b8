import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../lib/base/clock.js';
import type { Dice } from '../sim/world/dice.js';
import type { Cluster } from './cluster.js';
import type { Fault } from './faults.js';

const PROGRESS_MS = 30_000;

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

export const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, one) => total + one, 0);

/** One fault after the other until the time is up, each after a pause. How often each was done. */
export async function strike(
  cluster: Cluster,
  how: {
    readonly faults: readonly Fault[];
    readonly dice: Dice;
    readonly seconds: number;
    readonly pauseMs: readonly [least: number, most: number];
    readonly onFault?: (name: string) => void;
    /** What has been seen so far, for people. */
    readonly progress: () => string;
  },
): Promise<ReadonlyMap<string, number>> {
  const { faults, dice, seconds, pauseMs } = how;
  const weights = Object.fromEntries(faults.map(({ name, weight }) => [name, weight]));
  const counts = new Map<string, number>();
  const endMs = systemClock.monotonic() + seconds * 1000;
  let progressMs = systemClock.monotonic();
  while (systemClock.monotonic() < endMs) {
    await pause(dice.between(...pauseMs));
    const name = dice.weighted(weights);
    how.onFault?.(name);
    await faults.find((fault) => fault.name === name)?.strike(cluster, dice);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    if (systemClock.monotonic() - progressMs < PROGRESS_MS) continue;
    progressMs = systemClock.monotonic();
    say(`${sum(counts.values())} faults, ${how.progress()} so far`);
  }
  return counts;
}

export function sayCounts(counts: ReadonlyMap<string, number>): void {
  for (const [name, count] of [...counts].sort()) say(`${String(count).padStart(5)} × ${name}`);
}
