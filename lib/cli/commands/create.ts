import { OPEN_ACL, type CreateMode } from '../../core/types.js';
import { parseAcl } from '../acl.js';
import type { Command, Invocation } from '../command.js';
import { dataArgument } from '../data.js';
import { untilLostOrInterrupted } from '../events.js';
import { toJson } from '../format.js';

export const command: Command = {
  name: 'create',
  usage: '[-e] [-s] [--acl ACL] PATH [DATA]',
  summary: 'create a znode and print its path',
  details: `  -e, --ephemeral   delete it when the session ends: the command keeps running, and with it
                    the znode, until Ctrl-C
  -s, --sequential  add the parent's next number to its name
  --acl ACL         who may do what, as scheme:id:cdrwa,… (default: world:anyone:cdrwa)

  DATA "-" reads the data from standard input.`,
  options: {
    ephemeral: { type: 'boolean', short: 'e' },
    sequential: { type: 'boolean', short: 's' },
    acl: { type: 'string' },
  },
  argumentsMax: 2,
  async run(invocation) {
    const path = invocation.argument(0, 'PATH');
    const aclText = invocation.text('acl');
    const acl = aclText === undefined ? OPEN_ACL : parseAcl(aclText);
    const data = await dataArgument(invocation, 1);
    const client = await invocation.connect();
    const created = await client.create2(path, data, { mode: modeOf(invocation), acl });
    invocation.io.stdout(invocation.json ? toJson(created) : `${created.path}\n`);
    if (!invocation.flag('ephemeral')) return 0;
    // The znode lives as long as the session, and the session as long as this process.
    return await untilLostOrInterrupted(client, invocation.io);
  },
};

function modeOf(invocation: Invocation): CreateMode {
  const sequential = invocation.flag('sequential');
  if (invocation.flag('ephemeral')) return sequential ? 'ephemeralSequential' : 'ephemeral';
  return sequential ? 'persistentSequential' : 'persistent';
}
