import {
  NodeExistsError,
  NoNodeError,
  UnsupportedError,
  ZeroKeeperError,
  type CreateMode,
  type Data,
  type Stat,
} from '../../index.js';
import { namesWith, removeByGuid } from './cleanup.js';
import { join, nameOf, newGuid, PROTECTED_PREFIX } from './names.js';
import type { RecipeContext } from './recipe.js';
import { backoff, isOver, isTransient, untilAnswered } from './waiting.js';

/** A znode that a recipe has made. */
export interface OwnNode {
  readonly path: string;
  readonly name: string;
  /** The transaction that created it. */
  readonly czxid: number;
  /** The names in its directory, as they were right after it was created. */
  readonly siblings: readonly string[];
}

export interface WantedNode {
  readonly directory: string;
  /** Between GUID and digits: `lock-`. */
  readonly prefix: string;
  readonly data?: Data | undefined;
  readonly mode?: CreateMode;
  readonly signal?: AbortSignal | undefined;
}

/** How often the directory is made anew because somebody deletes it. */
const DIRECTORY_ROUNDS_MAX = 100;

/**
 * Creates a sequential znode exactly once, on every transport: its name has a GUID, so that after a lost answer it is found
 * instead of being created again, and when the creation is given up nothing is left of it. Missing parents are created.
 *
 * The directory is listed in the same round trip.
 */
export async function createProtected(context: RecipeContext, wanted: WantedNode): Promise<OwnNode> {
  const { client } = context;
  const { directory, signal } = wanted;
  const guid = newGuid(client.random);
  let directories = 0;
  for (let failures = 0; ;) {
    try {
      return await createAndList(context, wanted, guid);
    } catch (error) {
      if (error instanceof NoNodeError && directories++ < DIRECTORY_ROUNDS_MAX) {
        await createDirectory(context, directory, { signal, mode: 'container' });
        continue;
      }
      const isInDoubt = error instanceof ZeroKeeperError && error.maybeApplied;
      if (!isTransient(error) || signal?.aborted === true || isOver(client)) {
        if (isInDoubt) context.cleanup.run(() => removeByGuid(client, directory, guid));
        throw error;
      }
      failures++;
      if (isInDoubt) {
        const found = await findAgain(context, wanted, guid);
        if (found !== undefined) return found;
      } else await backoff(client, failures, { path: directory, signal });
    }
  }
}

async function createAndList(context: RecipeContext, wanted: WantedNode, guid: string): Promise<OwnNode> {
  const { client, acl } = context;
  const { directory, prefix, data, mode = 'ephemeralSequential', signal } = wanted;
  const start = join(directory, `${PROTECTED_PREFIX}${guid}-${prefix}`);
  const creating = client.create(start, data, { ...acl, mode, signal });
  // Sent along: it shows what stands there behind the creation.
  const listing = client.getChildren(directory, { consistency: 'session', signal });
  const [created, listed] = await Promise.allSettled([creating, listing]);
  if (created.status === 'rejected') throw created.reason;
  const { path, stat } = created.value;
  return ownNode(path, stat, listed.status === 'fulfilled' ? listed.value.children : []);
}

function ownNode(path: string, stat: Stat, siblings: readonly string[]): OwnNode {
  return { path, name: nameOf(path), czxid: stat.czxid, siblings };
}

/** The znode, if it was created though the answer was lost. */
async function findAgain(
  { client, cleanup }: RecipeContext,
  { directory, signal }: WantedNode,
  guid: string,
): Promise<OwnNode | undefined> {
  try {
    for (const name of await namesWith(client, { directory, guid, signal })) {
      const path = join(directory, name);
      const stat = await untilAnswered(client, { path, signal }, () => client.exists(path, { signal }));
      if (stat !== undefined) return ownNode(path, stat, []);
    }
    return undefined;
  } catch (error) {
    cleanup.run(() => removeByGuid(client, directory, guid));
    throw error;
  }
}

/** Empty; with its parents. If it is there already, that is fine. */
export async function createDirectory(
  context: RecipeContext,
  directory: string,
  {
    signal,
    mode = 'persistent',
  }: { readonly signal?: AbortSignal | undefined; readonly mode?: CreateMode } = {},
): Promise<void> {
  const { client, acl } = context;
  try {
    await untilAnswered(client, { path: directory, signal }, () =>
      client.create(directory, '', { ...acl, mode, parents: true, signal }),
    );
  } catch (error) {
    if (error instanceof UnsupportedError && mode === 'container') {
      // A server without containers: then it stays.
      await createDirectory(context, directory, { signal });
    } else if (!(error instanceof NodeExistsError)) throw error;
  }
}
