import { describe, expect, it } from 'vitest';
import { FullState } from '../../lib/core/full-state.js';
import { applyWithStats, resultOf } from '../../lib/core/machine.js';
import type { Once, WriteRequest } from '../../lib/core/types.js';
import { Inbox } from '../../lib/keeper/combining/inbox.js';
import type { Parked } from '../../lib/keeper/combining/rows.js';
import { combiningKey, INBOX_SHARD_NUMBERS } from '../../lib/keeper/combining/rows.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
import type { GuardedOrigin } from '../../lib/keeper/planner.js';
import type { WriteOutcome } from '../../lib/keeper/types.js';
import { KeeperError } from '../../lib/keeper/types.js';
import type { Faults } from '../../lib/log/simulated-store.js';
import { SimulatedStore } from '../../lib/log/simulated-store.js';
import { ANYONE, World, create, createSession, same, text } from './world.js';

const SEEDS = Number(process.env['ZEROKEEPER_SEEDS'] ?? 8);
const FIRST_SEED = Number(process.env['ZEROKEEPER_SEED'] ?? 1);
const WRITERS = 8;
const WRITES_EACH = 12;
const FAULTS: Partial<Faults> = {
  lostReply: 0.04,
  lostRequest: 0.03,
  throttle: 0.05,
  delayedWrite: 0.03,
  delayMinMs: 1,
  delayMaxMs: 900,
  latencyMinMs: 1,
  latencyMaxMs: 12,
};

/** A write with what its client was told in the end. */
interface Told {
  readonly session: bigint;
  readonly cxid: number;
  readonly request: WriteRequest;
  readonly outcome: WriteOutcome;
}

function randomWrite(world: World): WriteRequest {
  const path = world.pick(['/a', '/b', '/a/x', '/b/x']);
  const roll = world.random.float();
  if (roll < 0.35) return { kind: 'setData', path, data: Buffer.from(`v${world.int(1000)}`), version: -1 };
  if (roll < 0.5) return create('/a/s-', 'x', 'persistentSequential');
  if (roll < 0.7) return create(path, 'y');
  if (roll < 0.8) return { kind: 'delete', path, version: -1 };
  if (roll < 0.85) return create('/b/large', new Uint8Array(5000));
  const operations = [
    create(path, 'z'),
    { kind: 'setData', path: '/b', data: Buffer.from('m'), version: -1 } as const,
  ];
  return { kind: 'multi', operations };
}

/**
 * A client of the function: it asks one instance after the other, until one has the answer, and never gives up. An instance may die
 * under it at any time: it freezes, and what it was about to do may still arrive.
 */
class Client {
  readonly told: Told[] = [];
  readonly world: World;
  readonly session: bigint;
  readonly #instance: () => Keeper;
  #seen = 0;

  constructor(world: World, session: bigint, instance: () => Keeper) {
    this.world = world;
    this.session = session;
    this.#instance = instance;
  }

  async run(): Promise<void> {
    for (let cxid = 1; cxid <= WRITES_EACH; cxid++) {
      const request = randomWrite(this.world);
      const outcome = await this.#write(request, cxid);
      this.#seen = Math.max(this.#seen, outcome.zxid);
      this.told.push({ session: this.session, cxid, request, outcome });
    }
  }

  async #write(request: WriteRequest, cxid: number): Promise<WriteOutcome> {
    for (;;) {
      const outcome = await this.#attempt(request, { cxid, digest: digestOf(request), seen: this.#seen });
      if (outcome !== undefined) return outcome;
    }
  }

  /** `undefined` when this instance has no answer in time. */
  #attempt(request: WriteRequest, once: Once): Promise<WriteOutcome | undefined> {
    const { clock } = this.world;
    const origin: GuardedOrigin = {
      session: this.session,
      epoch: 1,
      authIds: [],
      once,
      deadlineMs: clock.now() + 3000,
    };
    return new Promise((resolve, reject) => {
      const cancel = clock.after(3500, () => resolve(undefined));
      this.#instance().submit(request, origin, (outcome) => {
        cancel();
        if (!(outcome instanceof KeeperError)) resolve(outcome);
        else if (['StoreUnavailable', 'Stopped', 'Overdue'].includes(outcome.code)) resolve(undefined);
        else reject(outcome);
      });
    });
  }
}

