/** Many instances of the function write one namespace: the real code, in virtual time, on tables whose partitions have limits. */
import { seededRandom } from '../../lib/base/random.js';
import type { ThinAnswer, ThinRequest } from '../../lib/wire/thin-protocol.js';
import { createWiring, type FunctionWiring } from '../../functions/shared/wiring.js';
import { Samples } from '../samples.js';
import { Cloud, Meter } from './cloud-store.js';
import { STREAM_MS } from './figures.js';
import { VirtualClock } from './virtual-clock.js';

const NAMESPACE = 'bench';
/** Of one invocation, as the CDK construct sets it. */
const TIMEOUT_MS = 29_000;
const SESSION_TIMEOUT_MS = 40_000;
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

class Instance {
  readonly #wiring: FunctionWiring;
  readonly #clock: VirtualClock;
  readonly #random: ReturnType<typeof seededRandom>;
  readonly #path: string;
  #session: { id: string; epoch: number } | undefined;
  #cxid = 0;
  #seen = 0;

  constructor(cloud: Cloud, meter: Meter, options: { clock: VirtualClock; number: number }) {
    const { clock, number } = options;
    this.#clock = clock;
    this.#random = seededRandom(1000 + number);
    this.#path = `/n${number}`;
    const store = cloud.connect(meter);
    this.#wiring = createWiring({ store, clock, random: this.#random, namespaces: [NAMESPACE] });
  }

  async open(): Promise<void> {
    const openId = Buffer.from(this.#random.bytes(16)).toString('base64');
    const answer = await this.#ask({ v: 1, type: 'open', timeoutMs: SESSION_TIMEOUT_MS, openId });
    if (answer.type !== 'opened') throw new Error(JSON.stringify(answer));
    this.#session = { id: answer.session, epoch: answer.epoch };
    const acl = [{ perms: 31, scheme: 'world', id: 'anyone' }];
    await this.#write({ op: 'create', path: this.#path, data: this.#data(), acl, mode: 'persistent' });
  }

  /** Sets its znode's data, again and again. */
  async run(untilMs: number, onDone: (latencyMs: number) => void): Promise<void> {
    while (this.#clock.monotonic() < untilMs) {
      const begunMs = this.#clock.monotonic();
      await this.#write({ op: 'setData', path: this.#path, data: this.#data(), version: -1 });
      onDone(this.#clock.monotonic() - begunMs);
    }
  }

  /** Of bytes that do not compress. */
  #data(): string {
    return Buffer.from(this.#random.bytes(DATA_BYTES)).toString('base64');
  }

  async #write(operation: Record<string, unknown>): Promise<void> {
    const { session } = this;
    const cxid = ++this.#cxid;
    const request = {
      v: 1,
      type: 'batch',
      session,
      seen: this.#seen,
      watching: false,
      operations: [{ ...operation, cxid }],
    } as unknown as ThinRequest;
    const answer = await this.#ask(request);
    const result = answer.type === 'batch' ? answer.results[0] : undefined;
    if (result === undefined || result.op !== operation['op']) throw new Error(JSON.stringify(answer));
    this.#seen = Math.max(this.#seen, result.zxid);
  }

  get session(): { id: string; epoch: number } {
    if (this.#session === undefined) throw new Error('no session');
    return this.#session;
  }

  /** Repeats what may be repeated, as the client does. */
  async #ask(request: ThinRequest): Promise<ThinAnswer> {
    for (;;) {
      const endMs = this.#clock.monotonic() + TIMEOUT_MS;
      const answer = await this.#wiring.answer(request, {
        requestId: 'bench',
        namespace: NAMESPACE,
        authIds: [],
        remainingMs: () => endMs - this.#clock.monotonic(),
      });
      if (answer.type !== 'error' || !answer.retriable) return answer;
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
