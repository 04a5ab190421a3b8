import { ErrorCode } from '../../core/errors.js';
import { ZooKeeperError } from '../../client/tcp/index.js';
import type { Command } from '../command.js';
import { formatStat, toJson } from '../format.js';

export const command: Command = {
  name: 'stat',
  usage: 'PATH',
  summary: 'print the stat of a znode',
  details: '',
  options: {},
  argumentsMax: 1,
  async run(invocation) {
    const path = invocation.argument(0, 'PATH');
    const client = await invocation.connect();
    const stat = await client.exists(path);
    if (stat === undefined) throw new ZooKeeperError({ code: ErrorCode.NoNode, path });
    invocation.io.stdout(invocation.json ? toJson({ path, stat }) : formatStat(stat));
    return 0;
  },
};
