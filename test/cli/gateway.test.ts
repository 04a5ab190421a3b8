import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { readConfiguration } from '../../lib/cli/gateway.js';
import { UsageError } from '../../lib/cli/command.js';
import { KEYS, variableOf } from '../../lib/gateway/config/keys.js';
import { standaloneSettings } from '../../lib/gateway/config/settings.js';
import { ConfigError } from '../../lib/gateway/config/values.js';
import { parseZooCfg } from '../../lib/gateway/config/zoo-cfg.js';
import { resolveLimits } from '../../lib/gateway/options.js';
import { build, PROGRAM } from '../support/build.js';
import { useEngine } from '../support/engine.js';
import { useFiles } from '../gateway/support/certificates.js';
import { ask, WireClient } from '../gateway/support/wire-client.js';

const file = useFiles();

function settingsOf(args: string[], env: Record<string, string> = {}) {
  const configuration = readConfiguration(args, env);
  if (configuration === 'help') throw new Error('help was not asked for');
  return standaloneSettings(configuration.values);
}

describe('the settings of a gateway', () => {
  it("are ZooKeeper's, unless something else is given", () => {
    const settings = settingsOf([]);
    expect(settings.client).toEqual({ host: '0.0.0.0', port: 2181 });
    expect(settings.secure).toBeUndefined();
    expect(settings.fourLetterWords).toEqual(['srvr']);
    expect(resolveLimits(settings.limits)).toEqual(resolveLimits());
  });

  it('are taken from the command line, else from the environment, else from the file', () => {
    const config = file('zoo.cfg', 'tickTime=1000\nmaxClientCnxns=1\nclientPort=1001\n# a comment\n');
    const env = {
      ZEROKEEPER_MAX_CLIENT_CNXNS: '2',
      ZEROKEEPER_CLIENT_PORT: '1002',
      ZEROKEEPER_CONFIG: config,
    };
    const settings = settingsOf(['--clientPort', '1003'], env);
    expect(settings.client?.port).toBe(1003);
    expect(settings.limits).toMatchObject({ maxClientConnections: 2, tickTimeMs: 1000 });
    expect(resolveLimits(settings.limits)).toMatchObject({
      minSessionTimeoutMs: 2000,
      maxSessionTimeoutMs: 20_000,
    });
  });

  it('have one environment variable each', () => {
    expect(variableOf('4lw.commands.whitelist')).toBe('ZEROKEEPER_4LW_COMMANDS_WHITELIST');
    expect(variableOf('jute.maxbuffer')).toBe('ZEROKEEPER_JUTE_MAXBUFFER');
    expect(new Set(KEYS.map(({ name }) => variableOf(name))).size).toBe(KEYS.length);
  });

  it("go by the names of ZooKeeper's Java properties, too", () => {
    const config = file('zoo.cfg', 'zookeeper.maxCnxns = 7\nrequest_throttle_max_requests: 9\n');
    const { limits } = settingsOf(['--config', config]);
    expect(limits).toMatchObject({ connectionsMax: 7, requestThrottleLimit: 9 });
  });

  it('have a read-only mode where it is asked for, also in a zoo.cfg', () => {
    expect(settingsOf([]).readOnlyMode).toBe(false);
    const config = file('zoo.cfg', 'readonlymode.enabled=true\n');
    expect(settingsOf(['--config', config]).readOnlyMode).toBe(true);
    expect(settingsOf([], { ZEROKEEPER_READONLYMODE_ENABLED: 'true' }).readOnlyMode).toBe(true);
  });

  it("serve the metrics by themselves where ZooKeeper's provider is named, with or without its package", () => {
    expect(settingsOf([]).metrics).toBeUndefined();
    const provider =
      'metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider';
    const config = file('zoo.cfg', `${provider}\nmetricsProvider.exportJvmInfo=false\n`);
    expect(settingsOf(['--config', config]).metrics).toEqual({
      host: '0.0.0.0',
      port: 7000,
      ofProcess: false,
    });
    const short = [
      '--metricsProvider.className',
      'PrometheusMetricsProvider',
      '--metricsProvider.httpPort',
      '7001',
    ];
    expect(settingsOf(short).metrics).toEqual({ host: '0.0.0.0', port: 7001, ofProcess: true });
  });

  it.each([
    [
      ['--tickTime', 'soon'],
      'tickTime in the command line has to be a whole number of at least 1, but is "soon"',
    ],
    [
      ['--clientPort', '70000'],
      'clientPort in the command line has to be a port from 0 to 65535, but is "70000"',
    ],
    [
      ['--4lw.commands.whitelist', 'ruok,nope'],
      'whitelist in the command line has words that are none: nope',
    ],
    [['--secureClientPort', '2281'], 'secureClientPort needs ssl.keyStore.location'],
    [['--secureClientPort', '2281', '--ssl.keyStore.location', 'a.pem'], 'needs ssl.trustStore.location'],
    [['--minSessionTimeout', '9000', '--maxSessionTimeout', '8000'], 'must not be greater than'],
    [['--endpoint', 'dynamo'], 'has to be a URL such as'],
    [['--namespace', 'a/b'], 'has characters or a length that it cannot have'],
    [
      ['--metricsProvider.className', 'com.example.Ours'],
      'className in the command line has to be PrometheusMetricsProvider',
    ],
    [['--logLevel', 'loud'], 'has to be one of debug, info, warn, error'],
  ])('that cannot be are a clear error: %j', (args, message) => {
    expect(() => settingsOf(args)).toThrow(ConfigError);
    expect(() => settingsOf(args)).toThrow(message);
  });

  it('that nobody knows on the command line are an error, and a file that is not there', () => {
    expect(() => settingsOf(['--tick', '1'])).toThrow(UsageError);
    expect(() => settingsOf(['--config', '/nowhere/zoo.cfg'])).toThrow(/zoo\.cfg cannot be read: ENOENT/);
  });
});

