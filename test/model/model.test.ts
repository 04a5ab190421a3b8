import { describe, expect, it } from 'vitest';
import { CASES, MUTATIONS } from './cases.js';
import type { Model } from './explorer.js';
import { explore } from './explorer.js';

/** Many states, one after the other, on a machine that runs other tests as well. */
const PATIENCE_MS = 120_000;

describe('the explorer', () => {
  interface Counters {
    a: number;
    b: number;
  }
  const counter = (bound: number, limit: number): Model<Counters> => ({
    initial: { a: 0, b: 0 },
    steps: (state) =>
      (['a', 'b'] as const)
        .filter((name) => state[name] < bound)
        .map((name) => ({ name, change: (next) => next[name]++ })),
    violations: ({ a, b }) => (a + b > limit ? [`${a} and ${b}`] : []),
    violationsAtEnd: ({ a }) => (a === bound ? [] : ['not at the end']),
  });

  it('visits every state once', () => {
    expect(explore(counter(3, 99))).toEqual({ states: 16, transitions: 24, ends: 1, violation: undefined });
  });

  it('shows a shortest run to a violation', () => {
    expect(explore(counter(3, 2)).violation?.run).toHaveLength(3);
  });
});

describe('every interleaving of', () => {
  it.each(CASES.filter(({ isLarge, isHuge }) => isLarge !== true && isHuge !== true))(
    '$name keeps the invariants',
    ({ run }) => {
      const { states, violation } = run();
      expect(violation).toBeUndefined();
      expect(states).toBeGreaterThan(1000);
    },
    PATIENCE_MS,
  );
});

describe('a model that is broken on purpose is found out', () => {
  it.each(MUTATIONS)('$name', ({ run }) => expect(run().violation).toBeDefined(), PATIENCE_MS);
});
