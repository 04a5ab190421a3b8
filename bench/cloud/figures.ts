/** Figures of AWS and of published measurements that models here are made of. As of November 2025, us-east-1. */

/** Milliseconds at the median, the 95th and the 99th percentile. */
export interface LatencyFigures {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** DynamoDB from a Lambda function in the same Region, items of 1 KB: measurements of others, which were not repeated here. */
export const PUT_MS: LatencyFigures = { p50: 4.35, p95: 4.8, p99: 6.3 };
export const GET_MS: LatencyFigures = { p50: 4.25, p95: 4.6, p99: 6.2 };
/** A put of 64 KB takes 66 ms in the same measurements: so much more a KB beyond the first. */
export const PUT_MS_PER_KB = (66 - 4.35) / 63;
/** Reads of more than 4 KB: an assumption of this model, transfer and decoding. */
export const READ_MS_PER_KB = 0.1;
/** Invoking a function synchronously: assumed. */
export const INVOKE_MS = 10;
/** From a write to its table's stream's function: the same measurements. */
export const STREAM_MS = 243;

/** From an asynchronous call of a function to its beginning, at the median: the same measurements. */
export const INVOKE_LATER_MS = 39;

/** What one partition of a table takes a second. */
export const PARTITION_WRITE_UNITS = 1000;
export const PARTITION_READ_UNITS = 3000;
/** From a call of API Gateway's management endpoint to the message at the client: assumed. */
export const PUSH_MS = 5;
