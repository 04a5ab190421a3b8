import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { QueueRecord } from '../../functions/shared/events.js';
import { systemClock } from '../../lib/base/clock.js';
import { startTimerQueue, type TimerQueue } from '../../lib/emulator/timers/queue.js';
import { QueueSource } from '../../lib/emulator/timers/source.js';

let queue: TimerQueue;
let source: QueueSource;
let deliveries: (readonly QueueRecord[])[];
let delivered: () => void;
let fails: (record: QueueRecord) => boolean;

function nextDelivery(): Promise<void> {
  return new Promise((resolve) => (delivered = resolve));
}

beforeEach(async () => {
  queue = await startTimerQueue({ visibilitySeconds: 1, retentionSeconds: 3_600, deliveriesMax: 3 });
  deliveries = [];
  delivered = () => undefined;
  fails = () => false;
  source = new QueueSource({
    client: queue.client,
    queueUrl: queue.queueUrl,
    clock: systemClock,
    settings: { batchMessagesMax: 10, reportsFailures: true },
    call: ({ Records }) => {
      deliveries.push(Records);
      delivered();
      const failed = Records.filter(fails).map(({ messageId }) => ({ itemIdentifier: messageId }));
      return Promise.resolve({ batchItemFailures: failed });
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

  it('stops at once while it waits for messages', async () => {
    const startedMs = systemClock.monotonic();
    await source.stop();
    expect(systemClock.monotonic() - startedMs).toBeLessThan(5_000);
  });
});
