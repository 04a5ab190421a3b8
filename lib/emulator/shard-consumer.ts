import type { StreamEvent, StreamRecord } from '../../functions/shared/events.js';
import { type Clock, sleep } from '../base/clock.js';
import { type ShardPosition, StreamReadError, type StreamReader } from './stream-reader.js';

/** How a source reads and delivers. All times are ms. */
export interface Delivery {
  /** Records a function gets at once, at most. */
  readonly batchRecordsMax: number;
  /** How long a batch that is not full waits for more. 0 delivers what one read brought. */
  readonly batchWindowMs: number;
  /** The pause after a read that brought records for the function; doubles with every read that did not … */
  readonly busyPollMs: number;
  /** … up to this, so that an idle emulator costs next to nothing. */
  readonly idlePollMs: number;
  /** Calls of the function for one batch; then the batch is given up. */
  readonly attemptsMax: number;
  /** Deliver a batch that failed in halves: each has all its attempts, so that one bad record does not take others along. */
  readonly bisect: boolean;
  /** How long after it was read a batch is given up, whatever attempts are left. */
  readonly recordAgeMaxMs: number;
  /** Pause before a failed call (of the function or the stream) is repeated; doubles up to {@link retryMaxMs}. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

export const DELIVERY: Delivery = {
  batchRecordsMax: 100,
  batchWindowMs: 0,
  busyPollMs: 10,
  idlePollMs: 500,
  attemptsMax: 100,
  bisect: false,
  recordAgeMaxMs: 3_600_000,
  retryMinMs: 50,
  retryMaxMs: 5_000,
};

/** Something that went wrong and is tried again, or (`givenUp`) no more. */
export interface StreamProblem {
  readonly during: 'discover' | 'read' | 'deliver';
  readonly shardId: string | undefined;
  readonly attempt: number;
  readonly givenUp: boolean;
  readonly error: unknown;
}

/** Records that are delivered no more, and why. */
export interface GivenUpBatch {
  readonly condition: 'RetryAttemptsExhausted' | 'RecordAgeExceeded';
  readonly shardId: string;
  readonly records: readonly StreamRecord[];
  readonly attempts: number;
}

interface Batch {
  readonly records: readonly StreamRecord[];
  /** When it is given up, by the monotonic clock. */
  readonly untilMs: number;
}

export interface ShardConsumerOptions {
  readonly reader: StreamReader;
  readonly clock: Clock;
  readonly delivery: Delivery;
  readonly call: (event: StreamEvent) => Promise<void>;
  readonly filter: (record: StreamRecord) => boolean;
  readonly annotate: (record: StreamRecord) => StreamRecord;
  readonly onProblem: (problem: StreamProblem) => void;
  readonly onGivenUp: (batch: GivenUpBatch) => Promise<void>;
}

/**
 * Reads one shard to its end and delivers its records in order, at least once: the next batch is read only after the
 * function has accepted the one before.
 */
export class ShardConsumer {
  readonly #options: ShardConsumerOptions;
  readonly #shardId: string;
  #position: ShardPosition;
  #iterator: string | undefined;

  constructor(
    options: ShardConsumerOptions,
    shardId: string,
    start: { position: ShardPosition; iterator?: string | undefined },
  ) {
    this.#options = options;
    this.#shardId = shardId;
    this.#position = start.position;
    this.#iterator = start.iterator;
  }

