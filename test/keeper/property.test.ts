import { describe, expect, it } from 'vitest';
import type { Keeper } from '../../lib/keeper/keeper.js';
import { recordKey } from '../../lib/core/state.js';
import type { CreateMode, MultiOperation, Origin, ReadRequest, WriteRequest } from '../../lib/core/types.js';
import { nodeOfRow, nodeRow, isTombstone, rowKey, stateKey, zxidOfRow } from '../../lib/keeper/rows.js';
import { watchKey } from '../../lib/keeper/watch-rows.js';
import type { WriteOutcome } from '../../lib/keeper/types.js';
import { KeeperError } from '../../lib/keeper/types.js';
import type { Faults } from '../../lib/log/simulated-store.js';
import { ANYONE, NAMESPACE, TINY_VIEW, World, create, createSession, judge, same } from './world.js';
import type { Observation } from './world.js';

const FAULTS: Partial<Faults> = {
  lostReply: 0.06,
  lostRequest: 0.04,
  throttle: 0.04,
  delayedWrite: 0.03,
  delayMinMs: 1,
  delayMaxMs: 400,
  latencyMinMs: 0,
  latencyMaxMs: 25,
  pageItemsMax: 3,
};
const PATHS = ['/a', '/b', '/a/x', '/a/y', '/b/x', '/a/x/deep', '/a/x/deeper'];
const SESSIONS = [11n, 12n, 13n];
const KEEPERS = 3;
const STEPS = 400;
const SEEDS = Number(process.env['ZEROKEEPER_SEEDS'] ?? 12);
const FIRST_SEED = Number(process.env['ZEROKEEPER_SEED'] ?? 1);

function randomData(world: World): Uint8Array {
  const length = world.random.float() < 0.1 ? 4000 + world.int(3000) : world.int(40);
  return new Uint8Array(length).fill(world.int(256));
}

function randomOperation(world: World): MultiOperation {
  const path = world.pick(PATHS);
  const version = world.random.float() < 0.85 ? -1 : world.int(3);
  const roll = world.random.float();
  if (roll < 0.45) return create(path, randomData(world), randomMode(world));
  if (roll < 0.6) return { kind: 'delete', path, version };
  if (roll < 0.65) return { kind: 'check', path, version };
  return { kind: 'setData', path, data: randomData(world), version };
}

/** Mostly persistent, so that there is a tree to work on; ephemerals have no children. */
function randomMode(world: World): CreateMode {
  if (world.random.float() < 0.6) return 'persistent';
  return world.pick(['ephemeral', 'persistentSequential', 'ephemeralSequential', 'container', 'ttl']);
}

/** `epochs` holds what the callers believe; now and then they are behind. */
function randomWrite(
  world: World,
  epochs: ReadonlyMap<bigint, number>,
): { request: WriteRequest; origin: Origin } {
  const session = world.pick(SESSIONS);
  const believed = epochs.get(session) ?? 1;
  const epoch = world.random.float() < 0.93 ? believed : Math.max(1, believed - 1);
  const origin = { session, epoch, authIds: [] };
  const roll = world.random.float();
  if (roll < 0.06) return { request: createSession(session), origin: ANYONE };
  if (roll < 0.07) return { request: { kind: 'closeSession', session, epoch }, origin: ANYONE };
  if (roll < 0.1) {
    const attachId = `b${world.int(1_000_000)}`;
    const attach = { kind: 'attach', session, owner: 'g', attachId, timeoutMs: 9_000 } as const;
    return { request: { ...attach, replacesEpoch: epoch }, origin: ANYONE };
  }
  if (roll < 0.25) {
    const operations = Array.from({ length: 1 + world.int(3) }, () => randomOperation(world));
    return { request: { kind: 'multi', operations }, origin };
  }
  return { request: randomOperation(world), origin: world.random.float() < 0.5 ? ANYONE : origin };
}

function randomRead(world: World): ReadRequest {
  return {
    kind: world.pick(['exists', 'getData', 'getChildren', 'getAcl'] as const),
    path: world.pick([...PATHS, '/']),
  };
}

interface Run {
  readonly world: World;
  readonly observations: Observation[];
  /** Calls that ended in an error, and those of them that may have been carried out. */
  readonly unknown: number;
  readonly doubtful: number;
  readonly keepers: Keeper[];
  /** How often a keeper went on with a fresh view. */
  readonly leaps: number;
}

