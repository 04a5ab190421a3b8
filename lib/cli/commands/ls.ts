import type { Command } from '../command.js';
import { formatStat, toJson } from '../format.js';
import { walk } from '../tree.js';

export const command: Command = {
  name: 'ls',
  usage: '[-R] [-s] [PATH]',
  summary: 'list the children of a znode',
  details: `  -R, --recursive  the znode and everything below it, by their full paths
  -s, --stat       print the stat of the znode, too

  PATH is / when it is left out.`,
  options: { recursive: { type: 'boolean', short: 'R' }, stat: { type: 'boolean', short: 's' } },
  argumentsMax: 1,
  async run(invocation) {
    const path = invocation.positionals[0] ?? '/';
    const client = await invocation.connect();
    const { children, stat } = await client.getChildren2(path);
    const names = invocation.flag('recursive') ? await walk(client, path) : [...children];
    names.sort();
    const { stdout } = invocation.io;
    if (invocation.json) stdout(toJson({ path, children: names, stat }));
    else {
      stdout(names.map((name) => `${name}\n`).join(''));
      if (invocation.flag('stat')) stdout(formatStat(stat));
    }
    return 0;
  },
};
