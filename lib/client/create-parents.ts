import { parentOf } from '../core/paths.js';
import type { Stat } from '../core/types.js';
import type { CreateOptions, ZeroKeeperClient } from './client.js';
import { NodeExistsError, NoNodeError } from './errors.js';
import { PARENT_ROUNDS_MAX } from './limits.js';
import type { Data } from './multi.js';

interface Wanted {
  readonly path: string;
  readonly data: Data | undefined;
  readonly options: CreateOptions;
}

/** Creates, and when the parent is missing creates that first. Somebody may delete it meanwhile: then again. */
export async function createWithParents(
  client: ZeroKeeperClient,
  wanted: Wanted,
): Promise<{ path: string; stat: Stat }> {
  const options = { ...wanted.options, parents: false };
  for (let round = 1; ; round++) {
    try {
      return await client.create(wanted.path, wanted.data, options);
    } catch (error) {
      const parent = parentOf(wanted.path);
      if (!(error instanceof NoNodeError) || parent === '/' || round >= PARENT_ROUNDS_MAX) throw error;
      await createParent(client, parent, wanted.options);
    }
  }
}

async function createParent(client: ZeroKeeperClient, path: string, options: CreateOptions): Promise<void> {
  const { signal, timeoutMs, deadlineMs, acl } = options;
  try {
    await createWithParents(client, {
      path,
      data: undefined,
      options: { signal, timeoutMs, deadlineMs, ...(acl && { acl }) },
    });
  } catch (error) {
    if (!(error instanceof NodeExistsError)) throw error;
  }
}
