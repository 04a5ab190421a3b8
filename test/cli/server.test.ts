import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { build, PROGRAM } from '../support/build.js';
import { useFiles } from '../gateway/support/certificates.js';
import { ask, WireClient } from '../gateway/support/wire-client.js';

const file = useFiles();

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Exit code and output of `zerokeeper server`. */
async function server(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const output = await promisify(execFile)(process.execPath, [PROGRAM, 'server', ...args]);
    return { code: 0, ...output };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

describe('zerokeeper server', { timeout: 60_000 }, () => {
  let config = '';
  let port = 0;
  let pidFile = '';

  beforeAll(async () => {
    await build();
    port = await freePort();
    const directory = join(file('marker', ''), '..');
    pidFile = join(directory, 'zerokeeper_server.pid');
    const lines = [
      `dataDir=${directory}`,
      `clientPort=${port}`,
      'clientPortAddress=127.0.0.1',
      'tickTime=3000',
      'initLimit=10',
      'server.1=zk1:2888:3888',
      'admin.enableServer=false',
      '4lw.commands.whitelist=srvr,conf',
    ];
    config = file('zoo.cfg', `${lines.join('\n')}\n`);
  }, 120_000);

  afterAll(async () => {
    await server('stop', config);
    rmSync(pidFile, { force: true });
  });

  const pid = () => Number(readFileSync(pidFile, 'utf8').split('\n')[0]);

  it('starts in the background, by a zoo.cfg, and says when clients can connect', async () => {
    const { code, stdout, stderr } = await server('start', config);
    expect(stderr).toBe('');
    expect(stdout).toMatch(
      /zoo\.cfg: initLimit, server\.1 not needed: there is no ensemble\..*\nStarting zerokeeper \.\.\. STARTED\nZeroKeeper is ready on /s,
    );
    expect(code).toBe(0);
    const client = await WireClient.open(port, { timeoutMs: 100_000 });
    expect(client.response.timeoutMs).toBe(60_000);
    client.destroy();
    expect(await ask(port, 'conf')).toContain('tickTime=3000\n');
    expect(await ask(port, 'mntr')).toBe('mntr is not executed because it is not in the whitelist.\n');
  });

  it('is started once, tells how it is, and is another process after a restart', async () => {
    const before = pid();
    const again = await server('start', config);
    expect([again.code, again.stderr]).toEqual([1, `zerokeeper: already running as process ${before}\n`]);
    const status = await server('status', config);
    expect([status.code, status.stdout.split('\n').slice(1)]).toEqual([
      0,
      [`Client port found: ${port}. Client address: 127.0.0.1. Client SSL: false.`, 'Mode: standalone', ''],
    ]);
    expect((await server('restart', config)).code).toBe(0);
    expect(pid()).not.toBe(before);
  });

  it('stops, and then says that it does not run', async () => {
    const stopped = await server('stop', config);
    expect([stopped.code, stopped.stdout.split('\n')[1]]).toEqual([0, 'Stopping zerokeeper ... STOPPED']);
    const status = await server('status', config);
    expect([status.code, status.stderr]).toEqual([
      1,
      'zerokeeper: Error contacting service. It is probably not running.\n',
    ]);
    expect((await server('stop', config)).code).toBe(0);
  });

  it.each([
    [['start', '/nowhere/zoo.cfg'], /zoo\.cfg cannot be read: ENOENT/],
    [['begin'], /say one of start, stop, restart, status/],
    [['start', 'a', 'b'], /unexpected argument: b/],
  ])('refuses a wrong command line: %j', async (args, message) => {
    const { code, stderr } = await server(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
