import { apiHandler } from '../../../functions/shared/api.js';
import { connectHandler } from '../../../functions/shared/connect.js';
import type {
  EventAttribute,
  EventImage,
  QueueRecord,
  StreamRecord,
} from '../../../functions/shared/events.js';
import type { BatchResponse } from '../../../functions/shared/events.js';
import { expireFunction } from '../../../functions/shared/expire.js';
import { materializeHandler } from '../../../functions/shared/materialize.js';
import { notifyHandler } from '../../../functions/shared/notify.js';
import { QueueTimers, type SendMessage } from '../../../functions/shared/timer-messages.js';
import { createWatchWiring } from '../../../functions/shared/watch-wiring.js';
import { createWiring } from '../../../functions/shared/wiring.js';
import type { Pusher } from '../../api/watches/types.js';
import type { CancelTimer, Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import type { Random } from '../../base/random.js';
import type { SimulatedStore, StoreChange } from '../../log/simulated-store.js';
import type { Item } from '../../log/store.js';
import { FUNCTION_NAMES, type FunctionName } from '../deployment.js';
import type { LocalFunction } from '../lambda/local-pool.js';
import { uuid } from '../identifiers.js';
import { Schedule } from '../schedule.js';

/** How often every function is called without a cause, and how often rows past their time to live are deleted. */
const SCHEDULED_MS = 60_000;
const TTL_MS = 10_000;

/** A message whose timer failed is shown again after this long. */
const VISIBILITY_MS = 30_000;

/** Time of each function. */
const TIMEOUT_MS = 60_000;

const SCHEDULED = { 'detail-type': 'Scheduled Event' } as const;

export interface MemoryFunctionsOptions {
  readonly store: SimulatedStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The first one's are calls without an alias. */
  readonly namespaces: readonly string[];
  readonly pusherOf: (namespace: string) => Pusher;
}

/** The functions in this thread, on a store in memory, called by its changes, by timers and by a schedule. */
export class MemoryFunctions {
  readonly definitions: readonly LocalFunction[];
  readonly #options: MemoryFunctionsOptions;
  readonly #handlers: Readonly<Record<FunctionName, LocalFunction['handler']>>;
  readonly #schedules: Schedule[] = [];
  readonly #timers = new Set<CancelTimer>();
  readonly #calls = new Set<Promise<unknown>>();
  /** Functions that follow a namespace's log: those that run, and whether there was something new meanwhile. */
  readonly #following = new Map<string, { again: boolean }>();
  #unsubscribe: () => void = () => undefined;
  #stopped = false;

  constructor(options: MemoryFunctionsOptions) {
    this.#options = options;
    this.#handlers = this.#wire();
    const names = Object.keys(FUNCTION_NAMES) as FunctionName[];
    this.definitions = names.map((name) => ({
      name: FUNCTION_NAMES[name],
      handler: this.#handlers[name],
      clock: options.clock,
      timeoutMs: TIMEOUT_MS,
    }));
  }

  start(): void {
    const { store, clock, logger } = this.#options;
    this.#unsubscribe = store.onChange((change) => this.#changed(change));
    const schedule = (what: string, intervalMs: number, run: () => Promise<unknown>) => {
      const onError = (error: unknown) => logger.error('a scheduled call failed', { what, error });
      const once = async () => {
        await run();
      };
      const every = new Schedule({ clock, intervalMs, onError, run: once });
      this.#schedules.push(every);
      every.start();
    };
    for (const name of ['materialize', 'notify', 'expire'] as const) {
      schedule(name, SCHEDULED_MS, () => this.#call(name, SCHEDULED));
    }
    schedule('time to live', TTL_MS, () => Promise.resolve(store.deleteExpired(clock.now())));
  }

  /** Resolves when no function is running. */
  async idle(): Promise<void> {
    while (this.#calls.size > 0) await Promise.allSettled(this.#calls);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    for (const cancel of this.#timers) cancel();
    await Promise.all(this.#schedules.map((schedule) => schedule.stop()));
    await this.idle();
  }

  #wire(): Readonly<Record<FunctionName, LocalFunction['handler']>> {
    const { store, clock, random, logger, namespaces, pusherOf } = this.#options;
    const common = { store, clock, random, logger, namespaces };
    const wiring = createWiring({
      ...common,
      timers: new QueueTimers('memory', this.#send.bind(this)),
      notify: (namespace) => this.#follow('notify', namespace),
      materialize: (namespace) => this.#follow('materialize', namespace),
    });
    const watchWiring = createWatchWiring({ ...common, pusherOf });
    return {
      api: apiHandler(() => wiring),
      materialize: materializeHandler(() => wiring),
      expire: expireFunction(() => wiring),
      notify: notifyHandler(() => watchWiring),
      connect: connectHandler(() => watchWiring),
    };
  }

  #changed({ table, kind, keys, oldItem }: StoreChange): void {
    if (table === 'log') {
      void this.#follow('materialize', keys.partition);
      void this.#follow('notify', keys.partition);
    } else if (table === 'leases' && kind === 'REMOVE' && oldItem !== undefined) {
      this.#report('expire', this.#call('expire', { Records: [removal(oldItem)] }));
    }
  }

  /** Runs it now, or once more when it is running. Resolves at once: whoever says so does not wait for it. */
  #follow(name: 'materialize' | 'notify', namespace: string): Promise<void> {
    const running = this.#following.get(`${name} ${namespace}`);
    if (running !== undefined) running.again = true;
    else this.#report(name, this.#run(name, namespace));
    return Promise.resolve();
  }

  async #run(name: 'materialize' | 'notify', namespace: string): Promise<void> {
    const run = { again: true };
    const key = `${name} ${namespace}`;
    this.#following.set(key, run);
    try {
      while (run.again && !this.#stopped) {
        run.again = false;
        await this.#call(name, { namespace });
      }
    } finally {
      this.#following.delete(key);
    }
  }

  #report(name: FunctionName, call: Promise<unknown>): void {
    call.catch((error: unknown) => this.#options.logger.error('a function failed', { name, error }));
  }

  /** Begins in a microtask: whoever changed the store goes on first. */
  async #call(name: FunctionName, event: unknown): Promise<unknown> {
    const call = Promise.resolve().then(() => this.#handlers[name](event, this.#context(name)));
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  #context(name: FunctionName) {
    const endMs = this.#options.clock.monotonic() + TIMEOUT_MS;
    const functionName = FUNCTION_NAMES[name];
    return {
      ...{ awsRequestId: uuid(this.#options.random), functionName, functionVersion: '$LATEST' },
      invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${functionName}`,
      getRemainingTimeInMillis: () => Math.max(0, endMs - this.#options.clock.monotonic()),
    };
  }

  /** The queue: a message comes back after its delay, and again for as long as its timer fails. */
  async #send({ MessageBody, DelaySeconds }: Parameters<SendMessage>[0]): Promise<void> {
    const messageId = uuid(this.#options.random);
    this.#deliverLater({ messageId, eventSource: 'aws:sqs', body: MessageBody }, DelaySeconds * 1000);
    await Promise.resolve();
  }

  #deliverLater(record: QueueRecord, delayMs: number): void {
    if (this.#stopped) return;
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#timers.delete(cancel);
      this.#report('expire', this.#deliver(record));
    });
    this.#timers.add(cancel);
  }

  async #deliver(record: QueueRecord): Promise<void> {
    const answer = (await this.#call('expire', { Records: [record] })) as BatchResponse;
    if (answer.batchItemFailures.length > 0) this.#deliverLater(record, VISIBILITY_MS);
  }
}

/** The record of a lease that is gone, as the stream brings it. */
function removal(item: Item): StreamRecord {
  const image = imageOf(item);
  const { pk, sk } = image;
  const keys = { ...(pk && { pk }), ...(sk && { sk }) };
  return {
    eventID: '1',
    eventName: 'REMOVE',
    eventSource: 'aws:dynamodb',
    dynamodb: { SequenceNumber: '1', Keys: keys, OldImage: image },
  };
}

/** An item as a stream's record brings it. */
export function imageOf(item: Item): EventImage {
  const image: Record<string, EventAttribute> = {};
  for (const [name, value] of Object.entries(item)) {
    if (typeof value === 'string') image[name] = { S: value };
    else if (typeof value === 'number') image[name] = { N: String(value) };
    else if (typeof value === 'boolean') image[name] = { BOOL: value };
    else if (value !== undefined) image[name] = { B: Buffer.from(value).toString('base64') };
  }
  return image;
}
