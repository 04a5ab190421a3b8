import type { WatchEvent } from '../../client/tcp/index.js';
import type { Command } from '../command.js';
import { dataForJson } from '../data.js';
import { formatStat, toJson } from '../format.js';
import { formatEvent, untilLostOrInterrupted } from '../events.js';

export const command: Command = {
  name: 'get',
  usage: '[-s] [-w] [--raw] PATH',
  summary: 'print the data of a znode',
  details: `  -s, --stat   print the stat, too
  -w, --watch  wait for the next change of the znode, and print what it was
  --raw        the bytes as they are, without a newline at the end`,
  options: {
    stat: { type: 'boolean', short: 's' },
    watch: { type: 'boolean', short: 'w' },
    raw: { type: 'boolean' },
  },
  argumentsMax: 1,
  async run(invocation) {
    const path = invocation.argument(0, 'PATH');
    const client = await invocation.connect();
    let fire: (event: WatchEvent) => void = () => undefined;
    const fired = new Promise<WatchEvent>((resolve) => (fire = resolve));
    const { data, stat } = await client.getData(path, invocation.flag('watch') ? { watch: fire } : {});
    const { stdout } = invocation.io;
    if (invocation.json) stdout(toJson({ path, ...dataForJson(data), stat }));
    else {
      stdout(data);
      if (!invocation.flag('raw')) stdout('\n');
      if (invocation.flag('stat')) stdout(formatStat(stat));
    }
    if (!invocation.flag('watch')) return 0;
    const event = await Promise.race([fired, untilLostOrInterrupted(client, invocation.io)]);
    if (typeof event === 'number') return event;
    stdout(formatEvent(event, invocation.json));
    return 0;
  },
};
