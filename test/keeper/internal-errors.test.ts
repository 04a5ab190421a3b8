import { describe, expect, it } from 'vitest';
import { KeeperError } from '../../lib/keeper/types.js';
import { ANYONE, World, create } from './world.js';

describe('an error of the program', () => {
  it('ends the batch that met it, typed and with its cause, and the next one is committed', async () => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.write(create('/a'), ANYONE));
    const cause = new TypeError('a bug');
    const bad = {
      ...ANYONE,
      guard: () => {
        throw cause;
      },
    };
    const refusals = await Promise.all(
      [keeper.write(create('/b'), bad), keeper.write(create('/c'), ANYONE)].map((write) =>
        world.until(write).catch((error: unknown) => error),
      ),
    );
    for (const refusal of refusals) {
      expect(refusal).toBeInstanceOf(KeeperError);
      expect(refusal).toMatchObject({ code: 'Internal', maybeApplied: true, cause });
    }
    expect(await world.until(keeper.write(create('/d'), ANYONE))).toMatchObject({ ok: true, zxid: 2 });
  });

  it('on the way to a batch ends what waits for one', async () => {
    const world = new World();
    const store = world.connection();
    const keeper = world.keeper({ store });
    const cause = new TypeError('a bug');
    const get = store.get.bind(store);
    store.get = () => Promise.reject(cause);
    await expect(world.until(keeper.write(create('/a'), ANYONE))).rejects.toMatchObject({
      code: 'Internal',
      cause,
    });
    store.get = get;
    expect(await world.until(keeper.write(create('/a'), ANYONE))).toMatchObject({ ok: true, zxid: 1 });
  });

  it('in the middle of an entry leaves a state that answers nothing any more', async () => {
    const world = new World();
    const keeper = world.keeper();
    await world.until(keeper.write(create('/a'), ANYONE));
    const cause = new TypeError('a bug');
    const unlisten = keeper.onCommit(() => {
      throw cause;
    });
    const failed = await world.until(keeper.write(create('/b'), ANYONE)).catch((error: unknown) => error);
    unlisten();
    expect(failed).toMatchObject({ code: 'Internal', cause });
    await expect(world.until(keeper.write(create('/c'), ANYONE))).rejects.toMatchObject({ code: 'Internal' });
    await expect(world.until(keeper.read({ kind: 'exists', path: '/a' }))).rejects.toMatchObject({
      code: 'Internal',
    });
    expect(() => keeper.tryRead({ kind: 'exists', path: '/a' }, [])).toThrow('could not be applied');
  });
});
