/**
 * A rolling upgrade (docs/OPERATIONS.md): two releases run side by side on one namespace, the older one goes, the namespace is switched to
 * the format that only the newer one knows. The next release and its format are test/operations/releases.ts.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Keeper } from '../../lib/keeper/keeper.js';
import { recordKey } from '../../lib/core/state.js';
import type { WriteRequest } from '../../lib/core/types.js';
import { blobsOfEntry } from '../../lib/keeper/blob-references.js';
import { LAG_CALL_MS, NAMESPACE_REFRESH_MS } from '../../lib/keeper/limits.js';
import { ANYONE, NAMESPACE, TINY_VIEW, World, create, createSession, judge, same } from '../keeper/world.js';
import type { History, Observation } from '../keeper/world.js';
import { loadReleases, type Release } from './releases.js';

const PATHS = ['/a', '/b', '/a/x', '/a/y', '/b/x', '/a/x/deep'];
const SESSIONS = [11n, 12n];
const STEPS = 60;
const SEEDS = Number(process.env['ZEROKEEPER_SEEDS'] ?? 6);
const FIRST_SEED = Number(process.env['ZEROKEEPER_SEED'] ?? 1);

let releases: { older: Release; newer: Release };
beforeAll(async () => {
  releases = await loadReleases();
}, 60_000);

/** Keepers of both releases on one store, and what they were asked and answered. */
class Cluster {
  readonly world: World;
  readonly observations: Observation[] = [];
  #known = 0;

  constructor(seed: number) {
    this.world = new World(seed);
  }