function digestOf(request: WriteRequest): string {
  return Buffer.from(text(request)).toString('hex').padEnd(16, '0').slice(-16);
}

interface Run {
  readonly world: World;
  readonly told: readonly Told[];
  readonly parked: number;
  readonly combined: number;
  readonly killed: number;
}

/** `killing`: the chance that an instance dies at a call. */
async function run(seed: number, options: { faults: Partial<Faults>; killing?: number }): Promise<Run> {
  const world = new World(seed);
  const founder = world.keeper();
  for (let n = 1; n <= WRITERS; n++) await world.until(founder.write(createSession(BigInt(n)), ANYONE));
  await world.until(founder.write(create('/b'), ANYONE));
  const all: Keeper[] = [];
  let killed = 0;
  const newInstance = (n: number): Keeper => {
    const keeper = world.keeper({ faults: options.faults, combining: { lossesBeforeParking: 1 } });
    const { store } = keeper.replica.options;
    if (!(store instanceof SimulatedStore)) throw new Error('a world has simulated stores');
    store.intercept = () => {
      if (world.random.float() >= (options.killing ?? 0)) return undefined;
      killed++;
      instances[n] = newInstance(n);
      store.intercept = () => new Promise(() => undefined);
      // This very call goes out or does not, and nobody hears of it.
      return world.pick(['lostRequest', 'delayedWrite'] as const);
    };
    all.push(keeper);
    return keeper;
  };
  const instances: Keeper[] = [];
  for (let n = 0; n < WRITERS; n++) instances[n] = newInstance(n);
  const clients = instances.map((_, n) => new Client(world, BigInt(n + 1), () => instances[n]!));
  const materializing = materializeNowAndThen(world);
  await world.until(Promise.all(clients.map((client) => client.run())));
  materializing.stop();
  await world.clock.advance(5000); // what was held up arrives now
  const sum = (name: 'parked' | 'combined') =>
    all.reduce((total, keeper) => total + (keeper.combining?.statistics[name] ?? 0), 0);
  return {
    world,
    told: clients.flatMap((client) => client.told),
    parked: sum('parked'),
    combined: sum('combined'),
    killed,
  };
}

function materializeNowAndThen(world: World): { stop: () => void } {
  let stopped = false;
  const again = () => {
    if (stopped) return;
    world
      .materializer()
      .run()
      .then(
        () => world.clock.after(100, again),
        () => world.clock.after(100, again),
      );
  };
  again();
  return { stop: () => (stopped = true) };
}

/** Every number of every session stands in the log once, in order, and says what its client was told. */
async function judge({ world, told }: Run): Promise<void> {
  const { entries, blobs } = await world.log();
  const state = new FullState();
  for (const [id, content] of blobs) state.putBlob(id, content);
  const byNumber = new Map(told.map((one) => [`${one.session}#${one.cxid}`, one]));
  const last = new Map<bigint, number>();
  let zxid = 0;
  for (const entry of entries) {
    for (const txn of entry.txns) {
      zxid++;
      const position = { zxid, timeMs: entry.timeMs };
      const { stats } = applyWithStats(txn, position, state);
      if (txn.cxid === 0) continue;
      expect(txn.cxid).toBe((last.get(txn.session) ?? 0) + 1);
      last.set(txn.session, txn.cxid);
      const one = byNumber.get(`${txn.session}#${txn.cxid}`);
      expect(one?.outcome.zxid).toBe(zxid);
      if (one === undefined) continue;
      expect(txn.recorded?.digest).toBe(digestOf(one.request));
      if (txn.effect.type === 'error') {
        expect(one.outcome).toMatchObject({ ok: false, refusal: { code: txn.effect.code } });
      } else {
        const request = { ...one.request };
        const result = resultOf({ request, effect: txn.effect, position, state, stats });
        expect(one.outcome.ok && same(one.outcome.result, result), text(one)).toBe(true);
      }
    }
  }
  expect([...last.values()]).toEqual(Array.from({ length: WRITERS }, () => WRITES_EACH));
  expect(told).toHaveLength(WRITERS * WRITES_EACH);
}

