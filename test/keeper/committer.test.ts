import { describe, expect, it } from 'vitest';
import { LAG_CALL_MS, LAG_PAUSE_MS_MAX, LAG_SLOW_MS, WINDOW_REFRESH_BYTES } from '../../lib/keeper/limits.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
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

  /** How long a write takes that is sent now, and one a moment later. */
  async function pauses(world: World, keeper: Keeper): Promise<number[]> {
    const took: number[] = [];
    for (const path of ['/first', '/second']) {
      const beganMs = world.clock.now();
      await world.until(keeper.write(create(path), ANYONE));
      took.push(world.clock.now() - beganMs);
      await world.clock.advance(1000);
    }
    return took;
  }

  it.each([
    [LAG_SLOW_MS - 10_000, 0],
    [LAG_SLOW_MS * 1.5, LAG_PAUSE_MS_MAX / 2],
    [LAG_SLOW_MS * 9, LAG_PAUSE_MS_MAX],
  ])('slows down while the oldest entry without rows is %i ms old, by %i ms', async (ageMs, pauseMs) => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.write(create('/old'), ANYONE));
    await world.clock.advance(ageMs);
    const [first, second] = await pauses(world, keeper);
    expect(first).toBeLessThan(20);
    expect(second).toBeGreaterThanOrEqual(pauseMs);
    expect(second).toBeLessThan(pauseMs + 30);
  });

  it('keeps no pace down for an old window that has been materialized, and lets it go', async () => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.write(create('/old'), ANYONE));
    await world.until(world.materializer().run());
    await world.clock.advance(LAG_SLOW_MS * 2);
    for (const pause of await pauses(world, keeper)) expect(pause).toBeLessThan(20);
    expect(world.clock.now() - keeper.replica.window.oldestTimeMs!).toBeLessThan(LAG_CALL_MS);
  });

  it('speeds up again as soon as the materializer has caught up', async () => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.write(create('/old'), ANYONE));
    await world.clock.advance(LAG_SLOW_MS * 9);
    await pauses(world, keeper);
    await world.until(world.materializer().run());
    await world.until(keeper.write(create('/third'), ANYONE));
    await world.clock.advance(1000);
    const beganMs = world.clock.now();
    await world.until(keeper.write(create('/fourth'), ANYONE));
    expect(world.clock.now() - beganMs).toBeLessThan(20);
  });
});
