import type { StreamRecord } from '../../functions/shared/events.js';
import type { InstanceOutcome } from './lambda/instance.js';
import { LATEST } from './lambda/names.js';

/** What Lambda sends to an on-failure destination of asynchronous calls and of stream sources, as far as there is the like of it here. */
export interface FailureRecord {
  readonly version: '1.0';
  /** ISO 8601. */
  readonly timestamp: string;
  readonly requestContext: {
    readonly requestId: string;
    readonly functionArn: string;
    readonly condition:
      'RetriesExhausted' | 'EventAgeExceeded' | 'RetryAttemptsExhausted' | 'RecordAgeExceeded';
    readonly approximateInvokeCount: number;
  };
  readonly responseContext: {
    readonly statusCode: 200;
    readonly executedVersion: string;
    readonly functionError: 'Unhandled';
  };
  /** Of an asynchronous call: the event, and what the function failed with. */
  readonly requestPayload?: unknown;
  readonly responsePayload?: unknown;
  /** Of a stream: where the records are, and not the records. */
  readonly DDBStreamBatchInfo?: {
    readonly shardId: string;
    readonly startSequenceNumber: string;
    readonly endSequenceNumber: string;
    readonly batchSize: number;
  };
}

/** Takes a record; rejects when it cannot be kept. */
export type PutAside = (record: FailureRecord) => Promise<void>;

type Context = FailureRecord['requestContext'];

interface Failed extends Pick<Context, 'requestId' | 'functionArn' | 'condition'> {
  /** When it was given up, ms since the epoch. */
  readonly nowMs: number;
  readonly attempts: number;
}

export interface FailedCall extends Failed {
  /** JSON. */
  readonly payload: string;
  readonly outcome: InstanceOutcome & { ok: false };
}

export interface FailedBatch extends Failed {
  readonly shardId: string;
  readonly records: readonly StreamRecord[];
}

export function failedCall({ payload, outcome, ...failed }: FailedCall): FailureRecord {
  return {
    ...recordOf(failed),
    requestPayload: JSON.parse(payload) as unknown,
    responsePayload: outcome.error,
  };
}

export function failedBatch({ shardId, records, ...failed }: FailedBatch): FailureRecord {
  return {
    ...recordOf(failed),
    DDBStreamBatchInfo: {
      shardId,
      startSequenceNumber: records.at(0)?.dynamodb.SequenceNumber ?? '',
      endSequenceNumber: records.at(-1)?.dynamodb.SequenceNumber ?? '',
      batchSize: records.length,
    },
  };
}

function recordOf({ nowMs, attempts, requestId, functionArn, condition }: Failed): FailureRecord {
  return {
    version: '1.0',
    timestamp: new Date(nowMs).toISOString(),
    requestContext: { requestId, functionArn, condition, approximateInvokeCount: attempts },
    responseContext: { statusCode: 200, executedVersion: LATEST, functionError: 'Unhandled' },
  };
}
