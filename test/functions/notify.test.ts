import { describe, expect, it } from 'vitest';
import { EventError } from '../../functions/shared/events.js';
import { RESERVE_MS, UnfinishedError } from '../../functions/shared/materialize.js';
import { notifyHandler } from '../../functions/shared/notify.js';
import { createWatchWiring } from '../../functions/shared/watch-wiring.js';
import { silentLogger } from '../../lib/base/logger.js';
import { watchKey } from '../../lib/keeper/watch-rows.js';
import { NAMESPACE, WatchWorld } from '../api/watches/support.js';

const SESSION = 9n;

function logRecord(zxid: number) {
  return {
    eventID: String(zxid),
    eventName: 'INSERT',
    eventSource: 'aws:dynamodb',
    dynamodb: { SequenceNumber: String(zxid), Keys: { ns: { S: NAMESPACE }, zxid: { N: String(zxid) } } },
  };
}

async function setUp() {
  const world = new WatchWorld();
  await world.until(world.writer.start());
  await world.create('/a');
  await world.open(SESSION);
  const api = await world.started();
  await world.until(
    api.watches.arm({ session: SESSION, kind: 'persistent', path: '/a', zxid: api.keeper.head }),
  );
  const wiring = createWatchWiring({
    ...{ store: world.store, clock: world.clock, random: world.random, logger: silentLogger },
    namespaces: [NAMESPACE],
  });
  const handler = notifyHandler(() => wiring);
  return {
    world,
    notify: (event: unknown, leftMs = 60_000) =>
      world.until(handler(event, { getRemainingTimeInMillis: () => leftMs })),
    cursor: async () => (await world.store.get('state', watchKey.cursor(NAMESPACE)))?.['z'],
    events: async () => {
      const head = await world.until(api.keeper.sync());
      const events = await world.until(api.watches.eventsFor({ session: SESSION, head }));
      return events.map(({ zxid }) => zxid);
    },
  };
}

describe('notify', () => {
  it('marks the same for records that come once, twice, late, out of order and in part', async () => {
    const { world, notify, events, cursor } = await setUp();
    const zxids: number[] = [];
    for (let count = 0; count < 4; count++) zxids.push(await world.set('/a'));
    const [first, second, third, fourth] = zxids.map(logRecord);
    await notify({ Records: [third, first] });
    const rows = world.store.dump('watches');
    expect(await cursor()).toBe(zxids.at(-1));
    await notify({ Records: [first, second, third, fourth] });
    await notify({ Records: [fourth, fourth] });
    expect(world.store.dump('watches')).toEqual(rows);
    expect(await events()).toEqual(zxids);
  });

  for (const event of [{ namespace: NAMESPACE, zxid: 3 }, { 'detail-type': 'Scheduled Event' }]) {
    it(`works up to the log's end when it is called with ${JSON.stringify(event)}`, async () => {
      const { world, notify, cursor } = await setUp();
      const zxid = await world.set('/a');
      await notify(event);
      expect(await cursor()).toBe(zxid);
    });
  }

  it('ends before its time is up, keeps what it has done, and asks to be called again', async () => {
    const { world, notify, cursor } = await setUp();
    for (let count = 0; count < 120; count++) await world.set('/a');
    const failed = notify({ namespace: NAMESPACE }, RESERVE_MS);
    await expect(failed).rejects.toThrow('failed for the namespaces');
    const error = await failed.catch((thrown: unknown) => thrown);
    expect((error as AggregateError).errors[0]).toBeInstanceOf(UnfinishedError);
    const reached = Number(await cursor());
    expect(reached).toBeGreaterThan(0);
    expect(reached).toBeLessThan(world.writer.head);
    await notify({ namespace: NAMESPACE });
    expect(await cursor()).toBe(world.writer.head);
  });

  it('moves its cursor only past marks that are written, when it dies at any of its calls', async () => {
    const { world, cursor, events } = await setUp();
    const zxid = await world.set('/a');
    let survived = false;
    for (let callsMax = 0; !survived; callsMax++) {
      const store = world.store.connect();
      let calls = 0;
      store.intercept = () => (calls++ < callsMax ? undefined : 'lostRequest');
      survived = await world.until(
        world
          .notifier({ store })
          .run()
          .then(
            () => true,
            () => false,
          ),
      );
      if ((await cursor()) === zxid) {
        const key = watchKey.session(NAMESPACE, SESSION);
        const [row] = (await world.store.query({ table: 'watches', partition: key })).items;
        expect(row?.['f']).toBe(zxid);
      }
      expect(callsMax).toBeLessThan(100);
    }
    expect(await cursor()).toBe(zxid);
    expect(await events()).toEqual([zxid]);
  });

  it('refuses events of other kinds', async () => {
    const { notify } = await setUp();
    await expect(notify({ hello: 1 })).rejects.toBeInstanceOf(EventError);
  });
});
