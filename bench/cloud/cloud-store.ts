import { sleep, type Clock } from '../../lib/base/clock.js';
import type { Random } from '../../lib/base/random.js';
import { itemSize, writeUnits } from '../../lib/log/item-size.js';
import { keyOf } from '../../lib/log/input-checks.js';
import { SimulatedTables, type Costed, type WriteCall } from '../../lib/log/simulated-tables.js';
import {
  StoreError,
  type DeleteInput,
  type Item,
  type Key,
  type Page,
  type PutInput,
  type QueryInput,
  type Store,
  type TableName,
  type UpdateInput,
  type WriteOutcome,
} from '../../lib/log/store.js';
import {
  GET_MS,
  PARTITION_READ_UNITS,
  PARTITION_WRITE_UNITS,
  PUT_MS,
  PUT_MS_PER_KB,
  READ_MS_PER_KB,
  type LatencyFigures,
} from './figures.js';

/** What a partition may use at once after a pause, in seconds of its rate. DynamoDB grants more, at its own discretion. */
const BURST_SECONDS = 0.1;
const KB = 1024;

/** Capacity units and calls. */
export class Meter {
  writeUnits = 0;
  readUnits = 0;
  calls = 0;
  throttled = 0;
  readonly byTable = new Map<string, number>();

  add(table: TableName, kind: 'read' | 'write', units: number): void {
    this.calls++;
    if (kind === 'read') this.readUnits += units;
    else this.writeUnits += units;
    const name = `${table} ${kind}`;
    this.byTable.set(name, (this.byTable.get(name) ?? 0) + units);
  }

  reset(): void {
    this.writeUnits = this.readUnits = this.calls = this.throttled = 0;
    this.byTable.clear();
  }
}

/** The rate of one partition: refuses while what was used exceeds what has come in. */
class Bucket {
  readonly #perMs: number;
  readonly #most: number;
  #tokens: number;
  #atMs = 0;

  constructor(perSecond: number) {
    this.#perMs = perSecond / 1000;
    this.#most = perSecond * BURST_SECONDS;
    this.#tokens = this.#most;
  }

  take(units: number, nowMs: number): boolean {
    this.#tokens = Math.min(this.#most, this.#tokens + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    if (this.#tokens <= 0) return false;
    this.#tokens -= units;
    return true;
  }
}

/** What all callers share: the tables, and the limits of their partitions. */
export class Cloud {
  readonly tables = new SimulatedTables();
  readonly clock: Clock;
  readonly random: Random;
  /** Enforce the limits of partitions. */
  readonly limited: boolean;
  /** The latency of every call, in place of published distributions: then time counts round trips. */
  readonly #fixedMs: number | undefined;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: { clock: Clock; random: Random; limited?: boolean; fixedMs?: number }) {
    this.clock = options.clock;
    this.random = options.random;
    this.limited = options.limited ?? true;
    this.#fixedMs = options.fixedMs;
  }

  /** A caller's connection. */
  connect(meter: Meter): CloudStore {
    return new CloudStore(this, meter);
  }

  admit(partition: string, kind: 'read' | 'write', units: number): boolean {
    if (!this.limited) return true;
    const name = `${kind} ${partition}`;
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      bucket = new Bucket(kind === 'read' ? PARTITION_READ_UNITS : PARTITION_WRITE_UNITS);
      this.#buckets.set(name, bucket);
    }
    return bucket.take(units, this.clock.monotonic());
  }

  /** A draw from a distribution with these percentiles; straight lines in between. */
  latencyMs({ p50, p95, p99 }: LatencyFigures): number {
    if (this.#fixedMs !== undefined) return this.#fixedMs;
    const chance = this.random.float();
    const between = (from: number, to: number, part: number) => from + (to - from) * part;
    if (chance < 0.5) return between(p50 * 0.85, p50, chance / 0.5);
    if (chance < 0.95) return between(p50, p95, (chance - 0.5) / 0.45);
    if (chance < 0.99) return between(p95, p99, (chance - 0.95) / 0.04);
    return between(p99, 2.5 * p99, (chance - 0.99) / 0.01);
  }
}

/** DynamoDB as a model: tables in memory, published latencies, the limits of partitions, and a meter. */
export class CloudStore implements Store {
  readonly #cloud: Cloud;
  readonly #meter: Meter;

  constructor(cloud: Cloud, meter: Meter) {
    this.#cloud = cloud;
    this.#meter = meter;
  }

  get(table: TableName, key: Key): Promise<Item | undefined> {
    const bytes = (item: Item | undefined) => (item === undefined ? 0 : itemSize(item));
    return this.#read({ table, partition: key.partition, bytes }, () => this.#cloud.tables.get(table, key));
  }

  query(input: QueryInput): Promise<Page> {
    const bytes = ({ items }: Page) => items.reduce((sum, item) => sum + itemSize(item), 0);
    return this.#read({ ...input, bytes }, () => this.#cloud.tables.query(input));
  }

  put(input: PutInput): Promise<WriteOutcome> {
    return this.#write({ operation: 'put', table: input.table, input });
  }

  update(input: UpdateInput): Promise<WriteOutcome> {
    return this.#write({ operation: 'update', table: input.table, input });
  }

  delete(input: DeleteInput): Promise<WriteOutcome> {
    return this.#write({ operation: 'delete', table: input.table, input });
  }

  async #read<T>(
    of: { table: TableName; partition: string; bytes: (result: T) => number },
    look: () => Costed<T>,
  ): Promise<T> {
    const { clock } = this.#cloud;
    const wayMs = this.#cloud.latencyMs(GET_MS) / 2;
    await sleep(clock, wayMs);
    const { result, capacityUnits } = look();
    this.#charge({ ...of, kind: 'read', units: capacityUnits });
    const moreKb = Math.max(0, of.bytes(result) / KB - 4);
    await sleep(clock, wayMs + moreKb * READ_MS_PER_KB);
    return result;
  }

  async #write(call: WriteCall): Promise<WriteOutcome> {
    const { clock, tables } = this.#cloud;
    const { table } = call;
    const key = call.operation === 'put' ? keyOf(table, call.input.item) : call.input.key;
    const written =
      call.operation === 'put' ? call.input.item : call.operation === 'update' ? call.input.set : {};
    const sent = structuredClone(call);
    const wayMs = this.#cloud.latencyMs(PUT_MS) / 2;
    await sleep(clock, wayMs);
    const before = tables.get(table, key).result;
    const bytes = Math.max(before === undefined ? 0 : itemSize(before), itemSize(written));
    this.#charge({ table, partition: key.partition, kind: 'write', units: writeUnits(bytes) });
    const { result } = tables.write(sent);
    await sleep(clock, wayMs + Math.max(0, itemSize(written) / KB - 1) * PUT_MS_PER_KB);
    return result;
  }

  #charge(use: { table: TableName; partition: string; kind: 'read' | 'write'; units: number }): void {
    const { table, partition, kind, units } = use;
    if (!this.#cloud.admit(`${table} ${partition}`, kind, units)) {
      this.#meter.throttled++;
      throw new StoreError('Throttled', `the partition takes no more ${kind}s for now`);
    }
    this.#meter.add(table, kind, units);
  }
}
