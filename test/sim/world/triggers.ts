import type { StreamRecord } from '../../../functions/shared/events.js';
import type { SendMessage } from '../../../functions/shared/timer-messages.js';
import { imageOf } from '../../../lib/emulator/memory/functions.js';
import type { StoreChange } from '../../../lib/log/simulated-tables.js';
import { keyAttributes } from '../../../lib/log/input-checks.js';
import type { FunctionName } from './functions.js';
import type { Ground } from './ground.js';
import type { SimLambda } from './lambda.js';

/** A record is delivered this long after the write. */
const DELIVERY_MS_MIN = 30;
const DELIVERY_MS_MAX = 400;
/** Records of one batch. */
const BATCH_MAX = 25;
/** What a stream keeps; older records are gone without having been delivered. */
const RETENTION_MS = 24 * 3600_000;
const RETRY_MS = 1_000;
const STALL_MS_MAX = 40_000;
/** Shards of the table of leases. The log has one partition a namespace, so one shard has all of it. */
const LEASE_SHARDS = 4;

interface Arrival {
  readonly atMs: number;
  readonly record: StreamRecord;
}

/** One shard of a stream as one function reads it: in order, at least once, each batch until it succeeds or is too old. */
class Shard {
  readonly #ground: Ground;
  readonly #lambda: SimLambda;
  readonly #name: FunctionName;
  #waiting: Arrival[] = [];
  #running = false;

  constructor(ground: Ground, options: { readonly lambda: SimLambda; readonly name: FunctionName }) {
    this.#ground = ground;
    this.#lambda = options.lambda;
    this.#name = options.name;
  }

  add(record: StreamRecord): void {
    this.#waiting.push({ atMs: this.#ground.scheduler.nowMs, record });
    if (!this.#running) this.#schedule(this.#delayMs());
  }

  #delayMs(): number {
    const { dice, fires } = this.#ground;
    if (fires('streamStall', 0.01)) return dice.between(1_000, STALL_MS_MAX);
    const slow = fires('streamDelay', 0.1) ? 10 : 1;
    return dice.between(DELIVERY_MS_MIN, DELIVERY_MS_MAX * slow);
  }

  #schedule(delayMs: number): void {
    this.#running = true;
    this.#ground.scheduler.after(delayMs, () => this.#deliver());
  }

  #deliver(): void {
    const { scheduler, fires } = this.#ground;
    this.#waiting = this.#waiting.filter(({ atMs }) => scheduler.nowMs - atMs < RETENTION_MS);
    const batch = this.#waiting.slice(0, BATCH_MAX);
    if (batch.length === 0) {
      this.#running = false;
      return;
    }
    const done = () => {
      // A batch whose success was not noted comes again.
      if (!fires('streamRepeat', 0.05)) this.#waiting = this.#waiting.slice(batch.length);
      this.#running = false;
      if (this.#waiting.length > 0) this.#schedule(this.#delayMs());
    };
    this.#lambda.invoke(this.#name, { Records: batch.map(({ record }) => record) }).then(
      (outcome) => (outcome.ok ? done() : this.#schedule(RETRY_MS)),
      () => this.#schedule(RETRY_MS),
    );
  }
}

/** The tables' streams, from the changes to the functions that they wake. */
export class SimStreams {
  readonly #log: readonly Shard[];
  readonly #leases: readonly Shard[];
  #sequence = 0;

