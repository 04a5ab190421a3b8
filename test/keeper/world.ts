import { isDeepStrictEqual } from 'node:util';
import { ManualClock } from '../../lib/base/clock.js';
import type { Random } from '../../lib/base/random.js';
import { seededRandom } from '../../lib/base/random.js';
import { FullState } from '../../lib/core/full-state.js';
import { answer, applyWithStats, prepare, resultOf } from '../../lib/core/machine.js';
import { hasTtl } from '../../lib/core/modes.js';
import type {
  CreateMode,
  Origin,
  ReadAnswer,
  ReadRequest,
  SessionId,
  WriteRequest,
} from '../../lib/core/types.js';
import { NO_SESSION, OPEN_ACL } from '../../lib/core/types.js';
import type { KeeperOptions } from '../../lib/keeper/keeper.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { Materializer } from '../../lib/keeper/materializer.js';
import { readEntry } from '../../lib/keeper/log-rows.js';
import { Blobs } from '../../lib/keeper/blobs.js';
import { trimLog, type TrimReport } from '../../lib/keeper/trim.js';
import type { WriteOutcome } from '../../lib/keeper/types.js';
import { blobsOfEntry } from '../../lib/keeper/blob-references.js';
import type { ViewLimits } from '../../lib/keeper/view.js';
import type { Entry } from '../../lib/log/entry.js';
import type { Faults } from '../../lib/log/simulated-store.js';
import { SimulatedStore } from '../../lib/log/simulated-store.js';
import type { Item, Store } from '../../lib/log/store.js';

export const NAMESPACE = 'test';
export const ANYONE: Origin = { session: NO_SESSION, epoch: 0, authIds: [] };

/** So small that hardly anything stays: every read and write hydrates. */
export const TINY_VIEW: ViewLimits = {
  nodesBytes: 2000,
  listsBytes: 1500,
  sessionsBytes: 1000,
  blobsBytes: 9000,
};

export type KeeperInWorld = Partial<Omit<KeeperOptions, 'namespace' | 'clock' | 'random'>> & {
  faults?: Partial<Faults>;
};

/** A world with one simulated store and a time of its own. */
export class World {
  readonly clock = new ManualClock();
  readonly random: Random;
  readonly store: SimulatedStore;
  readonly #archive = new Map<number, Item>();

  constructor(seed = 1) {
    this.random = seededRandom(seed);
    this.store = new SimulatedStore({ clock: this.clock, random: seededRandom(seed + 1) });
  }

  /** On a connection of its own, unless `store` gives one to meddle with. */
  keeper(options: KeeperInWorld = {}): Keeper {
    const { faults, ...rest } = options;
    const store = this.connection(faults);
    return new Keeper({ store, namespace: NAMESPACE, clock: this.clock, random: this.random, ...rest });
  }

  connection(faults: Partial<Faults> = {}): SimulatedStore {
    return this.store.connect({ random: this.random, faults });
  }

  materializer(faults: Partial<Faults> = {}, store: Store = this.connection(faults)): Materializer {
    return new Materializer({ store, namespace: NAMESPACE, clock: this.clock, random: this.random });
  }

  /** Lets time pass until the promise settles; fails when `withinMs` of simulated time is not enough. */
  async until<T>(promise: Promise<T>, withinMs = 600_000): Promise<T> {
    let settled = false;
    const mark = () => (settled = true);
    promise.then(mark, mark);
    for (let passed = 0; !settled; passed += 5) {
      if (passed > withinMs) throw new Error(`nothing came of it within ${withinMs} ms of simulated time`);
      await this.clock.advance(5);
    }
    return promise;
  }

  /** Trims the log, after its entries were written down for {@link World.log}. */
  trim(retentionMs: number, faults: Partial<Faults> = {}): Promise<TrimReport> {
    for (const row of this.#wholeRows()) this.#archive.set(row['zxid'] as number, row);
    const { clock, random } = this;
    return trimLog({ store: this.connection(faults), namespace: NAMESPACE, clock, random, retentionMs });
  }

  #wholeRows(): Item[] {
    return this.store.dump('log').map((row) => {
      const isStub = row['body'] === undefined && row['bb'] === undefined;
      return isStub ? (this.#archive.get(row['zxid'] as number) ?? row) : row;
    });
  }

  /** The log as it stands, without faults; what was trimmed as it was before. */
  async log(): Promise<History> {
    const { store, clock, random } = this;
    const blobs = new Blobs({ store, namespace: NAMESPACE, clock, random });
    const rows = this.#wholeRows().sort((a, b) => (a['zxid'] as number) - (b['zxid'] as number));
    const entries = await Promise.all(rows.map(async (row) => (await readEntry(row, blobs)).entry));
    const contents = new Map<string, Uint8Array>();
    for (const reference of entries.flatMap(blobsOfEntry)) {
      contents.set(reference.blob, await blobs.read(reference));
    }
    return { entries, blobs: contents };
  }

  int(below: number): number {
    return Math.floor(this.random.float() * below);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(values.length)]!;
  }
}

