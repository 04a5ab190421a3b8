import { NoNodeError, type ZeroKeeperClient } from '../../index.js';
import { join } from './names.js';
import { tellsOver, untilAnswered } from './waiting.js';

/** Deletes a znode, across disconnects, until it is gone: deleted by us, by others, or with the session. */
export async function remove(client: ZeroKeeperClient, path: string): Promise<void> {
  try {
    await untilAnswered(client, { path }, () => client.delete(path));
  } catch (error) {
    if (!(error instanceof NoNodeError) && !tellsOver(client, error)) throw error;
  }
}

/** Deletes what a creation may have left whose answer is not known. */
export async function removeByGuid(client: ZeroKeeperClient, directory: string, guid: string): Promise<void> {
  for (const name of await namesWith(client, { directory, guid }))
    await remove(client, join(directory, name));
}

/** The children with this GUID: looked up behind everything that was sent before. None when the session is over. */
export async function namesWith(
  client: ZeroKeeperClient,
  wanted: { readonly directory: string; readonly guid: string; readonly signal?: AbortSignal | undefined },
): Promise<readonly string[]> {
  const { directory, guid, signal } = wanted;
  try {
    const { children } = await untilAnswered(client, { path: directory, signal }, () =>
      client.getChildren(directory, { consistency: 'linearizable', signal }),
    );
    return children.filter((name) => name.includes(guid));
  } catch (error) {
    if (error instanceof NoNodeError || tellsOver(client, error)) return [];
    throw error;
  }
}

/** What a recipe still tidies up behind calls that have returned already. */
export class Cleanup {
  readonly #pending = new Set<Promise<void>>();
  readonly #onFailure: (error: unknown) => void;

  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  run(work: () => Promise<void>): void {
    const done = work()
      .catch(this.#onFailure)
      .finally(() => this.#pending.delete(done));
    this.#pending.add(done);
  }

  /** Resolves when nothing is left to tidy up. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }
}
