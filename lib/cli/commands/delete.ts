import type { Command } from '../command.js';

export const command: Command = {
  name: 'delete',
  usage: '[-v VERSION] PATH',
  summary: 'delete a znode that has no children',
  details: '  -v, --version VERSION  only if this is its version (else BadVersion)',
  options: { version: { type: 'string', short: 'v' } },
  argumentsMax: 1,
  async run(invocation) {
    const path = invocation.argument(0, 'PATH');
    const version = invocation.integer('version') ?? -1;
    const client = await invocation.connect();
    await client.delete(path, version);
    return 0;
  },
};
