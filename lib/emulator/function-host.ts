import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import type { BatchResponse, ScheduledEvent } from '../../functions/shared/events.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { TableName } from '../log/store.js';
import { TABLE_NAMES, TABLES, tableNameOf } from '../log/tables.js';
import { FUNCTION_NAMES, type FunctionName } from './deployment.js';
import { EmulatorError } from './errors.js';
import { Schedule } from './schedule.js';
import { sdkStreamReader } from './stream-reader.js';
import { StreamSource, type StreamSourceOptions } from './stream-source.js';
import type { TimerQueue } from './timers/queue.js';
import { QueueSource } from './timers/source.js';
import { TtlSweeper } from './ttl-sweeper.js';

/** How often the functions are called without a stream record: the backstop, as a rule of EventBridge would be. */
export const SCHEDULED_MS = 60_000;

/**
 * Entries are gathered for a moment: a row that many of them change is written once, and on a small machine the function
 * does not compete with the writers for every single one.
 */
const LOG_DELIVERY = { batchWindowMs: 200, batchRecordsMax: 1_000 };

/** Leases that are gone are noticed this late, at most: timers and gateways have usually acted before, and reading costs. */
const LEASES_IDLE_POLL_MS = 2_000;

/** How often rows past their time to live are looked for. */
export const TTL_MS = 10_000;

const SCHEDULED: ScheduledEvent = { 'detail-type': 'Scheduled Event' };

/** What is called without a record, too. */
const ON_SCHEDULE: readonly FunctionName[] = ['materialize', 'notify', 'expire'];

export interface FunctionHostOptions {
  readonly client: DynamoDBClient;
  readonly streams: DynamoDBStreamsClient;
  readonly tablePrefix: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Calls a function and waits for it; rejects when it fails. */
  readonly call: (functionName: string, event: unknown) => Promise<unknown>;
  readonly queue: Pick<TimerQueue, 'client' | 'queueUrl'> | undefined;
  /** Delete rows past their time to live, for an engine that does not do so itself. */
  readonly sweepTtl: boolean;
}

/** Calls the deployed functions as the cloud would: by the tables' streams, the timers' queue, and a schedule. */
export class FunctionHost {
  readonly #options: FunctionHostOptions;
  readonly #sweeper: TtlSweeper;
  readonly #running: { stop(): Promise<void> }[] = [];

  constructor(options: FunctionHostOptions) {
    this.#options = options;
    const { client, clock, tablePrefix } = options;
    const tables = TABLE_NAMES.map((name) => ({
      tableName: tableNameOf(tablePrefix, name),
      definition: TABLES[name],
    }));
    this.#sweeper = new TtlSweeper({ client, clock, tables });
  }

  /** Resolves when every change made from then on will reach its function. */
  async start(): Promise<void> {
    // One reader for both, where the cloud has one each: for either a record is only the alarm clock, and reading costs.
    await this.#trigger('log', ['materialize', 'notify'], { delivery: LOG_DELIVERY });
    await this.#trigger('leases', ['expire'], {
      filter: ({ eventName }) => eventName === 'REMOVE',
      delivery: { idlePollMs: LEASES_IDLE_POLL_MS },
    });
    this.#poll();
    for (const name of ON_SCHEDULE) {
      this.#schedule(name, SCHEDULED_MS, async () => {
        await this.#call(name, SCHEDULED);
      });
    }
    if (this.#options.sweepTtl) {
      this.#schedule('time to live', TTL_MS, async () => {
        await this.#sweeper.sweep();
      });
    }
  }

  /** Resolves when nothing runs any more; calls under way are awaited. */
  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((part) => part.stop()));
  }

  #call(name: FunctionName, event: unknown): Promise<unknown> {
    return this.#options.call(FUNCTION_NAMES[name], event);
  }

  /** Every one is called, even when another fails; then all of them are called again. */
  async #callAll(names: readonly FunctionName[], event: unknown): Promise<void> {
    const calls = await Promise.allSettled(names.map((name) => this.#call(name, event)));
    const failures = calls.flatMap((call) => (call.status === 'rejected' ? [call.reason as unknown] : []));
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, `${names.join(' and ')} failed`);
  }

  /** From the latest on: what came before is found by the first scheduled call, which is made at once. */
  async #trigger(
    table: TableName,
    names: readonly FunctionName[],
    how: Pick<StreamSourceOptions, 'filter' | 'delivery'>,
  ): Promise<void> {
    const { clock, logger, streams, tablePrefix } = this.#options;
    const tableName = tableNameOf(tablePrefix, table);
    const source = new StreamSource({
      ...how,
      call: (event) => this.#callAll(names, event),
      reader: sdkStreamReader(streams, await this.#streamOf(tableName)),
      clock,
      startAt: 'LATEST',
      annotate: (record) => this.#sweeper.annotate(tableName, record),
      onProblem: ({ givenUp, ...problem }) => {
        if (givenUp) logger.error('stream records were given up', { table, ...problem });
        else logger.warn('a stream has a problem', { table, ...problem });
      },
    });
    await source.start();
    this.#running.push(source);
  }

  async #streamOf(tableName: string): Promise<string> {
    const { Table } = await this.#options.client.send(new DescribeTableCommand({ TableName: tableName }));
    if (Table?.LatestStreamArn !== undefined) return Table.LatestStreamArn;
    throw new EmulatorError(
      'EndpointFailed',
      `the table ${tableName} has no stream: turn it on, or let the emulator make the tables`,
    );
  }

  #poll(): void {
    const { queue, clock, logger } = this.#options;
    if (queue === undefined) return;
    const source = new QueueSource({
      client: queue.client,
      queueUrl: queue.queueUrl,
      clock,
      call: (event) => this.#call('expire', event) as Promise<BatchResponse | null>,
      onProblem: (error) => logger.warn("the timers' queue has a problem", { error }),
    });
    source.start();
    this.#running.push(source);
  }

  #schedule(what: string, intervalMs: number, run: () => Promise<void>): void {
    const { clock, logger } = this.#options;
    const onError = (error: unknown) => logger.error('a scheduled call failed', { what, error });
    const schedule = new Schedule({ clock, intervalMs, run, onError });
    schedule.start();
    this.#running.push(schedule);
  }
}