/** The log with the contents of all blobs that it names. */
export interface History {
  readonly entries: readonly Entry[];
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

/** One request and what its caller was told. */
export type Observation = {
  readonly keeper: number;
  /** The highest zxid that any caller had been told of when this one asked. */
  readonly knownZxid: number;
} & (
  | {
      readonly kind: 'write';
      readonly request: WriteRequest;
      readonly origin: Origin;
      readonly outcome: WriteOutcome;
    }
  | {
      readonly kind: 'read';
      readonly request: ReadRequest;
      readonly linearizable: boolean;
      readonly zxid: number;
      readonly answer: ReadAnswer;
    }
);

/**
 * Replays the log one transaction after the other from nothing and gives, for every observation, what a caller should
 * have been told at the zxid that it was told. Returns the differences, in words.
 */
export function judge(
  { entries, blobs }: History,
  observations: readonly Observation[],
): { state: FullState; faults: string[] } {
  const state = new FullState();
  for (const [id, content] of blobs) state.putBlob(id, content);
  const faults: string[] = [];
  const byZxid = new Map<number, Observation[]>();
  for (const seen of observations) {
    const told = seen.kind === 'write' ? seen.outcome.zxid : seen.zxid;
    byZxid.set(told, [...(byZxid.get(told) ?? []), seen]);
  }
  const accepted = (zxid: number) =>
    (byZxid.get(zxid) ?? []).filter(
      (seen) => seen.kind === 'write' && seen.outcome.ok && seen.outcome.logged,
    );
  const others = (zxid: number) => (byZxid.get(zxid) ?? []).filter((seen) => !accepted(zxid).includes(seen));
  let zxid = 0;
  let timeMs = 0;
  const checkAt = () => {
    for (const seen of others(zxid)) {
      const wanted =
        seen.kind === 'write' ? refusalAt(seen.request, seen.origin, state) : answer(seen.request, state, []);
      const told = seen.kind === 'write' ? (seen.outcome.ok ? 'done' : seen.outcome.refusal) : seen.answer;
      if (!same(wanted, told))
        faults.push(`${text(seen.request)} at ${zxid}: told ${text(told)}, replay says ${text(wanted)}`);
    }
  };
  checkAt();
  for (const entry of entries) {
    if (entry.first !== zxid + 1) faults.push(`entry ${entry.first} does not follow ${zxid}`);
    if (entry.timeMs < timeMs) faults.push(`entry ${entry.first} goes back in time`);
    timeMs = entry.timeMs;
    for (const txn of entry.txns) {
      zxid++;
      const writers = accepted(zxid);
      if (writers.length > 1) faults.push(`zxid ${zxid} was given to ${writers.length} writers`);
      const writer = writers[0];
      const position = { zxid, timeMs };
      if (writer?.kind === 'write') checkPrepared(writer.request, writer.origin);
      const { stats } = applyWithStats(txn, position, state);
      if (writer?.kind === 'write' && writer.outcome.ok) {
        const result = resultOf({ request: writer.request, effect: txn.effect, position, state, stats });
        if (!same(result, writer.outcome.result)) {
          faults.push(
            `${text(writer.request)} at ${zxid}: told ${text(writer.outcome.result)}, replay says ${text(result)}`,
          );
        }
      }
      checkAt();
    }
  }
  for (const seen of observations) {
    const told = seen.kind === 'write' ? seen.outcome.zxid : seen.zxid;
    if (told > zxid) faults.push(`${text(seen.request)} was answered at ${told}, the log ends at ${zxid}`);
    const mustBeCurrent = seen.kind === 'write' || seen.linearizable;
    if (mustBeCurrent && told < seen.knownZxid) {
      faults.push(
        `${text(seen.request)} was answered at ${told} though ${seen.knownZxid} was known before it was asked`,
      );
    }
  }
  return { state, faults };

  function checkPrepared(request: WriteRequest, origin: Origin): void {
    const prepared = prepare({ request, origin, state, timeMs });
    if (!prepared.ok)
      faults.push(`${text(request)} was accepted at ${zxid}, replay refuses: ${text(prepared.refusal)}`);
  }
}

function refusalAt(request: WriteRequest, origin: Origin, state: FullState): unknown {
  const prepared = prepare({ request, origin, state, timeMs: 0 });
  return prepared.ok ? 'done' : prepared.refusal;
}

export function text(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'bigint') return `0x${part.toString(16)}`;
    return part instanceof Uint8Array ? `${part.length} bytes ${part.at(0) ?? ''}` : part;
  });
}

/** Equal in every field; lists of children in any order. */
export function same(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(comparable(a), comparable(b));
}

function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([name, field]): [string, unknown] =>
    name === 'children' && Array.isArray(field)
      ? [name, [...(field as string[])].sort()]
      : [name, comparable(field)],
  );
  return Object.fromEntries(fields);
}

export function create(
  path: string,
  data: string | Uint8Array = '',
  mode: CreateMode = 'persistent',
): WriteRequest & { kind: 'create' } {
  return {
    kind: 'create',
    path,
    data: typeof data === 'string' ? Buffer.from(data) : data,
    acl: OPEN_ACL,
    mode,
    ...(hasTtl(mode) ? { ttlMs: 60_000 } : {}),
  };
}

export function createSession(session: SessionId, owner = 'g'): WriteRequest {
  return {
    kind: 'createSession',
    session,
    owner,
    attachId: `a${session}`,
    timeoutMs: 10_000,
    passwordHash: new Uint8Array(32),
  };
}
