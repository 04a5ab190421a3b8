import { describe, expect, it } from 'vitest';
import { WINDOW_REFRESH_BYTES } from '../../lib/keeper/limits.js';
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

  it('lets its window go up to the watermark though nothing follows the log for it', async () => {
    const world = new World();
    const keeper = world.keeper();
    const materializer = world.materializer();
    const data = world.random.bytes(4000);
    await world.until(keeper.write(create('/znode'), ANYONE));
    let highestBytes = 0;
    for (let round = 0; round < 300; round++) {
      await world.until(keeper.write({ kind: 'setData', path: '/znode', data, version: -1 }, ANYONE));
      if (round % 20 === 0) await world.until(materializer.run());
      highestBytes = Math.max(highestBytes, keeper.replica.window.bytes);
      await world.clock.advance(50);
    }
    expect(keeper.head).toBe(301);
    expect(highestBytes).toBeGreaterThan(WINDOW_REFRESH_BYTES);
    expect(highestBytes).toBeLessThan(3 * WINDOW_REFRESH_BYTES);
  });
});
