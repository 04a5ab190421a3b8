import { ZeroKeeperError, type MultiInput, type ZeroKeeperClient } from '../../index.js';
import { backoff, isOver, isTransient, untilAnswered } from './waiting.js';

/**
 * Makes a transaction exactly once, on every transport. After a lost answer `happened` tells by a read whether it was done.
 * Rejects with MultiError when it is refused.
 */
export async function multiOnce(
  client: ZeroKeeperClient,
  inputs: readonly MultiInput[],
  how: { readonly path: string; readonly happened: () => Promise<boolean> },
): Promise<void> {
  for (let failures = 1; ; failures++) {
    try {
      await client.multi(inputs);
      return;
    } catch (error) {
      if (!isTransient(error) || isOver(client)) throw error;
      await backoff(client, failures, how);
      if (isInDoubt(error) && (await untilAnswered(client, how, how.happened))) return;
    }
  }
}

function isInDoubt(error: unknown): boolean {
  return error instanceof ZeroKeeperError && error.maybeApplied;
}
