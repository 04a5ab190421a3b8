import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../lib/core/errors.js';
import { FullState } from '../../lib/core/full-state.js';
import { Layer } from '../../lib/core/layer.js';
import { answer, apply, needOfWrite, prepare } from '../../lib/core/machine.js';
import { digestOf } from '../../lib/core/acl.js';
import type { Stat } from '../../lib/core/types.js';
import { NOBODY, Writer, bytes, create, openSession, originOf, statIn } from './support.js';

const MAX = 2 ** 31 - 1;
const MIN = -(2 ** 31);

function statOf(writer: Writer, path: string): Stat {
  const read = answer({ kind: 'exists', path }, writer.state, []);
  if (!read.ok) throw new Error(`exists ${path}: ${read.code}`);
  return read.result.stat;
}

/** A writer on whose parent /p so many children have been created. */
function withCreates(creates: number): Writer {
  const writer = new Writer(new FullState());
  writer.must(create('/p'));
  writer.state.setNode('/p', { ...writer.state.node('/p')!, creates });
  return writer;
}

describe('a fresh namespace', () => {
  const writer = new Writer(new FullState());
  const zero = {
    ...{ czxid: 0, mzxid: 0, pzxid: 0, ctime: 0, mtime: 0, version: 0, cversion: 0, aversion: 0 },
    ...{ ephemeralOwner: 0n, dataLength: 0, numChildren: 0 },
  };

  test.each([
    ['/', { ...zero, cversion: -1, numChildren: 1 }],
    ['/zookeeper', { ...zero, cversion: -2, numChildren: 2 }],
    ['/zookeeper/quota', zero],
    ['/zookeeper/config', { ...zero, aversion: -1 }],
  ])('shows %s with the stat of a fresh ZooKeeper', (path, stat) => {
    expect(statOf(writer, path)).toEqual(stat);
  });

  test('lets nobody write /zookeeper/config', () => {
    const request = { kind: 'setData', path: '/zookeeper/config', data: bytes('x'), version: -1 } as const;
    expect(writer.code(request)).toBe(ErrorCode.NoAuth);
  });
});

