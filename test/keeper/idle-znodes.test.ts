import { describe, expect, it } from 'vitest';
import type { IdleZnodes } from '../../lib/keeper/idle-znodes.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
import { CONTAINER_IDLE_MS, IDLE_MARKERS_MAX, IDLE_TICK_MS } from '../../lib/keeper/limits.js';
import { idlePartition } from '../../lib/keeper/idle-markers.js';
import { Materializer } from '../../lib/keeper/materializer.js';
import { Reaper } from '../../lib/keeper/reaper.js';
import { TIMER_DELAY_MS_MAX } from '../../lib/keeper/thin-limits.js';
import type { Timer } from '../../lib/keeper/thin-timers.js';
import type { CreateMode, WriteRequest } from '../../lib/core/types.js';
import { reaper } from './gateways.js';
import { holdCall, isLogPut } from './meddling.js';
import { ANYONE, NAMESPACE, World, create } from './world.js';

const TTL_MS = 5000;

/** One who writes, materializes and sweeps, each on a connection of its own. */
class IdleWorld extends World {
  readonly writer: Keeper = this.keeper();
  readonly idle: IdleZnodes = reaper(this).idle;
  readonly #materializer = this.materializer();

  async write(...requests: WriteRequest[]): Promise<void> {
    for (const request of requests) {
      const outcome = await this.until(this.writer.write(request, ANYONE));
      if (!outcome.ok) throw new Error(`refused: ${JSON.stringify(outcome.refusal)}`);
    }
    await this.until(this.#materializer.run());
  }

  async sweep(): Promise<number> {
    const removed = await this.until(this.idle.sweep());
    await this.until(this.#materializer.run());
    return removed;
  }

  async has(path: string): Promise<boolean> {
    const { answer } = await this.until(
      this.writer.read({ kind: 'exists', path }, { consistency: 'linearizable' }),
    );
    return answer.ok;
  }

  get markers(): unknown[] {
    return this.store.dump('state').filter(({ pk }) => pk === idlePartition(NAMESPACE));
  }
}

function lasting(path: string, mode: CreateMode = 'ttl', ttlMs = TTL_MS): WriteRequest {
  return mode === 'ttl' ? { ...create(path, '', mode), ttlMs } : create(path, '', mode);
}

function remove(path: string): WriteRequest {
  return { kind: 'delete', path, version: -1 };
}

describe('a TTL znode', () => {
  it('goes when nobody has written it for its time, and not before', async () => {
    const world = new IdleWorld();
    await world.write(lasting('/t'));
    await world.clock.advance(TTL_MS - 100);
    expect(await world.sweep()).toBe(0);
    await world.clock.advance(100);
    expect(await world.sweep()).toBe(1);
    expect(await world.has('/t')).toBe(false);
    expect(world.markers).toEqual([]);
  });

  it('lives on from each write', async () => {
    const world = new IdleWorld();
    await world.write(lasting('/t'));
    await world.clock.advance(TTL_MS / 2);
    await world.write({ kind: 'setData', path: '/t', data: new Uint8Array(1), version: -1 });
    await world.clock.advance(TTL_MS / 2 + 100);
    expect(await world.sweep()).toBe(0);
    await world.clock.advance(TTL_MS / 2);
    expect(await world.sweep()).toBe(1);
  });

  it('with children stays for as long as it has them, and then goes at once', async () => {
    const world = new IdleWorld();
    await world.write(lasting('/t'), create('/t/a'));
    await world.clock.advance(3 * TTL_MS);
    expect(await world.sweep()).toBe(0);
    await world.write(remove('/t/a'));
    expect(await world.sweep()).toBe(1);
  });

  it('that was deleted and made again has its whole time before it', async () => {
    const world = new IdleWorld();
    await world.write(lasting('/t'));
    await world.clock.advance(TTL_MS - 100);
    await world.write(remove('/t'), lasting('/t', 'ttl', 2 * TTL_MS));
    await world.clock.advance(TTL_MS);
    expect(await world.sweep()).toBe(0);
    await world.clock.advance(TTL_MS);
    expect(await world.sweep()).toBe(1);
  });

  it('replaced by one that stays leaves it alone', async () => {
    const world = new IdleWorld();
    await world.write(lasting('/t'), remove('/t'), create('/t'));
    await world.clock.advance(2 * TTL_MS);
    expect(await world.sweep()).toBe(0);
    expect(await world.has('/t')).toBe(true);
  });

  it('stays while the clock cannot be trusted', async () => {
    const world = new IdleWorld();
    await world.write(lasting('/t'));
    await world.clock.advance(2 * TTL_MS);
    const { clock, random } = world;
    const store = world.connection();
    const keeper = world.keeper({ store });
    const doubting = new Reaper({ store, keeper, clock, random, isClockTrusted: () => false });
    expect(await world.until(doubting.idle.sweep())).toBe(0);
  });
});

describe('a container', () => {
  it('goes when it has lost its last child, and stays before it had any', async () => {
    const world = new IdleWorld();
    await world.write(lasting('/c', 'container'));
    await world.clock.advance(3600_000);
    expect(await world.sweep()).toBe(0);
    await world.write(create('/c/a'), create('/c/b'), remove('/c/a'));
    await world.clock.advance(CONTAINER_IDLE_MS);
    expect(await world.sweep()).toBe(0);
    await world.write(remove('/c/b'));
    expect(await world.sweep()).toBe(0);
    await world.clock.advance(CONTAINER_IDLE_MS);
    expect(await world.sweep()).toBe(1);
  });

  it('that gets another child in time stays, and goes when that has gone, too', async () => {
    const world = new IdleWorld();
    await world.write(lasting('/c', 'container'), create('/c/a'), remove('/c/a'));
    await world.clock.advance(CONTAINER_IDLE_MS);
    await world.write(create('/c/b'));
    expect(await world.sweep()).toBe(0);
    await world.write(remove('/c/b'));
    await world.clock.advance(CONTAINER_IDLE_MS);
    expect(await world.sweep()).toBe(1);
  });

  it('in another one takes it along, one after the other', async () => {
    const world = new IdleWorld();
    await world.write(lasting('/c', 'container'), lasting('/c/d', 'container'));
    await world.write(create('/c/d/a'), remove('/c/d/a'));
    await world.clock.advance(CONTAINER_IDLE_MS);
    expect(await world.sweep()).toBe(1);
    await world.clock.advance(CONTAINER_IDLE_MS);
    expect(await world.sweep()).toBe(1);
    expect(await world.has('/c')).toBe(false);
  });

  it('goes also when its children went with their session', async () => {
    const world = new IdleWorld();
    const origin = { session: 7n, epoch: 1, authIds: [] };
    await world.write(lasting('/c', 'container'), {
      kind: 'createSession',
      session: 7n,
      owner: 'g',
      attachId: 'x',
      timeoutMs: 5000,
      passwordHash: new Uint8Array(32),
    });
    await world.until(world.writer.write(create('/c/e', '', 'ephemeral'), origin));
    await world.write({ kind: 'closeSession', session: 7n, epoch: 1 });
    await world.clock.advance(CONTAINER_IDLE_MS);
    expect(await world.sweep()).toBe(1);
  });
});

describe('between the look and the removal', () => {
  const touches: [string, WriteRequest][] = [
    ['a child comes', create('/t/a')],
    ['somebody writes', { kind: 'setData', path: '/t', data: new Uint8Array(1), version: -1 }],
    ['somebody replaces it', { kind: 'multi', operations: [remove('/t'), create('/t')] } as WriteRequest],
  ];

  it.each(touches)('%s: then it stays', async (_what, touch) => {
    const world = new IdleWorld();
    await world.write(lasting('/t'));
    await world.clock.advance(TTL_MS);
    const store = world.connection();
    const { clock, random } = world;
    const sweeper = new Reaper({ store, keeper: world.keeper({ store }), clock, random });
    const held = holdCall(store, isLogPut);
    const sweeping = sweeper.idle.sweep();
    await world.until(held.reached);
    await world.write(touch);
    held.open();
    expect(await world.until(sweeping)).toBe(0);
    expect(await world.has('/t')).toBe(true);
  });

  it('another sweep removes it: it goes once', async () => {
    const world = new IdleWorld();
    await world.write(lasting('/t'));
    await world.clock.advance(TTL_MS);
    const sweeps = [world.idle, reaper(world).idle, reaper(world).idle].map((idle) => idle.sweep());
    await world.until(Promise.all(sweeps));
    const { entries } = await world.log();
    const deletes = entries.flatMap(({ txns }) => txns).filter(({ effect }) => effect.type === 'delete');
    expect(deletes).toHaveLength(1);
    expect(world.markers).toEqual([]);
  });
});

it('removes more znodes than one look takes', async () => {
  const world = new IdleWorld();
  const count = 2 * IDLE_MARKERS_MAX + 1;
  const operations = Array.from({ length: count }, (_, index) => lasting(`/t${index}`));
  await world.write({ kind: 'multi', operations } as WriteRequest);
  await world.clock.advance(TTL_MS);
  expect(await world.sweep()).toBe(count);
});

it('runs by itself where sessions are reaped, and costs nothing while the log rests', async () => {
  const world = new IdleWorld();
  await world.write(lasting('/t'), create('/other'));
  const store = world.connection();
  const keeper = world.keeper({ store, follow: true });
  await world.until(keeper.start());
  const running = reaper(world, { store, keeper });
  running.start();
  await world.clock.advance(TTL_MS + 2 * IDLE_TICK_MS);
  expect(await world.has('/t')).toBe(false);
  await world.write();
  await world.clock.advance(10 * IDLE_TICK_MS);
  let looks = 0;
  const query = store.query.bind(store);
  store.query = (input) => {
    if (input.partition === idlePartition(NAMESPACE)) looks += 1;
    return query(input);
  };
  await world.clock.advance(60_000);
  running.stop();
  await world.until(keeper.stop());
  expect(looks).toBe(0);
});

describe('timers', () => {
  async function timersOf(work: (world: IdleWorld) => Promise<void>) {
    const world = new IdleWorld();
    const set: { timer: Timer; delayMs: number }[] = [];
    const timers = {
      schedule: (timer: Timer, delayMs: number) => {
        set.push({ timer, delayMs });
        return Promise.resolve();
      },
    };
    await work(world);
    const { clock, random } = world;
    const store = world.connection();
    const onIdle: number[][] = [];
    const materializer = new Materializer({
      ...{ store, clock, random, namespace: NAMESPACE },
      onIdle: (due) => Promise.resolve(void onIdle.push([...due])),
    });
    const idle = new Reaper({ store, keeper: world.keeper({ store }), clock, random, timers }).idle;
    return { world, set, idle, materializer, onIdle };
  }

  it('are wanted for what the materializer marks, before the watermark passes it', async () => {
    const { world, materializer, onIdle } = await timersOf(async (world) => {
      await world.until(world.writer.write(lasting('/t'), ANYONE));
    });
    const startMs = world.clock.now();
    await world.until(materializer.run());
    expect(onIdle).toHaveLength(1);
    expect(onIdle[0]![0]! - startMs).toBeLessThanOrEqual(TTL_MS);
  });

  it('that fire early, because their time is too far away, are set again', async () => {
    const { world, set, idle } = await timersOf(() => Promise.resolve());
    const deadlineMs = Math.ceil(world.clock.now() / 1000) * 1000 + 2 * TIMER_DELAY_MS_MAX;
    await world.until(idle.onTimer(deadlineMs));
    expect(set).toEqual([
      { timer: { kind: 'idle', namespace: NAMESPACE, chain: '', deadlineMs }, delayMs: TIMER_DELAY_MS_MAX },
    ]);
  });

  it('are set anew for a znode that turned out to have been written', async () => {
    const { world, set, idle } = await timersOf(async (world) => {
      await world.write(lasting('/t'));
      await world.clock.advance(TTL_MS / 2);
      await world.write({ kind: 'setData', path: '/t', data: new Uint8Array(1), version: -1 });
      await world.clock.advance(TTL_MS / 2);
    });
    await world.until(idle.onTimer(world.clock.now()));
    expect(set).toHaveLength(1);
    expect(set[0]!.timer.deadlineMs).toBeGreaterThan(world.clock.now());
  });
});
