/**
 * What operators read of a gateway, word by word and command by command. The same expectations hold of a real ZooKeeper 3.9:
 * `ZK_TARGET=PORT ZK_ADMIN=PORT npx vitest run test/gateway/operators.test.ts` holds them against the one at these ports of this
 * machine (4lw.commands.whitelist=*), as `bash .ci/operators` does with one that it starts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { silentLogger } from '../../lib/base/logger.js';
import { OPEN_ACL } from '../../lib/core/types.js';
import { AdminServer } from '../../lib/gateway/admin/server.js';
import { CreateFlags } from '../../lib/wire/index.js';
import { openGateway, startGateway } from './support/gateways.js';
import { ask, WireClient } from './support/wire-client.js';

interface Target {
  readonly port: number;
  readonly admin: string;
  stop(): Promise<void>;
}

const { ZK_TARGET, ZK_ADMIN } = process.env;

const targets: (readonly [string, () => Promise<Target>])[] = [['a gateway', startOurs]];
if (ZK_TARGET !== undefined && ZK_ADMIN !== undefined) {
  const theirs = {
    port: Number(ZK_TARGET),
    admin: `http://127.0.0.1:${ZK_ADMIN}`,
    stop: () => Promise.resolve(),
  };
  targets.push(['ZooKeeper', () => Promise.resolve(theirs)]);
}

async function startOurs(): Promise<Target> {
  const { gateway, port } = await openGateway();
  while (!gateway.status().ready) await new Promise((resolve) => setImmediate(resolve));
  const options = { commandUrl: '/commands', status: () => gateway.status(), logger: silentLogger };
  const server = new AdminServer(options);
  const admin = `http://127.0.0.1:${await server.listen({ host: '127.0.0.1', port: 0 })}`;
  const stop = async () => {
    await server.stop();
    await gateway.close();
  };
  return { port, admin, stop };
}

const HEX = '0x[0-9a-f]+';
const PEER = String.raw`127\.0\.0\.1:\d+`;

/** What the whole answer to a word looks like, with one client that has an ephemeral /operators and watches it. */
const WORDS: readonly (readonly [string, RegExp])[] = [
  [
    'conf',
    /^clientPort=\d+\nsecureClientPort=-1\n(.+\n)*tickTime=\d+\nmaxClientCnxns=\d+\nminSessionTimeout=\d+\nmaxSessionTimeout=\d+\n(.+\n)*serverId=0\n/,
  ],
  [
    'cons',
    new RegExp(
      String.raw`^( /${PEER}\[[01]\]\(queued=\d+,recved=\d+,sent=\d+(,sid=${HEX},lop=\w+,est=\d+,to=\d+,lcxid=${HEX},lzxid=${HEX},lresp=\d+,llat=\d+,minlat=\d+,avglat=\d+,maxlat=\d+)?\)\n)+\n$`,
    ),
  ],
  ['dirs', /^datadir_size: \d+\nlogdir_size: \d+\n$/],
  [
    'dump',
    new RegExp(
      String.raw`^SessionTracker dump:\nSession Sets \(\d+\)/\(\d+\):\n(\d+ expire at .+:\n(\t${HEX}\n)+)+ephemeral nodes dump:\nSessions with Ephemerals \(1\):\n${HEX}:\n\t/operators\nConnections dump:\nConnections Sets \(\d+\)/\(\d+\):\n(\d+ expire at .+:\n)*\tip: /${PEER} sessionId: ${HEX}\n`,
    ),
  ],
  ['envi', /^Environment:\nzookeeper\.version=3\.9\.\d+-.+, built on .+\nhost\.name=.+\n(.+=.*\n)+$/],
  ['gtmk', /^306$/],
  ['hash', /^$/],
  ['isro', /^rw$/],
  ['mntr', /^zk_version\t3\.9\.\d+-.+\nzk_server_state\tstandalone\n(zk_\w+(\{.*\})?\t[-.\dE]+\n)+$/],
  ['ruok', /^imok$/],
  [
    'srvr',
    new RegExp(
      String.raw`^Zookeeper version: 3\.9\.\d+-.+\nLatency min/avg/max: \d+/\d+\.\d+/\d+\nReceived: \d+\nSent: \d+\nConnections: \d+\nOutstanding: 0\nZxid: ${HEX}\nMode: standalone\nNode count: \d+\n$`,
    ),
  ],
  [
    'stat',
    new RegExp(
      String.raw`^Zookeeper version: .+\nClients:\n( /${PEER}\[[01]\]\(queued=0,recved=\d+,sent=\d+\)\n)+\nLatency (.|\n)+Node count: \d+\n$`,
    ),
  ],
  ['wchc', new RegExp(String.raw`^${HEX}\n\t/operators\n\n$`)],
  ['wchp', new RegExp(String.raw`^/operators\n\t${HEX}\n\n$`)],
  ['wchs', /^1 connections watching 1 paths\nTotal watches:1\n$/],
  ['crst', /^Connection stats reset\.\n$/],
  ['srst', /^Server stats reset\.\n$/],
];