  /** Resolves when the shard is closed and everything in it was delivered; rejects when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, delivery } = this.#options;
    let pauseMs = delivery.busyPollMs;
    for (;;) {
      const { records, closed } = await this.#gather(signal);
      const wanted = records.filter(this.#options.filter).map(this.#options.annotate);
      const untilMs = clock.monotonic() + delivery.recordAgeMaxMs;
      if (wanted.length > 0) await this.#deliver({ records: wanted, untilMs }, signal);
      if (closed) return;
      pauseMs = wanted.length > 0 ? delivery.busyPollMs : Math.min(pauseMs * 2, delivery.idlePollMs);
      await sleep(clock, pauseMs, signal);
    }
  }

  async #gather(signal: AbortSignal): Promise<{ records: StreamRecord[]; closed: boolean }> {
    const { clock, delivery } = this.#options;
    const records: StreamRecord[] = [];
    let windowEndsMs = Infinity;
    for (;;) {
      const page = await this.#read(delivery.batchRecordsMax - records.length, signal);
      records.push(...page.records);
      if (page.closed || records.length === 0 || records.length >= delivery.batchRecordsMax) {
        return { records, closed: page.closed };
      }
      if (windowEndsMs === Infinity) windowEndsMs = clock.monotonic() + delivery.batchWindowMs;
      const leftMs = windowEndsMs - clock.monotonic();
      if (leftMs <= 0) return { records, closed: false };
      await sleep(clock, leftMs, signal);
    }
  }

  /** One read, repeated for as long as the stream does not answer: there is nothing else a reader could do. */
  async #read(
    recordsMax: number,
    signal: AbortSignal,
  ): Promise<{ records: readonly StreamRecord[]; closed: boolean }> {
    const { reader } = this.#options;
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      try {
        this.#iterator ??= await reader.iterator(this.#shardId, this.#position);
        const page = await reader.read(this.#iterator, recordsMax);
        this.#advance(page.records, page.next);
        return { records: page.records, closed: page.next === undefined };
      } catch (error) {
        this.#reposition(error);
        await this.#pause({ during: 'read', attempt, error, givenUp: false }, signal);
      }
    }
  }

  #advance(records: readonly StreamRecord[], next: string | undefined): void {
    const last = records.at(-1);
    if (last !== undefined) {
      this.#position = { kind: 'after', sequenceNumber: last.dynamodb.SequenceNumber };
    }
    this.#iterator = next;
  }

  #reposition(error: unknown): void {
    this.#iterator = undefined;
    if (error instanceof StreamReadError && error.code === 'Trimmed')
      this.#position = { kind: 'TRIM_HORIZON' };
  }

  async #deliver({ records, untilMs }: Batch, signal: AbortSignal): Promise<void> {
    const { call, clock, delivery, onGivenUp } = this.#options;
    const isSplit = delivery.bisect && records.length > 1;
    for (let attempt = 1; attempt <= delivery.attemptsMax; attempt++) {
      signal.throwIfAborted();
      try {
        await call({ Records: records });
        return;
      } catch (error) {
        const isOld = clock.monotonic() >= untilMs;
        const givenUp = isOld || (!isSplit && attempt === delivery.attemptsMax);
        await this.#pause({ during: 'deliver', attempt, error, givenUp }, signal);
        if (givenUp) {
          const condition = isOld ? 'RecordAgeExceeded' : 'RetryAttemptsExhausted';
          return onGivenUp({ condition, shardId: this.#shardId, records, attempts: attempt });
        }
        if (isSplit) return this.#deliverHalves({ records, untilMs }, signal);
      }
    }
  }

  async #deliverHalves({ records, untilMs }: Batch, signal: AbortSignal): Promise<void> {
    const middle = Math.ceil(records.length / 2);
    await this.#deliver({ records: records.slice(0, middle), untilMs }, signal);
    await this.#deliver({ records: records.slice(middle), untilMs }, signal);
  }

  async #pause(problem: Omit<StreamProblem, 'shardId'>, signal: AbortSignal): Promise<void> {
    const { clock, delivery, onProblem } = this.#options;
    if (!signal.aborted) onProblem({ ...problem, shardId: this.#shardId });
    if (!problem.givenUp) await sleep(clock, retryDelayMs(delivery, problem.attempt), signal);
  }
}

/** Doubles from `retryMinMs` with every attempt, up to `retryMaxMs`. */
export function retryDelayMs(delivery: Delivery, attempt: number): number {
  return Math.min(delivery.retryMinMs * 2 ** Math.min(attempt - 1, 30), delivery.retryMaxMs);
}