/** How a run treats its log: `trims` of it go on all the time, with nothing kept that everybody has read. */
interface Treatment {
  readonly trims?: boolean;
}

async function run(seed: number, faults: Partial<Faults>, { trims = false }: Treatment = {}): Promise<Run> {
  const world = new World(seed);
  const keepers = Array.from({ length: KEEPERS }, (_, index) =>
    world.keeper({ faults, follow: index === 0, ...(index === 1 ? { viewLimits: TINY_VIEW } : {}) }),
  );
  const stretches = keepers.map((keeper) => followed(keeper));
  const materializers = [world.materializer(faults), world.materializer(faults)];
  const observations: Observation[] = [];
  const epochs = new Map<bigint, number>();
  let knownZxid = 0;
  let unknown = 0;
  let doubtful = 0;
  const running: Promise<unknown>[] = [];
  const learn = (seen: Observation, zxid: number) => {
    observations.push(seen);
    knownZxid = Math.max(knownZxid, zxid);
  };
  const attempt = (work: () => Promise<void>) => {
    const done = work().catch((error: unknown) => {
      // A store that does not answer five times in a row: the caller is told so. Anything else is a bug.
      if (!(error instanceof KeeperError)) throw error;
      unknown++;
      if (error.maybeApplied) doubtful++;
    });
    running.push(done);
  };
  const founder = world.keeper();
  for (const session of SESSIONS) {
    const request = createSession(session);
    const outcome = await world.until(founder.write(request, ANYONE));
    learn({ kind: 'write', keeper: 0, knownZxid, request, origin: ANYONE, outcome }, outcome.zxid);
  }
  for (let step = 0; step < STEPS; step++) {
    // Where the log is trimmed, the last keeper sleeps through stretches of it.
    const isAsleep = trims && step % 100 > 20;
    const index = world.int(isAsleep ? KEEPERS - 1 : KEEPERS);
    const keeper = keepers[index]!;
    const known = knownZxid;
    const roll = world.random.float();
    if (roll < 0.5) {
      const { request, origin } = randomWrite(world, epochs);
      const session = 'session' in request ? request.session : 0n;
      attempt(async () => {
        const outcome = await keeper.write(request, origin);
        if (outcome.ok && outcome.result.kind === 'attach') epochs.set(session, outcome.result.epoch);
        if (outcome.ok && outcome.result.kind === 'createSession') epochs.set(session, 1);
        learn({ kind: 'write', keeper: index, knownZxid: known, request, origin, outcome }, outcome.zxid);
      });
    } else if (roll < 0.75) {
      const request = randomRead(world);
      const linearizable = world.random.float() < 0.5;
      attempt(async () => {
        const { answer, zxid } = await keeper.read(request, {
          consistency: linearizable ? 'linearizable' : 'session',
        });
        learn(
          { kind: 'read', keeper: index, knownZxid: known, request, linearizable, zxid, answer },
          linearizable ? zxid : 0,
        );
      });
    } else if (roll < 0.87) {
      attempt(async () => {
        await world.pick(materializers).run();
      });
    } else {
      attempt(async () => {
        await keeper.replica.refreshWatermark();
      });
    }
    if (trims && world.random.float() < 0.2) attempt(() => trimSome(world, faults));
    if (world.random.float() < 0.4) await world.clock.advance(world.int(60));
  }
  await world.until(Promise.all(running));
  for (const keeper of keepers) await world.until(keeper.stop());
  for (const zxids of stretches.flat()) expect(zxids).toEqual(zxids.map((_, index) => zxids[0]! + index));
  await world.clock.advance(5000); // what was held up arrives now
  const leaps = stretches.reduce((sum, { length }) => sum + length - 1, 0);
  return { world, observations, unknown, doubtful, keepers, leaps };
}

function isLogged(outcome: WriteOutcome): boolean {
  return outcome.ok && outcome.logged;
}

/** The zxids that a keeper was told of, without a gap between two leaps. */
function followed(keeper: Keeper): number[][] {
  const stretches: number[][] = [[]];
  keeper.onCommit(({ position }) => stretches.at(-1)!.push(position.zxid));
  keeper.onLeap(() => stretches.push([]));
  return stretches;
}

