import { openNamespaces, NamespaceError, type Namespaces } from '../../client/namespaces.js';
import { LIMIT_NAMES, type NamespaceLimits, type NamespaceUsage } from '../../keeper/registry.js';
import { UsageError, type Command, type Invocation } from '../command.js';
import { formatTable, time, toJson } from '../format.js';

const HEADINGS = ['NAMESPACE', 'ZNODES', 'BYTES', 'SESSIONS', 'CREATED'];

const ACTIONS: Readonly<Record<string, (namespaces: Namespaces, invocation: Invocation) => Promise<void>>> = {
  create: async (namespaces, invocation) => {
    await namespaces.create(nameIn(invocation), limitsIn(invocation));
  },
  limit: async (namespaces, invocation) => {
    await namespaces.limit(nameIn(invocation), limitsIn(invocation));
  },
  format: async (namespaces, invocation) => {
    const format = Number(invocation.argument(2, 'FORMAT'));
    await namespaces.switchFormat(nameIn(invocation), format);
  },
  delete: async (namespaces, invocation) => {
    await namespaces.delete(nameIn(invocation));
  },
  list: async (namespaces, { io, json }) => {
    const found = await namespaces.list();
    if (json) for (const namespace of found) io.stdout(toJson(namespace));
    else io.stdout(formatTable(HEADINGS, found.map(row)));
  },
};

export const command: Command = {
  name: 'namespace',
  usage: 'list | create NAME [LIMITS] | limit NAME [LIMITS] | format NAME FORMAT | delete NAME',
  summary: 'look after the namespaces of a deployment, in its tables',
  details: `  --znodes N --bytes N --sessions N
                     the most that it may hold; what is left out has no limit
  --table-prefix P   what the tables are called before -log and so on (default: zerokeeper)
  --region R, --endpoint URL
                     where they are (default: as the AWS SDK finds it)
  --function-name F  create or delete the alias of the function api that clients invoke, too

  It needs permissions on the tables, not a server. A limit holds within seconds: what would exceed it
  is refused with QuotaExceeded, what makes a namespace smaller never is. A namespace that was deleted
  takes no more writes; its rows stay, and its name is not given out again. A later format is written once
  everything that reads the namespace has been upgraded; it cannot be taken back.`,
  options: {
    ...Object.fromEntries(LIMIT_NAMES.map((name) => [name, { type: 'string' } as const])),
    'table-prefix': { type: 'string' },
    region: { type: 'string' },
    endpoint: { type: 'string' },
    'function-name': { type: 'string' },
  },
  argumentsMax: 3,
  async run(invocation) {
    const name = invocation.argument(0, 'list, create, limit, format or delete');
    const action = ACTIONS[name];
    if (action === undefined) throw new UsageError(`no such action: ${name}`);
    const namespaces = await openNamespaces({
      tablePrefix: invocation.text('table-prefix'),
      region: invocation.text('region'),
      endpoint: invocation.text('endpoint'),
      functionName: invocation.text('function-name'),
    });
    try {
      await action(namespaces, invocation);
      return 0;
    } catch (error) {
      if (!(error instanceof NamespaceError)) throw error;
      invocation.io.stderr(`${error.code}: ${error.message}\n`);
      return 1;
    } finally {
      namespaces.close();
    }
  },
};

function nameIn(invocation: Invocation): string {
  return invocation.argument(1, 'NAME');
}

function limitsIn(invocation: Invocation): NamespaceLimits {
  const limits = LIMIT_NAMES.map((name) => [name, invocation.integer(name)] as const);
  return Object.fromEntries(limits.filter(([, limit]) => limit !== undefined));
}

/** What it holds, and of how much where there is a limit. */
function row({ name, usage, limits, createdAtMs }: NamespaceUsage): string[] {
  const cells = LIMIT_NAMES.map((what) => {
    const limit = limits[what];
    return limit === undefined ? String(usage[what]) : `${usage[what]} of ${limit}`;
  });
  return [name, ...cells, time(createdAtMs)];
}
