import { FUNCTION_SETTINGS, type FunctionName } from '../../cdk/constructs/functions.js';
import { priced, type PriceList } from './prices.js';

/** Processor time of an invocation beside its waiting for DynamoDB, ms. Assumed: no account has measured it. */
export const PROCESSOR_MS = 2;
/** What an invocation writes into its log: Lambda's own lines and the metrics. Assumed. */
export const LOG_BYTES = 500;
export const GB = 1e9;

/** What is billed by use, under the names of the price file. */
export interface Usage {
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly invocations: number;
  readonly gbSeconds: number;
  readonly messages: number;
  readonly connectionMinutes: number;
  readonly queueRequests: number;
  /** GB of logs. */
  readonly logs: number;
}

export const NO_USAGE: Usage = {
  ...{ writeUnits: 0, readUnits: 0, invocations: 0, gbSeconds: 0 },
  ...{ messages: 0, connectionMinutes: 0, queueRequests: 0, logs: 0 },
};

const NAMES = Object.keys(NO_USAGE) as (keyof Usage)[];

const combined = (value: (name: keyof Usage) => number): Usage =>
  Object.fromEntries(NAMES.map((name) => [name, value(name)])) as unknown as Usage;

export function plus(...usages: readonly Usage[]): Usage {
  return combined((name) => usages.reduce((sum, usage) => sum + usage[name], 0));
}

export function times(usage: Usage, factor: number): Usage {
  return combined((name) => usage[name] * factor);
}

/** One invocation that waited for so long. */
export function invocation(name: FunctionName, waitedMs: number): Usage {
  const gb = FUNCTION_SETTINGS[name].memorySize / 1024;
  const gbSeconds = (gb * (waitedMs + PROCESSOR_MS)) / 1000;
  return { ...NO_USAGE, invocations: 1, gbSeconds, logs: LOG_BYTES / GB };
}

export function costOf(list: PriceList, usage: Usage): number {
  return NAMES.reduce((sum, name) => sum + priced(list, name, usage[name]), 0);
}