describe('create', () => {
  test('answers with the stat of a new znode', () => {
    const writer = new Writer(new FullState());
    expect(writer.must(create('/a'))).toEqual({
      kind: 'create',
      path: '/a',
      stat: {
        ...{ czxid: 1, mzxid: 1, pzxid: 1, ctime: 1_001_000, mtime: 1_001_000 },
        ...{ version: 0, cversion: 0, aversion: 0, ephemeralOwner: 0n, dataLength: 4, numChildren: 0 },
      },
    });
  });

  test('moves cversion, pzxid and numChildren of the parent, and nothing else', () => {
    const writer = new Writer(new FullState());
    writer.must(create('/a'));
    const before = statOf(writer, '/a');
    writer.must(create('/a/b'));
    expect(statOf(writer, '/a')).toEqual({ ...before, cversion: 1, numChildren: 1, pzxid: 2 });
    expect(writer.state.node('/a')?.zxid).toBe(2);
  });

  test('triggers created at the path, then childrenChanged at the parent', () => {
    const writer = new Writer(new FullState());
    expect(writer.triggers(create('/a'))).toEqual(['created /a', 'childrenChanged /']);
    expect(writer.triggers(create('/a/b'))).toEqual(['created /a/b', 'childrenChanged /a']);
  });

  test('numbers sequential nodes by all creates under the parent, whatever was deleted', () => {
    const writer = new Writer(new FullState());
    writer.must(create('/p'));
    expect(writer.must(create('/p/n-', 'persistentSequential'))).toMatchObject({ path: '/p/n-0000000000' });
    writer.must(create('/p/plain'));
    writer.must({ kind: 'delete', path: '/p/plain', version: -1 });
    expect(writer.must(create('/p/n-', 'persistentSequential'))).toMatchObject({ path: '/p/n-0000000002' });
    expect(writer.must(create('/p/', 'persistentSequential'))).toMatchObject({ path: '/p/0000000003' });
    expect(writer.must(create('/', 'persistentSequential'))).toMatchObject({ path: '/0000000001' });
  });

  test('wraps the sequence from the largest to the smallest int32', () => {
    const writer = withCreates(MAX);
    expect(writer.must(create('/p/n', 'persistentSequential'))).toMatchObject({ path: '/p/n2147483647' });
    expect(writer.must(create('/p/n', 'persistentSequential'))).toMatchObject({ path: '/p/n-2147483648' });
    expect(statOf(writer, '/p').cversion).toBe((2 * (MIN + 1) - 2) | 0);
  });

  test('pads a negative sequence to ten characters with its sign', () => {
    expect(withCreates(-5).must(create('/p/n', 'persistentSequential'))).toMatchObject({
      path: '/p/n-000000005',
    });
  });

  test.each([
    ['', ErrorCode.BadArguments],
    ['a', ErrorCode.BadArguments],
    ['/a\0', ErrorCode.BadArguments],
    ['/', ErrorCode.NodeExists],
    ['/e', ErrorCode.NodeExists],
    ['/none/b', ErrorCode.NoNode],
    ['a/b', ErrorCode.NoNode],
    ['/none//b', ErrorCode.NoNode],
    ['//b', ErrorCode.BadArguments],
    ['/e/', ErrorCode.BadArguments],
    ['/..', ErrorCode.BadArguments],
    ['/none/..', ErrorCode.NoNode],
    ['/😀', ErrorCode.BadArguments],
    ['/' + 'n'.repeat(1025), ErrorCode.BadArguments],
    ['/e/x', ErrorCode.NoChildrenForEphemerals],
  ])('of %j is refused with %i', (path, code) => {
    const writer = new Writer(new FullState());
    writer.must(openSession(7n));
    writer.must(create('/e', 'ephemeral'), originOf(7n));
    expect(writer.code(create(path))).toBe(code);
  });

  test.each([
    ['sam', 0],
    ['', 0],
    ['sam@HERE', 0],
    ['sam/host@HERE', 0],
    ['sam/host', 0],
    ['sam@here@there', ErrorCode.InvalidACL],
    ['a/b/c@HERE', ErrorCode.InvalidACL],
  ])('with an ACL for the SASL user %j is answered with %i, by the form of names of Kerberos', (id, code) => {
    const writer = new Writer(new FullState());
    const request = create('/a', 'persistent', [{ perms: 31, scheme: 'sasl', id }]);
    if (code === 0) expect(writer.must(request)).toMatchObject({ path: '/a' });
    else expect(writer.code(request)).toBe(code);
  });

  test('looks at the ACL before the parent, and at the permission before the path', () => {
    const writer = new Writer(new FullState());
    expect(writer.code(create('/none/b', 'persistent', []))).toBe(ErrorCode.InvalidACL);
    writer.must(create('/r', 'persistent', [{ perms: 1, scheme: 'world', id: 'anyone' }]));
    expect(writer.code(create('/r/..'))).toBe(ErrorCode.NoAuth);
  });

  test('of an ephemeral needs a session, which becomes its owner', () => {
    const writer = new Writer(new FullState());
    expect(writer.code(create('/e', 'ephemeral'))).toBe(ErrorCode.BadArguments);
    writer.must(openSession(7n));
    expect(statIn(writer.must(create('/e', 'ephemeral'), originOf(7n))).ephemeralOwner).toBe(7n);
    expect([...writer.state.ephemerals(7n)!]).toEqual(['/e']);
  });

  test('stores the ids of the caller in the place of auth', () => {
    const writer = new Writer(new FullState());
    const id = digestOf('u', 'p');
    const caller = {
      ...NOBODY,
      authIds: [
        { scheme: 'digest', id },
        { scheme: 'ip', id: '127.0.0.1' },
      ],
    };
    writer.must(create('/a', 'persistent', [{ perms: 31, scheme: 'auth', id: '' }]), caller);
    expect(writer.state.node('/a')?.acl).toEqual([{ perms: 31, scheme: 'digest', id }]);
  });
});

