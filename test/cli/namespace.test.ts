import { describe, expect, it } from 'vitest';
import type { CliIo } from '../../lib/cli/command.js';
import { dispatch } from '../../lib/cli/dispatch.js';
import { connect } from '../../lib/client/index.js';
import { useEngine } from '../support/engine.js';

const engine = useEngine();
const ignored = () => Promise.resolve(0);

/** The command line on tables of its own, and what it printed. */
async function commandLine() {
  const tablePrefix = await engine.freshTables();
  const where = ['--endpoint', engine.endpoint, '--table-prefix', tablePrefix];
  const run = async (...args: string[]) => {
    let printed = '';
    const print = (text: string | Uint8Array) => (printed += Buffer.from(text as string).toString());
    const io: CliIo = {
      ...{ stdout: print, stderr: print, env: {} },
      stdin: () => Promise.resolve(new Uint8Array()),
      interrupted: () => new Promise(() => undefined),
    };
    const code = await dispatch(['namespace', ...args, ...where], io, {
      start: ignored,
      gateway: ignored,
      server: ignored,
    });
    return { code, printed };
  };
  const client = (namespace: string) =>
    connect({ transport: 'direct', endpoint: engine.endpoint, tablePrefix, namespace, reap: false });
  return { run, client };
}

describe('zerokeeper namespace', () => {
  it('creates, limits, lists and deletes namespaces, and clients are held to it', async () => {
    const { run, client } = await commandLine();
    expect(await run('create', 'team-a', '--bytes', '10')).toEqual({ code: 0, printed: '' });
    expect(await run('create', 'team-b')).toEqual({ code: 0, printed: '' });
    {
      await using teamA = await client('team-a');
      await teamA.create('/a', '0123456789');
      await expect(teamA.create('/b', 'x')).rejects.toMatchObject({ name: 'QuotaExceeded', code: -125 });
      await using teamB = await client('team-b');
      await teamB.create('/a', '0123456789x');
    }
    expect(await run('limit', 'team-b', '--znodes', '1000', '--sessions', '5')).toEqual({
      code: 0,
      printed: '',
    });
    const { printed } = await run('list');
    expect(printed).toMatch(/^NAMESPACE +ZNODES +BYTES +SESSIONS +CREATED\n/);
    expect(printed).toMatch(/^team-a +\d+ +\d+ of 10 +\d+ +20/m);
    expect(printed).toMatch(/^team-b +\d+ of 1000 +\d+ +\d+ of 5 +20/m);
    expect(await run('delete', 'team-a')).toEqual({ code: 0, printed: '' });
    expect((await run('list', '--json')).printed.trim().split('\n')).toHaveLength(1);
    await expect(client('team-a')).rejects.toThrow('team-a was deleted');
  });

  it('switches a namespace to a format that this release knows, and to no other', async () => {
    const { run } = await commandLine();
    await run('create', 'team-a');
    expect(await run('format', 'team-a', '1')).toEqual({ code: 0, printed: '' });
    const unknown = { code: 1, printed: 'BadArguments: this release knows the formats from 1 to 1\n' };
    expect(await run('format', 'team-a', '2')).toEqual(unknown);
    expect(await run('format', 'team-a', 'newest')).toEqual(unknown);
    expect(await run('format', 'team-b', '1')).toMatchObject({ code: 1 });
    expect(await run('format', 'team-a')).toMatchObject({
      code: 2,
      printed: expect.stringMatching(/missing FORMAT/) as string,
    });
  });

  it('says in a line what it cannot do', async () => {
    const { run } = await commandLine();
    await run('create', 'team-a');
    expect(await run('create', 'team-a')).toMatchObject({
      code: 1,
      printed: expect.stringMatching(/^NamespaceExists: .*\n$/) as string,
    });
    expect(await run('limit', 'team-c')).toMatchObject({
      code: 1,
      printed: expect.stringMatching(/^NoNamespace: .*\n$/) as string,
    });
    expect(await run('create', 'a#b')).toMatchObject({
      code: 1,
      printed: expect.stringMatching(/^BadArguments: .*\n$/) as string,
    });
    expect(await run('create', 'team-d', '--bytes', '-1')).toMatchObject({ code: 2 });
    expect(await run('forget', 'team-a')).toMatchObject({
      code: 2,
      printed: expect.stringMatching(/no such action: forget/) as string,
    });
    expect(await run('create')).toMatchObject({
      code: 2,
      printed: expect.stringMatching(/missing NAME/) as string,
    });
  });
});
