import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAcl } from '../../lib/cli/acl.js';
import type { CliIo } from '../../lib/cli/command.js';
import { dispatch } from '../../lib/cli/dispatch.js';
import { ErrorCode } from '../../lib/core/errors.js';
import type { Stat } from '../../lib/core/types.js';
import { EventType, operations } from '../../lib/wire/index.js';
import { ScriptedServer, type ScriptedPeer } from '../client/scripted-server.js';

const stat: Stat = {
  czxid: 1,
  mzxid: 2,
  ctime: 3,
  mtime: 4,
  version: 5,
  cversion: 6,
  aversion: 7,
  ephemeralOwner: 77n,
  dataLength: 5,
  numChildren: 0,
  pzxid: 8,
};

let server: ScriptedServer;

beforeEach(async () => {
  server = await ScriptedServer.listen();
});

afterEach(async () => {
  await server.close();
});

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface World {
  readonly interrupted?: Promise<void>;
  readonly stdin?: string;
}

async function run(args: readonly string[], world: World = {}): Promise<Run> {
  const out: string[] = [];
  const err: string[] = [];
  const io: CliIo = {
    stdout: (text) => out.push(Buffer.from(text as string).toString()),
    stderr: (text) => err.push(text),
    stdin: () => Promise.resolve(Buffer.from(world.stdin ?? '')),
    env: { ZEROKEEPER_SERVER: server.address },
    interrupted: () => world.interrupted ?? new Promise(() => undefined),
  };
  const start = (startArgs: string[]) => {
    out.push(`start ${startArgs.join(' ')}`);
    return Promise.resolve(0);
  };
  const code = await dispatch(args, io, { start, gateway: start, server: start });
  return { code, out: out.join(''), err: err.join('') };
}

/** Accepts a session and lets the script answer until the command closes it. */
async function serve(script: (peer: ScriptedPeer) => Promise<void>): Promise<void> {
  const peer = await server.peer();
  await peer.accept();
  await script(peer);
  peer.answer((await peer.request()).header.xid);
}

describe('the command line', () => {
  it('lists every command when it is asked for help', async () => {
    const { code, out } = await run(['--help']);
    expect(code).toBe(0);
    for (const name of [
      'start',
      'create',
      'get',
      'set',
      'ls',
      'stat',
      'delete',
      'deleteall',
      'watch',
      'status',
      'doctor',
      'smoke-test',
    ]) {
      expect(out).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    }
  });

  it('says that an ephemeral znode lives as long as the command', async () => {
    expect((await run(['help', 'create'])).out).toContain('until Ctrl-C');
  });

  it('hands start its own arguments', async () => {
    expect(await run(['start', '--port', '1'])).toEqual({ code: 0, out: 'start --port 1', err: '' });
  });

  it.each([
    [[], 'Usage: zerokeeper'],
    [['fly'], 'no such command: fly'],
    [['get'], 'missing PATH'],
    [['get', '/a', '/b'], 'unexpected argument: /b'],
    [['get', '--wings', '/a'], "Unknown option '--wings'"],
    [['set', '-v', 'new', '/a', 'x'], '--version wants a whole number, not new'],
    [['get', '--server', 'a:b', '/a'], '--server wants HOST:PORT'],
    [['get', '--timeout', '0', '/a'], '--timeout wants seconds'],
    [['create', '--acl', 'world', '/a'], 'not an ACL entry: world'],
    [['create', '-t', '0', '/a'], 'the mode ttl takes a time to live of 1 to 1099511627775 ms'],
    [['create', '-c', '-e', '/a'], '--ephemeral, --container and --ttl exclude each other'],
    [['create', '-c', '-s', '/a'], '--container and --sequential exclude each other'],
    [['watch', '--count', '0', '/a'], '--count wants at least 1'],
    [['deleteall', '/'], 'the root cannot be deleted'],
  ])('ends with 2 and tells what is wrong with %j', async (args, message) => {
    const { code, out, err } = await run(args);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain(message);
  });

  it('ends with 1 and one line when the server refuses', async () => {
    const running = run(['get', '/a']);
    await serve(async (peer) => peer.answer((await peer.request()).header.xid, ErrorCode.NoNode));
    expect(await running).toEqual({ code: 1, out: '', err: 'NoNode: /a\n' });
  });

  it('takes its options before the command too', async () => {
    const gone = await ScriptedServer.listen();
    const { address } = gone;
    await gone.close();
    const before = await run(['--server', address, '--timeout=0.2', '--json', 'get', '/a']);
    expect(before).toEqual(await run(['get', '--server', address, '--timeout=0.2', '--json', '/a']));
    expect(before).toMatchObject({ code: 1, out: '' });
    expect((await run(['--server', address])).code).toBe(2);
  });

  it('names the server that cannot be reached', async () => {
    const gone = await ScriptedServer.listen();
    const { address } = gone;
    await gone.close();
    const { code, err } = await run(['get', '--server', address, '--timeout', '0.2', '/a']);
    expect(code).toBe(1);
    expect(err).toMatch(new RegExp(`^ConnectionLoss: ${address} \\(.*ECONNREFUSED.*\\)\n$`));
  });
});

