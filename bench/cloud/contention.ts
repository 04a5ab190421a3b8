/** Many instances of the function write one namespace: the real code, in virtual time, on tables whose partitions have limits. */
import { seededRandom } from '../../lib/base/random.js';
import { createWiring, type FunctionWiring } from '../../functions/shared/wiring.js';
import { Samples } from '../samples.js';
import { Cloud, Meter } from './cloud-store.js';
import { STREAM_MS } from './figures.js';
import { NAMESPACE, ThinClient } from './thin-client.js';
import { VirtualClock } from './virtual-clock.js';

const DATA_BYTES = 100;

export interface ContentionResult {
  readonly instances: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly slowest: number;
  /** Capacity units of the API for each write. */
  readonly writeUnits: number;
  readonly readUnits: number;
  /** What the materializer adds to each write. */
  readonly materializeWriteUnits: number;
  readonly materializeReadUnits: number;
  readonly throttled: number;
}

/** One instance of the function, with the one client that calls it. */
class Instance {
  readonly #wiring: FunctionWiring;
  readonly #clock: VirtualClock;
  readonly #client: ThinClient;
  readonly #path: string;

  constructor(cloud: Cloud, meter: Meter, options: { clock: VirtualClock; number: number }) {
    const { clock, number } = options;
    const random = seededRandom(1000 + number);
    this.#clock = clock;
    this.#path = `/n${number}`;
    this.#client = new ThinClient(clock, random);
    this.#wiring = createWiring({ store: cloud.connect(meter), clock, random, namespaces: [NAMESPACE] });
  }

  async open(): Promise<void> {
    await this.#client.open(this.#wiring);
    await this.#client.create(this.#wiring, this.#path, DATA_BYTES);
  }

  /** Sets its znode's data, again and again. */
  async run(untilMs: number, onDone: (latencyMs: number) => void): Promise<void> {
    while (this.#clock.monotonic() < untilMs) {
      const begunMs = this.#clock.monotonic();
      await this.#client.set(this.#wiring, this.#path, DATA_BYTES);
      onDone(this.#clock.monotonic() - begunMs);
    }
  }
}

export async function contention(instances: number, seconds: number): Promise<ContentionResult> {
  const clock = new VirtualClock();
  const cloud = new Cloud({ clock, random: seededRandom(instances) });
  const [api, materialize] = [new Meter(), new Meter()];
  const all = Array.from({ length: instances }, (_, number) => new Instance(cloud, api, { clock, number }));
  let over = false;
  const materializing = materializeUntil(cloud, materialize, { clock, isOver: () => over });
  // One after the other: what is measured is not how everybody comes at once.
  for (const instance of all) await clock.until(instance.open());
  const samples = new Samples();
  const phase = (forSeconds: number, onDone: (latencyMs: number) => void) => {
    const untilMs = clock.monotonic() + forSeconds * 1000;
    return clock.until(Promise.all(all.map((instance) => instance.run(untilMs, onDone))));
  };
  await phase(seconds / 4, () => undefined);
  api.reset();
  materialize.reset();
  const begunMs = clock.monotonic();
  await phase(seconds, (latencyMs) => samples.add(latencyMs));
  const summary = samples.summarize(clock.monotonic() - begunMs);
  over = true;
  await clock.until(materializing);
  const each = (units: number) => units / summary.operations;
  return {
    instances,
    perSecond: summary.perSecond,
    p50: summary.p50,
    p99: summary.p99,
    slowest: summary.slowest,
    writeUnits: each(api.writeUnits),
    readUnits: each(api.readUnits),
    materializeWriteUnits: each(materialize.writeUnits),
    materializeReadUnits: each(materialize.readUnits),
    throttled: api.throttled,
  };
}

/** As the stream would: again and again, each time a while after. */
async function materializeUntil(
  cloud: Cloud,
  meter: Meter,
  { clock, isOver }: { clock: VirtualClock; isOver: () => boolean },
): Promise<void> {
  const store = cloud.connect(meter);
  const wiring = createWiring({ store, clock, random: seededRandom(7), namespaces: [NAMESPACE] });
  const materializer = wiring.materializer(NAMESPACE);
  while (!isOver()) {
    await new Promise<void>((resolve) => clock.after(STREAM_MS, resolve));
    await materializer.run({ deadlineMs: Infinity });
  }
}
