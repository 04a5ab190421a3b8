/**
 * Notes which function makes which call of AWS, as IAM names it: the store port's five calls with their table, and those of the other
 * clients with their target. Whose call it is follows the asynchronous context in which the function's handler was called.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { SimulatedStore } from '../../lib/log/simulated-store.js';
import type { TableName } from '../../lib/log/store.js';

const running = new AsyncLocalStorage<string>();
const recorded = new Map<string, Set<string>>();

/** `dynamodb:GetItem log` and so on, sorted. */
export function callsOf(functionName: string): string[] {
  return [...(recorded.get(functionName) ?? [])].sort();
}

/** Notes a call, unless it is none of a function. */
export function record(call: string): void {
  const name = running.getStore();
  if (name === undefined) return;
  recorded.set(name, (recorded.get(name) ?? new Set()).add(call));
}

type Handler<Result> = (...args: never[]) => Result;

/** A function's handler, or what makes one, with its calls noted under its name. */
export function under<Result>(name: string, handler: Handler<Result>): Handler<Result> {
  return (...args) => running.run(name, () => handler(...args));
}

const ACTIONS = {
  get: 'GetItem',
  query: 'Query',
  put: 'PutItem',
  update: 'UpdateItem',
  delete: 'DeleteItem',
} as const;

/** From here on every store in memory notes what is asked of it. */
export function recordStores(): void {
  for (const [method, action] of Object.entries(ACTIONS) as [keyof typeof ACTIONS, string][]) {
    // Every call takes the table, or an input that names it, first.
    const value: unknown = Object.getOwnPropertyDescriptor(SimulatedStore.prototype, method)?.value;
    const original = value as (this: SimulatedStore, first: unknown, ...rest: unknown[]) => unknown;
    const recording = function (
      this: SimulatedStore,
      first: TableName | { table: TableName },
      ...rest: unknown[]
    ) {
      record(`dynamodb:${action} ${typeof first === 'string' ? first : first.table}`);
      return original.call(this, first, ...rest);
    };
    Object.defineProperty(SimulatedStore.prototype, method, { value: recording, configurable: true });
  }
}
