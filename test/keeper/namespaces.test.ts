import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../lib/core/errors.js';
import { OPEN_ACL, type CreateRequest, type MultiRequest, type WriteRequest } from '../../lib/core/types.js';
import { NAMESPACE_REFRESH_MS } from '../../lib/keeper/limits.js';
import { NamespaceRegistry, type NamespaceLimits } from '../../lib/keeper/registry.js';
import { StoreError } from '../../lib/log/store.js';
import { ANYONE, NAMESPACE, World } from './world.js';

const create = (path: string, bytes = 0): CreateRequest => ({
  ...{ kind: 'create', path, data: new Uint8Array(bytes), acl: OPEN_ACL, mode: 'persistent' },
});
const setData = (path: string, bytes: number) => ({
  ...({ kind: 'setData', path, data: new Uint8Array(bytes), version: -1 } as const),
});
const multi = (...operations: MultiRequest['operations']): MultiRequest => ({ kind: 'multi', operations });

function setUp() {
  const world = new World();
  const { store, clock, random } = world;
  const registry = new NamespaceRegistry({ store, clock, random });
  return { world, registry };
}

/** A keeper of a namespace with limits, and what its writes are answered: 0 or a code, and those of a multi. */
async function limited(limits: NamespaceLimits) {
  const { world, registry } = setUp();
  await registry.create(NAMESPACE, limits);
  const keeper = world.keeper();
  await world.until(keeper.start());
  const write = async (request: WriteRequest) => {
    const outcome = await world.until(keeper.write(request, ANYONE));
    return outcome.ok ? 0 : (outcome.refusal.operations ?? outcome.refusal.code);
  };
  return { world, registry, keeper, write };
}

/** A connection on which reads outside of the namespace's own partitions come to be refused. */
function withoutRegistry(world: World) {
  const store = world.connection();
  const deny = () => {
    store.intercept = (call) => {
      if (call.operation !== 'get' || !call.key.partition.startsWith('#')) return undefined;
      throw new StoreError('Rejected', 'no permission');
    };
  };
  return { store, deny };
}

/** Znodes that every tree has: `/`, `/zookeeper` and below. */
function znodesAtFirst(): number {
  const keeper = setUp().world.keeper();
  return keeper.counters.znodes;
}

describe('a namespace with limits', () => {
  it('takes as many znodes as it may have, and refuses the next until one is deleted', async () => {
    const { write, keeper } = await limited({ znodes: znodesAtFirst() + 2 });
    expect(await write(create('/a'))).toBe(0);
    expect(await write(create('/b'))).toBe(0);
    const head = keeper.head;
    expect(await write(create('/c'))).toBe(ErrorCode.QuotaExceeded);
    expect(keeper.head).toBe(head);
    expect(await write({ kind: 'delete', path: '/a', version: -1 })).toBe(0);
    expect(await write(create('/c'))).toBe(0);
  });

  it('counts what is written in one batch together', async () => {
    const { world, keeper } = await limited({ znodes: znodesAtFirst() + 2 });
    const writes = ['/a', '/b', '/c', '/d'].map((path) => keeper.write(create(path), ANYONE));
    const outcomes = await world.until(Promise.all(writes));
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, false, false]);
  });

  it('takes as many bytes as it may have, and lets what is too large become smaller', async () => {
    const { write, registry, world } = await limited({ bytes: 100 });
    expect(await write(create('/a', 60))).toBe(0);
    expect(await write(create('/b', 41))).toBe(ErrorCode.QuotaExceeded);
    expect(await write(setData('/a', 100))).toBe(0);
    expect(await write(setData('/a', 101))).toBe(ErrorCode.QuotaExceeded);
    await registry.limit(NAMESPACE, { bytes: 10 });
    await world.clock.advance(NAMESPACE_REFRESH_MS);
    await write(setData('/a', 100)); // the write that looks at the limits again
    await world.clock.advance(1);
    expect(await write(setData('/a', 101))).toBe(ErrorCode.QuotaExceeded);
    expect(await write(setData('/a', 99))).toBe(0);
    expect(await write(create('/empty'))).toBe(0);
  });

  it('refuses a multi as a whole, says by which operation, and lets one make up for another', async () => {
    const { write, keeper } = await limited({ znodes: znodesAtFirst() + 1, bytes: 10 });
    const tooMany = multi(create('/a'), create('/b'), create('/c'));
    const { Ok, QuotaExceeded, RuntimeInconsistency } = ErrorCode;
    expect(await write(tooMany)).toEqual([Ok, QuotaExceeded, RuntimeInconsistency]);
    expect(keeper.counters.znodes).toBe(znodesAtFirst());
    expect(await write(create('/a', 10))).toBe(0);
    const swap = multi(create('/b', 10), { kind: 'delete', path: '/a', version: -1 });
    expect(await write(swap)).toBe(0);
  });

  it('has as many sessions as it may have', async () => {
    const { world, keeper } = await limited({ sessions: 1 });
    const open = (session: bigint) =>
      keeper.write(
        {
          ...{ kind: 'createSession', session, owner: '', attachId: session.toString(16), timeoutMs: 30_000 },
          passwordHash: new Uint8Array(32),
        },
        ANYONE,
      );
    expect((await world.until(open(1n))).ok).toBe(true);
    const second = await world.until(open(2n));
    expect(second).toMatchObject({ ok: false, refusal: { code: ErrorCode.QuotaExceeded } });
    await world.until(keeper.write({ kind: 'closeSession', session: 1n, epoch: 1 }, ANYONE));
    expect((await world.until(open(3n))).ok).toBe(true);
  });

  it('learns of limits that are set while it runs within the time that is promised, and of their end', async () => {
    const { world, registry, write } = await limited({});
    expect(await write(create('/a', 50))).toBe(0);
    await registry.limit(NAMESPACE, { bytes: 60 });
    await world.clock.advance(NAMESPACE_REFRESH_MS);
    await write(setData('/a', 50));
    await world.clock.advance(1);
    expect(await write(create('/b', 50))).toBe(ErrorCode.QuotaExceeded);
    await registry.limit(NAMESPACE, {});
    await world.clock.advance(NAMESPACE_REFRESH_MS);
    await write(setData('/a', 50));
    await world.clock.advance(1);
    expect(await write(create('/b', 50))).toBe(0);
  });

  it('goes on with the limits that it knows while they cannot be read', async () => {
    const { world, registry } = setUp();
    await registry.create(NAMESPACE, { bytes: 10 });
    const { store, deny } = withoutRegistry(world);
    const keeper = world.keeper({ store });
    await world.until(keeper.start());
    deny();
    for (let round = 0; round < 3; round++) {
      await world.clock.advance(NAMESPACE_REFRESH_MS);
      const outcome = await world.until(keeper.write(create('/a', 11), ANYONE));
      expect(outcome).toMatchObject({ ok: false, refusal: { code: ErrorCode.QuotaExceeded } });
    }
  });

  it('is not written to by a keeper that never could read them', async () => {
    const { world } = setUp();
    const { store, deny } = withoutRegistry(world);
    deny();
    const written = world.until(world.keeper({ store }).write(create('/a'), ANYONE));
    await expect(written).rejects.toThrow('no permission');
    expect(world.store.dump('log')).toEqual([]);
  });
});