describe('writers that park', () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    it(`have every write done once, in order, and are told what came of it (ZEROKEEPER_SEED=${seed} ZEROKEEPER_SEEDS=1)`, async () => {
      const outcome = await run(seed, { faults: FAULTS });
      expect(outcome.parked).toBeGreaterThan(10);
      expect(outcome.combined).toBeGreaterThan(10);
      await judge(outcome);
    });

    it(`are not let down by combiners that die at any call (ZEROKEEPER_SEED=${seed} ZEROKEEPER_SEEDS=1)`, async () => {
      const outcome = await run(seed, { faults: FAULTS, killing: 0.02 });
      expect(outcome.killed).toBeGreaterThan(1);
      await judge(outcome);
    });
  }

  it('leave nothing in the inbox', async () => {
    const { world } = await run(77, { faults: { latencyMinMs: 1, latencyMaxMs: 12 } });
    expect(inboxOf(world)).toEqual([]);
  });

  it('that no number tells apart are never parked, whatever they lose', async () => {
    const world = new World(3);
    const keepers = Array.from({ length: 6 }, () =>
      world.keeper({ faults: { latencyMinMs: 1, latencyMaxMs: 12 }, combining: { lossesBeforeParking: 1 } }),
    );
    const writes = keepers.flatMap((keeper) =>
      [1, 2, 3].map((n) => keeper.write(create(`/p${n}-`, 'x', 'persistentSequential'), ANYONE)),
    );
    await world.until(Promise.all(writes));
    expect(keepers.map((keeper) => keeper.combining?.statistics.parked)).toEqual(keepers.map(() => 0));
    expect(keepers.some((keeper) => keeper.committer.statistics.conflicts > 0)).toBe(true);
  });
});

describe('a combiner', () => {
  /** One keeper that contends until it parks and combines, while `parked` lies in the inbox. */
  async function combineBeside(parked: (world: World) => Parked): Promise<World> {
    const world = new World(5);
    const founder = world.keeper();
    for (const session of [1n, 2n]) await world.until(founder.write(createSession(session), ANYONE));
    await world.until(new Inbox(founder.replica.options).park(parked(world)));
    const keeper = world.keeper({ combining: { lossesBeforeParking: 0 } });
    const origin = { ...numbered(2n, 1), deadlineMs: world.clock.now() + 5000 };
    await world.until(keeper.write(create('/own'), origin));
    await world.until(keeper.committer.idle());
    expect(keeper.combining?.statistics.stints).toBe(1);
    return world;
  }

  const ticket = { keeper: 'abcdabcdabcdabcd', number: 4 };
  const write = { request: create('/parked'), ...numbered(1n, 1) };

  it('carries out what lies in the inbox, and tells its owner', async () => {
    const world = await combineBeside(({ clock }) => ({
      ticket,
      deadlineMs: clock.now() + 5000,
      writes: [write],
    }));
    const told = await new Inbox(world.keeper().replica.options).outcomes(ticket);
    expect(told?.outcomes).toMatchObject([{ ok: true, result: { path: '/parked' } }]);
    expect(await pathsOf(world)).toContain('/parked');
  });

  it('clears what nobody waits for any more, and does not carry it out', async () => {
    const world = await combineBeside(({ clock }) => ({
      ticket,
      deadlineMs: clock.now() - 1,
      writes: [write],
    }));
    expect(await pathsOf(world)).toEqual(['/own']);
    expect(inboxOf(world)).toEqual([]);
  });

  it('answers a copy of what was done before from the log, and does nothing again', async () => {
    const world = await combineBeside(({ clock }) => ({
      ticket,
      deadlineMs: clock.now() + 5000,
      writes: [write],
    }));
    const late = { ticket: { ...ticket, number: 9 }, deadlineMs: world.clock.now() + 5000, writes: [write] };
    const inbox = new Inbox(world.keeper().replica.options);
    const first = await inbox.outcomes(ticket);
    await world.until(inbox.park(late));
    const keeper = world.keeper({ combining: { lossesBeforeParking: 0 } });
    const origin = { ...numbered(2n, 2), deadlineMs: world.clock.now() + 5000 };
    await world.until(keeper.write(create('/second'), origin));
    await world.until(keeper.committer.idle());
    expect((await inbox.outcomes(late.ticket))?.outcomes).toEqual(first?.outcomes);
    expect(await pathsOf(world)).toEqual(['/own', '/parked', '/second']);
  });

  it('that is far behind starts afresh, and answers as if it had read everything', async () => {
    const world = new World(6);
    const founder = world.keeper();
    await world.until(founder.write(createSession(1n), ANYONE));
    const keeper = world.keeper();
    await world.until(keeper.start());
    await world.until(
      Promise.all(Array.from({ length: 40 }, (_, n) => founder.write(create(`/n${n}`), ANYONE))),
    );
    await world.until(world.materializer().run());
    await world.until(founder.write(create('/n0/last'), ANYONE));
    await world.until(keeper.replica.startAfresh());
    expect(keeper.head).toBe(41);
    const children = await world.until(
      keeper.read({ kind: 'getChildren', path: '/n0' }, { consistency: 'linearizable' }),
    );
    expect(children.answer).toMatchObject({ ok: true, result: { children: ['last'] } });
    const release = keeper.replica.unbroken();
    await world.until(world.materializer().run());
    await world.until(keeper.replica.startAfresh());
    release();
    expect(keeper.replica.view.node('/n0')).toMatchObject({ numChildren: 1 });
  });
});

