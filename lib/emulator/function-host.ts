import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import type { ScheduledEvent, StreamEvent } from '../../functions/shared/events.js';
import { expireHandler } from '../../functions/shared/expire.js';
import { materializeHandler } from '../../functions/shared/materialize.js';
import { createWiring } from '../../functions/shared/wiring.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Random } from '../base/random.js';
import type { Store, TableName } from '../log/store.js';
import { TABLE_NAMES, TABLES, tableNameOf } from '../log/tables.js';
import { EmulatorError } from './errors.js';
import { Schedule } from './schedule.js';
import { sdkStreamReader } from './stream-reader.js';
import { StreamSource, type StreamSourceOptions } from './stream-source.js';
import { TtlSweeper } from './ttl-sweeper.js';

/** How often the functions are called without a stream record: the backstop, as a rule of EventBridge would be. */
export const SCHEDULED_MS = 60_000;

/**
 * Entries are gathered for a moment: a row that many of them change is written once, and on a small machine the function
 * does not compete with the writers for every single one.
 */
const LOG_DELIVERY = { batchWindowMs: 200, batchRecordsMax: 1_000 };

/** Leases that are gone are noticed this late, at most: gateways look after each other's themselves. */
const LEASES_IDLE_POLL_MS = 1_000;

/** How often rows past their time to live are looked for. */
export const TTL_MS = 10_000;

const SCHEDULED: ScheduledEvent = { 'detail-type': 'Scheduled Event' };

export interface FunctionHostOptions {
  readonly client: DynamoDBClient;
  readonly streams: DynamoDBStreamsClient;
  readonly store: Store;
  readonly tablePrefix: string;
  readonly namespace: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Delete rows past their time to live, for an engine that does not do so itself. */
  readonly sweepTtl: boolean;
}

/** Runs the deployed functions in this process, triggered as the cloud would trigger them. */
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
    const { store, clock, random, namespace } = this.#options;
    const wiring = createWiring({ store, clock, random, namespaces: [namespace] });
    const materialize = materializeHandler(() => wiring);
    const expire = expireHandler(() => wiring);
    await this.#trigger('log', { call: materialize, delivery: LOG_DELIVERY });
    await this.#trigger('leases', {
      call: expire,
      filter: ({ eventName }) => eventName === 'REMOVE',
      delivery: { idlePollMs: LEASES_IDLE_POLL_MS },
    });
    this.#schedule('materialize', SCHEDULED_MS, () => materialize(SCHEDULED));
    this.#schedule('expire', SCHEDULED_MS, () => expire(SCHEDULED));
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

  /** From the latest on: what came before is found by the first scheduled call, which is made at once. */
  async #trigger(
    table: TableName,
    trigger: Pick<StreamSourceOptions, 'filter' | 'delivery'> & {
      call: (event: StreamEvent) => Promise<void>;
    },
  ): Promise<void> {
    const { clock, logger, streams, tablePrefix } = this.#options;
    const tableName = tableNameOf(tablePrefix, table);
    const source = new StreamSource({
      ...trigger,
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

  #schedule(what: string, intervalMs: number, run: () => Promise<void>): void {
    const { clock, logger } = this.#options;
    const onError = (error: unknown) => logger.error('a scheduled call failed', { what, error });
    const schedule = new Schedule({ clock, intervalMs, run, onError });
    schedule.start();
    this.#running.push(schedule);
  }
}