describe('delete', () => {
  test('triggers deleted at the path, then childrenChanged at the parent, and leaves the creates counted', () => {
    const writer = new Writer(new FullState());
    writer.must(create('/a'));
    writer.must(create('/a/b'));
    const triggers = writer.triggers({ kind: 'delete', path: '/a/b', version: 0 });
    expect(triggers).toEqual(['deleted /a/b', 'childrenChanged /a']);
    expect(statOf(writer, '/a')).toMatchObject({
      cversion: 2,
      numChildren: 0,
      pzxid: 3,
      version: 0,
      mzxid: 1,
    });
    expect(writer.state.node('/a/b')).toBeNull();
  });

  test.each([
    ['/', -1, ErrorCode.BadArguments],
    ['/zookeeper', -1, ErrorCode.BadArguments],
    ['/zookeeper/quota', -1, ErrorCode.BadArguments],
    ['/zookeeper/config', -1, ErrorCode.BadArguments],
    ['', -1, ErrorCode.BadArguments],
    ['/a\0', -1, ErrorCode.BadArguments],
    ['/none', -1, ErrorCode.NoNode],
    ['/a/', -1, ErrorCode.NoNode],
    ['/a/./b', -1, ErrorCode.NoNode],
    ['/a', 1, ErrorCode.BadVersion],
    ['/a', 0, ErrorCode.NotEmpty],
    ['/a', -1, ErrorCode.NotEmpty],
    ['/r/x', -1, ErrorCode.NoAuth],
  ])('of %j with version %i is refused with %i', (path, version, code) => {
    const writer = new Writer(new FullState());
    writer.must(create('/a'));
    writer.must(create('/a/b'));
    writer.must(create('/r', 'persistent', [{ perms: 1, scheme: 'world', id: 'anyone' }]));
    expect(writer.code({ kind: 'delete', path, version })).toBe(code);
  });

  test('of an ephemeral by somebody else takes it off its owner’s list', () => {
    const writer = new Writer(new FullState());
    writer.must(openSession(7n));
    writer.must(create('/e', 'ephemeral'), originOf(7n));
    writer.must({ kind: 'delete', path: '/e', version: -1 });
    expect([...writer.state.ephemerals(7n)!]).toEqual([]);
  });
});

describe('setData', () => {
  const set = (version: number, path = '/a') =>
    ({ kind: 'setData', path, data: bytes('xyz'), version }) as const;

  test('moves version, mzxid, mtime and dataLength, and triggers dataChanged', () => {
    const writer = new Writer(new FullState());
    const before = statIn(writer.must(create('/a')));
    expect(writer.triggers(set(0))).toEqual(['dataChanged /a']);
    const after = { ...before, version: 1, mzxid: 2, mtime: 1_002_000, dataLength: 3 };
    expect(statOf(writer, '/a')).toEqual(after);
    expect(statIn(writer.must(set(1)))).toEqual({ ...after, version: 2, mzxid: 3, mtime: 1_003_000 });
  });

  test('is refused for another version, a missing znode and a malformed path', () => {
    const writer = new Writer(new FullState());
    writer.must(create('/a'));
    expect(writer.code(set(1))).toBe(ErrorCode.BadVersion);
    expect(writer.code(set(-1, '/none'))).toBe(ErrorCode.NoNode);
    expect(writer.code(set(-1, '/a/'))).toBe(ErrorCode.BadArguments);
  });

  test('wraps the version, and skips −1, which would mean any version', () => {
    const writer = new Writer(new FullState());
    writer.must(create('/a'));
    const record = writer.state.node('/a')!;
    writer.state.setNode('/a', { ...record, version: MAX });
    expect(statIn(writer.must(set(MAX))).version).toBe(MIN);
    writer.state.setNode('/a', { ...record, version: -2 });
    expect(statIn(writer.must(set(-2))).version).toBe(0);
  });
});

describe('setAcl', () => {
  test('counts aversion alone and triggers nothing', () => {
    const writer = new Writer(new FullState());
    const before = statIn(writer.must(create('/a')));
    const acl = [{ perms: 17, scheme: 'world', id: 'anyone' }];
    expect(writer.triggers({ kind: 'setAcl', path: '/a', acl, version: 0 })).toEqual([]);
    expect(statOf(writer, '/a')).toEqual({ ...before, aversion: 1 });
    expect(writer.code({ kind: 'setAcl', path: '/a', acl, version: 0 })).toBe(ErrorCode.BadVersion);
    expect(writer.code({ kind: 'setAcl', path: '/a', acl: [], version: -1 })).toBe(ErrorCode.InvalidACL);
  });
});

