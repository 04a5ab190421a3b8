import { describe, expect, it } from 'vitest';
import { FOLLOW_BUSY_MS, FOLLOW_IDLE_MS, LAG_CALL_MS, WATERMARK_POLL_MS } from '../../lib/keeper/limits.js';
import { ANYONE, World, create } from './world.js';

describe('a keeper that follows the log', () => {
  it('looks ever more rarely while nothing comes, and often again once something has', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store, follow: true });
    await world.until(keeper.start());
    const looks: number[] = [];
    store.intercept = (call) => {
      if (call.operation === 'query') looks.push(world.clock.monotonic());
      return undefined;
    };
    await world.clock.advance(5000);
    expect(looks[1]! - looks[0]!).toBeLessThan(2 * FOLLOW_BUSY_MS);
    expect(looks.at(-1)! - looks.at(-2)!).toBe(FOLLOW_IDLE_MS);
    await world.until(world.keeper().write(create('/a'), ANYONE));
    looks.length = 0;
    await world.clock.advance(FOLLOW_IDLE_MS + 3 * FOLLOW_BUSY_MS);
    expect(keeper.head).toBe(1);
    expect(looks[1]! - looks[0]!).toBe(FOLLOW_BUSY_MS);
    await world.until(keeper.stop());
    looks.length = 0;
    await world.clock.advance(5000);
    expect(looks).toEqual([]);
  });

  it('does not look while it wins slots itself, for nothing else can have come in between', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store, follow: true });
    await world.until(keeper.start());
    await world.until(keeper.write(create('/a'), ANYONE));
    let looks = 0;
    store.intercept = (call) => {
      if (call.operation === 'query') looks++;
      return undefined;
    };
    const setData = { kind: 'setData', path: '/a', data: new Uint8Array(1), version: -1 } as const;
    for (let n = 0; n < 100; n++) {
      await world.until(keeper.write(setData, ANYONE));
      await world.clock.advance(FOLLOW_BUSY_MS / 4);
    }
    expect(looks).toBe(0);
    await world.clock.advance(4 * FOLLOW_IDLE_MS);
    expect(looks).toBeGreaterThan(1);
    await world.until(keeper.stop());
  });

  it('goes on after the store was away', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store, follow: true });
    await world.until(keeper.start());
    store.intercept = () => 'lostRequest';
    await world.clock.advance(60_000);
    store.intercept = undefined;
    await world.until(world.keeper().write(create('/a'), ANYONE));
    await world.clock.advance(5000);
    expect(keeper.head).toBe(1);
  });

  it('calls materialize when an entry has waited for more than a minute, and not before', async () => {
    const world = new World();
    let calls = 0;
    const keeper = world.keeper({ follow: true, callMaterializer: () => calls++ });
    await world.until(keeper.write(create('/a'), ANYONE));
    await world.until(keeper.start());
    await world.clock.advance(LAG_CALL_MS - 1000);
    expect(calls).toBe(0);
    await world.clock.advance(1000 + 2 * WATERMARK_POLL_MS);
    expect(calls).toBeGreaterThan(0);
    await world.until(world.materializer().run());
    await world.clock.advance(2 * WATERMARK_POLL_MS);
    expect(keeper.watermark).toBe(1);
    expect(keeper.replica.window.base).toBe(1);
    calls = 0;
    await world.clock.advance(10_000);
    expect(calls).toBe(0);
  });
});