// Matchers are `any` to TypeScript.
const NUMBER = expect.any(Number) as number;
const TEXT = expect.any(String) as string;
const OBJECT = expect.any(Object) as object;
const like = (pattern: RegExp) => expect.stringMatching(pattern) as string;

const SERVER_STATS = {
  packets_sent: NUMBER,
  packets_received: NUMBER,
  data_dir_size: NUMBER,
  log_dir_size: NUMBER,
  last_processed_zxid: NUMBER,
  outstanding_requests: 0,
  server_state: 'standalone',
  avg_latency: NUMBER,
  max_latency: NUMBER,
  min_latency: NUMBER,
  num_alive_client_connections: 1,
  uptime: NUMBER,
  auth_failed_count: 0,
};

const BRIEF = {
  remote_socket_address: like(new RegExp(`^${PEER}$`)),
  interest_ops: 1,
  outstanding_requests: 0,
  packets_received: NUMBER,
  packets_sent: NUMBER,
};

const STATS = {
  version: like(/^3\.9\./),
  read_only: false,
  server_stats: SERVER_STATS,
  node_count: NUMBER,
};

/** Keys and, where they are the same for every server, values of the answers. More keys are welcome. */
const COMMANDS: readonly (readonly [string, Record<string, unknown>])[] = [
  [
    'configuration',
    {
      client_port: NUMBER,
      tick_time: 2000,
      max_client_cnxns: 60,
      min_session_timeout: 4000,
      max_session_timeout: 40_000,
      server_id: 0,
      client_port_listen_backlog: -1,
    },
  ],
  [
    'connections',
    {
      connections: [
        {
          ...BRIEF,
          session_id: NUMBER,
          last_operation: TEXT,
          established: NUMBER,
          session_timeout: 10_000,
          last_cxid: NUMBER,
          last_zxid: NUMBER,
          last_response_time: NUMBER,
          last_latency: NUMBER,
          min_latency: NUMBER,
          avg_latency: NUMBER,
          max_latency: NUMBER,
        },
      ],
      secure_connections: [],
    },
  ],
  ['dirs', { datadir_size: NUMBER, logdir_size: NUMBER }],
  ['dump', { expiry_time_to_session_ids: OBJECT, session_id_to_ephemeral_paths: OBJECT }],
  [
    'environment',
    {
      'zookeeper.version': like(/^3\.9\./),
      'host.name': TEXT,
      'user.name': TEXT,
    },
  ],
  ['get_trace_mask', { tracemask: 306 }],
  ['hash', { digests: [] }],
  ['initial_configuration', {}],
  ['is_read_only', { read_only: false }],
  ['last_snapshot', { zxid: like(/^[0-9a-f]+$/), timestamp: NUMBER }],
  ['leader', { error: 'server is not initialized' }],
  [
    'monitor',
    {
      ...Object.fromEntries(
        [
          ...['uptime', 'avg_latency', 'max_latency', 'min_latency', 'packets_received', 'packets_sent'],
          ...[
            'num_alive_connections',
            'outstanding_requests',
            'znode_count',
            'watch_count',
            'approximate_data_size',
          ],
          ...[
            'global_sessions',
            'local_sessions',
            'connection_drop_probability',
            'outstanding_tls_handshake',
          ],
          ...['connection_rejected', 'unsuccessful_handshake', 'throttled_ops', 'auth_failed_count'],
          ...['avg', 'min', 'max', 'cnt', 'sum'].flatMap((kind) => [
            `${kind}_readlatency`,
            `${kind}_updatelatency`,
          ]),
        ].map((key) => [key, NUMBER]),
      ),
      server_state: 'standalone',
    },
  ],
  ['observer_connection_stat_reset', {}],
  ['observers', { synced_observers: 0, observers: [] }],
  ['ruok', {}],
  ['server_stats', STATS],
  ['stats', { ...STATS, connections: [BRIEF], secure_connections: [] }],
  ['set_trace_mask', { error: 'setTraceMask requires long traceMask argument' }],
  ['set_trace_mask?traceMask=much', { error: 'setTraceMask requires long traceMask argument, got much' }],
  ['set_trace_mask?traceMask=306', { tracemask: 306 }],
  ['voting_view', { current_config: {} }],
  ['watch_summary', { num_connections: 1, num_paths: 1, num_total_watches: 1 }],
  ['watches', { session_id_to_watched_paths: OBJECT }],
  ['watches_by_path', { path_to_session_ids: { '/operators': [NUMBER] } }],
  ['zabstate', { voting: false, zabstate: '' }],
  ['nothing', { error: 'Unknown command: nothing' }],
  ['connection_stat_reset', {}],
  ['stat_reset', {}],
];

