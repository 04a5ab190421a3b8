import { describe, expect, it } from 'vitest';
import { assert } from '../../lib/base/assert.js';
import { sleep } from '../../lib/base/clock.js';
import { FullState } from '../../lib/core/full-state.js';
import { answer, applyWithStats } from '../../lib/core/machine.js';
import type { Effect, ReadRequest, Stat, Txn, WatchTrigger } from '../../lib/core/types.js';
import { SessionExpiredError, ZeroKeeperError } from '../../lib/client/index.js';
import type { ZeroKeeperClient } from '../../lib/client/index.js';
import { same, text } from '../keeper/world.js';
import { ChaosWorld } from './chaos-world.js';

const SEEDS = Number(process.env['ZEROKEEPER_SEEDS'] ?? 4);
const FIRST_SEED = Number(process.env['ZEROKEEPER_SEED'] ?? 1);
const CLIENTS = 3;
const OPERATIONS = 60;
const PATHS = ['/a', '/b', '/a/x', '/a/y', '/b/z'];

/** A write as its caller knows it; `tag` is its data, or '' for a delete. */
interface Write {
  readonly tag: string;
  readonly kind: 'create' | 'setData' | 'delete' | 'multi';
  outcome: 'open' | 'done' | 'refused' | 'doubtful';
  zxid?: number;
  stat?: Stat | undefined;
  path?: string;
}

interface Read {
  readonly request: ReadRequest;
  readonly told: object;
  readonly zxid: number;
}

interface WatchHeld {
  readonly kind: 'data' | 'exists' | 'children';
  readonly path: string;
  armedAt: number | undefined;
  readonly fired: number[];
}

const decode = (data: Uint8Array) => Buffer.from(data).toString();

/** One application: calls without waiting, gives some up, and writes down what it was told. */
class Application {
  readonly writes: Write[] = [];
  readonly reads: Read[] = [];
  readonly watches: WatchHeld[] = [];
  readonly faults: string[] = [];
  readonly client: ZeroKeeperClient;
  readonly #world: ChaosWorld;
  readonly #name: string;
  #told = 0;
  #underWay = new Set<Promise<unknown>>();

  constructor(world: ChaosWorld, client: ZeroKeeperClient, name: string) {
    this.#world = world;
    this.client = client;
    this.#name = name;
  }

  async setUp(path: string): Promise<void> {
    await this.client.create(path, path);
    this.writes.push({ tag: path, kind: 'create', outcome: 'done' });
  }