describe('commands', () => {
  it('get prints the data, and the stat when it is asked for', async () => {
    const running = run(['get', '-s', '/a']);
    await serve(async (peer) => {
      const { header } = await peer.request();
      peer.reply(header.xid, operations.getData, { data: Buffer.from('hello'), stat });
    });
    const { out } = await running;
    expect(out).toMatch(/^hello\nczxid = 1\n/);
    expect(out).toContain('ephemeralOwner = 0x4d\n');
  });

  it('get --json prints text as text and other bytes in base64', async () => {
    const print = async (data: Buffer) => {
      const running = run(['get', '--json', '/a']);
      await serve(async (peer) => {
        peer.reply((await peer.request()).header.xid, operations.getData, { data, stat });
      });
      return JSON.parse((await running).out) as Record<string, unknown>;
    };
    expect(await print(Buffer.from('é'))).toMatchObject({ path: '/a', data: 'é' });
    expect(await print(Buffer.from([0xff]))).toMatchObject({ path: '/a', dataBase64: '/w==' });
  });

  it('get -w waits for the change and prints it', async () => {
    const running = run(['get', '-w', '/a']);
    await serve(async (peer) => {
      peer.reply((await peer.request()).header.xid, operations.getData, { data: Buffer.from('x'), stat });
      peer.notify(EventType.dataChanged, '/a');
    });
    expect(await running).toEqual({ code: 0, out: 'x\ndataChanged /a\n', err: '' });
  });

  it('create -s prints the path with its number', async () => {
    const running = run(['create', '-s', '--acl', 'world:anyone:r', '/a-', 'x']);
    await serve(async (peer) => {
      const { header, request } = await peer.request();
      expect(request.body).toMatchObject({ flags: 2, acl: [{ perms: 1, scheme: 'world', id: 'anyone' }] });
      peer.reply(header.xid, operations.create2, { path: '/a-0000000003', stat });
    });
    expect(await running).toEqual({ code: 0, out: '/a-0000000003\n', err: '' });
  });

  it('create -e holds the session until Ctrl-C, then closes it', async () => {
    let interrupt: () => void = () => undefined;
    const interrupted = new Promise<void>((resolve) => (interrupt = resolve));
    const running = run(['create', '-e', '/a'], { interrupted });
    await serve(async (peer) => {
      const { header, request } = await peer.request();
      expect(request.body).toMatchObject({ flags: 1 });
      peer.reply(header.xid, operations.create2, { path: '/a', stat });
      interrupt();
    });
    expect(await running).toEqual({ code: 0, out: '/a\n', err: '' });
  });

  it('set reads the data from standard input and sends the version', async () => {
    const running = run(['set', '-v', '3', '/a', '-'], { stdin: 'piped' });
    await serve(async (peer) => {
      const { header, request } = await peer.request();
      expect(request.body).toEqual({ path: '/a', data: Buffer.from('piped'), version: 3 });
      peer.reply(header.xid, operations.setData, { stat });
    });
    expect(await running).toEqual({ code: 0, out: '', err: '' });
  });

  it('ls sorts the names', async () => {
    const running = run(['ls', '/']);
    await serve(async (peer) => {
      peer.reply((await peer.request()).header.xid, operations.getChildren2, { children: ['b', 'a'], stat });
    });
    expect((await running).out).toBe('a\nb\n');
  });

  it('deleteall deletes children before their parents', async () => {
    const running = run(['deleteall', '/a']);
    const deleted: string[] = [];
    await serve(async (peer) => {
      for (const children of [['b', 'c'], [], []]) {
        peer.reply((await peer.request()).header.xid, operations.getChildren2, { children, stat });
      }
      for (let count = 0; count < 3; count++) {
        const { header, request } = await peer.request();
        if (request.name === 'delete') deleted.push(request.body.path);
        peer.answer(header.xid);
      }
    });
    expect((await running).code).toBe(0);
    expect(deleted).toEqual(['/a/c', '/a/b', '/a']);
  });

  it('watch ends after --count events', async () => {
    const running = run(['watch', '--count', '2', '/a']);
    await serve(async (peer) => {
      peer.reply((await peer.request()).header.xid, operations.addWatch, { err: 0 });
      for (const type of [EventType.created, EventType.dataChanged, EventType.deleted])
        peer.notify(type, '/a');
    });
    expect(await running).toEqual({ code: 0, out: 'created /a\ndataChanged /a\n', err: '' });
  });
});