describe('a gateway that writes without a pause', () => {
  const TURN_MS = 1000;

  /** What a writer in an instance of `api` is told within its time, beside a keeper that is as far from the store and always ahead. */
  async function writeBeside(standsBack: boolean): Promise<unknown> {
    const world = new World(9);
    const founder = world.keeper();
    await world.until(founder.write(createSession(1n), ANYONE));
    await world.until(founder.write(create('/busy'), ANYONE));
    const faults = { latencyMinMs: 4, latencyMaxMs: 4 };
    const gateway = world.keeper({ faults, combining: { standsBack } });
    const api = world.keeper({ faults, combining: {} });
    await world.until(Promise.all([gateway.start(), api.start()]));
    let isOver = false;
    const busily = async () => {
      const set = { kind: 'setData', path: '/busy', data: new Uint8Array(1), version: -1 } as const;
      while (!isOver) await gateway.write(set, ANYONE);
    };
    const writing = busily();
    await world.clock.advance(100);
    let told: unknown;
    const origin = { ...numbered(1n, 1), deadlineMs: world.clock.now() + 10_000 };
    api.submit(create('/patient'), origin, (outcome) => (told = outcome));
    await world.clock.advance(TURN_MS);
    isOver = true;
    await world.until(writing);
    expect(gateway.combining?.statistics.parked).toBe(0);
    return told;
  }

  it('lets a lone combiner have a slot within a second, who would have none otherwise', async () => {
    expect(await writeBeside(true)).toMatchObject({ ok: true, result: { path: '/patient' } });
    expect(await writeBeside(false)).toBeUndefined();
  });
});

function numbered(session: bigint, cxid: number) {
  return { session, epoch: 1, authIds: [], once: { cxid, digest: '0123456789abcdef', seen: 0 } };
}

function inboxOf(world: World): unknown[] {
  const partitions = new Set(INBOX_SHARD_NUMBERS.map((shard) => combiningKey.inbox('test', shard)));
  return world.store.dump('state').filter((row) => partitions.has(row['pk'] as string));
}

async function pathsOf(world: World): Promise<string[]> {
  const { entries } = await world.log();
  const effects = entries.flatMap(({ txns }) => txns.map(({ effect }) => effect));
  return effects.flatMap((effect) => (effect.type === 'create' ? [effect.path] : [])).sort();
}
