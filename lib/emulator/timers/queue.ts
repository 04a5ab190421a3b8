import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { clientConfig } from '../../log/dynamo-client.js';
import type { PutAside } from '../failure-records.js';
import type { QueueSettings } from '../template.js';

/** What the timers' queue is called. */
const QUEUE = 'zerokeeper-timers';

/** Where messages end that were delivered too often. */
const DEAD_QUEUE = 'zerokeeper-timers-dead';

/** Where calls and stream records end that were given up. */
const FAILURES_QUEUE = 'zerokeeper-failures';

/** The part of the package `fauxqs` that is used. Its `startFauxqs` would listen on every address of the machine. */
interface Fauxqs {
  buildApp(options: { logger: boolean }): FauxqsApp;
}

interface FauxqsApp {
  /** Resolves with its URL. */
  listen(at: { port: number; host: string }): Promise<string>;
  close(): Promise<void>;
}

export type TimerQueueSettings = Pick<
  QueueSettings,
  'visibilitySeconds' | 'retentionSeconds' | 'deliveriesMax'
>;

/** SQS on this machine, with the queue of timers and those where failures end. Messages are in memory: they are gone when the emulator ends. */
export interface TimerQueue {
  /** http://HOST:PORT */
  readonly endpoint: string;
  readonly queueUrl: string;
  readonly failuresUrl: string;
  readonly client: SQSClient;
  readonly putAside: PutAside;
  stop(): Promise<void>;
}

/** Not installed, or not for this machine. */
export class QueueUnavailableError extends Error {
  override readonly name = 'QueueUnavailableError';
}

/** Starts the package `fauxqs` in this process. Throws {@link QueueUnavailableError} when it is not installed. */
export async function startTimerQueue(settings: TimerQueueSettings): Promise<TimerQueue> {
  const app = (await load()).buildApp({ logger: false });
  const endpoint = await app.listen({ port: 0, host: '127.0.0.1' });
  // A long poll takes twenty seconds.
  const client = new SQSClient(clientConfig({ endpoint, requestTimeoutMs: 30_000 }));
  const stop = async () => {
    client.destroy();
    await app.close();
  };
  try {
    // The queue's host is one that no resolver knows: clients are given the endpoint as well, and use that.
    const queueUrl = await createQueues(client, settings);
    const failuresUrl = await createQueue(client, FAILURES_QUEUE, {});
    const putAside: PutAside = async (record) => {
      const MessageBody = JSON.stringify(record);
      await client.send(new SendMessageCommand({ QueueUrl: failuresUrl, MessageBody }));
    };
    return { endpoint, queueUrl, failuresUrl, client, putAside, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The URL of the queue; messages that were delivered too often go to one of their own. */
async function createQueues(client: SQSClient, settings: TimerQueueSettings): Promise<string> {
  const QueueUrl = await createQueue(client, DEAD_QUEUE, {});
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  const deadLetterTargetArn = Attributes?.QueueArn;
  return createQueue(client, QUEUE, {
    VisibilityTimeout: String(settings.visibilitySeconds),
    MessageRetentionPeriod: String(settings.retentionSeconds),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: settings.deliveriesMax }),
  });
}

async function createQueue(
  client: SQSClient,
  QueueName: string,
  Attributes: Record<string, string>,
): Promise<string> {
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName, Attributes }));
  if (QueueUrl === undefined) throw new Error(`the queue ${QueueName} was created without a URL`);
  return QueueUrl;
}

async function load(): Promise<Fauxqs> {
  // Not a literal: whoever compiles against this without the optional package must be able to.
  const name = 'fauxqs';
  try {
    return (await import(name)) as Fauxqs;
  } catch (cause) {
    throw new QueueUnavailableError('the package fauxqs is not installed (npm install fauxqs)', { cause });
  }
}