/** Notify has read as far as rows are complete, or a little less. */
async function trimSome(world: World, faults: Partial<Faults>): Promise<void> {
  const row = await world.store.get('state', stateKey.watermark(NAMESPACE));
  const z = Math.max(0, (row === undefined ? 0 : zxidOfRow(row)) - world.int(3));
  const condition = [{ kind: 'absentOrLess', attribute: 'z', value: z }] as const;
  await world.store.put({ table: 'state', item: { ...rowKey(watchKey.cursor(NAMESPACE)), z }, condition });
  await world.trim(world.int(300), faults);
}

async function allRecordsAgree(outcome: Run): Promise<void> {
  const { world } = outcome;
  const history = await world.log();
  const { state, faults } = judge(history, outcome.observations);
  expect(faults).toEqual([]);
  // Nothing stands in the log twice: what no caller was told of is what a caller was left in doubt about.
  const told = outcome.observations.filter((seen) => seen.kind === 'write' && isLogged(seen.outcome)).length;
  const logged = history.entries.reduce((sum, entry) => sum + entry.txns.length, 0);
  expect(logged).toBeGreaterThanOrEqual(told);
  expect(logged).toBeLessThanOrEqual(told + outcome.doubtful);
  const report = await world.until(world.materializer().run());
  expect(report.watermark).toBe(logged);
  const paths = [...state.paths()].sort(() => world.random.float() - 0.5);
  for (const viewLimits of [undefined, TINY_VIEW]) {
    const fresh = world.keeper(viewLimits === undefined ? {} : { viewLimits });
    await world.until(fresh.start());
    for (const path of [...paths, ...PATHS]) {
      await world.until(fresh.replica.hydrate([recordKey.node(path)]));
      expect(same(fresh.replica.view.node(path), state.node(path))).toBe(true);
      await world.until(fresh.replica.hydrate([recordKey.children(path)]));
      expect(new Set(fresh.replica.view.children(path))).toEqual(new Set(state.children(path)));
    }
    for (const session of SESSIONS) {
      await world.until(fresh.replica.hydrate([recordKey.session(session), recordKey.ephemerals(session)]));
      expect(same(fresh.replica.view.session(session), state.session(session))).toBe(true);
      expect(new Set(fresh.replica.view.ephemerals(session))).toEqual(new Set(state.ephemerals(session)));
    }
    expect(fresh.counters.znodes).toBe(paths.length);
    expect(fresh.counters.sessions).toBe([...state.sessions()].length);
  }
  rowsAgree(outcome, state);
}

/** Znode rows, once everything has been materialized, are the replayed records and nothing else. */
function rowsAgree({ world }: Run, state: ReturnType<typeof judge>['state']): void {
  const prefix = `${NAMESPACE}#node#`;
  const rows = world.store.dump('state').filter((row) => (row['pk'] as string).startsWith(prefix));
  for (const row of rows) {
    const path = (row['pk'] as string).slice(prefix.length);
    const record = state.node(path);
    expect(same(isTombstone(row) ? null : nodeOfRow(row), record), path).toBe(true);
    if (record !== null) expect(nodeRow(NAMESPACE, path, record)['pk']).toBe(row['pk']);
  }
}

describe('several keepers on a faulty store', () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    it(`give exactly the answers of a sequential replay of the log (ZEROKEEPER_SEED=${seed} ZEROKEEPER_SEEDS=1)`, async () => {
      const outcome = await run(seed, FAULTS);
      // A run in which hardly anything was accepted would show nothing.
      expect(
        outcome.observations.filter((seen) => seen.kind === 'write' && isLogged(seen.outcome)).length,
      ).toBeGreaterThan(30);
      await allRecordsAgree(outcome);
    });
  }

  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    it(`do so while the log is trimmed behind and ahead of them (ZEROKEEPER_SEED=${seed} ZEROKEEPER_SEEDS=1)`, async () => {
      const outcome = await run(seed, FAULTS, { trims: true });
      expect(outcome.leaps).toBeGreaterThan(0);
      await allRecordsAgree(outcome);
    });
  }

  it('lose no request when the store is sound', async () => {
    const outcome = await run(99, { latencyMaxMs: 8 });
    expect(outcome.unknown).toBe(0);
    await allRecordsAgree(outcome);
  });
});