describe('check', () => {
  test('changes nothing and refuses another version', () => {
    const writer = new Writer(new FullState());
    writer.must(create('/a'));
    const before = writer.state.node('/a');
    expect(writer.must({ kind: 'check', path: '/a', version: 0 })).toEqual({ kind: 'check' });
    expect(writer.state.node('/a')).toBe(before);
    expect(writer.code({ kind: 'check', path: '/a', version: 1 })).toBe(ErrorCode.BadVersion);
    expect(writer.code({ kind: 'check', path: '/b', version: -1 })).toBe(ErrorCode.NoNode);
  });
});

describe('multi', () => {
  test('lets later operations see earlier ones, under one zxid, each with its own stat', () => {
    const writer = new Writer(new FullState());
    const result = writer.must({
      kind: 'multi',
      operations: [
        create('/a'),
        create('/a/n', 'persistentSequential'),
        create('/a/n', 'persistentSequential'),
        { kind: 'setData', path: '/a', data: bytes('x'), version: 0 },
        { kind: 'check', path: '/a', version: 1 },
        { kind: 'delete', path: '/a/n0000000000', version: -1 },
      ],
    });
    expect(result).toMatchObject({
      kind: 'multi',
      results: [
        {
          kind: 'create',
          path: '/a',
          stat: { numChildren: 0, cversion: 0, version: 0, czxid: 1, dataLength: 4 },
        },
        { kind: 'create', path: '/a/n0000000000' },
        { kind: 'create', path: '/a/n0000000001' },
        { kind: 'setData', stat: { numChildren: 2, cversion: 2, version: 1, mzxid: 1, dataLength: 1 } },
        { kind: 'check' },
        { kind: 'delete' },
      ],
    });
    expect(statOf(writer, '/a')).toMatchObject({ numChildren: 1, cversion: 3 });
  });

  test('triggers in the order of its operations', () => {
    const writer = new Writer(new FullState());
    writer.must(create('/old'));
    const operations = [create('/a'), { kind: 'delete', path: '/old', version: -1 } as const];
    expect(writer.triggers({ kind: 'multi', operations })).toEqual([
      'created /a',
      'childrenChanged /',
      'deleted /old',
      'childrenChanged /',
    ]);
  });

  test('that fails tells 0 before the failure, its code, and −2 after it, and changes nothing', () => {
    const writer = new Writer(new FullState());
    const outcome = writer.write({
      kind: 'multi',
      operations: [create('/a'), { kind: 'check', path: '/a', version: 5 }, create('/b'), create('/c')],
    });
    expect(outcome).toMatchObject({
      ok: false,
      refusal: { code: ErrorCode.BadVersion, operations: [0, ErrorCode.BadVersion, -2, -2] },
    });
    expect(writer.state.node('/a')).toBeNull();
    expect(statOf(writer, '/').numChildren).toBe(1);
  });

  test('of no operations is legal', () => {
    expect(new Writer(new FullState()).must({ kind: 'multi', operations: [] })).toEqual({
      kind: 'multi',
      results: [],
    });
  });

  test('of a thousand sequential creates names all that it needs at once', () => {
    const state = new FullState();
    const unknownBelow = {
      ...reader(state),
      node: (path: string) => (path === '/' || path === '/zookeeper/quota' ? state.node(path) : undefined),
    };
    const operations = Array.from({ length: 1000 }, () => create('/n', 'persistentSequential'));
    const keys = needOfWrite({ kind: 'multi', operations }, NOBODY, unknownBelow);
    expect(keys).toHaveLength(1000);
    expect(keys[999]).toBe('n/n0000000999');
  });
});

function reader(state: FullState) {
  return {
    children: (path: string) => state.children(path),
    session: (id: bigint) => state.session(id),
    ephemerals: (id: bigint) => state.ephemerals(id),
    blob: () => undefined,
  };
}

test('an effect that was prepared on a layer applies to a state that has moved on without failing', () => {
  const state = new FullState();
  const prepared = prepare({ request: create('/a/b'), origin: NOBODY, state: withParent(state), timeMs: 0 });
  if (!prepared.ok) throw new Error('refused');
  const txn = { session: 0n, cxid: 0, effect: prepared.effect };
  expect(apply(txn, { zxid: 1, timeMs: 1 }, state)).toHaveLength(2);
  expect(state.node('/a')).toBeNull();
});

function withParent(state: FullState): Layer {
  const layer = new Layer(state);
  new Writer(layer).must(create('/a'));
  return layer;
}
