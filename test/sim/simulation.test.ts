import { describe, expect, it } from 'vitest';
import type { QueryInput } from '../../lib/log/store.js';
import { SCENARIO_NAMES } from './scenarios.js';
import { commandOf, report, shrink } from './shrink.js';
import { FAULT_KINDS, type FaultKind } from './world/faults.js';
import { simulate, type SimulationOptions } from './simulate.js';
import { render } from './history.js';
import type { World } from './world/world.js';

const STEPS = 700;
/** Each kind of fault happens in one of so many runs. */
const FAULT_SEEDS_MAX = 100;

describe('the simulation', () => {
  it('does the same again, byte for byte, with the same seed', async () => {
    const options: SimulationOptions = { seed: 7, steps: STEPS };
    const [first, second] = [await simulate(options), await simulate(options)];
    expect(render(second.history)).toEqual(render(first.history));
    expect(second.digest).toBe(first.digest);
    expect(second.steps).toBe(first.steps);
  }, 60_000);

  it('does something else with another seed', async () => {
    const digests = [await simulate({ seed: 8, steps: STEPS }), await simulate({ seed: 9, steps: STEPS })];
    expect(digests[0]!.digest).not.toBe(digests[1]!.digest);
  }, 60_000);

  it.each(SCENARIO_NAMES)(
    'finds nothing wrong in the scenario %s',
    async (scenario) => {
      const { violations, answered } = await simulate({ seed: 11, steps: STEPS, scenario });
      expect(violations).toEqual([]);
      // A run in which nobody gets an answer would show nothing.
      expect(answered).toBeGreaterThan(10);
    },
    60_000,
  );
});

describe('what goes wrong in the simulated world', () => {
  it('is of every kind that there is', async () => {
    const fired = new Set<FaultKind>();
    for (let seed = 1; seed <= FAULT_SEEDS_MAX && fired.size < FAULT_KINDS.length; seed++) {
      const { faults } = await simulate({ seed, steps: 2000 });
      for (const kind of faults.keys()) fired.add(kind);
    }
    expect(FAULT_KINDS.filter((kind) => !fired.has(kind))).toEqual([]);
  }, 120_000);

  it('is nothing of what is left out', async () => {
    const { faults } = await simulate({ seed: 2, steps: STEPS, without: FAULT_KINDS });
    expect([...faults]).toEqual([]);
  }, 60_000);
});

/** Reads of the log miss what was written last, as reads that are not strongly consistent do. */
function staleReads({ ground: { tables } }: World): void {
  const query = tables.query.bind(tables);
  tables.query = (input: QueryInput, itemsMax?: number) => {
    const page = query(input, itemsMax);
    if (input.table !== 'log' || input.descending === true) return page;
    return { ...page, result: { items: page.result.items.slice(0, -1), next: undefined } };
  };
}

/** After a while no function that is called ever ends. */
function dyingFunctions({ lambda }: World): void {
  const invoke = lambda.invoke.bind(lambda);
  let left = 15;
  lambda.invoke = (name, event) => (left-- > 0 ? invoke(name, event) : new Promise(() => undefined));
}

describe('a broken system is found out', () => {
  it('when its store’s reads are stale, and the failing run gets smaller', async () => {
    const options: SimulationOptions = { seed: 3, steps: STEPS, scenario: 'calm', meddle: staleReads };
    const failed = await simulate(options);
    expect(failed.violations).not.toEqual([]);
    const shrunk = await shrink(options, failed);
    expect(shrunk.result.violations).not.toEqual([]);
    expect(shrunk.options.steps).toBeLessThan(STEPS);
    expect(report(shrunk)).toContain(`again: ${commandOf(shrunk.options)}`);
  }, 120_000);

  it('when something never comes to an end', async () => {
    const { violations } = await simulate({
      seed: 3,
      steps: STEPS,
      scenario: 'calm',
      meddle: dyingFunctions,
    });
    expect(violations.join('\n')).toMatch(/liveness: lambda-\d+ gets no answer though all is well/);
    expect(violations.join('\n')).toContain('rows: the watermark is not at');
  }, 60_000);
});
