import { describe, expect, it } from 'vitest';
import { ANYONE, World, create } from './world.js';

describe('a committer', () => {
  it('takes a write however soon after the answer to the last one it comes', async () => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.write(create('/queue'), ANYONE));
    // The run that answered ends a few turns of the microtask queue later: a write may come in any of them.
    for (let turns = 0; turns < 40; turns++) {
      const after = keeper.write(create(`/queue/first-${turns}`), ANYONE).then(async () => {
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        return keeper.write(create(`/queue/second-${turns}`), ANYONE);
      });
      const outcome = await world.until(after, 5_000);
      expect(outcome.ok).toBe(true);
    }
  });
});