  async run(): Promise<void> {
    for (let turn = 0; turn < OPERATIONS; turn++) {
      this.#one(turn);
      if (this.#underWay.size > 6 || this.#world.random.float() < 0.2) await Promise.all(this.#underWay);
      else if (this.#world.random.float() < 0.3) await sleep(this.#world.clock, this.#world.int(60));
    }
    await Promise.all(this.#underWay);
  }

  #one(turn: number): void {
    const work = this.#world.random.float() < 0.6 ? this.#write(turn) : this.#read();
    const call: Promise<unknown> = work.finally(() => this.#underWay.delete(call));
    this.#underWay.add(call);
  }

  /** Some calls are given up by their signal, some by their deadline. */
  #options(): { signal?: AbortSignal; timeoutMs: number } {
    const dice = this.#world.random.float();
    if (dice < 0.1) return { timeoutMs: 1 + this.#world.int(400) };
    if (dice > 0.2) return { timeoutMs: 120_000 };
    const aborter = new AbortController();
    this.#world.clock.after(this.#world.int(300), () => aborter.abort());
    return { signal: aborter.signal, timeoutMs: 120_000 };
  }

  async #write(turn: number): Promise<void> {
    const { client } = this;
    const tag = `${this.#name}-${turn}`;
    const path = this.#world.pick(PATHS);
    const options = this.#options();
    const kind = this.#world.pick(['create', 'setData', 'setData', 'delete', 'multi'] as const);
    const write: Write = { tag: kind === 'delete' ? '' : tag, kind, outcome: 'open' };
    this.writes.push(write);
    try {
      if (kind === 'create') {
        const mode = this.#world.pick(['persistent', 'persistent', 'persistentSequential'] as const);
        const done = await client.create(path, tag, { ...options, mode });
        Object.assign(write, done, { zxid: done.stat.czxid });
      } else if (kind === 'setData') {
        const stat = await client.set(path, tag, options);
        Object.assign(write, { path, stat, zxid: stat.mzxid });
      } else if (kind === 'delete') await client.delete(path, options);
      else {
        const operations = [
          { op: 'create', path: '/b/q-', mode: 'persistentSequential' },
          { op: 'set', path, data: tag },
          { op: 'check', path: '/a' },
        ] as const;
        const [, { stat }] = await client.multi(operations, options);
        Object.assign(write, { path, stat, zxid: stat.mzxid });
      }
      write.outcome = 'done';
      this.#hear(write.zxid ?? 0);
    } catch (error) {
      write.outcome = this.#failure(error).maybeApplied ? 'doubtful' : 'refused';
    }
  }

  async #read(): Promise<void> {
    const { client } = this;
    const path = this.#world.pick(PATHS);
    const floor = client.zxid;
    const consistency = this.#world.pick(['linearizable', 'session'] as const);
    const kind = this.#world.pick(['data', 'exists', 'children'] as const);
    const held: WatchHeld = { kind, path, armedAt: undefined, fired: [] };
    const watch = (event: { zxid: number | undefined }) => this.#fired(held, event.zxid ?? 0);
    const isWatching = this.#world.random.float() < 0.4;
    const options = { ...this.#options(), consistency, ...(isWatching ? { watch } : {}) };
    try {
      const { zxid, ...told } =
        kind === 'data'
          ? await client.get(path, options)
          : kind === 'children'
            ? await client.getChildren(path, options)
            : { stat: await client.exists(path, options), zxid: client.zxid };
      if (zxid < floor) this.faults.push(`${path} was read at ${zxid} after ${floor} had been seen`);
      if (kind === 'exists') return; // The answer does not say at which zxid it was made.
      this.reads.push({ request: { kind: kind === 'data' ? 'getData' : 'getChildren', path }, told, zxid });
      held.armedAt = zxid;
      if (isWatching) this.watches.push(held);
      this.#hear(zxid);
    } catch (error) {
      this.#failure(error);
      if (held.fired.length > 0) this.faults.push(`a watch fired at ${path} whose call had failed`);
    }
  }

  #fired(held: WatchHeld, zxid: number): void {
    held.fired.push(zxid);
    if (held.fired.length > 1)
      this.faults.push(`a watch at ${held.path} fired at ${held.fired.join(' and ')}`);
    if (zxid <= this.#told) this.faults.push(`the event of ${zxid} came after an answer at ${this.#told}`);
  }

  #hear(zxid: number): void {
    this.#told = Math.max(this.#told, zxid);
  }

  #failure(error: unknown): ZeroKeeperError {
    if (!(error instanceof ZeroKeeperError)) throw error;
    if (error instanceof SessionExpiredError || ['MaybeApplied', 'OutOfOrder'].includes(error.name)) {
      this.faults.push(`a call ended as ${error.message}`);
    }
    return error;
  }
}

/** One transaction of the log, with what it did. */
interface Step {
  readonly zxid: number;
  readonly txn: Txn;
  readonly triggers: readonly WatchTrigger[];
  readonly tags: readonly string[];
}

function effectsOf(effect: Effect): readonly Effect[] {
  return effect.type === 'multi' ? effect.operations : [effect];
}

function tagsOf(effect: Effect): string[] {
  return effectsOf(effect).flatMap((part) => {
    if (part.type !== 'create' && part.type !== 'setData') return [];
    const tag = part.data instanceof Uint8Array ? decode(part.data) : '';
    return tag === '' ? [] : [tag];
  });
}

/** Replays the log, and compares what was told of each zxid with the state there. */
async function replay(world: ChaosWorld, applications: readonly Application[]) {
  const state = new FullState();
  const steps: Step[] = [];
  const faults: string[] = [];
  const told = applications.flatMap(({ reads }) => reads);
  const done = applications.flatMap(({ writes }) => writes).filter(({ zxid }) => zxid !== undefined);
  for (const entry of (await world.log()).entries) {
    for (const [index, txn] of entry.txns.entries()) {
      const zxid = entry.first + index;
      const { triggers } = applyWithStats(txn, { zxid, timeMs: entry.timeMs }, state);
      const tags = tagsOf(txn.effect);
      steps.push({ zxid, txn, triggers, tags });
      for (const read of told.filter((one) => one.zxid === zxid)) {
        const replayed = answer(read.request, state, []);
        if (!replayed.ok || !same(replayed.result, { kind: read.request.kind, ...read.told }))
          faults.push(`${text(read)}, replay says ${text(replayed)}`);
      }
      for (const write of done.filter((one) => one.zxid === zxid)) {
        if (!tags.includes(write.tag))
          faults.push(`${write.tag} was told ${zxid}, where ${text(tags)} stands`);
        const now = answer({ kind: 'exists', path: write.path ?? '' }, state, []);
        const stat = now.ok && now.result.kind === 'exists' ? now.result.stat : undefined;
        if (!same(stat, write.stat)) faults.push(`${text(write)}, replay says ${text(stat)}`);
      }
    }
  }
  return { steps, faults };
}