describe('a zoo.cfg', () => {
  it('of an ensemble is read, with a notice that tells why an ensemble is not needed', () => {
    const text =
      'dataDir=/var/lib/zookeeper\nclientPort=2181\ninitLimit=10\nsyncLimit=5\nserver.1=zk1:2888:3888\n';
    const { values, dataDir, notices, warnings } = parseZooCfg(text, 'zoo.cfg');
    expect([...values]).toEqual([['clientPort', '2181']]);
    expect(dataDir).toBe('/var/lib/zookeeper');
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatch(
      /^zoo\.cfg: initLimit, syncLimit, server\.1 not needed: there is no ensemble\./,
    );
    expect(warnings).toEqual([]);
  });

  it("that chooses among Java's classes gets a notice, and a warning where that is somebody's own class", () => {
    const ours = 'authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider';
    const { notices, warnings } = parseZooCfg(
      `${ours}\nauthProvider.2=com.example.Provider\nserverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory\n`,
      'zoo.cfg',
    );
    expect(notices).toEqual([
      expect.stringMatching(/^zoo\.cfg: authProvider\.1, serverCnxnFactory not needed: .*sasl\.usersFile/),
    ]);
    expect(warnings).toEqual(['zoo.cfg: authProvider.2 is no setting that ZeroKeeper knows; it is ignored']);
  });

  it('with a name that nobody knows gets a warning, and one about files a notice', () => {
    const { notices, warnings } = parseZooCfg('autopurge.purgeInterval=1\nclientprot=2181\n', 'zoo.cfg');
    expect(notices).toEqual([
      expect.stringMatching(/^zoo\.cfg: autopurge\.purgeInterval not needed: the log is in DynamoDB/),
    ]);
    expect(warnings).toEqual(['zoo.cfg: clientprot is no setting that ZeroKeeper knows; it is ignored']);
  });
});

describe('zerokeeper gateway', () => {
  const engine = useEngine();
  beforeAll(build, 120_000);
  const ends: (() => void)[] = [];
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });

  function run(args: string[]) {
    const child = spawn(process.execPath, [PROGRAM, 'gateway', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    ends.push(() => child.kill('SIGKILL'));
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
    const ready = new Promise<number>((resolve) => {
      createInterface(child.stdout).on('line', (line) => {
        const port = /^ZeroKeeper's gateway is ready on 127\.0\.0\.1:(\d+)$/.exec(line)?.[1];
        if (port !== undefined) resolve(Number(port));
      });
    });
    return { ready, ended, child, stderr: () => stderr };
  }

  it('serves the tables that it is told to, and ends with 0 when it is told to', async () => {
    const prefix = await engine.freshTables();
    const where = ['--endpoint', engine.endpoint, '--tablePrefix', prefix];
    const here = ['--clientPortAddress', '127.0.0.1', '--admin.serverAddress', '127.0.0.1'];
    const listen = ['--clientPort', '0', '--admin.serverPort', '0', ...here];
    const metrics = ['--metricsProvider.className', 'PrometheusMetricsProvider'];
    const at = ['--metricsProvider.httpHost', '127.0.0.1', '--metricsProvider.httpPort', '0'];
    const program = run([...where, ...listen, ...metrics, ...at]);
    const port = await program.ready;
    const client = await WireClient.open(port);
    expect((await client.call('exists', { path: '/', watch: false })).err).toBe(0);
    expect(await ask(port, 'srvr')).toMatch(/^Zookeeper version: /);
    expect(await ask(port, 'mntr')).toBe('mntr is not executed because it is not in the whitelist.\n');
    const adminPort = /"adminPort":(\d+)/.exec(program.stderr())?.[1] ?? '';
    expect((await fetch(`http://127.0.0.1:${adminPort}/health`)).status).toBe(200);
    const metricsPort = /"metricsPort":(\d+)/.exec(program.stderr())?.[1] ?? '';
    expect(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()).toMatch(
      /^gateway_ready\b.* 1$/m,
    );
    expect((await fetch(`http://127.0.0.1:${metricsPort}/commands/srvr`)).status).toBe(404);
    program.child.kill('SIGTERM');
    expect(await client.next()).toBeUndefined();
    expect(await program.ended).toBe(0);
  });

  it('that finds no tables says so in one line, and ends with 1', async () => {
    const program = run(['--endpoint', engine.endpoint, '--tablePrefix', 'nobody', '--clientPort', '0']);
    expect(await program.ended).toBe(1);
    expect(program.stderr()).toMatch(
      /^zerokeeper: the gateway could not serve: .* \(check endpoint or region, credentials, and tablePrefix\)\n$/,
    );
  });

  it('with a wrong setting ends with 2', async () => {
    const program = run(['--tickTime', '0']);
    expect(await program.ended).toBe(2);
    expect(program.stderr()).toMatch(/^zerokeeper: tickTime .* \(see zerokeeper gateway --help\)\n$/);
  });
});
