import type { Clock } from '../../lib/base/clock.js';
import type { ZeroKeeperClient } from '../../lib/client/client.js';
import { AbortedError } from '../../lib/client/errors.js';
import type { MultiInput } from '../../lib/client/multi.js';
import type { CreateMode } from '../../lib/core/types.js';
import type { History, SessionHistory } from './history.js';
import type { Dice } from './world/dice.js';
import type { Ground } from './world/ground.js';

/** Znodes that are never deleted, for the checkers that trust nothing but values. */
export const REGISTERS = ['/registers/a', '/registers/b', '/registers/c'] as const;
export const SET = '/set';
export const SEQUENCE = '/sequence';
export const PAIRS = '/pairs';
export const PERMANENT = ['/registers', ...REGISTERS, SET, SEQUENCE, PAIRS, '/tree', '/live'] as const;

const TREE = ['/tree/a', '/tree/b', '/tree/a/x', '/tree/a/y', '/tree/b/x', '/tree/a/x/deep'];
const MODES: readonly CreateMode[] = [
  'persistent',
  'persistent',
  'ephemeral',
  'persistentSequential',
  'ephemeralSequential',
];

/** What clients do, and how often. */
export const ACTIONS = {
  readRegister: 12,
  writeRegister: 10,
  addToSet: 5,
  readSet: 3,
  nextInSequence: 5,
  pair: 4,
  readPairs: 2,
  createInTree: 12,
  deleteInTree: 8,
  setInTree: 8,
  readTree: 12,
  readTreeOfSession: 6,
  watchTree: 10,
  multi: 5,
  crowd: 1,
  live: 6,
  setAcl: 2,
  sync: 2,
  persistentWatch: 2,
  changes: 3,
} as const;

type Action = keyof typeof ACTIONS;

export interface WorkloadOptions {
  readonly history: History;
  readonly fires: Ground['fires'];
  readonly weights?: Partial<Record<Action, number>>;
  readonly pauseMsMax: number;
  /** Data over 4 KB are blobs: this share of them. */
  readonly largeShare: number;
}

export interface Worker {
  readonly clock: Clock;
  readonly dice: Dice;
  readonly record: SessionHistory;
  readonly look: (what: string, error: unknown) => void;
}

