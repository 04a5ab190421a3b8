import { describe, expect, it } from 'vitest';
import type { Pusher } from '../../../lib/api/watches/types.js';
import { Connections } from '../../../lib/api/watches/connections.js';
import { EVENTS_BYTES_MAX, ORPHAN_MS_MIN } from '../../../lib/api/watches/limits.js';
import type { ThinPush, ThinWatchKind } from '../../../lib/wire/thin-protocol.js';
import { NAMESPACE, WatchWorld } from './support.js';
import type { Instance } from './support.js';

const SESSION = 7n;

async function setUp(): Promise<{ world: WatchWorld; api: Instance; other: Instance }> {
  const world = new WatchWorld();
  await world.until(world.writer.start());
  await world.create('/a');
  await world.open(SESSION);
  return { world, api: await world.started(), other: await world.started() };
}

/** Arms at the instance's head as it is, which may be old. */
function arm(world: WatchWorld, { keeper, watches }: Instance, watch: [ThinWatchKind, string]) {
  const [kind, path] = watch;
  return world.until(watches.arm({ session: SESSION, kind, path, zxid: keeper.head }));
}

async function eventsAt(world: WatchWorld, { keeper, watches }: Instance, acknowledged?: [number, number]) {
  const head = await world.until(keeper.sync());
  const [zxid, position] = acknowledged ?? [];
  const ack = zxid === undefined || position === undefined ? {} : { acknowledged: { zxid, position } };
  return world.until(watches.eventsFor({ session: SESSION, head, ...ack }));
}

const rowsOf = (world: WatchWorld) =>
  world.store.dump('watches').filter((row) => !(row['pk'] as string).includes('#connection'));

