/** The parts of Lambda's events that the functions read, and no more. */

/** DynamoDB's JSON as an event source mapping hands it over: numbers as text, binary as base64. */
export type EventAttribute =
  { readonly S: string } | { readonly N: string } | { readonly B: string } | { readonly BOOL: boolean };

export type EventImage = Readonly<Record<string, EventAttribute>>;

export interface StreamRecord {
  readonly eventID: string;
  readonly eventName: 'INSERT' | 'MODIFY' | 'REMOVE';
  readonly eventSource: 'aws:dynamodb';
  readonly eventSourceARN?: string;
  /** Present when DynamoDB itself made the change: a row whose time to live had passed. */
  readonly userIdentity?: { readonly type: string; readonly principalId: string };
  readonly dynamodb: {
    readonly SequenceNumber: string;
    readonly Keys: EventImage;
    readonly OldImage?: EventImage;
    readonly NewImage?: EventImage;
  };
}

/** A batch of one shard's records, oldest first. Delivered at least once. */
export interface StreamEvent {
  readonly Records: readonly StreamRecord[];
}

/** A message of a queue, delivered at least once. */
export interface QueueRecord {
  /** The same each time the message is delivered. */
  readonly messageId: string;
  readonly eventSource: 'aws:sqs';
  readonly body: string;
}

/** Which messages of a batch have to come again: Lambda's partial batch response. */
export interface BatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

/** What EventBridge sends on a schedule: everything this deployment serves is to be looked after. */
export interface ScheduledEvent {
  readonly 'detail-type': 'Scheduled Event';
}

/** A direct call for one namespace. */
export interface NamespaceEvent {
  readonly namespace: string;
}

/** Thrown on an event that is none of the known kinds: a wrong trigger, which no retry repairs. */
export class EventError extends Error {
  override readonly name = 'EventError';
}

export type FunctionEvent =
  | { readonly kind: 'records'; readonly records: readonly StreamRecord[] }
  | { readonly kind: 'messages'; readonly messages: readonly QueueRecord[] }
  | { readonly kind: 'scheduled' }
  | { readonly kind: 'namespace'; readonly namespace: string };

/** Tells the kinds of events apart; throws {@link EventError} on anything else. */
export function parseEvent(event: unknown): FunctionEvent {
  if (typeof event !== 'object' || event === null) throw new EventError('the event is not an object');
  const fields = event as Partial<StreamEvent & ScheduledEvent & NamespaceEvent>;
  if (Array.isArray(fields.Records)) {
    const records = fields.Records as unknown[];
    return isOfQueue(records[0])
      ? { kind: 'messages', messages: records.map(checkedMessage) }
      : { kind: 'records', records: records.map(checkedRecord) };
  }
  if (fields['detail-type'] === 'Scheduled Event') return { kind: 'scheduled' };
  if (typeof fields.namespace === 'string' && fields.namespace !== '') {
    return { kind: 'namespace', namespace: fields.namespace };
  }
  throw new EventError('the event is neither records, nor a scheduled event, nor { namespace }');
}

function isOfQueue(record: unknown): boolean {
  return (record as Partial<QueueRecord> | null | undefined)?.eventSource === 'aws:sqs';
}

function checkedMessage(record: unknown): QueueRecord {
  const { messageId, body } = (record ?? {}) as Partial<QueueRecord>;
  if (!isOfQueue(record) || typeof messageId !== 'string' || typeof body !== 'string') {
    throw new EventError('a record is not a message of a queue');
  }
  return { messageId, body, eventSource: 'aws:sqs' };
}

function checkedRecord(record: unknown): StreamRecord {
  const fields = record as Partial<StreamRecord> | null;
  if (fields?.eventSource !== 'aws:dynamodb' || fields.dynamodb?.Keys === undefined) {
    throw new EventError('a record is not from a DynamoDB stream');
  }
  return record as StreamRecord;
}
