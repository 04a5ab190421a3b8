import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { BatchResponse, QueueRecord } from '../../../functions/shared/events.js';
import { type Clock, sleep } from '../../base/clock.js';
import type { QueueSettings } from '../template.js';

/** SQS's own limit: seconds that a receive waits for its first message. */
const WAIT_SECONDS = 20;

/** Pause after a queue that did not answer. */
const RETRY_MS = 1_000;

export interface QueueSourceOptions {
  readonly client: SQSClient;
  readonly queueUrl: string;
  readonly clock: Clock;
  readonly settings: Pick<QueueSettings, 'batchMessagesMax' | 'batchesMax' | 'reportsFailures'>;
  /** The function. Messages that it names as failed, or all when it rejects, come again. */
  readonly call: (event: { Records: readonly QueueRecord[] }) => Promise<BatchResponse | null | undefined>;
  readonly onProblem: (error: unknown) => void;
}

/** What Lambda's event source mapping is to an SQS queue, with partial batch responses. */
export class QueueSource {
  readonly #options: QueueSourceOptions;
  readonly #abort = new AbortController();
  readonly #deliveries = new Set<Promise<void>>();
  #running: Promise<void> | undefined;

  constructor(options: QueueSourceOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when nothing runs any more; a call of the function that is under way is awaited. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('the queue source was stopped'));
    await this.#running;
    await Promise.all(this.#deliveries);
  }

  async #run(): Promise<void> {
    const { clock, onProblem } = this.#options;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        const messages = await this.#receive(signal);
        if (messages.length > 0) await this.#begin(messages);
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        onProblem(error);
        await sleep(clock, RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  /** Resolves when another batch may be begun. What a batch fails with is reported: its messages come again. */
  async #begin(messages: readonly Message[]): Promise<void> {
    const { onProblem, settings } = this.#options;
    const delivery = this.#deliver(messages)
      .catch((error: unknown) => {
        if (!this.#abort.signal.aborted) onProblem(error);
      })
      .finally(() => this.#deliveries.delete(delivery));
    this.#deliveries.add(delivery);
    if (this.#deliveries.size >= settings.batchesMax) await Promise.race(this.#deliveries);
  }

  async #receive(abortSignal: AbortSignal): Promise<Message[]> {
    const { client, queueUrl, settings } = this.#options;
    const command = new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: settings.batchMessagesMax,
      WaitTimeSeconds: WAIT_SECONDS,
    });
    return (await client.send(command, { abortSignal })).Messages ?? [];
  }

  async #deliver(messages: readonly Message[]): Promise<void> {
    const { client, queueUrl, call, settings } = this.#options;
    const answer = await call({ Records: messages.map(recordOf) });
    const failures = settings.reportsFailures ? (answer?.batchItemFailures ?? []) : [];
    const failed = new Set(failures.map(({ itemIdentifier }) => itemIdentifier));
    const done = messages.filter(({ MessageId }) => !failed.has(MessageId ?? ''));
    if (done.length === 0) return;
    const Entries = done.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    await client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
  }
}

function recordOf({ MessageId, Body }: Message): QueueRecord {
  return { messageId: MessageId ?? '', eventSource: 'aws:sqs', body: Body ?? '' };
}