describe('watches of thin clients', () => {
  it('are fired by a transaction that notify had passed before their rows were written', async () => {
    const { world, api, other } = await setUp();
    const zxid = await world.set('/a');
    await world.notify();
    expect(api.keeper.head).toBeLessThan(zxid);
    await arm(world, api, ['data', '/a']);
    await arm(world, other, ['persistent', '/a']);
    for (const instance of [await world.started(), api]) {
      expect(await eventsAt(world, instance)).toEqual([
        { zxid, position: 0, type: 'dataChanged', path: '/a', kinds: ['data', 'persistent'] },
      ]);
    }
  });

  it('are told before notify has run, after it, and when it has run twice, with the same events', async () => {
    const { world, api, other } = await setUp();
    for (const kind of ['data', 'exists', 'children', 'persistent', 'persistentRecursive'] as const) {
      await arm(world, api, [kind, '/a']);
    }
    await world.create('/a/b');
    await world.delete('/a/b');
    await world.delete('/a');
    const before = await eventsAt(world, api);
    await world.notify();
    const after = await eventsAt(world, other);
    await world.notify();
    expect(after).toEqual(before);
    expect(await eventsAt(world, await world.started())).toEqual(before);
    expect(before.map(({ type, path, kinds }) => [type, path, kinds])).toEqual([
      ['created', '/a/b', ['persistentRecursive']],
      ['childrenChanged', '/a', ['children', 'persistent']],
      ['deleted', '/a/b', ['persistentRecursive']],
      ['childrenChanged', '/a', ['persistent']],
      ['deleted', '/a', ['data', 'exists', 'persistent', 'persistentRecursive']],
    ]);
  });

  it('tell a deletion to data, exists and children watches in one event', async () => {
    const { world, api } = await setUp();
    for (const kind of ['data', 'exists', 'children'] as const) await arm(world, api, [kind, '/a']);
    await world.delete('/a');
    const events = await eventsAt(world, api);
    expect(events.map(({ type, kinds }) => [type, kinds])).toEqual([
      ['deleted', ['children', 'data', 'exists']],
    ]);
  });

  it('keep an unacknowledged mark when they are armed again, and fire again', async () => {
    const { world, api } = await setUp();
    await arm(world, api, ['data', '/a']);
    const first = await world.set('/a');
    await world.notify();
    await world.until(api.keeper.sync());
    await arm(world, api, ['data', '/a']);
    expect((await eventsAt(world, api)).map(({ zxid }) => zxid)).toEqual([first]);
    const second = await world.set('/a');
    expect((await eventsAt(world, api)).map(({ zxid }) => zxid)).toEqual([first, second]);
    expect((await eventsAt(world, api, [first, 0])).map(({ zxid }) => zxid)).toEqual([second]);
  });

  it('go with the acknowledgement of their event, with both rows', async () => {
    const { world, api } = await setUp();
    await arm(world, api, ['data', '/a']);
    const zxid = await world.set('/a');
    await world.notify();
    expect(await eventsAt(world, api)).toHaveLength(1);
    expect(rowsOf(world)).toHaveLength(2);
    expect(await eventsAt(world, api, [zxid, 0])).toEqual([]);
    expect(rowsOf(world)).toEqual([]);
  });

  it('leave one row when they are armed many times before they fire', async () => {
    const { world, api } = await setUp();
    for (let turn = 0; turn < 5; turn++) {
      await arm(world, api, ['data', '/a']);
      await world.create(`/other${turn}`);
      await eventsAt(world, api);
    }
    expect(rowsOf(world)).toHaveLength(2);
    await world.set('/a');
    expect(await eventsAt(world, await world.started())).toHaveLength(1);
  });

  it('are not let go of for another copy of their request, which may have armed beyond what has fired them', async () => {
    const { world, api, other } = await setUp();
    const seen = api.keeper.head;
    const zxid = await world.set('/a');
    // Notify is past it before there is a row, so nobody but the arming itself will mark it.
    await world.notify();
    let goOn: () => void = () => undefined;
    const heldUp = new Promise<void>((resolve) => (goOn = resolve));
    let reached: () => void = () => undefined;
    const isArming = new Promise<void>((resolve) => (reached = resolve));
    api.store.intercept = async (call) => {
      if (call.operation !== 'query') return undefined;
      reached();
      await heldUp;
      return undefined;
    };
    const first = api.watches.arm({ session: SESSION, kind: 'data', path: '/a', zxid: seen });
    await world.until(isArming);
    const head = await world.until(other.keeper.sync());
    await arm(world, other, ['data', '/a']);
    expect(await world.until(other.watches.eventsFor({ session: SESSION, head, seen }))).toEqual([]);
    goOn();
    await world.until(first);
    api.store.intercept = undefined;
    expect((await eventsAt(world, api)).map((event) => event.zxid)).toEqual([zxid]);
  });

  it('lose no trigger that is recorded while an acknowledgement is being written', async () => {
    const { world, api } = await setUp();
    await arm(world, api, ['persistent', '/a']);
    const first = await world.set('/a');
    await world.notify();
    expect(await eventsAt(world, api)).toHaveLength(1);
    let second = 0;
    api.store.intercept = async (call) => {
      if (call.operation !== 'update' || second > 0) return undefined;
      second = -1;
      second = await world.set('/a');
      await world.notify();
      return undefined;
    };
    await eventsAt(world, api, [first, 0]);
    expect(second).toBeGreaterThan(first);
    const events = await eventsAt(world, await world.started(), [first, 0]);
    expect(events.map(({ zxid }) => zxid)).toEqual([second]);
  });

  it('stay when a deletion of their predecessors that was held up arrives late', async () => {
    const { world, api } = await setUp();
    await arm(world, api, ['persistent', '/a']);
    await arm(world, api, ['data', '/a']);
    Object.assign(api.store.faults, { delayMinMs: 3000, delayMaxMs: 3000 });
    for (const kind of ['persistent', 'data'] as const) {
      for (let count = 0; count < 2; count++) {
        api.store.failNext({ operation: 'delete', table: 'watches', fault: 'delayedWrite' });
      }
      const removal = api.watches.remove({ session: SESSION, kind, path: '/a' });
      expect(await world.until(removal)).toBe(true);
      await arm(world, api, [kind, '/a']);
    }
    await world.clock.advance(10_000);
    await world.set('/a');
    await world.notify();
    const events = await eventsAt(world, await world.started());
    expect(events.map(({ kinds }) => kinds)).toEqual([['data', 'persistent']]);
  });

  it('fire no more once they were removed; removing what is not there says so', async () => {
    const { world, api } = await setUp();
    await arm(world, api, ['exists', '/new']);
    const subject = { session: SESSION, kind: 'exists', path: '/new' } as const;
    expect(await world.until(api.watches.remove({ ...subject, path: '/else' }))).toBe(false);
    expect(await world.until(api.watches.remove(subject))).toBe(true);
    expect(await world.until(api.watches.remove(subject))).toBe(false);
    await world.create('/new');
    await world.notify();
    expect(await eventsAt(world, api)).toEqual([]);
  });

  it('work on paths that are too long for a sort key', async () => {
    const { world, api } = await setUp();
    const path = '/' + 'ä'.repeat(480);
    const below = path + '/' + 'b'.repeat(900);
    for (const kind of ['exists', 'persistent', 'persistentRecursive'] as const) {
      await arm(world, api, [kind, path]);
    }
    await world.create(path);
    await world.create(below);
    await world.notify();
    const events = await eventsAt(world, await world.started());
    expect(events.map(({ type, path: at, kinds }) => [type, at === path, kinds])).toEqual([
      ['created', true, ['exists', 'persistent', 'persistentRecursive']],
      ['created', false, ['persistentRecursive']],
      ['childrenChanged', true, ['persistent']],
    ]);
  });

  it('end an answer early, at a whole transaction, when there are more events than fit', async () => {
    const { world, api } = await setUp();
    const path = '/' + 'p'.repeat(1000);
    await world.create(path);
    await world.until(api.keeper.sync());
    await arm(world, api, ['persistent', path]);
    const data = new Uint8Array(0);
    const set = { kind: 'setData', path, data, version: -1 } as const;
    const perTransaction = 300;
    const zxids: number[] = [];
    for (let count = 0; count * perTransaction * 1000 < EVENTS_BYTES_MAX * 1.2; count++) {
      zxids.push(
        await world.write({ kind: 'multi', operations: Array<typeof set>(perTransaction).fill(set) }),
      );
    }
    const head = await world.until(api.keeper.sync());
    await expect(world.until(api.watches.eventsFor({ session: SESSION, head }))).rejects.toMatchObject({
      code: 'Overloaded',
    });
    const part = await world.until(api.watches.eventsUpTo({ session: SESSION, head }));
    expect(part.until).toBeLessThan(head);
    const acknowledged = part.events.at(-1)!;
    const rest = await world.until(api.watches.eventsUpTo({ session: SESSION, acknowledged, head }));
    expect(rest.until).toBe(head);
    const all = [...part.events, ...rest.events];
    const wanted = zxids.flatMap((zxid) =>
      Array.from({ length: perTransaction }, (_, at) => `${zxid}.${at}`),
    );
    expect(all.map(({ zxid, position }) => `${zxid}.${position}`)).toEqual(wanted);
  });

  it('of a session that is closed go at once by its own hand, and by time to live otherwise', async () => {
    const { world, api } = await setUp();
    await arm(world, api, ['data', '/a']);
    await arm(world, api, ['persistentRecursive', '/a']);
    await world.close(SESSION);
    await world.notify();
    expect(rowsOf(world)).toHaveLength(4);
    expect(rowsOf(world).every((row) => typeof row['ttl'] === 'number')).toBe(true);
    await world.until(api.watches.closeSession(SESSION));
    expect(rowsOf(world)).toEqual([]);
    await arm(world, api, ['data', '/a']); // a late copy of a request
    expect(rowsOf(world)).toEqual([]);
  });

  it('are looked for only in entries after which a thin session is open', async () => {
    const { world, api } = await setUp();
    await arm(world, api, ['data', '/a']);
    await world.notify();
    const queries: string[] = [];
    const store = world.store.connect();
    store.intercept = (call) => {
      if (call.operation === 'query' && call.table === 'watches') queries.push(call.input.partition);
      return undefined;
    };
    await world.set('/a');
    await world.set('/a');
    await world.until(world.notifier({ store }).run());
    expect(queries.sort()).toEqual([`${NAMESPACE}#path#/a`, `${NAMESPACE}#recursive`]);
    await world.close(SESSION);
    await world.notify();
    queries.length = 0;
    await world.open(8n, 'a-gateway');
    await world.set('/a');
    const report = await world.until(world.notifier({ store }).run());
    expect(queries).toEqual([]);
    expect(report.cursor).toBe(world.writer.head);
  });

  it('begin at a watermark without thin sessions, and at the start of the log otherwise', async () => {
    const { world, api } = await setUp();
    await arm(world, api, ['data', '/a']);
    await world.set('/a');
    await world.until(world.materializer().run());
    const report = await world.until(world.notifier().run());
    expect(report).toMatchObject({ transactions: world.writer.head, marked: 1 });
    const quiet = new WatchWorld(2);
    await quiet.until(quiet.writer.start());
    await quiet.create('/a');
    await quiet.until(quiet.materializer().run());
    const zxid = await quiet.create('/b');
    expect(await quiet.until(quiet.notifier().run())).toMatchObject({ transactions: 1, cursor: zxid });
  });

  it('leave a row by path without its row by session to time to live, once it is old', async () => {
    const { world, api } = await setUp();
    await arm(world, api, ['persistent', '/a']);
    const [own] = rowsOf(world).filter((row) => (row['pk'] as string).includes('#session#'));
    const key = { partition: own!['pk'] as string, sort: own!['sk'] as string };
    await world.store.delete({ table: 'watches', key });
    await world.set('/a');
    await world.notify();
    expect(rowsOf(world)[0]!['ttl']).toBeUndefined();
    await world.clock.advance(ORPHAN_MS_MIN);
    await world.set('/a');
    await world.notify();
    expect(rowsOf(world)[0]!['ttl']).toBeTypeOf('number');
  });
});