function checkWrites({ client, writes }: Application, steps: readonly Step[]): string[] {
  const faults: string[] = [];
  const session = BigInt(`0x${client.session?.id ?? '0'}`);
  const own = steps.filter(({ txn }) => txn.session === session && txn.cxid > 0);
  own.forEach(({ txn }, index) => {
    if (txn.cxid !== index + 1) faults.push(`write ${txn.cxid} stands where ${index + 1} should`);
  });
  const logged = own.flatMap(({ tags }) => tags);
  if (new Set(logged).size < logged.length) faults.push(`a write was done twice: ${logged.join(' ')}`);
  for (const { tag, outcome } of writes) {
    if (tag === '') continue;
    if (outcome === 'done' && !logged.includes(tag)) faults.push(`${tag} was acknowledged and is lost`);
    if (outcome === 'refused' && logged.includes(tag)) faults.push(`${tag} was refused and was done`);
  }
  const order = writes.map(({ tag }) => tag).filter((tag) => logged.includes(tag));
  if (!same(order, logged))
    faults.push(`the order of the calls was ${order.join(' ')}, not ${logged.join(' ')}`);
  const deletes = own.filter(({ txn }) => txn.effect.type === 'delete').length;
  const told = (outcome: string) => writes.filter((one) => one.tag === '' && one.outcome === outcome).length;
  if (deletes < told('done') || deletes > told('done') + told('doubtful')) {
    faults.push(`${deletes} deletes were done, ${told('done')} acknowledged, ${told('doubtful')} in doubt`);
  }
  return faults;
}

function checkWatches({ client, watches }: Application, steps: readonly Step[]): string[] {
  return watches.flatMap(({ kind, path, armedAt = 0, fired }) => {
    const concerns = (trigger: WatchTrigger) =>
      trigger.path === path &&
      (trigger.event === 'deleted' || (trigger.event === 'childrenChanged') === (kind === 'children')) &&
      !(kind === 'children' && trigger.event === 'created');
    const due = steps.find(({ zxid, triggers }) => zxid > armedAt && triggers.some(concerns));
    const wanted = due === undefined || due.zxid > client.zxid ? [] : [due.zxid];
    return same(wanted, fired)
      ? []
      : [`the ${kind} watch of ${armedAt} at ${path} fired at ${fired.join()}, not at ${wanted.join()}`];
  });
}

async function run(seed: number): Promise<{ faults: string[]; done: number; fired: number }> {
  const world = new ChaosWorld(seed);
  const clients: ZeroKeeperClient[] = [];
  for (let index = 0; index < CLIENTS; index++) clients.push(await world.client(seed * 100 + index));
  const applications = clients.map((client, index) => new Application(world, client, `c${index}`));
  const [first] = applications;
  assert(first !== undefined, 'there are applications');
  await world.until(Promise.all(['/a', '/b', '/a/x'].map((path) => first.setUp(path))));
  let stopped = false;
  const background = world.background(() => stopped);
  await world.until(Promise.all(applications.map((application) => application.run())));
  stopped = true;
  await world.until(Promise.all([background, ...world.stray]));
  world.calm();
  await world.until(Promise.all(clients.map((client) => client.sync())));
  const { steps, faults } = await replay(world, applications);
  for (const application of applications) {
    faults.push(...application.faults, ...checkWrites(application, steps));
    faults.push(...checkWatches(application, steps));
  }
  await world.until(Promise.all(clients.map((client) => client.close())));
  const done = applications
    .flatMap(({ writes }) => writes)
    .filter(({ outcome }) => outcome === 'done').length;
  const fired = applications
    .flatMap(({ watches }) => watches)
    .filter((watch) => watch.fired.length > 0).length;
  return { faults, done, fired };
}

describe('clients over lambda, with lost, late and doubled requests, cold instances and a faulty store', () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    it(`do each write once and see nothing out of order (ZEROKEEPER_SEED=${seed} ZEROKEEPER_SEEDS=1)`, async () => {
      const { faults, done, fired } = await run(seed);
      expect(faults).toEqual([]);
      expect(done).toBeGreaterThan(OPERATIONS / 4);
      expect(fired).toBeGreaterThan(0);
    });
  }
});
