import { describe, expect, it } from 'vitest';
import type { AuthId } from '../../../lib/core/types.js';
import type { Instance } from './support.js';
import { WatchWorld } from './support.js';

const SESSION = 7n;
const ANN: AuthId = { scheme: 'iam', id: 'arn:aws:iam::123456789012:user/ann' };
const SUPER: AuthId = { scheme: 'super', id: '' };
const BOB: AuthId = { scheme: 'iam', id: 'arn:aws:iam::123456789012:user/bob' };
const ANNS = [{ perms: 31, scheme: 'iam', id: 'arn:aws:iam::123456789012:user/a*' }];

async function setUp(): Promise<{ world: WatchWorld; api: Instance }> {
  const world = new WatchWorld();
  await world.until(world.writer.start());
  await world.create('/open');
  await world.write({ kind: 'create', path: '/ann', data: new Uint8Array(1), acl: ANNS, mode: 'persistent' });
  await world.open(SESSION);
  const api = await world.started();
  for (const path of ['/open', '/ann']) {
    await world.until(api.watches.arm({ session: SESSION, kind: 'persistent', path, zxid: api.keeper.head }));
  }
  return { world, api };
}

async function told(world: WatchWorld, { keeper, watches }: Instance, authIds: readonly AuthId[]) {
  const head = await world.until(keeper.sync());
  const events = await world.until(watches.eventsFor({ session: SESSION, head, authIds }));
  return events.map(({ type, path }) => `${type} ${path}`);
}

const change = (world: WatchWorld, path: string) =>
  world.until(
    world.writer.write(
      { kind: 'setData', path, data: new Uint8Array(2), version: -1 },
      { session: 0n, epoch: 0, authIds: [SUPER] },
    ),
  );

describe('events of thin clients', () => {
  it('go to those who may READ the znode, and to the trusted', async () => {
    const { world, api } = await setUp();
    for (const path of ['/open', '/ann']) await change(world, path);
    const both = ['dataChanged /open', 'dataChanged /ann'];
    expect(await told(world, api, [BOB])).toEqual(['dataChanged /open']);
    expect(await told(world, api, [])).toEqual(['dataChanged /open']);
    expect(await told(world, api, [ANN])).toEqual(both);
    expect(await told(world, api, [SUPER])).toEqual(both);
    expect(await told(world, await world.started(), [BOB])).toEqual(['dataChanged /open']);
  });

  it('of a znode that is gone go by the list that it had, where that is known', async () => {
    const { world, api } = await setUp();
    await world.until(api.keeper.read({ kind: 'exists', path: '/ann' }));
    await world.delete('/ann');
    expect(await told(world, api, [BOB])).toEqual([]);
    expect(await told(world, api, [ANN])).toEqual(['deleted /ann']);
  });
});

describe('a removal of a watch that comes late', () => {
  it('leaves one alone that was armed again since', async () => {
    const { world, api } = await setUp();
    const watch = { session: SESSION, kind: 'persistent', path: '/open' } as const;
    const upTo = api.keeper.head;
    expect(await world.until(api.watches.remove({ ...watch, upTo }))).toBe(true);
    await change(world, '/open');
    await world.until(api.keeper.sync());
    await world.until(api.watches.arm({ ...watch, zxid: api.keeper.head }));
    expect(await world.until(api.watches.remove({ ...watch, upTo }))).toBe(false);
    await change(world, '/open');
    expect(await told(world, api, [BOB])).toEqual(['dataChanged /open']);
  });
});