  #parts() {
    const { clock, random } = this.world;
    return { store: this.world.connection(), namespace: NAMESPACE, clock, random };
  }

  keeper(release: Release): Keeper {
    return new release.Keeper({ ...this.#parts(), viewLimits: TINY_VIEW });
  }

  registry(release: Release) {
    return new release.NamespaceRegistry(this.#parts());
  }

  materialize(release: Release) {
    return this.world.until(new release.Materializer(this.#parts()).run());
  }

  gateway(release: Release) {
    const keeper = this.keeper(release);
    return new release.GatewaySessions({ ...this.#parts(), keeper, address: () => 'h:2181' });
  }

  async step(keepers: readonly Keeper[], materializers: readonly Release[]): Promise<void> {
    const { world } = this;
    const at = world.int(keepers.length);
    const keeper = keepers[at]!;
    const knownZxid = this.#known;
    if (world.random.float() < 0.25) {
      const request = { kind: 'getData', path: world.pick(PATHS) } as const;
      const { answer, zxid } = await world.until(keeper.read(request, { consistency: 'linearizable' }));
      this.observations.push({
        kind: 'read',
        keeper: at,
        knownZxid,
        request,
        linearizable: true,
        zxid,
        answer,
      });
      this.#known = Math.max(this.#known, zxid);
    } else {
      const request = this.#randomWrite();
      const outcome = await world.until(keeper.write(request, ANYONE));
      this.observations.push({ kind: 'write', keeper: at, knownZxid, request, origin: ANYONE, outcome });
      this.#known = Math.max(this.#known, outcome.zxid);
    }
    if (world.random.float() < 0.2) await this.materialize(world.pick(materializers));
  }

  #randomWrite(): WriteRequest {
    const { world } = this;
    const path = world.pick(PATHS);
    const session = world.pick(SESSIONS);
    const roll = world.random.float();
    if (roll < 0.45) return create(path, new Uint8Array(world.random.float() < 0.1 ? 5000 : 20).fill(7));
    if (roll < 0.75) return { kind: 'setData', path, data: Buffer.from(String(world.int(99))), version: -1 };
    if (roll < 0.9) return { kind: 'delete', path, version: -1 };
    return roll < 0.97 ? createSession(session) : { kind: 'closeSession', session, epoch: 1 };
  }

  /** The formats of the entries that stand in the log. */
  formats(): number[] {
    return this.world.store.dump('log').map((row) => (row['body'] as Uint8Array)[0]!);
  }

  /** The formats of the rows that follow from the log. */
  rowFormats(): number[] {
    const rows = this.world.store
      .dump('state')
      .filter(({ pk }) => /#(node|sessions|watermark)/.test(String(pk)));
    return rows.map((row) => (row['rf'] ?? 1) as number);
  }

  async #history(release: Release): Promise<History> {
    const { world } = this;
    const blobs = new release.Blobs(this.#parts());
    const rows = world.store.dump('log').sort((a, b) => (a['zxid'] as number) - (b['zxid'] as number));
    const read = async (row: (typeof rows)[number]) => (await release.readEntry(row, blobs)).entry;
    const entries = await world.until(Promise.all(rows.map(read)));
    const references = entries.flatMap(blobsOfEntry);
    const contents = await world.until(Promise.all(references.map((reference) => blobs.read(reference))));
    return { entries, blobs: new Map(references.map(({ blob }, at) => [blob, contents[at]!])) };
  }

  /** All answers are those of a sequential replay of the log, and what a release finds in the rows is what that ends with. */
  async agrees(release: Release): Promise<void> {
    const { state, faults } = judge(await this.#history(release), this.observations);
    expect(faults).toEqual([]);
    await this.materialize(release);
    const fresh = this.keeper(release);
    await this.world.until(fresh.start());
    for (const path of PATHS) {
      await this.world.until(fresh.replica.hydrate([recordKey.node(path)]));
      expect(same(fresh.replica.view.node(path), state.node(path)), path).toBe(true);
    }
    for (const session of SESSIONS) {
      await this.world.until(fresh.replica.hydrate([recordKey.session(session)]));
      expect(same(fresh.replica.view.session(session), state.session(session))).toBe(true);
    }
    expect(fresh.counters.znodes).toBe([...state.paths()].length);
  }
}

describe('two releases on one namespace', () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    it(`answer as one before, while and after the older one goes and the format is switched (ZEROKEEPER_SEED=${seed})`, async () => {
      const { older, newer } = releases;
      const cluster = new Cluster(seed);
      const registry = cluster.registry(newer);
      await registry.create(NAMESPACE);
      const old = [cluster.keeper(older), cluster.keeper(older)];
      for (let step = 0; step < STEPS; step++) await cluster.step(old, [older]);
      // The upgrade under way: requests meet either release, and rows are written by either.
      const both = [...old, cluster.keeper(newer), cluster.keeper(newer)];
      for (let step = 0; step < STEPS; step++) await cluster.step(both, [older, newer]);
      expect(new Set(cluster.formats())).toEqual(new Set([1]));
      expect(new Set(cluster.rowFormats())).toEqual(new Set([1]));
      await cluster.agrees(older);
      // The older release is gone; not everybody hears of the switch at the same time.
      const upgraded = both.slice(old.length);
      await registry.switchFormat(NAMESPACE, 2);
      upgraded.push(cluster.keeper(newer));
      for (let step = 0; step < STEPS; step++) await cluster.step(upgraded, [newer]);
      await cluster.world.clock.advance(NAMESPACE_REFRESH_MS);
      for (let step = 0; step < STEPS; step++) await cluster.step(upgraded, [newer]);
      await cluster.agrees(newer);
      expect(new Set(cluster.formats())).toEqual(new Set([1, 2]));
      expect(cluster.formats().at(-1)).toBe(2);
      expect(cluster.rowFormats()).toContain(2);
    });
  }

  it('can be taken back until the switch: the older one works on with what the newer one wrote', async () => {
    const { older, newer } = releases;
    const cluster = new Cluster(77);
    for (let step = 0; step < STEPS; step++) await cluster.step([cluster.keeper(newer)], [newer]);
    const back = [cluster.keeper(older)];
    for (let step = 0; step < STEPS; step++) await cluster.step(back, [older]);
    await cluster.agrees(older);
  });
});

describe('switching a namespace to a later format', () => {
  async function created() {
    const cluster = new Cluster(1);
    const registry = cluster.registry(releases.newer);
    await registry.create(NAMESPACE, { znodes: 100 });
    return { cluster, registry };
  }
  const SWITCHED = { format: 2, limits: { znodes: 100 } };

  it.each([0, 3, 1.5])('is refused for %s, which the release does not know', async (format) => {
    const { registry } = await created();
    await expect(registry.switchFormat(NAMESPACE, format)).rejects.toMatchObject({ code: 'BadArguments' });
  });

  it('is refused while a gateway runs that does not read it, and done once that has ended', async () => {
    const { cluster, registry } = await created();
    const gateway = cluster.gateway(releases.older);
    await cluster.world.until(gateway.start());
    await expect(registry.switchFormat(NAMESPACE, 2)).rejects.toMatchObject({
      code: 'FormatNotRead',
      message: 'gateway h:2181 reads formats up to 1: upgrade it first',
    });
    expect(await registry.get(NAMESPACE)).not.toHaveProperty('format');
    gateway.lease.stop();
    await cluster.world.clock.advance(LAG_CALL_MS);
    const upgraded = cluster.gateway(releases.newer);
    await cluster.world.until(upgraded.start());
    await registry.switchFormat(NAMESPACE, 2);
    upgraded.lease.stop();
    expect(await registry.get(NAMESPACE)).toMatchObject(SWITCHED);
  });

  it('does nothing the second time, and cannot be taken back', async () => {
    const { registry } = await created();
    await registry.switchFormat(NAMESPACE, 2);
    await registry.switchFormat(NAMESPACE, 2);
    await expect(registry.switchFormat(NAMESPACE, 1)).rejects.toMatchObject({ code: 'FormatNotNewer' });
    await registry.limit(NAMESPACE, { znodes: 100 });
    expect(await registry.get(NAMESPACE)).toMatchObject(SWITCHED);
  });

  it('is refused for a namespace that is not on the list', async () => {
    const { registry } = await created();
    await expect(registry.switchFormat('other', 2)).rejects.toMatchObject({ code: 'NoNamespace' });
  });

  it('keeps an older release that is started later from writing, before it meets anything', async () => {
    const { cluster, registry } = await created();
    await registry.switchFormat(NAMESPACE, 2);
    const late = cluster.keeper(releases.older);
    await cluster.world.until(late.start());
    await expect(cluster.world.until(late.write(create('/a'), ANYONE))).rejects.toMatchObject({
      code: 'Unreadable',
      message: 'the namespace test has format 2, this version knows up to 1',
    });
    expect(cluster.formats()).toEqual([]);
  });
});
