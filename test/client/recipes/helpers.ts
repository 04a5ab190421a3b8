import { NoNodeError, type ZeroKeeperClient } from '../../../lib/client/index.js';

export const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** The names below a path, as everybody knows them; none when there is no such path. */
export async function names(client: ZeroKeeperClient, path: string): Promise<readonly string[]> {
  try {
    return (await client.getChildren(path, { consistency: 'linearizable' })).children;
  } catch (error) {
    if (error instanceof NoNodeError) return [];
    throw error;
  }
}

/** Resolves when the path has so many children. */
export async function untilChildren(client: ZeroKeeperClient, path: string, count: number): Promise<void> {
  for (;;) {
    const exists = await client.watch(path, { type: 'exists' });
    if ((await client.exists(path, { consistency: 'linearizable' })) === undefined) await exists.next();
    exists.close();
    const watch = await client.watch(path, { type: 'children' });
    if ((await names(client, path)).length === count) {
      watch.close();
      return;
    }
    await watch.next();
  }
}
