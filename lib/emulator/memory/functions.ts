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
import { TABLES } from '../../log/tables.js';
import { FUNCTION_NAMES, type FunctionName } from '../deployment.js';
import type { LocalFunction } from '../lambda/local-pool.js';
import { uuid } from '../identifiers.js';
import { Schedule } from '../schedule.js';
import { isWanted } from '../stream-triggers.js';
import { readDeploymentSettings } from '../template.js';

/** How often rows past their time to live are deleted. */
const TTL_MS = 10_000;

const SCHEDULED = { 'detail-type': 'Scheduled Event' } as const;

export interface MemoryFunctionsOptions {
  readonly store: SimulatedStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The first one's are calls without an alias. */
  readonly namespaces: readonly string[];
  readonly enforceQuota: boolean;
  readonly pusherOf: (namespace: string) => Pusher;
}

/** The functions in this thread, on a store in memory, called by its changes, by timers and by a schedule. */
export class MemoryFunctions {
  readonly definitions: readonly LocalFunction[];
  readonly #options: MemoryFunctionsOptions;
  readonly #settings = readDeploymentSettings();
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
      timeoutMs: this.#timeoutMs(name),
      asynchronous: this.#settings.functions[name].asynchronous,
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
    for (const { function: name, intervalSeconds } of this.#settings.schedules) {
      schedule(name, intervalSeconds * 1000, () => this.#call(name, SCHEDULED));
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
    const { store, clock, random, logger, namespaces, enforceQuota, pusherOf } = this.#options;
    const common = { store, clock, random, logger, namespaces };
    const wiring = createWiring({
      ...common,
      enforceQuota,
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

  #changed(change: StoreChange): void {
    const mappings = this.#settings.streams.filter(({ table }) => table === change.table);
    if (mappings.length === 0) return;
    const record = recordOf(change);
    for (const mapping of mappings) {
      const { function: name } = mapping;
      if (!isWanted(mapping, record)) continue;
      // To these a record is an alarm clock and nothing else.
      if (name === 'materialize' || name === 'notify') void this.#follow(name, change.keys.partition);
      else this.#report(name, this.#call(name, { Records: [record] }));
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

  #timeoutMs(name: FunctionName): number {
    return this.#settings.functions[name].timeoutSeconds * 1000;
  }

  #context(name: FunctionName) {
    const endMs = this.#options.clock.monotonic() + this.#timeoutMs(name);
    const functionName = FUNCTION_NAMES[name];
    return {
      ...{ awsRequestId: uuid(this.#options.random), functionName, functionVersion: '$LATEST' },
      invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${functionName}`,
      getRemainingTimeInMillis: () => Math.max(0, endMs - this.#options.clock.monotonic()),
    };
  }

  /** The queue: a message comes back after its delay, and again while its timer fails, as often as the template says. */
  async #send({ MessageBody, DelaySeconds }: Parameters<SendMessage>[0]): Promise<void> {
    const messageId = uuid(this.#options.random);
    this.#deliverLater({ messageId, eventSource: 'aws:sqs', body: MessageBody }, DelaySeconds * 1000);
    await Promise.resolve();
  }

  #deliverLater(record: QueueRecord, delayMs: number, delivery = 1): void {
    if (this.#stopped) return;
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#timers.delete(cancel);
      this.#report(this.#settings.queue.function, this.#deliver(record, delivery));
    });
    this.#timers.add(cancel);
  }

  async #deliver(record: QueueRecord, delivery: number): Promise<void> {
    const { function: name, visibilitySeconds, deliveriesMax } = this.#settings.queue;
    const answer = (await this.#call(name, { Records: [record] })) as BatchResponse;
    if (answer.batchItemFailures.length === 0) return;
    if (delivery < deliveriesMax) this.#deliverLater(record, visibilitySeconds * 1000, delivery + 1);
    else this.#options.logger.error('a timer was put aside', { message: record.messageId });
  }
}

/** The change as the stream brings it. */
function recordOf({ table, kind, keys, oldItem }: StoreChange): StreamRecord {
  const { partitionKey, sortKey } = TABLES[table];
  const old = oldItem && { OldImage: imageOf(oldItem) };
  return {
    eventID: '1',
    eventName: kind,
    eventSource: 'aws:dynamodb',
    dynamodb: {
      SequenceNumber: '1',
      Keys: imageOf({ [partitionKey.name]: keys.partition, [sortKey.name]: keys.sort }),
      ...old,
    },
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
