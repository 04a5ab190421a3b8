import { SQSClient } from '@aws-sdk/client-sqs';
import { clientConfig } from '../../log/dynamo-client.js';
import type { QueueSettings } from '../template.js';

/** What the timers' queue is called. */
const QUEUE = 'zerokeeper-timers';

/** Where messages end that were delivered too often. */
const DEAD_QUEUE = 'zerokeeper-timers-dead';

/** The part of the package `fauxqs` that is used. */
interface Fauxqs {
  startFauxqs(options: { port: number; host: string; logger: boolean }): Promise<FauxqsServer>;
}

interface FauxqsServer {
  readonly port: number;
  stop(): Promise<void>;
  createQueue(
    name: string,
    options?: { attributes: Record<string, string> },
  ): { queueUrl: string; queueArn: string };
}

export type TimerQueueSettings = Pick<
  QueueSettings,
  'visibilitySeconds' | 'retentionSeconds' | 'deliveriesMax'
>;

/** SQS on this machine, with one queue. Messages are in memory: they are gone when the emulator ends. */
export interface TimerQueue {
  /** http://HOST:PORT */
  readonly endpoint: string;
  readonly queueUrl: string;
  readonly client: SQSClient;
  stop(): Promise<void>;
}

/** Not installed, or not for this machine. */
export class QueueUnavailableError extends Error {
  override readonly name = 'QueueUnavailableError';
}

/** Starts the package `fauxqs` in this process. Throws {@link QueueUnavailableError} when it is not installed. */
export async function startTimerQueue(settings: TimerQueueSettings): Promise<TimerQueue> {
  const fauxqs = await load();
  const server = await fauxqs.startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
  try {
    return serve(server, settings);
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function serve(server: FauxqsServer, settings: TimerQueueSettings): TimerQueue {
  const { queueArn: deadLetterTargetArn } = server.createQueue(DEAD_QUEUE);
  const attributes = {
    VisibilityTimeout: String(settings.visibilitySeconds),
    MessageRetentionPeriod: String(settings.retentionSeconds),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: settings.deliveriesMax }),
  };
  const { queueUrl } = server.createQueue(QUEUE, { attributes });
  const endpoint = `http://127.0.0.1:${server.port}`;
  // A long poll takes twenty seconds.
  const client = new SQSClient(clientConfig({ endpoint, requestTimeoutMs: 30_000 }));
  return {
    endpoint,
    // Its host is one that no resolver knows: clients are given the endpoint as well, and use that.
    queueUrl,
    client,
    async stop() {
      client.destroy();
      await server.stop();
    },
  };
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