describe('the list of namespaces', () => {
  it('has those that were created, with their limits and what they hold, and not those that were deleted', async () => {
    const { world, registry } = setUp();
    await registry.create(NAMESPACE, { znodes: 1000 });
    await registry.create('other');
    await registry.create('gone');
    await registry.delete('gone');
    const keeper = world.keeper();
    await world.until(keeper.start());
    await world.until(keeper.write(create('/a', 7), ANYONE));
    await world.until(world.materializer().run());
    const list = await world.until(registry.list());
    const none = { znodes: 0, bytes: 0, sessions: 0 };
    expect(list).toEqual([
      { name: 'other', createdAtMs: expect.any(Number) as number, limits: {}, usage: none },
      {
        ...{ name: NAMESPACE, createdAtMs: expect.any(Number) as number, limits: { znodes: 1000 } },
        usage: { znodes: znodesAtFirst() + 1, bytes: 7, sessions: 0 },
      },
    ]);
  });

  it('gives a name once: not while there is one, and not after it was deleted', async () => {
    const { world, registry } = setUp();
    await registry.create('a');
    await world.clock.advance(1);
    await expect(registry.create('a')).rejects.toMatchObject({ code: 'NamespaceExists' });
    await registry.delete('a');
    await registry.delete('a');
    await expect(registry.create('a')).rejects.toMatchObject({ code: 'NamespaceDeleted' });
    await expect(registry.limit('a', {})).rejects.toMatchObject({ code: 'NamespaceDeleted' });
    await expect(registry.delete('b')).rejects.toMatchObject({ code: 'NoNamespace' });
    expect(await registry.names()).toEqual([{ name: 'a', isDeleted: true }]);
  });

  it.each(['', 'a#b', 'a.b', '12', 'x'.repeat(65), 'a*'])('refuses the name %j', async (name) => {
    await expect(setUp().registry.create(name)).rejects.toMatchObject({ code: 'BadArguments' });
  });

  it.each([-1, 1.5, Number.NaN])('refuses the limit %d', async (znodes) => {
    await expect(setUp().registry.create('a', { znodes })).rejects.toMatchObject({ code: 'BadArguments' });
  });
});

describe('a namespace that was deleted', () => {
  it('takes no more writes, neither by keepers that come nor by those that were there', async () => {
    const { world, registry, keeper, write } = await limited({});
    expect(await write(create('/a'))).toBe(0);
    await registry.delete(NAMESPACE);
    await world.clock.advance(NAMESPACE_REFRESH_MS);
    await write(create('/b')); // the write that looks again
    await world.clock.advance(1);
    const head = keeper.head;
    const refused = { name: 'KeeperError', code: 'StoreUnavailable', message: /was deleted/ };
    await expect(keeper.write(create('/c'), ANYONE)).rejects.toMatchObject({ code: refused.code });
    const late = world.keeper();
    await world.until(late.start());
    await expect(late.write(create('/c'), ANYONE)).rejects.toThrow(refused.message);
    expect(await world.until(late.sync())).toBe(head);
  });
});
