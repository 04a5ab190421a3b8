import { ErrorCode } from '../../core/errors.js';
import { ZooKeeperError, type ZooKeeperConnection } from '../../client/tcp/index.js';
import { UsageError, type Command } from '../command.js';
import { inBatches, unless, walk } from '../tree.js';

/** How often it begins again because somebody else created znodes meanwhile. */
const ROUNDS_MAX = 5;

export const command: Command = {
  name: 'deleteall',
  usage: 'PATH',
  summary: 'delete a znode and everything below it',
  details:
    '  Not atomic: others may see it half done, and what they create meanwhile may stop it (NotEmpty).',
  options: {},
  argumentsMax: 1,
  async run(invocation) {
    const path = invocation.argument(0, 'PATH');
    if (path === '/') throw new UsageError('the root cannot be deleted');
    const client = await invocation.connect();
    for (let round = 1; ; round++) {
      try {
        await deleteTree(client, path);
        return 0;
      } catch (error) {
        const beaten = error instanceof ZooKeeperError && error.code === ErrorCode.NotEmpty;
        if (!beaten || round === ROUNDS_MAX) throw error;
      }
    }
  },
};

async function deleteTree(client: ZooKeeperConnection, path: string): Promise<void> {
  const below = (await walk(client, path)).slice(1);
  // Requests are carried out in the order in which they are sent, so children go before their parents.
  await inBatches(below.reverse(), (child) => unless(client.delete(child), ErrorCode.NoNode, undefined));
  await client.delete(path);
}
