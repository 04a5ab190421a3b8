import { ErrorCode } from '../core/errors.js';
import { ZooKeeperError, type ZooKeeperConnection } from '../client/tcp/index.js';

/** Requests of a walk that are under way at once. */
const PARALLEL_MAX = 64;

export function childPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}

/** `path` and everything below it, parents before their children. What goes away meanwhile is left out. */
export async function walk(client: ZooKeeperConnection, path: string): Promise<string[]> {
  const found = [path];
  for (let from = 0; from < found.length;) {
    const batch = found.slice(from, from + PARALLEL_MAX);
    const children = await Promise.all(batch.map((parent) => childrenOf(client, parent)));
    batch.forEach((parent, index) => {
      for (const name of children[index] ?? []) found.push(childPath(parent, name));
    });
    from += batch.length;
  }
  return found;
}

/** Runs `each` on all items, a bounded number at once, in order. */
export async function inBatches<T>(items: readonly T[], each: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += PARALLEL_MAX) {
    await Promise.all(items.slice(from, from + PARALLEL_MAX).map(each));
  }
}

/** What `promise` gives, or `fallback` when it fails with this code. */
export async function unless<T>(promise: Promise<T>, code: number, fallback: T): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof ZooKeeperError && error.code === code) return fallback;
    throw error;
  }
}

function childrenOf(client: ZooKeeperConnection, path: string): Promise<readonly string[]> {
  return unless(client.getChildren(path), ErrorCode.NoNode, []);
}
