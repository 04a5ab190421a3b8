import { describe, expect, it } from 'vitest';
import { recordKey } from '../../lib/core/state.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
import { ANYONE, World, create, createSession } from './world.js';

const OWNER = { session: 5n, epoch: 1, authIds: [] };

async function worldWithTree(): Promise<{ world: World; cold: Keeper }> {
  const world = new World();
  const writer = world.keeper();
  for (const request of [createSession(5n), create('/a'), create('/a/b'), create('/a/c')]) {
    expect(await world.until(writer.write(request, ANYONE))).toMatchObject({ ok: true });
  }
  for (const path of ['/a/z', '/a/y']) {
    const request = { ...create(path), mode: 'ephemeral' } as const;
    expect(await world.until(writer.write(request, OWNER))).toMatchObject({ ok: true });
  }
  await world.until(world.materializer().run());
  const cold = world.keeper();
  await world.until(cold.sync());
  return { world, cold };
}

describe('lists of a cold keeper', () => {
  it('are not known before they are hydrated', async () => {
    const { world, cold } = await worldWithTree();
    expect(cold.tryChildren('/a')).toBeUndefined();
    expect(cold.tryEphemerals(5n)).toBeUndefined();
    await world.until(cold.hydrate([recordKey.children('/a'), recordKey.ephemerals(5n)]));
    expect([...(cold.tryChildren('/a') ?? [])].sort()).toEqual(['b', 'c', 'y', 'z']);
    expect([...(cold.tryEphemerals(5n) ?? [])]).toEqual(['/a/z', '/a/y']);
  });

  it('need no hydration where the record tells that there is no child, or no znode', async () => {
    const { world, cold } = await worldWithTree();
    await world.until(cold.hydrate([recordKey.node('/a/b'), recordKey.node('/none')]));
    expect(cold.tryChildren('/a/b')?.size).toBe(0);
    expect(cold.tryChildren('/none')?.size).toBe(0);
  });
});