describe('pushes', () => {
  async function connected(pusher: Pusher) {
    const { world, api } = await setUp();
    const { store, clock, random } = world;
    const connections = new Connections({ store, namespace: NAMESPACE, clock, random });
    await world.until(connections.add(SESSION, 'here'));
    await world.until(connections.add(SESSION, 'gone'));
    await arm(world, api, ['data', '/a']);
    return { world, connections, notify: () => world.until(world.notifier({ pusher }).run()) };
  }

  it('hint at what fired, and connections that are gone are forgotten', async () => {
    const pushed: [string, ThinPush][] = [];
    const { world, connections, notify } = await connected({
      push: (connectionId, message) => {
        pushed.push([connectionId, message]);
        return Promise.resolve(connectionId === 'gone' ? 'gone' : 'sent');
      },
    });
    const zxid = await world.set('/a');
    expect(await notify()).toMatchObject({ marked: 1, pushed: 1 });
    const hint = { type: 'dataChanged', path: '/a', zxid };
    expect(pushed.sort()).toEqual([
      ['gone', hint],
      ['here', hint],
    ]);
    expect(await world.until(connections.of(SESSION))).toEqual(['here']);
    await world.until(connections.remove('here'));
    expect(world.store.dump('watches').filter((row) => (row['pk'] as string).includes('#conn'))).toEqual([]);
  });

  it('that fail keep neither marks nor the cursor back', async () => {
    const { world, notify } = await connected({ push: () => Promise.reject(new Error('no gateway')) });
    const zxid = await world.set('/a');
    expect(await notify()).toMatchObject({ marked: 1, pushed: 0, cursor: zxid });
    expect(await eventsAt(world, await world.started())).toHaveLength(1);
  });
});
