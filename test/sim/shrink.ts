import { render } from './history.js';
import type { SimulationOptions, SimulationResult } from './simulate.js';
import { simulate } from './simulate.js';
import { FAULT_KINDS, type FaultKind } from './world/faults.js';

/** Runs that the search for a smaller failure makes at most. */
const RUNS_MAX = 60;
/** Lines of a history that are shown: the last ones before the end of the faults. */
const LINES_MAX = 120;

export interface Shrunk {
  readonly options: SimulationOptions;
  readonly result: SimulationResult;
}

/**
 * Makes a failing run smaller for as long as it goes on failing: fewer steps, fewer kinds of faults, fewer clients. Each attempt is a run
 * of its own, for what is left out changes everything that comes after.
 */
export async function shrink(options: SimulationOptions, failed: SimulationResult): Promise<Shrunk> {
  let best: Shrunk = { options, result: failed };
  let runs = 0;
  const attempt = async (change: Partial<SimulationOptions>): Promise<boolean> => {
    if (runs++ >= RUNS_MAX) return false;
    const smaller = { ...best.options, ...change };
    const result = await simulate(smaller);
    if (result.violations.length === 0) return false;
    best = { options: smaller, result };
    return true;
  };
  while (best.options.steps > 50 && (await attempt({ steps: Math.floor(best.options.steps / 2) })));
  for (const kind of FAULT_KINDS) {
    const without: readonly FaultKind[] = [...(best.options.without ?? []), kind];
    await attempt({ without });
  }
  for (let clients = 1; clients <= 3; clients++) if (await attempt({ clients })) break;
  while (best.options.steps > 50 && (await attempt({ steps: Math.floor(best.options.steps * 0.7) })));
  return best;
}

/** How to see it again. */
export function commandOf({ seed, steps, scenario, without, clients }: SimulationOptions): string {
  const parts = [
    `npm run test:sim -- --seed ${seed} --steps ${steps}`,
    scenario === undefined ? '' : `--scenario ${scenario}`,
    without === undefined || without.length === 0 ? '' : `--without ${without.join(',')}`,
    clients === undefined ? '' : `--clients ${clients}`,
  ];
  return parts.filter((part) => part !== '').join(' ');
}

/** What is wrong, what happened (the end of it, or everything), and the command that shows it again. */
export function report({ options, result }: Shrunk, { isFull = false } = {}): string {
  const lines = render(result.history);
  const shown = isFull ? lines : lines.slice(-LINES_MAX);
  const left = lines.length - shown.length;
  return [
    ...result.violations.map((violation) => `VIOLATION ${violation}`),
    ...(left > 0 ? [`… ${left} lines before`] : []),
    ...shown,
    `again: ${commandOf(options)}`,
  ].join('\n');
}
