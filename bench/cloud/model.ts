/** A deployment as a model: the real code, in virtual time, on tables with published latencies. */
import { createWiring, type FunctionWiring } from '../../functions/shared/wiring.js';
import { seededRandom } from '../../lib/base/random.js';
import { parentOf } from '../../lib/core/paths.js';
import { NO_SESSION, OPEN_ACL, type WriteRequest } from '../../lib/core/types.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import type { ViewLimits } from '../../lib/keeper/view.js';
import type { Store } from '../../lib/log/store.js';
import { Samples, type Summary } from '../samples.js';
import { Cloud, Meter } from './cloud-store.js';
import { NAMESPACE } from './thin-client.js';
import { VirtualClock } from './virtual-clock.js';

export interface Line {
  readonly what: string;
  readonly summary: Summary;
  /** Capacity units an operation. */
  readonly writeUnits: number;
  readonly readUnits: number;
}

/** Operations that a figure is made of. */
const OPERATIONS = 3000;
/** Writes that are sent together when a tree is loaded. */
const LOAD_TOGETHER = 500;

export class Model {
  readonly clock = new VirtualClock();
  readonly cloud: Cloud;
  readonly meter = new Meter();

  constructor(fixedMs?: number) {
    const common = { clock: this.clock, random: seededRandom(11), limited: false };
    this.cloud = new Cloud(fixedMs === undefined ? common : { ...common, fixedMs });
  }

  instance(seed: number): FunctionWiring {
    return this.instanceOn(this.cloud.connect(this.meter), seed);
  }

  /** Counted on a meter of the caller's. */
  instanceOn(store: Store, seed: number): FunctionWiring {
    return createWiring({ store, clock: this.clock, random: seededRandom(seed), namespaces: [NAMESPACE] });
  }

  keeper(seed: number, viewLimits?: ViewLimits): Keeper {
    const store = this.cloud.connect(this.meter);
    const { clock } = this;
    const limits = viewLimits === undefined ? {} : { viewLimits };
    return new Keeper({ store, namespace: NAMESPACE, clock, random: seededRandom(seed), ...limits });
  }

  /** One after the other; `addedMs` is what the way to the function takes. */
  async measure(
    what: string,
    work: (index: number) => Promise<unknown>,
    { addedMs = 0, operations = OPERATIONS } = {},
  ): Promise<Line> {
    this.meter.reset();
    const samples = new Samples();
    const begunMs = this.clock.monotonic();
    for (let n = 0; n < operations; n++) {
      const startMs = this.clock.monotonic();
      await this.clock.until(work(n));
      samples.add(this.clock.monotonic() - startMs + addedMs);
    }
    const summary = samples.summarize(this.clock.monotonic() - begunMs + operations * addedMs);
    const { writeUnits, readUnits } = this.meter;
    return { what, summary, writeUnits: writeUnits / operations, readUnits: readUnits / operations };
  }

  async elapsed(work: Promise<unknown>): Promise<number> {
    const startMs = this.clock.monotonic();
    await this.clock.until(work);
    return this.clock.monotonic() - startMs;
  }

  /** Parents and their children, in transactions of many, by a keeper of its own that nothing else uses. */
  async load(of: {
    readonly znodes: number;
    readonly parents: number;
    readonly bytes: number;
    readonly pathOf: (index: number) => string;
  }): Promise<void> {
    const keeper = this.keeper(99);
    await keeper.start();
    const data = seededRandom(3).bytes(of.bytes);
    const create = (path: string) =>
      ({ kind: 'create', path, data, acl: OPEN_ACL, mode: 'persistent' }) as const;
    const parents = Array.from({ length: of.parents }, (_, index) => parentOf(of.pathOf(index)));
    for (const parent of parents) await written(keeper, create(parent));
    for (let from = 0; from < of.znodes; from += LOAD_TOGETHER) {
      const until = Math.min(of.znodes, from + LOAD_TOGETHER);
      const paths = Array.from({ length: until - from }, (_, index) => of.pathOf(from + index));
      await Promise.all(paths.map((path) => written(keeper, create(path))));
    }
    await keeper.stop();
  }
}

/** For a write that has to succeed. */
export async function written(keeper: Keeper, request: WriteRequest): Promise<void> {
  const outcome = await keeper.write(request, { session: NO_SESSION, epoch: 0, authIds: [] });
  if (!outcome.ok) throw new Error(`${request.kind} was refused: ${outcome.refusal.code}`);
}
