import { assert } from '../../lib/base/assert.js';
import { EventError, type EventAttribute, type EventImage, type FunctionEvent } from './events.js';
import { NamespaceError, type NamespaceRegistry } from '../../lib/keeper/registry.js';
import type { AttributeValue, Item } from '../../lib/log/store.js';

/** Namespaces that one invocation works on at the same time. */
export const NAMESPACES_PARALLEL_MAX = 8;

/** What Lambda tells a function about its invocation, as far as it is used. */
export interface InvocationContext {
  getRemainingTimeInMillis(): number;
  readonly awsRequestId?: string;
  readonly invokedFunctionArn?: string;
}

/** The namespaces an event is about; for a scheduled event all that are there. */
export async function namespacesOf(
  event: FunctionEvent,
  all: () => Promise<readonly string[]>,
  ofKeys: (keys: EventImage) => string,
): Promise<readonly string[]> {
  if (event.kind === 'scheduled') return all();
  if (event.kind === 'namespace') return [event.namespace];
  if (event.kind === 'messages') throw new EventError('messages of a queue are for timers');
  return [...new Set(event.records.map((record) => ofKeys(record.dynamodb.Keys)))];
}

/**
 * What a scheduled event looks after: the namespaces that the deployment names, and those that were created since, without those that were
 * deleted. Puts the deployment's on the list where they are missing, which is how they are found and limited.
 */
export async function scheduledNamespaces(
  registry: Pick<NamespaceRegistry, 'names' | 'create'>,
  deployed: readonly string[],
): Promise<readonly string[]> {
  const listed = await registry.names();
  const known = new Map(listed.map(({ name, isDeleted }) => [name, isDeleted]));
  for (const name of deployed.filter((one) => !known.has(one))) await register(registry, name);
  return [...new Set([...deployed, ...known.keys()])].filter((name) => known.get(name) !== true);
}

/** Another function may have done so meanwhile. */
async function register(registry: Pick<NamespaceRegistry, 'create'>, name: string): Promise<void> {
  try {
    await registry.create(name);
  } catch (error) {
    if (!(error instanceof NamespaceError)) throw error;
  }
}

/**
 * Works on every namespace even when one fails, a bounded number at a time, and then throws what failed: the event is
 * delivered again, and the work on those that succeeded is idempotent.
 */
export async function forEachNamespace(
  namespaces: readonly string[],
  work: (namespace: string) => Promise<void>,
): Promise<void> {
  const waiting = [...namespaces];
  const failures: { namespace: string; error: unknown }[] = [];
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const namespace = next;
      await work(namespace).catch((error: unknown) => failures.push({ namespace, error }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(NAMESPACES_PARALLEL_MAX, namespaces.length) }, lane));
  if (failures.length === 0) return;
  throw new AggregateError(
    failures.map(({ error }) => error),
    `failed for the namespaces ${failures.map(({ namespace }) => namespace).join(', ')}`,
  );
}

/** Text of a key attribute. */
export function textOf(keys: EventImage, attribute: string): string {
  const value = keys[attribute];
  if (value === undefined || !('S' in value)) throw new EventError(`a record without the key ${attribute}`);
  return value.S;
}

/** Keys of the tables `state` and `leases` begin with the namespace, which has no # in it. */
export function namespaceOfPartition(partition: string): string {
  const end = partition.indexOf('#');
  if (end <= 0) throw new EventError('a partition key without a namespace');
  return partition.slice(0, end);
}

/** A stream record's image as the store port speaks of items. */
export function itemOfImage(image: EventImage): Item {
  return Object.fromEntries(Object.entries(image).map(([name, value]) => [name, valueOf(value)]));
}

function valueOf(attribute: EventAttribute): AttributeValue {
  if ('S' in attribute) return attribute.S;
  if ('N' in attribute) {
    const value = Number(attribute.N);
    assert(Number.isSafeInteger(value), 'a number in a row that is no safe integer');
    return value;
  }
  if ('B' in attribute) return new Uint8Array(Buffer.from(attribute.B, 'base64'));
  return attribute.BOOL;
}