  constructor(ground: Ground, lambda: SimLambda) {
    const shard = (name: FunctionName) => new Shard(ground, { lambda, name });
    this.#log = [shard('materialize'), shard('notify')];
    this.#leases = Array.from({ length: LEASE_SHARDS }, () => shard('expire'));
    ground.tables.onChange((change) => this.#changed(change));
  }

  #changed(change: StoreChange): void {
    const { table, kind, keys, oldItem, byTtl } = change;
    if (table !== 'log' && table !== 'leases') return;
    // The mapping's filter lets removals through and nothing else.
    if (table === 'leases' && kind !== 'REMOVE') return;
    const record: StreamRecord = {
      eventID: String(++this.#sequence),
      eventName: kind,
      eventSource: 'aws:dynamodb',
      ...(byTtl ? { userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' } } : {}),
      dynamodb: {
        SequenceNumber: String(this.#sequence),
        Keys: imageOf(keyAttributes(table, keys)),
        ...(table === 'leases' && oldItem !== undefined ? { OldImage: imageOf(oldItem) } : {}),
      },
    };
    if (table === 'log') for (const shard of this.#log) shard.add(record);
    else this.#leases[hash(keys.partition) % LEASE_SHARDS]?.add(record);
  }
}

function hash(text: string): number {
  let value = 0;
  for (let index = 0; index < text.length; index++)
    value = (Math.imul(value, 31) + text.charCodeAt(index)) >>> 0;
  return value;
}

const VISIBILITY_MS = 30_000;
const RECEIVES_MAX = 5;

/** The queue of timers: at least once, not before its delay, again when it fails, and in the end never. */
export class SimQueue {
  readonly #ground: Ground;
  readonly #lambda: SimLambda;
  #messages = 0;

  constructor(ground: Ground, lambda: SimLambda) {
    this.#ground = ground;
    this.#lambda = lambda;
  }

  send({ MessageBody, DelaySeconds }: Parameters<SendMessage>[0]): void {
    const messageId = `message-${++this.#messages}`;
    this.#later({ messageId, body: MessageBody, received: 0 }, DelaySeconds * 1000);
  }

  #later(message: { messageId: string; body: string; received: number }, delayMs: number): void {
    const { scheduler, dice, fires } = this.#ground;
    const lateMs = dice.between(5, fires('streamDelay', 0.05) ? 20_000 : 200);
    scheduler.after(delayMs + lateMs, () => this.#deliver(message));
    if (fires('queueTwice', 0.05)) scheduler.after(delayMs + 2 * lateMs, () => this.#deliver(message));
  }

  #deliver(message: { messageId: string; body: string; received: number }): void {
    const { messageId, body } = message;
    const received = message.received + 1;
    const again = () => {
      if (received < RECEIVES_MAX) this.#later({ messageId, body, received }, VISIBILITY_MS);
    };
    this.#lambda
      .invoke('expire', { Records: [{ messageId, eventSource: 'aws:sqs', body }] })
      .then((outcome) => {
        if (!outcome.ok || hasFailures(outcome.answer)) again();
      }, again);
  }
}

function hasFailures(answer: unknown): boolean {
  const { batchItemFailures = [] } = (answer ?? {}) as { batchItemFailures?: readonly unknown[] };
  return batchItemFailures.length > 0;
}

const SCHEDULED_MS = 60_000;
const TTL_MS = 30_000;
/** Rows whose time to live has passed stay for so much longer at most. */
const TTL_LATE_MS_MAX = 2 * 24 * 3600_000;

/** What comes without a cause: the schedule of each function, and the deletion of rows whose time to live has passed. */
export function startSchedules(ground: Ground, lambda: SimLambda): void {
  const { scheduler, dice, fires } = ground;
  const every = (intervalMs: number, run: () => void) => {
    const next = () => {
      run();
      scheduler.after(intervalMs, next);
    };
    scheduler.after(dice.between(1, intervalMs), next);
  };
  for (const name of ['materialize', 'notify', 'expire'] as const) {
    every(SCHEDULED_MS, () => {
      if (!fires('scheduleLost', 0.2)) lambda.invokeLater(name, { 'detail-type': 'Scheduled Event' });
    });
  }
  every(TTL_MS, () => {
    const lateMs = fires('lateTtl', 0.7) ? dice.between(0, TTL_LATE_MS_MAX) : 0;
    ground.tables.deleteExpired(scheduler.nowMs - lateMs);
  });
}
