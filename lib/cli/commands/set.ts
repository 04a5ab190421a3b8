import type { Command } from '../command.js';
import { dataArgument } from '../data.js';
import { formatStat, toJson } from '../format.js';

export const command: Command = {
  name: 'set',
  usage: '[-v VERSION] [-s] PATH DATA',
  summary: 'replace the data of a znode',
  details: `  -v, --version VERSION  only if this is its version (else BadVersion)
  -s, --stat             print the new stat

  DATA "-" reads the data from standard input.`,
  options: { version: { type: 'string', short: 'v' }, stat: { type: 'boolean', short: 's' } },
  argumentsMax: 2,
  async run(invocation) {
    const path = invocation.argument(0, 'PATH');
    invocation.argument(1, 'DATA');
    const version = invocation.integer('version') ?? -1;
    const data = await dataArgument(invocation, 1);
    const client = await invocation.connect();
    const stat = await client.setData(path, data, version);
    if (invocation.json) invocation.io.stdout(toJson({ path, stat }));
    else if (invocation.flag('stat')) invocation.io.stdout(formatStat(stat));
    return 0;
  },
};
