import { ErrorCode } from '../../core/errors.js';
import { ZooKeeperError } from '../../client/tcp/index.js';
import type { SessionState, WatchEvent, ZooKeeperConnection } from '../../client/tcp/index.js';
import { Follower, type FollowOptions } from '../follow.js';
import { UsageError, type Command, type Invocation } from '../command.js';
import { formatEvent, untilLostOrInterrupted } from '../events.js';

export const command: Command = {
  name: 'watch',
  usage: '[--recursive] [--count N] PATH',
  summary: 'print the events of a znode as they happen',
  details: `  -R, --recursive  those of everything below it, too; created, deleted and dataChanged only
  --count N        end after N events instead of by Ctrl-C

  One line per event: its kind and the path. The znode need not exist. What happens while the
  connection is lost is not shown; a line on standard error says so. With a server that has no
  addWatch, changes that follow each other quickly may be shown as one.`,
  options: { recursive: { type: 'boolean', short: 'R' }, count: { type: 'string' } },
  argumentsMax: 1,
  async run(invocation) {
    const path = invocation.argument(0, 'PATH');
    const count = countOf(invocation);
    const client = await invocation.connect();
    client.onState((state) => report(state, invocation));
    let seen = 0;
    let finish: (code: number) => void = () => undefined;
    const finished = new Promise<number>((resolve) => (finish = resolve));
    const listener = (event: WatchEvent) => {
      if (seen === count) return;
      invocation.io.stdout(formatEvent(event, invocation.json));
      if (++seen === count) finish(0);
    };
    const failed = new Promise<never>((_, reject) => {
      const recursive = invocation.flag('recursive');
      follow(client, path, { recursive, onEvent: listener, onFailure: reject }).catch(reject);
    });
    return await Promise.race([finished, failed, untilLostOrInterrupted(client, invocation.io)]);
  },
};

/** By a watch that stays where the server has such, else by watches that are set again. */
async function follow(client: ZooKeeperConnection, path: string, options: FollowOptions): Promise<void> {
  try {
    await client.addWatch(path, options.onEvent, { recursive: options.recursive });
  } catch (error) {
    if (!(error instanceof ZooKeeperError) || error.code !== ErrorCode.Unimplemented) throw error;
    await new Follower(client, path, options).start();
  }
}

function countOf(invocation: Invocation): number {
  const count = invocation.integer('count') ?? Infinity;
  if (count < 1) throw new UsageError('--count wants at least 1');
  return count;
}

function report(state: SessionState, { io }: Invocation): void {
  if (state === 'suspended') io.stderr('connection lost; events are not seen until it is back\n');
  if (state === 'connected') io.stderr('connected again\n');
}
