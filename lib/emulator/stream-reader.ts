import {
  DescribeStreamCommand,
  type DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type _Record,
} from '@aws-sdk/client-dynamodb-streams';
import type { EventAttribute, EventImage, StreamRecord } from '../../functions/shared/events.js';

export interface Shard {
  readonly id: string;
  readonly parentId: string | undefined;
}

export type ShardPosition =
  | { readonly kind: 'TRIM_HORIZON' }
  | { readonly kind: 'LATEST' }
  | { readonly kind: 'after'; readonly sequenceNumber: string };

export interface ShardPage {
  readonly records: readonly StreamRecord[];
  /** `undefined` when the shard is closed and read to its end. */
  readonly next: string | undefined;
}

/** One table's stream. Any call may throw; {@link StreamReadError} where the answer to it is another position. */
export interface StreamReader {
  shards(): Promise<readonly Shard[]>;
  iterator(shardId: string, from: ShardPosition): Promise<string>;
  read(iterator: string, recordsMax: number): Promise<ShardPage>;
}

export type StreamReadErrorCode =
  /** The iterator is too old: take a new one at the same position. */
  | 'IteratorExpired'
  /** The position lies before what the stream still has: go on at the trim horizon. */
  | 'Trimmed';

export class StreamReadError extends Error {
  override readonly name = 'StreamReadError';
  readonly code: StreamReadErrorCode;

  constructor(code: StreamReadErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Pages of DescribeStream that are read at most: 100 shards each. */
const DESCRIBE_PAGES_MAX = 50;

/** The stream port on the DynamoDB Streams API. */
export function sdkStreamReader(client: DynamoDBStreamsClient, streamArn: string): StreamReader {
  return {
    shards: () => listShards(client, streamArn),
    async iterator(shardId, from) {
      const { ShardIterator } = await client.send(
        new GetShardIteratorCommand({
          StreamArn: streamArn,
          ShardId: shardId,
          ...(from.kind === 'after'
            ? { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: from.sequenceNumber }
            : { ShardIteratorType: from.kind }),
        }),
      );
      if (ShardIterator === undefined) throw new Error(`no iterator for the shard ${shardId}`);
      return ShardIterator;
    },
    async read(iterator, recordsMax) {
      const command = new GetRecordsCommand({ ShardIterator: iterator, Limit: recordsMax });
      const { Records, NextShardIterator } = await client.send(command).catch(rethrow);
      return {
        records: (Records ?? []).map((record) => eventRecord(record, streamArn)),
        next: NextShardIterator,
      };
    },
  };
}

async function listShards(client: DynamoDBStreamsClient, streamArn: string): Promise<Shard[]> {
  const shards: Shard[] = [];
  let after: string | undefined;
  for (let page = 0; page < DESCRIBE_PAGES_MAX; page++) {
    const { StreamDescription } = await client.send(
      new DescribeStreamCommand({
        StreamArn: streamArn,
        ...(after === undefined ? {} : { ExclusiveStartShardId: after }),
      }),
    );
    for (const shard of StreamDescription?.Shards ?? []) {
      if (shard.ShardId !== undefined) shards.push({ id: shard.ShardId, parentId: shard.ParentShardId });
    }
    after = StreamDescription?.LastEvaluatedShardId;
    if (after === undefined) break;
  }
  return shards;
}

function rethrow(error: unknown): never {
  const { name, message } = error as Error;
  if (name === 'ExpiredIteratorException') {
    throw new StreamReadError('IteratorExpired', message, { cause: error });
  }
  if (name === 'TrimmedDataAccessException') throw new StreamReadError('Trimmed', message, { cause: error });
  throw error;
}

/** The record as Lambda would hand it to a function: the API's own record, but for binary values as base64. */
function eventRecord(record: _Record, streamArn: string): StreamRecord {
  const { Keys, OldImage, NewImage, SequenceNumber } = record.dynamodb ?? {};
  if (Keys === undefined || SequenceNumber === undefined || record.eventName === undefined) {
    throw new Error('a stream record without keys, sequence number or event name');
  }
  return {
    eventID: record.eventID ?? SequenceNumber,
    eventName: record.eventName,
    eventSource: 'aws:dynamodb',
    eventSourceARN: streamArn,
    ...userIdentity(record),
    dynamodb: {
      SequenceNumber,
      Keys: eventImage(Keys),
      ...(OldImage === undefined ? {} : { OldImage: eventImage(OldImage) }),
      ...(NewImage === undefined ? {} : { NewImage: eventImage(NewImage) }),
    },
  };
}

/** The API spells the members with capitals, Lambda does not. */
function userIdentity({ userIdentity: identity }: _Record): Pick<StreamRecord, 'userIdentity'> {
  if (identity?.Type === undefined || identity.PrincipalId === undefined) return {};
  return { userIdentity: { type: identity.Type, principalId: identity.PrincipalId } };
}

type SdkImage = NonNullable<NonNullable<_Record['dynamodb']>['Keys']>;

function eventImage(image: SdkImage): EventImage {
  return Object.fromEntries(Object.entries(image).map(([name, value]) => [name, eventAttribute(value)]));
}

function eventAttribute(value: SdkImage[string]): EventAttribute {
  if (value.S !== undefined) return { S: value.S };
  if (value.N !== undefined) return { N: value.N };
  if (value.B !== undefined) return { B: Buffer.from(value.B).toString('base64') };
  if (value.BOOL !== undefined) return { BOOL: value.BOOL };
  throw new Error(`a stream record with an attribute of an unknown type: ${Object.keys(value).join()}`);
}
