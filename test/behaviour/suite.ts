/**
 * What the client promises, written once and held against every transport and server. What one of them cannot do is an
 * exception with a name and a reason.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  AbortedError,
  BadArgumentsError,
  BadVersionError,
  InvalidJsonError,
  MultiError,
  NodeExistsError,
  NoChildrenForEphemeralsError,
  NoNodeError,
  NotEmptyError,
  OperationTimeoutError,
  Perms,
  SessionExpiredError,
  UnsupportedError,
  WatchOverflowError,
  type Change,
  type ClientEventName,
  type WatchEvent,
  type ZeroKeeperClient,
} from '../../lib/client/index.js';
import type { Exceptions, Target, TargetOptions } from './support/target.js';

const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** Resolves at the client's next event of that name. */
function once(client: ZeroKeeperClient, name: ClientEventName): Promise<unknown> {
  return new Promise((resolve) => {
    const stop = client.on(name, (payload) => {
      stop();
      resolve(payload);
    });
  });
}

/** Collects events and lets a test wait for their number. */
function collector() {
  const events: WatchEvent[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const listener = (event: WatchEvent) => {
    events.push(event);
    for (const wait of waiting) if (events.length >= wait.count) wait.resolve();
  };
  const reach = (count: number) =>
    events.length >= count
      ? Promise.resolve()
      : new Promise<void>((resolve) => waiting.push({ count, resolve }));
  return { events, listener, reach };
}

export function runBehaviour(
  name: string,
  start: () => Promise<Target>,
  { exceptions = {} }: { readonly exceptions?: Exceptions } = {},
): void {
  const unless = (exception: keyof Exceptions) => it.skipIf(exceptions[exception] !== undefined);
  const onlyIf = (exception: keyof Exceptions) => it.skipIf(exceptions[exception] === undefined);

  describe(`the client over ${name}`, () => {
    let target: Target;
    let client: ZeroKeeperClient;
    let base: string;
    const clients: ZeroKeeperClient[] = [];

    const open = async (options?: TargetOptions) => {
      const opened = await target.connect({ sessionTimeoutMs: 10_000, ...options });
      clients.push(opened);
      return opened;
    };

    beforeAll(async () => {
      target = await start();
    });
    afterAll(() => target.stop());

    beforeEach(async () => {
      client = await open();
      base = `/behaviour-${randomUUID()}`;
      await client.create(base);
    });
    afterEach(async () => {
      target.repair();
      await Promise.all(clients.splice(0).map((opened) => opened.close()));
    });

    describe('znodes', () => {
      it('are created, read, replaced and deleted', async () => {
        const path = `${base}/a`;
        const created = await client.create(path, 'one');
        expect(created).toMatchObject({ path, stat: { version: 0, dataLength: 3, ephemeralOwner: 0n } });
        expect(text((await client.get(path)).data)).toBe('one');
        const set = await client.set(path, new Uint8Array([1, 2, 255]));
        expect(set.version).toBe(1);
        const read = await client.get(path);
        expect([...read.data]).toEqual([1, 2, 255]);
        expect(read.stat).toEqual(set);
        expect(read.zxid).toBeGreaterThanOrEqual(set.mzxid);
        expect(await client.exists(path)).toEqual(set);
        await client.delete(path);
        expect(await client.exists(path)).toBeUndefined();
      });

      it('keep empty data', async () => {
        await client.create(`${base}/empty`);
        expect((await client.get(`${base}/empty`)).data).toHaveLength(0);
      });

      it('are listed by their parents', async () => {
        await client.create(`${base}/b`);
        await client.create(`${base}/a`);
        const { children, stat } = await client.getChildren(base);
        expect([...children].sort()).toEqual(['a', 'b']);
        expect(stat.numChildren).toBe(2);
      });

      it('are written only if the version is the one that is named', async () => {
        const path = `${base}/v`;
        await client.create(path);
        await client.set(path, 'x', { version: 0 });
        await expect(client.set(path, 'y', { version: 0 })).rejects.toBeInstanceOf(BadVersionError);
        await expect(client.delete(path, { version: 0 })).rejects.toBeInstanceOf(BadVersionError);
        await client.delete(path, { version: 1 });
      });

      it('refuse with errors that name the path as the application wrote it', async () => {
        const path = `${base}/missing`;
        const error = await client.get(path).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(NoNodeError);
        expect(error).toMatchObject({
          name: 'NoNode',
          code: -101,
          path,
          maybeApplied: false,
          retriable: false,
        });
        await expect(client.create(base)).rejects.toBeInstanceOf(NodeExistsError);
        await client.create(`${base}/parent/child`, '', { parents: true });
        await expect(client.delete(`${base}/parent`)).rejects.toBeInstanceOf(NotEmptyError);
        await expect(client.get('no-slash')).rejects.toBeInstanceOf(BadArgumentsError);
        await expect(client.create(`${base}/a//b`)).rejects.toBeInstanceOf(BadArgumentsError);
      });

      it('get parents that are missing when asked to', async () => {
        await expect(client.create(`${base}/x/y/z`)).rejects.toBeInstanceOf(NoNodeError);
        const { path } = await client.create(`${base}/x/y/z-`, 'v', {
          parents: true,
          mode: 'persistentSequential',
        });
        expect(path).toBe(`${base}/x/y/z-0000000000`);
        expect((await client.exists(`${base}/x/y`))?.ephemeralOwner).toBe(0n);
      });

      it('count up when they are sequential', async () => {
        const mode = 'persistentSequential';
        const first = await client.create(`${base}/n-`, '', { mode });
        const second = await client.create(`${base}/n-`, '', { mode });
        expect([first.path, second.path]).toEqual([`${base}/n-0000000000`, `${base}/n-0000000001`]);
      });

      it('have no children when they are ephemeral', async () => {
        await client.create(`${base}/e`, '', { mode: 'ephemeral' });
        await expect(client.create(`${base}/e/c`)).rejects.toBeInstanceOf(NoChildrenForEphemeralsError);
      });

      it('take effect in the order of the calls, also of those that nobody awaits in between', async () => {
        const path = `${base}/o`;
        const created = client.create(path, '0');
        const sets = Array.from({ length: 50 }, (_, index) => client.set(path, String(index)));
        const read = client.get(path);
        const removed = client.delete(path);
        await created;
        expect((await Promise.all(sets)).map((stat) => stat.version)).toEqual(
          sets.map((_, index) => index + 1),
        );
        expect(text((await read).data)).toBe('49');
        await removed;
      });

      it('keep data of half a megabyte', async () => {
        const data = new Uint8Array(500_000).fill(7);
        await client.create(`${base}/big`, data);
        const read = await client.get(`${base}/big`);
        expect(Buffer.from(read.data).equals(Buffer.from(data))).toBe(true);
      });
    });

    describe('access control lists', () => {
      const readOnly = [{ perms: Perms.read | Perms.admin, scheme: 'world', id: 'anyone' }];

      it('are read and replaced by their version', async () => {
        const path = `${base}/acl`;
        await client.create(path);
        expect(await client.setAcl(path, readOnly, { version: 0 })).toMatchObject({ aversion: 1 });
        expect((await client.getAcl(path)).acl).toEqual(readOnly);
        await expect(client.setAcl(path, readOnly, { version: 0 })).rejects.toBeInstanceOf(BadVersionError);
      });

      it('come from the client when a create names none', async () => {
        const other = await open({ acl: readOnly });
        await other.create(`${base}/default`);
        expect((await other.getAcl(`${base}/default`)).acl).toEqual(readOnly);
        await other.multi([{ op: 'create', path: `${base}/in-multi` }]);
        expect((await other.getAcl(`${base}/in-multi`)).acl).toEqual(readOnly);
      });
    });

    describe('a multi', () => {
      it('does all of it, with typed results', async () => {
        await client.create(`${base}/old`, 'o');
        const [check, created, set, gone] = await client.multi([
          { op: 'check', path: `${base}/old`, version: 0 },
          { op: 'create', path: `${base}/new-`, data: 'n', mode: 'persistentSequential' },
          { op: 'set', path: base, data: 'changed' },
          { op: 'delete', path: `${base}/old` },
        ]);
        expect(check.op).toBe('check');
        expect(created.path).toMatch(/new-\d{10}$/);
        expect(set.stat.version).toBe(1);
        expect(gone.op).toBe('delete');
        expect(await client.exists(created.path)).toMatchObject({ czxid: set.stat.mzxid });
      });

      unless('statInMulti')('tells the stat of what it created', async () => {
        const [created] = await client.multi([{ op: 'create', path: `${base}/s`, data: 'abc' }]);
        expect(created.stat).toMatchObject({ dataLength: 3, version: 0 });
      });

      it('does nothing of it when one operation fails, and tells which', async () => {
        const failing = client.multi([
          { op: 'create', path: `${base}/a` },
          { op: 'delete', path: `${base}/missing` },
          { op: 'create', path: `${base}/b` },
        ]);
        const error = await failing.catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(MultiError);
        expect(error).toMatchObject({ name: 'NoNode', path: `${base}/missing`, operations: [0, -101, -2] });
        expect(await client.exists(`${base}/a`)).toBeUndefined();
      });
    });

    describe('JSON', () => {
      it('is written and read through a schema', async () => {
        const path = `${base}/json`;
        await client.createJson(path, { count: 1 });
        const schema = { parse: (value: unknown) => (value as { count: number }).count };
        expect((await client.getJson(path, { schema })).value).toBe(1);
        await client.setJson(path, { count: 2 }, { version: 0 });
        expect((await client.getJson(path)).value).toEqual({ count: 2 });
      });

      it('is refused when it is none, or not what the schema wants', async () => {
        const path = `${base}/text`;
        await client.create(path, '{');
        await expect(client.getJson(path)).rejects.toBeInstanceOf(InvalidJsonError);
        await expect(client.setJson(path, undefined)).rejects.toBeInstanceOf(InvalidJsonError);
        await client.setJson(path, 'fine');
        const schema = (): never => {
          throw new Error('no');
        };
        await expect(client.getJson(path, { schema })).rejects.toBeInstanceOf(InvalidJsonError);
      });
    });

    describe('a chroot', () => {
      it('is below every path and in none that comes back', async () => {
        const inside = await open({ chroot: base });
        const events = collector();
        await inside.exists('/a', { watch: events.listener });
        expect((await inside.create('/a')).path).toBe('/a');
        await events.reach(1);
        expect(events.events[0]).toMatchObject({ type: 'created', path: '/a' });
        expect((await inside.getChildren('/')).children).toEqual(['a']);
        await expect(inside.get('/b')).rejects.toMatchObject({ path: '/b' });
        await expect(inside.multi([{ op: 'delete', path: '/b' }])).rejects.toMatchObject({ path: '/b' });
        expect(await client.exists(`${base}/a`)).toBeDefined();
      });
    });

    describe('a session', () => {
      it('takes its ephemerals with it when it is closed', async () => {
        const other = await open();
        const { stat } = await other.create(`${base}/e`, '', { mode: 'ephemeral' });
        expect(stat.ephemeralOwner.toString(16)).toBe(other.session?.id);
        await other.close();
        await client.sync();
        expect(await client.exists(`${base}/e`)).toBeUndefined();
      });

      it('tells connected, then closed; calls after that are refused', async () => {
        const other = await open();
        expect(other.state).toBe('connected');
        const closed = once(other, 'closed');
        await other.close();
        await closed;
        expect(other.state).toBe('closed');
        await expect(other.get('/')).rejects.toBeInstanceOf(SessionExpiredError);
        await other.close();
      });

      it('goes on in another client that attaches it, with its ephemerals', async () => {
        const first = await open();
        await first.create(`${base}/mine`, '', { mode: 'ephemeral' });
        const { session } = first;
        const second = await open({ session: session! });
        expect(second.session?.id).toBe(session?.id);
        await second.create(`${base}/more`, '', { mode: 'ephemeral' });
        expect(await second.exists(`${base}/mine`)).toBeDefined();
      });

      it('cannot be attached with another password', async () => {
        const { session } = client;
        const wrong = { ...session!, password: '00'.repeat(16) };
        await expect(open({ session: wrong })).rejects.toBeInstanceOf(SessionExpiredError);
      });

      unless('interruption')('outlives an interruption, with ephemerals and watches', async () => {
        const path = `${base}/w`;
        const writer = await open();
        await client.create(path, '', { mode: 'ephemeral' });
        const events = collector();
        await client.get(path, { watch: events.listener });
        const id = client.session?.id;
        target.interrupt();
        target.repair();
        await expect
          .poll(() =>
            writer.set(path, 'x').then(
              () => true,
              () => false,
            ),
          )
          .toBe(true);
        await events.reach(1);
        expect(events.events).toMatchObject([{ type: 'dataChanged', path }]);
        expect(client.session?.id).toBe(id);
        expect(await client.exists(path)).toMatchObject({ ephemeralOwner: BigInt(`0x${id!}`) });
      });

      it('survives listeners that throw', async () => {
        const other = await open();
        const errors: unknown[] = [];
        other.on('error', (error) => errors.push(error));
        const thrown = new Error('of the application');
        other.on('closed', () => {
          throw thrown;
        });
        await other.exists(base, {
          watch: () => {
            throw thrown;
          },
        });
        await other.set(base, 'x');
        await expect.poll(() => errors).toEqual([thrown]);
        await other.close();
        await expect.poll(() => errors).toEqual([thrown, thrown]);
      });
    });

    describe('a watch', () => {
      it('tells once of a change, before the change can be read', async () => {
        const path = `${base}/w`;
        const writer = await open();
        await writer.create(path, '0');
        const order: string[] = [];
        await client.get(path, { watch: (event) => order.push(event.type) });
        await writer.set(path, '1');
        await client.sync();
        order.push(text((await client.get(path)).data));
        await writer.set(path, '2');
        await client.sync();
        order.push(text((await client.get(path)).data));
        expect(order).toEqual(['dataChanged', '1', '2']);
      });

      it('of exists waits for the creation', async () => {
        const path = `${base}/later`;
        const events = collector();
        await client.exists(path, { watch: events.listener });
        await client.create(path);
        await events.reach(1);
        expect(events.events).toMatchObject([{ type: 'created', path }]);
      });

      it('of children tells of creates and deletes, and of the end of the parent', async () => {
        const path = `${base}/p`;
        await client.create(path);
        const events = collector();
        await client.getChildren(path, { watch: events.listener });
        await client.create(`${path}/c`);
        await events.reach(1);
        await client.getChildren(path, { watch: events.listener });
        await client.delete(`${path}/c`);
        await events.reach(2);
        await client.getChildren(path, { watch: events.listener });
        await client.delete(path);
        await events.reach(3);
        expect(events.events.map((event) => event.type)).toEqual([
          'childrenChanged',
          'childrenChanged',
          'deleted',
        ]);
      });

      it('is not armed by a read that fails', async () => {
        const path = `${base}/none`;
        const events = collector();
        await expect(client.get(path, { watch: events.listener })).rejects.toBeInstanceOf(NoNodeError);
        await client.create(path);
        await client.set(path, 'x');
        await client.sync();
        await client.get(path);
        expect(events.events).toEqual([]);
        await expect(client.watch(path + 'x', { type: 'data' })).rejects.toBeInstanceOf(NoNodeError);
      });

      it('is an iterator that ends after its event', async () => {
        const watch = await client.watch(base, { type: 'children' });
        await client.create(`${base}/c`);
        const seen: WatchEvent[] = [];
        for await (const event of watch) seen.push(event);
        expect(seen).toMatchObject([{ type: 'childrenChanged', path: base }]);
      });

      it('ends with its signal, and without an error when it or the client is closed', async () => {
        const aborter = new AbortController();
        const watch = await client.watch(base, { type: 'data', signal: aborter.signal });
        const next = watch.next();
        aborter.abort(new Error('enough'));
        await expect(next).rejects.toBeInstanceOf(AbortedError);
        const closed = await client.watch(base, { type: 'data' });
        closed.close();
        expect(await closed.next()).toEqual({ done: true, value: undefined });
        const other = await open();
        const waiting = (await other.watch(base, { type: 'data' })).next();
        await other.close();
        expect(await waiting).toEqual({ done: true, value: undefined });
      });

      unless('persistentWatches')(
        'that is recursive stays, and tells of everything below in order',
        async () => {
          const watch = await client.watch(base, { type: 'persistentRecursive' });
          await client.create(`${base}/a`);
          await client.set(`${base}/a`, 'x');
          await client.create(`${base}/a/b`);
          await client.delete(`${base}/a/b`);
          const seen: string[] = [];
          for await (const event of watch) {
            seen.push(`${event.type} ${event.path.slice(base.length)}`);
            if (seen.length === 4) break;
          }
          expect(seen).toEqual(['created /a', 'dataChanged /a', 'created /a/b', 'deleted /a/b']);
        },
      );

      unless('persistentWatches')('says so when events come faster than they are taken', async () => {
        const watch = await client.watch(base, { type: 'persistent', queueMax: 2 });
        for (let index = 0; index < 4; index++) await client.set(base, String(index));
        await client.sync();
        await client.get(base);
        expect((await watch.next()).done).toBe(false);
        expect((await watch.next()).done).toBe(false);
        await expect(watch.next()).rejects.toBeInstanceOf(WatchOverflowError);
        expect((await watch.next()).done).toBe(true);
      });

      onlyIf('persistentWatches')('that would stay is refused by a typed error', async () => {
        await expect(client.watch(base, { type: 'persistent' })).rejects.toBeInstanceOf(UnsupportedError);
      });
    });

    describe('changes since a zxid', () => {
      unless('changes')('are told without a gap, those before and those after the call', async () => {
        const { zxid } = await client.get(base);
        await client.create(`${base}/a`);
        await client.set(`${base}/a`, 'x');
        const aborter = new AbortController();
        const seen: Change[] = [];
        const following = (async () => {
          for await (const change of client.changes(base, {
            since: zxid,
            recursive: true,
            signal: aborter.signal,
          })) {
            seen.push(change);
            if (change.type === 'deleted') return;
          }
        })();
        await expect.poll(() => seen.length).toBeGreaterThanOrEqual(2);
        await client.delete(`${base}/a`);
        await following;
        const ofA = seen.filter((change) => change.path === `${base}/a`);
        expect(ofA.map((change) => change.type)).toEqual(['created', 'dataChanged', 'deleted']);
        const zxids = seen.map((change) => change.zxid);
        expect(zxids).toEqual([...zxids].sort((a, b) => a - b));
        expect(zxids[0]).toBeGreaterThan(zxid);
      });

      unless('changes')('end with the signal', async () => {
        const aborter = new AbortController();
        const changes = client.changes(base, { since: client.zxid, signal: aborter.signal });
        const next = changes.next();
        aborter.abort();
        await expect(next).rejects.toBeInstanceOf(AbortedError);
      });

      onlyIf('changes')('are refused by a typed error', async () => {
        const changes = client.changes(base, { since: 0 });
        await expect(changes.next()).rejects.toBeInstanceOf(UnsupportedError);
      });
    });

    describe('a call', () => {
      it('is not made when its signal has aborted', async () => {
        const signal = AbortSignal.abort(new Error('before'));
        const error = await client.create(`${base}/a`, '', { signal }).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(AbortedError);
        expect(error).toMatchObject({ maybeApplied: false });
        expect(await client.exists(`${base}/a`)).toBeUndefined();
      });

      it('that is given up on its way says that it may have been applied, and later ones go on', async () => {
        const aborter = new AbortController();
        const written = client.set(base, 'given up', { signal: aborter.signal });
        const caught = written.then(
          () => undefined,
          (error: unknown) => error,
        );
        // The request leaves in the microtasks that follow; its answer cannot be there before I/O or several turns.
        await Promise.resolve().then(() => Promise.resolve());
        await new Promise((resolve) => process.nextTick(resolve));
        aborter.abort();
        const error = await caught;
        if (error !== undefined) expect(error).toBeInstanceOf(AbortedError);
        const stat = await client.set(base, 'after');
        expect([1, 2]).toContain(stat.version);
        expect(text((await client.get(base)).data)).toBe('after');
      });

      it('ends at its deadline', async () => {
        const deadlineMs = Date.now() - 1;
        await expect(client.get(base, { deadlineMs })).rejects.toBeInstanceOf(OperationTimeoutError);
      });
    });

    describe('writes whose replies get lost', () => {
      unless('exactlyOnce')('happen once each, in order', async () => {
        target.loseReplies(1 / 3);
        try {
          const fast = await open({ retry: { backoffMinMs: 1, backoffMaxMs: 5 } });
          const counts: number[] = [];
          for (let index = 0; index < 40; index++) counts.push((await fast.set(base, String(index))).version);
          expect(counts).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
          const mode = 'persistentSequential';
          const created = await Promise.all(
            Array.from({ length: 60 }, () => fast.create(`${base}/n-`, '', { mode })),
          );
          expect(created.map(({ path }) => path)).toEqual([...created.map(({ path }) => path)].sort());
          expect((await fast.getChildren(base)).children).toHaveLength(60);
        } finally {
          target.loseReplies(0);
        }
      });
    });
  });
}
