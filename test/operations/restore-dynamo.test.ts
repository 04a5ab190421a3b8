/** The command, on tables of a real engine. */
import { describe, expect, it } from 'vitest';
import type { CliIo } from '../../lib/cli/command.js';
import { dispatch } from '../../lib/cli/dispatch.js';
import { systemClock } from '../../lib/base/clock.js';
import { systemRandom } from '../../lib/base/random.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { DynamoStore } from '../../lib/log/dynamo-store.js';
import { ANYONE, create, createSession } from '../keeper/world.js';
import { useEngine } from '../support/engine.js';

const engine = useEngine();

const unused = () => Promise.reject(new Error('no program was asked for'));

async function run(args: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const io: CliIo = {
    stdout: (text) => out.push(Buffer.from(text as string).toString()),
    stderr: (text) => err.push(text),
    stdin: () => Promise.resolve(new Uint8Array()),
    env: {},
    interrupted: () => new Promise(() => undefined),
  };
  const code = await dispatch(['restore', ...args], io, { start: unused, gateway: unused, server: unused });
  return { code, out: out.join(''), err: err.join('') };
}

describe('zerokeeper restore', () => {
  it('rebuilds the rows of one namespace from its log, and leaves the other alone', async () => {
    const prefix = await engine.freshTables();
    const store = new DynamoStore({ client: engine.client, tablePrefix: prefix });
    const common = { store, clock: systemClock, random: systemRandom };
    for (const namespace of ['one', 'other']) {
      const keeper = new Keeper({ ...common, namespace });
      await keeper.write(createSession(11n), ANYONE);
      await keeper.write(create('/a', namespace), ANYONE);
      await keeper.stop();
    }
    const at = ['--table-prefix', prefix, '--endpoint', engine.endpoint];
    const done = await run([...at, '--namespace', 'one', '--zxid-jump', '1000', '--yes']);
    expect(done.err).toBe('');
    expect(done.out).toMatch(
      /^Restored up to zxid 2, .*\nNew transactions begin above 1002\. 1 sessions were closed\.\n$/,
    );
    const one = new Keeper({ ...common, namespace: 'one' });
    await one.start();
    expect(one.head).toBe(1003);
    expect((await one.read({ kind: 'getData', path: '/a' })).answer).toMatchObject({ ok: true });
    const other = new Keeper({ ...common, namespace: 'other' });
    await other.start();
    expect(other.head).toBe(2);
  });

  it('asks for what it does not guess, and for a yes', async () => {
    expect(await run([])).toMatchObject({
      code: 2,
      err: expect.stringContaining('nothing is guessed') as string,
    });
    const named = ['--table-prefix', 'p', '--namespace', 'n'];
    expect(await run(named)).toMatchObject({ code: 2, err: expect.stringContaining('say --yes') as string });
  });

  it('says so when the tables are not there', async () => {
    const args = ['--table-prefix', 'nowhere', '--namespace', 'n', '--endpoint', engine.endpoint, '--yes'];
    expect(await run(args)).toMatchObject({
      code: 1,
      err: expect.stringContaining('does not exist') as string,
    });
  });
});