/** What applications do: random operations, some side by side, some of them given up. */
export class Workload {
  readonly pauseMsMax: number;
  readonly #options: WorkloadOptions;
  readonly #weights: Readonly<Record<Action, number>>;
  #values = 0;
  #listeners = 0;

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.pauseMsMax = options.pauseMsMax;
    this.#weights = { ...ACTIONS, ...options.weights };
  }

  /** A few operations, handed over together; resolves when all have ended. */
  async burst(client: ZeroKeeperClient, worker: Worker): Promise<void> {
    const count = worker.dice.chance(0.6) ? 1 : worker.dice.between(2, 4);
    const running = Array.from({ length: count }, () => {
      const action = worker.dice.weighted(this.#weights);
      return this.#act(action, client, worker).catch((error: unknown) => worker.look(action, error));
    });
    await Promise.all(running);
  }

  /** A value that nobody writes twice. */
  #value(dice: Dice): string {
    const value = `v${++this.#values}`;
    return dice.chance(this.#options.largeShare) ? value.padEnd(4_100 + dice.between(0, 2_000), '.') : value;
  }

  #act(action: Action, client: ZeroKeeperClient, worker: Worker): Promise<unknown> {
    const { dice } = worker;
    const timeoutMs = this.#options.fires('clientTimeout', 0.1, dice) ? dice.between(1, 1_500) : 15_000;
    const call = { timeoutMs };
    switch (action) {
      case 'readRegister':
        return client.get(dice.pick(REGISTERS), { ...call, consistency: 'linearizable' });
      case 'writeRegister':
        return this.#writeRegister(client, { dice, timeoutMs });
      case 'addToSet':
        return client.create(`${SET}/${this.#value(dice).slice(0, 20)}`, '', call);
      case 'readSet':
        return client.getChildren(SET, { ...call, consistency: 'linearizable' });
      case 'nextInSequence':
        return client.create(`${SEQUENCE}/n-`, this.#value(dice), { ...call, mode: 'persistentSequential' });
      case 'pair':
        return this.#pair(client, { dice, timeoutMs });
      case 'readPairs':
        return client.getChildren(PAIRS, { ...call, consistency: 'linearizable' });
      case 'createInTree':
        return client.create(this.#treePath(dice), this.#value(dice), { ...call, mode: dice.pick(MODES) });
      case 'deleteInTree':
        return client.delete(this.#treePath(dice), { ...call, version: this.#version(dice) });
      case 'setInTree':
        return client.set(this.#treePath(dice), this.#value(dice), { ...call, version: this.#version(dice) });
      case 'readTree':
        return this.#read(client, { dice, call: { ...call, consistency: 'linearizable' } });
      case 'readTreeOfSession':
        return this.#read(client, { dice, call: { ...call, consistency: 'session' } });
      case 'watchTree':
        return this.#watch(client, { worker, timeoutMs });
      case 'multi':
        return client.multi(this.#multi(dice), call);
      case 'crowd':
        return client.multi(this.#crowd(dice), call);
      case 'live':
        return client.create(`/live/${client.session?.id ?? 'none'}`, this.#value(dice), {
          ...call,
          mode: 'ephemeral',
        });
      case 'setAcl':
        return client.setAcl(this.#treePath(dice), [{ perms: 31, scheme: 'world', id: 'anyone' }], call);
      case 'sync':
        return client.sync('/', call);
      case 'persistentWatch':
        return this.#persistentWatch(client, { dice, timeoutMs });
      case 'changes':
        return this.#changes(client, worker);
    }
  }

  #treePath(dice: Dice): string {
    return dice.pick(TREE);
  }

  #version(dice: Dice): number {
    return dice.chance(0.8) ? -1 : dice.between(0, 2);
  }

  async #writeRegister(client: ZeroKeeperClient, how: { dice: Dice; timeoutMs: number }): Promise<void> {
    const { dice, timeoutMs } = how;
    const path = dice.pick(REGISTERS);
    if (dice.chance(0.5)) {
      await client.set(path, this.#value(dice), { timeoutMs });
      return;
    }
    const { stat } = await client.get(path, { timeoutMs, consistency: 'linearizable' });
    await client.set(path, this.#value(dice), { timeoutMs, version: stat.version });
  }

  #pair(client: ZeroKeeperClient, { dice, timeoutMs }: { dice: Dice; timeoutMs: number }): Promise<unknown> {
    const name = this.#value(dice).slice(0, 20);
    const inputs: MultiInput[] = ['x', 'y'].map((half) => ({
      op: 'create',
      path: `${PAIRS}/${half}-${name}`,
    }));
    // Now and then a third operation that cannot succeed refuses all of it.
    if (dice.chance(0.3)) inputs.splice(dice.between(0, 2), 0, { op: 'check', path: '/nothing', version: 0 });
    return client.multi(inputs, { timeoutMs });
  }

  #read(
    client: ZeroKeeperClient,
    how: { dice: Dice; call: { timeoutMs: number; consistency: 'linearizable' | 'session' } },
  ): Promise<unknown> {
    const { dice, call } = how;
    const path = dice.pick([...TREE, '/tree', '/live']);
    switch (dice.pick(['get', 'exists', 'children', 'acl'] as const)) {
      case 'get':
        return client.get(path, call);
      case 'exists':
        return client.exists(path, call);
      case 'children':
        return client.getChildren(path, call);
      case 'acl':
        return client.getAcl(path, call);
    }
  }

  #watch(
    client: ZeroKeeperClient,
    { worker, timeoutMs }: { worker: Worker; timeoutMs: number },
  ): Promise<unknown> {
    const { dice, record } = worker;
    const { history } = this.#options;
    const listener = ++this.#listeners;
    const watch = () => {
      history.heard.push({ session: record, listener, at: history.moment() });
    };
    const path = dice.pick([...TREE, '/tree', ...REGISTERS]);
    const consistency = dice.pick(['linearizable', 'session'] as const);
    const options = { timeoutMs, watch, consistency };
    switch (dice.pick(['get', 'exists', 'children'] as const)) {
      case 'get':
        return client.get(path, options);
      case 'exists':
        return client.exists(path, options);
      case 'children':
        return client.getChildren(path, options);
    }
  }

  async #persistentWatch(client: ZeroKeeperClient, how: { dice: Dice; timeoutMs: number }): Promise<void> {
    const { dice, timeoutMs } = how;
    const type = dice.pick(['persistent', 'persistentRecursive'] as const);
    const watch = await client.watch(
      dice.pick(['/tree', '/tree/a', '/registers']),
      { type, timeoutMs },
      () => undefined,
    );
    if (dice.chance(0.3)) watch.close();
  }

  /** Follows what happened since some zxid, and for a while what happens. */
  async #changes(client: ZeroKeeperClient, { dice, clock }: Worker): Promise<void> {
    if (!client.capabilities.changes) return;
    const since = Math.max(0, client.zxid - dice.between(0, 40));
    const end = new AbortController();
    const cancel = clock.after(dice.between(500, 4_000), () => end.abort(new Error('enough')));
    const options = { since, recursive: dice.chance(0.7), signal: end.signal };
    try {
      for await (const change of client.changes('/tree', options)) {
        if (change.zxid >= client.zxid && dice.chance(0.5)) break;
      }
    } catch (error) {
      if (!(error instanceof AbortedError)) throw error;
    } finally {
      cancel();
    }
  }

  /** So many operations, and later so many ephemerals of one session, that each record's part is kept by itself. */
  #crowd(dice: Dice): MultiInput[] {
    return Array.from({ length: dice.between(16, 24) }, (_, index): MultiInput => {
      const path = index % 3 === 0 ? '/live/crowd-' : '/tree/crowd-';
      return { op: 'create', path, data: this.#value(dice), mode: 'ephemeralSequential' };
    });
  }

  #multi(dice: Dice): MultiInput[] {
    return Array.from({ length: dice.between(1, 4) }, (): MultiInput => {
      const path = this.#treePath(dice);
      const roll = dice.between(0, 9);
      if (roll < 4) return { op: 'create', path, data: this.#value(dice), mode: dice.pick(MODES) };
      if (roll < 6) return { op: 'delete', path, version: -1 };
      if (roll < 9) return { op: 'set', path, data: this.#value(dice), version: -1 };
      return { op: 'check', path, version: 0 };
    });
  }
}
