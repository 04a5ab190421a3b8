import { ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { QueueRecord } from '../../functions/shared/events.js';
import { systemClock } from '../../lib/base/clock.js';
import { failedBatch } from '../../lib/emulator/failure-records.js';
import { startTimerQueue, type TimerQueue } from '../../lib/emulator/timers/queue.js';
import { QueueSource } from '../../lib/emulator/timers/source.js';

let queue: TimerQueue;
let source: QueueSource;
let deliveries: (readonly QueueRecord[])[];
let delivered: () => void;
let fails: (record: QueueRecord) => boolean;
let held: Promise<void>;

function nextDelivery(): Promise<void> {
  return new Promise((resolve) => (delivered = resolve));
}

beforeEach(async () => {
  queue = await startTimerQueue({ visibilitySeconds: 1, retentionSeconds: 3_600, deliveriesMax: 3 });
  deliveries = [];
  delivered = () => undefined;
  fails = () => false;
  held = Promise.resolve();
  source = new QueueSource({
    client: queue.client,
    queueUrl: queue.queueUrl,
    clock: systemClock,
    settings: { batchMessagesMax: 1, batchesMax: 2, reportsFailures: true },
    call: async ({ Records }) => {
      deliveries.push(Records);
      delivered();
      await held;
      const failed = Records.filter(fails).map(({ messageId }) => ({ itemIdentifier: messageId }));
      return { batchItemFailures: failed };
    },
    onProblem: (error) => {
      throw error;
    },
  });
  source.start();
});

afterEach(async () => {
  await source.stop();
  await queue.stop();
});

describe("the timers' queue", () => {
  it('delivers a message when its delay is over, and not before', async () => {
    const command = { QueueUrl: queue.queueUrl, MessageBody: 'timer', DelaySeconds: 1 };
    const sentMs = systemClock.monotonic();
    const arrival = nextDelivery();
    const { MessageId } = await queue.client.send(new SendMessageCommand(command));
    await arrival;
    expect(systemClock.monotonic() - sentMs).toBeGreaterThanOrEqual(990);
    expect(deliveries).toEqual([[{ messageId: MessageId, eventSource: 'aws:sqs', body: 'timer' }]]);
  });

  it('delivers those messages again that the function names as failed, and no others', async () => {
    fails = ({ body }) =>
      body === 'bad' && deliveries.flat().filter((record) => record.body === 'bad').length < 2;
    const send = (MessageBody: string) =>
      queue.client.send(new SendMessageCommand({ QueueUrl: queue.queueUrl, MessageBody }));
    const again = new Promise<void>((resolve) => {
      delivered = () => {
        if (deliveries.flat().filter(({ body }) => body === 'bad').length === 2) resolve();
      };
    });
    await send('good');
    const { MessageId } = await send('bad');
    await again;
    const all = deliveries.flat();
    expect(all.map(({ body }) => body).sort()).toEqual(['bad', 'bad', 'good']);
    expect(all.filter(({ messageId }) => messageId === MessageId)).toHaveLength(2);
  });

  it('has as many batches under way as the setting says, and no more', async () => {
    let release: () => void = () => undefined;
    held = new Promise((resolve) => (release = resolve));
    const arrivals = (count: number) =>
      new Promise<void>((resolve) => {
        delivered = () => {
          if (deliveries.length === count) resolve();
        };
      });
    const two = arrivals(2);
    const send = (MessageBody: string) =>
      queue.client.send(new SendMessageCommand({ QueueUrl: queue.queueUrl, MessageBody }));
    for (const body of ['a', 'b', 'c']) await send(body);
    await two;
    // With a third receiver the message would be on its way: it is there for whoever asks.
    const command = new ReceiveMessageCommand({ QueueUrl: queue.queueUrl, VisibilityTimeout: 0 });
    expect((await queue.client.send(command)).Messages).toHaveLength(1);
    const three = arrivals(3);
    release();
    await three;
    expect(deliveries.flat().map(({ body }) => body)).toHaveLength(3);
  });

  it('has a queue beside it for what was given up', async () => {
    const record = failedBatch({
      ...{ requestId: '1', functionArn: 'arn', condition: 'RecordAgeExceeded', nowMs: 0, attempts: 2 },
      ...{ shardId: 'one', records: [] },
    });
    await queue.putAside(record);
    const command = new ReceiveMessageCommand({ QueueUrl: queue.failuresUrl });
    const [message] = (await queue.client.send(command)).Messages ?? [];
    expect(JSON.parse(message?.Body ?? '')).toEqual(record);
    expect(record.timestamp).toBe('1970-01-01T00:00:00.000Z');
  });

  it('stops at once while it waits for messages', async () => {
    const startedMs = systemClock.monotonic();
    await source.stop();
    expect(systemClock.monotonic() - startedMs).toBeLessThan(5_000);
  });
});