describe.each(targets)('the operators of %s', (_, start) => {
  let target: Target;
  let client: WireClient & { response: { readonly session: bigint } };

  beforeAll(async () => {
    target = await start();
    client = await WireClient.open(target.port, { timeoutMs: 10_000 });
    const node = { path: '/operators', data: Buffer.from('v'), acl: OPEN_ACL, flags: CreateFlags.ephemeral };
    expect((await client.call('create', node)).err).toBe(0);
    expect((await client.call('getData', { path: '/operators', watch: true })).err).toBe(0);
  });

  afterAll(async () => {
    client.destroy();
    await target.stop();
  });

  it.each(WORDS)('are answered by %s as ZooKeeper answers it', async (word, answer) => {
    expect(await ask(target.port, word)).toMatch(answer);
  });

  it('set the trace mask by eight bytes behind the word, and read it back', async () => {
    const mask = (value: number) => `stmk\0\0\0\0\0\0${String.fromCharCode(value >> 8, value & 0x7f)}`;
    expect(await ask(target.port, mask(256))).toBe('256');
    expect(await ask(target.port, 'gtmk')).toBe('256');
    expect(await ask(target.port, mask(306))).toBe('306');
  });

  it.each(COMMANDS)('are answered by the command %s with ZooKeeper’s keys', async (command, body) => {
    const response = await fetch(`${target.admin}/commands/${command}`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    const [name] = command.split('?');
    expect(await response.json()).toMatchObject({ error: null, command: name, ...body });
  });

  it('read session ids with all of their digits', async () => {
    const id = String(client.response.session);
    expect(await (await fetch(`${target.admin}/commands/cons`)).text()).toMatch(
      new RegExp(`"session_id" ?: ${id},`),
    );
    const dump = (await (await fetch(`${target.admin}/commands/dump`)).json()) as Record<string, object>;
    expect(dump['session_id_to_ephemeral_paths']).toEqual({ [id]: ['/operators'] });
  });

  it('find a link to each command', async () => {
    const page = await (await fetch(`${target.admin}/commands`)).text();
    for (const [command] of COMMANDS) {
      const [name = ''] = command.split('?');
      if (name !== 'nothing') expect(page).toContain(`<a href="/commands/${name}">${name}</a>`);
    }
  });
});

describe('the admin server of a gateway', () => {
  async function start() {
    const running = await startGateway();
    const status = () => running.gateway.status();
    const server = new AdminServer({ commandUrl: '/commands', status, logger: silentLogger });
    const url = `http://127.0.0.1:${await server.listen({ host: '127.0.0.1', port: 0 })}`;
    return { ...running, server, url };
  }

  it('tells whether clients may be sent to the gateway', async () => {
    const { gateway, server, url } = await start();
    await expect.poll(async () => (await fetch(`${url}/health`)).status).toBe(200);
    await gateway.drain(0);
    const response = await fetch(`${url}/health`);
    expect([response.status, await response.json()]).toEqual([503, { status: 'not serving' }]);
    expect(await (await fetch(`${url}/commands/srvr`)).json()).toEqual({
      command: 'server_stats',
      error: 'This ZooKeeper instance is not currently serving requests',
    });
    await server.stop();
  });

  it('tells Prometheus the figures of mntr, and those of the process', async () => {
    const { open, server, url } = await start();
    const client = await open();
    await client.call('create', { path: '/a', data: Buffer.from('v'), acl: OPEN_ACL, flags: 0 });
    await client.call('exists', { path: '/a', watch: true });
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    const lines = text.split('\n');
    const valueOf = (name: string) =>
      lines
        .find((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
        ?.split(' ')
        .at(-1);
    expect(valueOf('watch_count')).toBe('1');
    expect(valueOf('num_alive_connections')).toBe('1');
    expect(valueOf('cnt_updatelatency')).toBe('1');
    expect(valueOf('cnt_readlatency')).toBe('1');
    expect(valueOf('gateway_ready')).toBe('1');
    expect(text).toContain('# TYPE connection_rejected counter\n');
    expect(Number(valueOf('process_resident_memory_bytes'))).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatch(/^(#.*|\w+(\{.*\})? \S+)?$/);
    await server.stop();
  });

  it('refuses what it does not serve: other methods, other paths, files that no gateway has', async () => {
    const { server, url } = await start();
    expect((await fetch(`${url}/commands/ruok`, { method: 'POST' })).status).toBe(405);
    expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
    expect((await fetch(`${url}/commands/snapshot`)).status).toBe(503);
    await server.stop();
  });
});
