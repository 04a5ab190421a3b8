import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.js';
import { askFourLetterWord, dialer, ZooKeeperConnection } from '../../lib/client/tcp/index.js';
import { isRunning, type ProcessIdentity } from '../../lib/emulator/process-identity.js';
import { build } from '../support/build.js';
import { RunningProgram } from './running-program.js';

let folder: string;
const programs: RunningProgram[] = [];

function start(...args: string[]): RunningProgram {
  const program = new RunningProgram(args, folder);
  programs.push(program);
  return program;
}

function ask(word: string, address: string): Promise<string> {
  const [host = '', port = ''] = address.split(':');
  const target = {
    address: { host, port: Number(port) },
    dial: dialer(),
    clock: systemClock,
    timeoutMs: 5_000,
  };
  return askFourLetterWord(word, target);
}

/** Resolves when none of the processes is there any more; the test's time is the bound. */
async function gone(processes: readonly ProcessIdentity[]): Promise<void> {
  while (processes.some(isRunning)) await new Promise((resolve) => setImmediate(resolve));
}

beforeAll(build, 120_000);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'zerokeeper-'));
});

afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.end()));
  rmSync(folder, { recursive: true, force: true });
});

describe('zerokeeper start', { timeout: 60_000 }, () => {
  it('says that it is ready when clients can write and read through each gateway', async () => {
    const program = start('--memory', '--port', '0', '--gateways', '2');
    const [first, second] = await program.addresses();
    expect(await ask('ruok', first!)).toBe('imok');
    expect(await ask('isro', second!)).toBe('rw');
    await using writer = await ZooKeeperConnection.connect(first!);
    await using reader = await ZooKeeperConnection.connect(second!);
    await writer.create('/greeting', 'hello');
    await reader.sync('/greeting');
    expect((await reader.getData('/greeting')).data.toString()).toBe('hello');
    expect(program.stderr).toBe('');
  });

  it('serves clients over Lambda, whose sessions end in time when they are gone', async () => {
    const program = start('--memory', '--port', '0', '--lambda-port', '0');
    const [address] = await program.addresses();
    const { lambda } = await program.urls();
    const invoke = async (request: object) => {
      const url = `${lambda}/2015-03-31/functions/zerokeeper-api/invocations`;
      const response = await fetch(url, { method: 'POST', body: JSON.stringify({ v: 1, ...request }) });
      return (await response.json()) as { session: string; epoch: number };
    };
    const openId = Buffer.alloc(16, 7).toString('base64');
    const { session, epoch } = await invoke({ type: 'open', timeoutMs: 4_000, openId });
    const acl = [{ perms: 31, scheme: 'world', id: 'anyone' }];
    const create = { op: 'create', path: '/worker', data: '', acl, mode: 'ephemeral', cxid: 1 };
    await invoke({ type: 'batch', session: { id: session, epoch }, seen: 0, operations: [create] });
    await using client = await ZooKeeperConnection.connect(address!);
    await client.sync('/');
    const gone = new Promise<{ kind: string }>(
      (resolve) =>
        void client.exists('/worker', { watch: resolve }).then((stat) => expect(stat).toBeDefined()),
    );
    expect(await gone).toMatchObject({ kind: 'deleted' });
    expect(program.stderr).toBe('');
  });

  it('takes another port for Lambda when nobody asked for one and the usual one is taken', async () => {
    const first = start('--memory', '--port', '0');
    const second = start('--memory', '--port', '0');
    const urls = [await first.urls(), await second.urls()];
    expect(urls[0]!.lambda).not.toBe(urls[1]!.lambda);
  });

  it('says in one line that the port for Lambda is taken when it was asked for', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const program = start('--memory', '--port', '0', '--lambda-port', String(port));
    expect(await program.ended).toBe(1);
    expect(program.stderr).toMatch(/^zerokeeper: 127\.0\.0\.1:\d+ is taken by another program: [^\n]+\n$/);
    holder.close();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends within two seconds on %s and leaves no process',
    async (signal) => {
      const program = start('--memory', '--port', '0', '--gateways', '2');
      await program.ready;
      const { own, gateways, engines } = program.family();
      expect([gateways.length, engines.length]).toEqual([2, 1]);
      const startedMs = performance.now();
      program.kill(signal);
      expect(await program.ended).toBe(0);
      expect(performance.now() - startedMs).toBeLessThan(2_000);
      expect([own, ...gateways, ...engines].filter(isRunning)).toEqual([]);
      expect(program.stderr).toBe('');
    },
  );

  it('takes its gateways and its engine along when it is killed, and starts again on the same data', async () => {
    const killed = start('--data', 'data', '--port', '0');
    const [address] = await killed.addresses();
    const { gateways, engines } = killed.family();
    {
      await using client = await ZooKeeperConnection.connect(address!);
      await client.create('/kept', 'still here');
    }
    killed.kill('SIGKILL');
    await gone([...gateways, ...engines]);

    const again = start('--data', 'data', '--port', '0');
    await using client = await ZooKeeperConnection.connect((await again.addresses())[0]!);
    expect((await client.getData('/kept')).data.toString()).toBe('still here');
  });

  it('starts a gateway that was killed again, at the same port', async () => {
    const program = start('--memory', '--port', '0', '--log-level', 'error');
    const [address] = await program.addresses();
    const [gateway] = program.family().gateways;
    process.kill(gateway!.pid, 'SIGKILL');
    await gone([gateway!]);
    await using client = await ZooKeeperConnection.connect(address!, { connectTimeoutMs: 30_000 });
    expect(await client.create('/after', 'it')).toBe('/after');
  });

  it('ends with an error when its engine is killed', async () => {
    const program = start('--memory', '--port', '0', '--log-level', 'error');
    await program.ready;
    const { gateways, engines } = program.family();
    process.kill(engines[0]!.pid, 'SIGKILL');
    expect(await program.ended).toBe(1);
    expect(program.stderr).toContain('zerokeeper: the DynamoDB engine ended (SIGKILL): start again\n');
    expect(gateways.filter(isRunning)).toEqual([]);
  });

  it('says in one line that a port is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const program = start('--memory', '--port', String(port));
    expect(await program.ended).toBe(1);
    expect(program.stderr).toBe(
      `zerokeeper: 127.0.0.1:${port} is taken by another program: end it, or choose another port with --port\n`,
    );
    holder.close();
  });

  it('says in one line that the data directory is in use', async () => {
    const first = start('--data', 'data', '--port', '0');
    await first.ready;
    const second = start('--data', 'data', '--port', '0');
    expect(await second.ended).toBe(1);
    expect(second.stderr).toMatch(
      /^zerokeeper: the data directory \S+\/data is in use by the emulator [^\n]+\n$/,
    );
  });

  it('says in one line that nothing answers at the endpoint', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    holder.close();
    await once(holder, 'close');
    const program = start('--endpoint', `http://127.0.0.1:${port}`, '--port', '0');
    expect(await program.ended).toBe(1);
    expect(program.stderr).toMatch(
      /^zerokeeper: no DynamoDB at http:\S+ \([^\n]+\): check the address[^\n]*\n$/,
    );
  });

  it('refuses a wrong option in one line, with exit code 2', async () => {
    const program = start('--gateways', 'many');
    expect(await program.ended).toBe(2);
    expect(program.stderr).toBe(
      'zerokeeper: --gateways has to be a number from 1 to 16, but is "many" (see zerokeeper start --help)\n',
    );
  });
});
