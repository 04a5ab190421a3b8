import type { StreamEvent, StreamRecord } from '../../functions/shared/events.js';
import { type Clock, sleep } from '../base/clock.js';
import {
  type Delivery,
  DELIVERY,
  type GivenUpBatch,
  retryDelayMs,
  ShardConsumer,
  type ShardConsumerOptions,
  type StreamProblem,
} from './shard-consumer.js';
import type { Shard, StreamReader } from './stream-reader.js';

/** Shards of one stream that are read at the same time, at most. Others wait for their turn. */
export const SHARDS_MAX = 64;

/** How often a stream is asked for new shards when none has ended. */
export const DISCOVER_MS = 15_000;

export interface StreamSourceOptions {
  readonly reader: StreamReader;
  readonly clock: Clock;
  /** The function. When it rejects, the same batch is delivered again. */
  readonly call: (event: StreamEvent) => Promise<void>;
  /** Where to begin in the shards that are there at the start. Shards that come later are read from their beginning. */
  readonly startAt: 'TRIM_HORIZON' | 'LATEST';
  readonly delivery?: Partial<Delivery>;
  /** Records that the function wants; the others are read and left out, as a mapping's filter criteria do. */
  readonly filter?: (record: StreamRecord) => boolean;
  /** Last touch to a record before it is delivered. */
  readonly annotate?: (record: StreamRecord) => StreamRecord;
  readonly onProblem: (problem: StreamProblem) => void;
  /** A batch that is delivered no more, told after `onProblem`. Never rejects; the shard waits for it. */
  readonly onGivenUp?: (batch: GivenUpBatch) => Promise<void>;
}

/**
 * What Lambda's event source mapping is to a DynamoDB stream: calls a function with every record, in order per shard
 * and parents before children, at least once. Checkpoints are in memory: after a restart the scheduled sweep has to
 * find what was missed.
 */
export class StreamSource {
  readonly #options: StreamSourceOptions;
  readonly #consumer: ShardConsumerOptions;
  readonly #abort = new AbortController();
  /** Iterators that were taken at the start. */
  readonly #first = new Map<string, string>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #ended = new Set<string>();
  #wake: () => void = () => undefined;
  #discovering: Promise<void> | undefined;

  constructor(options: StreamSourceOptions) {
    this.#options = options;
    this.#consumer = {
      reader: options.reader,
      clock: options.clock,
      delivery: { ...DELIVERY, ...options.delivery },
      call: options.call,
      filter: options.filter ?? (() => true),
      annotate: options.annotate ?? ((record) => record),
      onProblem: options.onProblem,
      onGivenUp: options.onGivenUp ?? (() => Promise.resolve()),
    };
  }

  /** Resolves once the places to begin are fixed: every change made after that will be delivered. */
  async start(): Promise<void> {
    const { reader, startAt } = this.#options;
    const shards = await reader.shards();
    for (const shard of shards) {
      this.#first.set(shard.id, await reader.iterator(shard.id, { kind: startAt }));
    }
    this.#launch(shards);
    this.#discovering = this.#discover();
  }

  /** Resolves when nothing of the source runs any more; a call of the function that is under way is awaited. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('the stream source was stopped'));
    await this.#discovering;
    await Promise.all(this.#running.values());
  }

  async #discover(): Promise<void> {
    const { reader, onProblem } = this.#options;
    let attempt = 0;
    for (;;) {
      const delayMs = attempt === 0 ? DISCOVER_MS : retryDelayMs(this.#consumer.delivery, attempt);
      if ((await this.#pause(delayMs)) === 'stopped') return;
      try {
        this.#launch(await reader.shards());
        attempt = 0;
      } catch (error) {
        onProblem({ during: 'discover', shardId: undefined, attempt: ++attempt, givenUp: false, error });
      }
    }
  }

  /** Ends early when a shard ends or the source is stopped: both abort the sleep and nothing else does. */
  async #pause(delayMs: number): Promise<'due' | 'stopped'> {
    const early = new AbortController();
    this.#wake = () => early.abort();
    const signal = AbortSignal.any([early.signal, this.#abort.signal]);
    await sleep(this.#options.clock, delayMs, signal).catch(() => undefined);
    return this.#abort.signal.aborted ? 'stopped' : 'due';
  }

  #launch(shards: readonly Shard[]): void {
    const listed = new Set(shards.map(({ id }) => id));
    for (const id of this.#ended) if (!listed.has(id)) this.#ended.delete(id);
    if (this.#abort.signal.aborted) return;
    for (const { id, parentId } of shards) {
      const parentPending = parentId !== undefined && listed.has(parentId) && !this.#ended.has(parentId);
      if (parentPending || this.#ended.has(id) || this.#running.has(id)) continue;
      if (this.#running.size >= SHARDS_MAX) return;
      this.#running.set(id, this.#consume(id));
    }
  }

  async #consume(id: string): Promise<void> {
    const iterator = this.#first.get(id);
    const kind = iterator === undefined ? 'TRIM_HORIZON' : this.#options.startAt;
    this.#first.delete(id);
    const consumer = new ShardConsumer(this.#consumer, id, { position: { kind }, iterator });
    try {
      await consumer.run(this.#abort.signal);
      this.#ended.add(id);
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error;
    } finally {
      this.#running.delete(id);
      this.#wake();
    }
  }
}
