import { ttlRefusal } from '../../core/modes.js';
import { OPEN_ACL, type CreateMode } from '../../core/types.js';
import { parseAcl } from '../acl.js';
import { UsageError, type Command, type Invocation } from '../command.js';
import { dataArgument } from '../data.js';
import { untilLostOrInterrupted } from '../events.js';
import { toJson } from '../format.js';

export const command: Command = {
  name: 'create',
  usage: '[-e | -c | -t MS] [-s] [--acl ACL] PATH [DATA]',
  summary: 'create a znode and print its path',
  details: `  -e, --ephemeral   delete it when the session ends: the command keeps running, and with it
                    the znode, until Ctrl-C
  -c, --container   let it go by itself when it has had children and has none any more
  -t, --ttl MS      let it go by itself when nobody has written it for so many ms and it has no children
  -s, --sequential  add the parent's next number to its name
  --acl ACL         who may do what, as scheme:id:cdrwa,… (default: world:anyone:cdrwa)

  DATA "-" reads the data from standard input.`,
  options: {
    ephemeral: { type: 'boolean', short: 'e' },
    container: { type: 'boolean', short: 'c' },
    ttl: { type: 'string', short: 't' },
    sequential: { type: 'boolean', short: 's' },
    acl: { type: 'string' },
  },
  argumentsMax: 2,
  async run(invocation) {
    const path = invocation.argument(0, 'PATH');
    const aclText = invocation.text('acl');
    const acl = aclText === undefined ? OPEN_ACL : parseAcl(aclText);
    const [mode, ttlMs] = [modeOf(invocation), invocation.integer('ttl')];
    const refusal = ttlRefusal(mode, ttlMs);
    if (refusal !== undefined) throw new UsageError(refusal);
    const data = await dataArgument(invocation, 1);
    const client = await invocation.connect();
    const created = await client.create2(path, data, { mode, acl, ttlMs });
    invocation.io.stdout(invocation.json ? toJson(created) : `${created.path}\n`);
    if (!invocation.flag('ephemeral')) return 0;
    // The znode lives as long as the session, and the session as long as this process.
    return await untilLostOrInterrupted(client, invocation.io);
  },
};

function modeOf(invocation: Invocation): CreateMode {
  const sequential = invocation.flag('sequential');
  const hasTtl = invocation.text('ttl') !== undefined;
  const isContainer = invocation.flag('container');
  const isEphemeral = invocation.flag('ephemeral');
  if ([hasTtl, isContainer, isEphemeral].filter(Boolean).length > 1) {
    throw new UsageError('--ephemeral, --container and --ttl exclude each other');
  }
  if (isContainer && sequential) throw new UsageError('--container and --sequential exclude each other');
  if (isContainer) return 'container';
  if (hasTtl) return sequential ? 'ttlSequential' : 'ttl';
  if (invocation.flag('ephemeral')) return sequential ? 'ephemeralSequential' : 'ephemeral';
  return sequential ? 'persistentSequential' : 'persistent';
}