describe('watch on a server without addWatch', () => {
  /** A server that holds `tree` and answers exists and getChildren2 from it. */
  async function answer(peer: ScriptedPeer, tree: ReadonlyMap<string, Stat>): Promise<string> {
    const { header, request } = await peer.request();
    if (request.name !== 'exists' && request.name !== 'getChildren2') throw new Error(request.name);
    const { path, watch } = request.body;
    expect(watch).toBe(true);
    const found = tree.get(path);
    const children = [...tree.keys()].filter((key) => key.slice(0, key.lastIndexOf('/')) === path);
    const names = children.map((child) => child.slice(path.length + 1));
    if (found === undefined) peer.answer(header.xid, ErrorCode.NoNode);
    else if (request.name === 'exists') peer.reply(header.xid, operations.exists, { stat: found });
    else peer.reply(header.xid, operations.getChildren2, { children: names, stat: found });
    return `${request.name} ${path}`;
  }

  it('tells what has changed since it last looked, in a tree', async () => {
    const running = run(['watch', '-R', '--count', '4', '/a']);
    await serve(async (peer) => {
      peer.answer((await peer.request()).header.xid, ErrorCode.Unimplemented);
      const tree = new Map([['/a', stat]]);
      await answer(peer, tree);
      expect(await answer(peer, tree)).toBe('getChildren2 /a');
      tree.set('/a/b', { ...stat, czxid: 20 });
      peer.notify(EventType.childrenChanged, '/a');
      for (let looks = 0; looks < 4; looks++) await answer(peer, tree);
      tree.set('/a/b', { ...stat, czxid: 20, mzxid: 21 });
      peer.notify(EventType.dataChanged, '/a/b');
      for (let looks = 0; looks < 2; looks++) await answer(peer, tree);
      tree.clear();
      peer.notify(EventType.deleted, '/a');
      await answer(peer, tree);
    });
    const out = 'created /a/b\ndataChanged /a/b\ndeleted /a/b\ndeleted /a\n';
    expect(await running).toEqual({ code: 0, out, err: '' });
  });

  it('tells that a znode was deleted and created again, although it saw only one event', async () => {
    const running = run(['watch', '--count', '3', '/a']);
    await serve(async (peer) => {
      peer.answer((await peer.request()).header.xid, ErrorCode.Unimplemented);
      const tree = new Map([['/a', stat]]);
      await answer(peer, tree);
      await answer(peer, tree);
      tree.set('/a', { ...stat, czxid: 30, mzxid: 30 });
      peer.notify(EventType.deleted, '/a');
      await answer(peer, tree);
      await answer(peer, tree);
      tree.set('/a', { ...stat, czxid: 30, mzxid: 30, pzxid: 31 });
      peer.notify(EventType.childrenChanged, '/a');
      await answer(peer, tree);
      await answer(peer, tree);
    });
    const out = 'deleted /a\ncreated /a\nchildrenChanged /a\n';
    expect(await running).toEqual({ code: 0, out, err: '' });
  });
});

describe('status', () => {
  it('prints a line for every gateway', async () => {
    const running = run(['status']);
    const gateway = {
      gatewayId: 'g1',
      address: '10.0.0.1:2181',
      role: 'keeper',
      startedAtMs: 0,
      renewedAtMs: 0,
    };
    const gateways = [{ ...gateway, head: 9, watermark: 7, lagMs: null, sessions: 2 }];
    const peer = await server.peer();
    peer.sendAndClose(JSON.stringify({ namespace: 'default', gateways }) + '\n');
    const { code, out } = await running;
    expect(code).toBe(0);
    expect(out).toMatch(
      /^namespace default\nGATEWAY +ADDRESS .*\ng1 +10\.0\.0\.1:2181 +keeper +9 +7 +\? +2 /,
    );
  });

  it('prints what srvr says of a server that does not know gateways', async () => {
    const running = run(['status']);
    (await server.peer()).sendAndClose('');
    (await server.peer()).sendAndClose('Zookeeper version: 3.8\n');
    expect(await running).toEqual({ code: 0, out: 'Zookeeper version: 3.8\n', err: '' });
  });

  it('ends with 1 when nobody answers', async () => {
    const running = run(['status']);
    (await server.peer()).sendAndClose('');
    (await server.peer()).sendAndClose('');
    expect(await running).toMatchObject({ code: 1, out: '' });
  });
});

describe('an ACL on the command line', () => {
  it('may hold colons in its id and several entries', () => {
    expect(parseAcl('digest:bob:hash=:rw,world:anyone:')).toEqual([
      { perms: 3, scheme: 'digest', id: 'bob:hash=' },
      { perms: 0, scheme: 'world', id: 'anyone' },
    ]);
  });
});
