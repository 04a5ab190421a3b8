import { z } from 'zod';
import { once } from '../../lib/base/once.js';
import type { Timer, Timers } from '../../lib/keeper/thin-timers.js';
import { clientConfig } from '../../lib/log/dynamo-client.js';
import { EventError } from './events.js';

const common = { namespace: z.string().min(1), chain: z.string(), deadlineMs: z.int().min(0) };

const messageSchema = z.discriminatedUnion('kind', [
  z.object({
    ...common,
    kind: z.literal('session'),
    session: z.string().regex(/^[0-9a-f]{1,16}$/),
    epoch: z.int().min(1),
  }),
  z.object({ ...common, kind: z.literal('gateway'), gatewayId: z.string().min(1) }),
  z.object({ ...common, kind: z.literal('idle') }),
]);

/** A timer as a message of the queue: JSON, the session in hex. */
export function timerMessage(timer: Timer): string {
  return JSON.stringify(timer.kind === 'session' ? { ...timer, session: timer.session.toString(16) } : timer);
}

/** Throws {@link EventError} for what {@link timerMessage} did not write. */
export function parseTimer(message: string): Timer {
  let json: unknown;
  try {
    json = JSON.parse(message);
  } catch (error) {
    throw new EventError('a message of the timers’ queue is not JSON', { cause: error });
  }
  const parsed = messageSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new EventError(`a message is no timer: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  const { data } = parsed;
  return data.kind === 'session' ? { ...data, session: BigInt('0x' + data.session) } : data;
}

/** What {@link QueueTimers} needs of SQS. */
export type SendMessage = (message: {
  readonly QueueUrl: string;
  readonly MessageBody: string;
  readonly DelaySeconds: number;
}) => Promise<unknown>;

/** Timers as delayed messages of an SQS queue. A delay has whole seconds, so a timer is up to one late and never early. */
export class QueueTimers implements Timers {
  readonly #queueUrl: string;
  readonly #send: SendMessage;

  constructor(queueUrl: string, send: SendMessage) {
    this.#queueUrl = queueUrl;
    this.#send = send;
  }

  async schedule(timer: Timer, delayMs: number): Promise<void> {
    const DelaySeconds = Math.ceil(delayMs / 1000);
    await this.#send({ QueueUrl: this.#queueUrl, MessageBody: timerMessage(timer), DelaySeconds });
  }
}

/** Sends to SQS with the same bounds as calls of the store. The client is loaded with the first message. */
export function sqsSender(endpoint: string | undefined): SendMessage {
  const loaded = once(async () => {
    const { SendMessageCommand, SQSClient } = await import('@aws-sdk/client-sqs');
    return {
      SendMessageCommand,
      client: new SQSClient(clientConfig(endpoint === undefined ? {} : { endpoint })),
    };
  });
  return async (message) => {
    const { client, SendMessageCommand } = await loaded();
    await client.send(new SendMessageCommand(message));
  };
}
