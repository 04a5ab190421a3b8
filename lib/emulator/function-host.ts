import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import type { BatchResponse, ScheduledEvent } from '../../functions/shared/events.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Random } from '../base/random.js';
import { TABLE_NAMES, TABLES, tableNameOf } from '../log/tables.js';
import { FUNCTION_NAMES, type FunctionName } from './deployment.js';
import { EmulatorError } from './errors.js';
import { failedBatch } from './failure-records.js';
import { uuid } from './identifiers.js';
import { functionArn } from './lambda/names.js';
import { Schedule } from './schedule.js';
import type { GivenUpBatch } from './shard-consumer.js';
import { sdkStreamReader } from './stream-reader.js';
import { StreamSource } from './stream-source.js';
import { type StreamTrigger, streamTriggers } from './stream-triggers.js';
import type { DeploymentSettings } from './template.js';
import type { TimerQueue } from './timers/queue.js';
import { QueueSource } from './timers/source.js';
import { TtlSweeper } from './ttl-sweeper.js';

/** How often rows past their time to live are looked for. */
export const TTL_MS = 10_000;

const SCHEDULED: ScheduledEvent = { 'detail-type': 'Scheduled Event' };

export interface FunctionHostOptions {
  readonly client: DynamoDBClient;
  readonly streams: DynamoDBStreamsClient;
  readonly tablePrefix: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Calls a function and waits for it; rejects when it fails. */
  readonly call: (functionName: string, event: unknown) => Promise<unknown>;
  /** Hands an event over, to be run and tried again as calls are that nobody waits for; rejects when it is not taken. */
  readonly send: (functionName: string, event: unknown) => Promise<void>;
  readonly random: Random;
  readonly queue: Pick<TimerQueue, 'client' | 'queueUrl' | 'putAside'> | undefined;
  /** Delete rows past their time to live, for an engine that does not do so itself. */
  readonly sweepTtl: boolean;
  /** What calls what, and how. */
  readonly settings: DeploymentSettings;
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
    const { streams, schedules } = this.#options.settings;
    for (const trigger of streamTriggers(streams)) await this.#trigger(trigger);
    this.#poll();
    for (const { function: name, intervalSeconds } of schedules) {
      const { send } = this.#options;
      this.#schedule(name, intervalSeconds * 1000, () => send(FUNCTION_NAMES[name], SCHEDULED));
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
  async #trigger(trigger: StreamTrigger): Promise<void> {
    const { table, functions, delivery, filter } = trigger;
    const { clock, logger, streams, tablePrefix } = this.#options;
    const tableName = tableNameOf(tablePrefix, table);
    const source = new StreamSource({
      ...{ delivery, filter },
      call: (event) => this.#callAll(functions, event),
      reader: sdkStreamReader(streams, await this.#streamOf(tableName)),
      clock,
      startAt: 'LATEST',
      annotate: (record) => this.#sweeper.annotate(tableName, record),
      onGivenUp: (batch) => this.#putAside(trigger, batch),
      onProblem: ({ givenUp, ...problem }) => {
        if (givenUp) logger.error('stream records were given up', { table, ...problem });
        else logger.warn('a stream has a problem', { table, ...problem });
      },
    });
    await source.start();
    this.#running.push(source);
  }

  /** Where mappings share a reader, each of their functions has given up. */
  async #putAside({ functions, putsAside }: StreamTrigger, batch: GivenUpBatch): Promise<void> {
    const { clock, random, logger, queue } = this.#options;
    if (!putsAside || queue === undefined) return;
    for (const name of functions) {
      const arn = functionArn({ name: FUNCTION_NAMES[name], qualifier: undefined });
      const failed = { ...batch, requestId: uuid(random), functionArn: arn, nowMs: clock.now() };
      await queue
        .putAside(failedBatch(failed))
        .catch((error: unknown) => logger.error('records that were given up are lost', { name, error }));
    }
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
    const { queue, clock, logger, settings } = this.#options;
    if (queue === undefined) return;
    const source = new QueueSource({
      client: queue.client,
      queueUrl: queue.queueUrl,
      clock,
      settings: settings.queue,
      call: (event) => this.#call(settings.queue.function, event) as Promise<BatchResponse | null>,
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
