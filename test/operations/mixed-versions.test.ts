/** A release beside one that writes a newer format: it may not guess, and may not do harm. */
import { describe, expect, it } from 'vitest';
import type { Item } from '../../lib/log/store.js';
import { ANYONE, NAMESPACE, World, create } from '../keeper/world.js';

/** An entry as a later release might write it: the same header, a body of another version. */
function ofNewerFormat(row: Item): Item {
  const body = Uint8Array.from(row['body'] as Uint8Array);
  body[0] = 2;
  return { ...row, body };
}

/** Two entries, of which the second is of a format that nobody here knows. */
async function mixed() {
  const world = new World();
  const early = world.keeper();
  await world.until(early.start());
  const writer = world.keeper();
  await world.until(writer.write(create('/known'), ANYONE));
  await world.until(writer.write(create('/newer'), ANYONE));
  const [, second] = world.store.dump('log');
  await world.store.put({ table: 'log', item: ofNewerFormat(second!) });
  return { world, early, second: second! };
}

const UNREADABLE = {
  code: 'Unreadable',
  message: expect.stringMatching(/from zxid 2 on: unknown entry format 2/) as string,
};

describe('a keeper that meets an entry of a newer format', () => {
  it('applies what it knows, and says of the rest which format it does not', async () => {
    const { world, early } = await mixed();
    await expect(world.until(early.sync())).rejects.toMatchObject(UNREADABLE);
    expect(early.head).toBe(1);
    expect(early.tryRead({ kind: 'exists', path: '/newer' }, [])).toBeUndefined();
  });

  it('writes nothing over it and nothing after it, and tells the writer that nothing was done', async () => {
    const { world, early } = await mixed();
    const before = world.store.dump('log');
    const error: unknown = await world.until(
      early.write(create('/mine'), ANYONE).catch((thrown: unknown) => thrown),
    );
    expect(error).toMatchObject({ ...UNREADABLE, maybeApplied: false });
    expect(world.store.dump('log')).toEqual(before);
  });

  it('does not materialize it, so that no watermark claims it', async () => {
    const { world } = await mixed();
    await expect(world.until(world.materializer().run())).rejects.toMatchObject(UNREADABLE);
    const watermark = world.store.dump('state').find(({ pk }) => pk === `${NAMESPACE}#watermark`);
    expect(watermark?.['z'] ?? 0).toBeLessThan(2);
  });

  it('keeps following, and goes on as soon as it can read', async () => {
    const { world, second } = await mixed();
    const gateway = world.keeper({ follow: true });
    await world.until(gateway.start().catch(() => undefined));
    await world.store.put({ table: 'log', item: second });
    await world.until(gateway.sync());
    expect(gateway.head).toBe(2);
    expect(await world.until(gateway.write(create('/mine'), ANYONE))).toMatchObject({ ok: true, zxid: 3 });
  });
});

describe('a keeper that meets a row of a newer format', () => {
  /** A znode and the watermark as they are in their rows, with the row that `part` names as a later release might write it. */
  async function mixedRows(part: string) {
    const world = new World();
    const writer = world.keeper();
    await world.until(writer.write(create('/known'), ANYONE));
    await world.until(world.materializer().run());
    const row = world.store.dump('state').find(({ pk }) => String(pk) === `${NAMESPACE}${part}`);
    await world.store.put({ table: 'state', item: { ...row!, rf: 2 } });
    return { world, row: row! };
  }
  const UNREADABLE_ROW = {
    code: 'Unreadable',
    message: expect.stringMatching(/has format 2, this version reads up to 1/) as string,
  };

  it.each(['#node#/known', '#watermark'])('guesses nothing of %s, and writes nothing', async (part) => {
    const { world } = await mixedRows(part);
    const before = world.store.dump('log');
    const cold = world.keeper();
    const request = { kind: 'setData', path: '/known', data: Buffer.from('mine'), version: -1 } as const;
    await expect(world.until(cold.write(request, ANYONE))).rejects.toMatchObject(UNREADABLE_ROW);
    expect(world.store.dump('log')).toEqual(before);
  });

  it('reads rows without a number, and goes on as soon as it can read', async () => {
    const { world, row } = await mixedRows('#node#/known');
    await world.store.put({ table: 'state', item: row });
    const cold = world.keeper();
    const request = { kind: 'setData', path: '/known', data: Buffer.from('mine'), version: -1 } as const;
    expect(await world.until(cold.write(request, ANYONE))).toMatchObject({ ok: true, zxid: 2 });
  });

  it('lets no materializer write over it', async () => {
    const { world } = await mixedRows('#node#/known');
    const request = { kind: 'setData', path: '/known', data: Buffer.from('new'), version: -1 } as const;
    const warm = world.keeper();
    // Its view came from the log, so it needs no row.
    await world.store.put({
      table: 'state',
      item: {
        ...world.store.dump('state').find(({ pk }) => String(pk) === `${NAMESPACE}#node#/known`)!,
        rf: undefined,
      },
    });
    await world.until(warm.write(request, ANYONE));
    const row = world.store.dump('state').find(({ pk }) => String(pk) === `${NAMESPACE}#node#/known`)!;
    await world.store.put({ table: 'state', item: { ...row, rf: 2 } });
    await expect(world.until(world.materializer().run())).rejects.toMatchObject(UNREADABLE_ROW);
    expect(
      world.store.dump('state').find(({ pk }) => String(pk) === `${NAMESPACE}#node#/known`),
    ).toMatchObject({ rf: 2 });
  });
});
