import { describe, expect, test } from 'vitest';
import { allows, digestOf, fixUpAcl } from '../../lib/core/acl.js';
import { ERRORS, ErrorCode, errorName, errorOf } from '../../lib/core/errors.js';
import { FullState } from '../../lib/core/full-state.js';
import { ipMatches } from '../../lib/core/ip.js';
import { Layer } from '../../lib/core/layer.js';
import { childOf, nameOf, parentOf, validatePath } from '../../lib/core/paths.js';
import { Writer, create } from './support.js';

describe('validatePath', () => {
  test.each(['/', '/a', '/a/b', '/.a', '/a..', '/...', '/a b', '/ü/漢', '/' + 'n'.repeat(1024)])(
    'takes %j',
    (path) => {
      expect(validatePath(path)).toBeUndefined();
    },
  );

  test.each([
    ['', 'empty'],
    ['a', 'start with'],
    ['/a/', 'end with'],
    ['//', 'end with'],
    ['/a//b', 'empty name'],
    ['/.', '. or ..'],
    ['/a/../b', '. or ..'],
    ['/a\u0000', 'U+0000'],
    ['/a\u001f', 'U+001F'],
    ['/a\u007f', 'U+007F'],
    ['/a\u009f', 'U+009F'],
    ['/a\ud800', 'U+D800'],
    ['/a\uf8ff', 'U+F8FF'],
    ['/a\ufff0', 'U+FFF0'],
    ['/' + 'n'.repeat(1025), '1024 bytes'],
    ['/' + '漢'.repeat(342), '1024 bytes'],
    ['/n'.repeat(951), '1900 bytes'],
  ])('refuses %j and says why', (path, reason) => {
    expect(validatePath(path)).toContain(reason);
  });

  test('lets a sequential path end in a slash, and keeps room for its suffix', () => {
    const sequential = { sequential: true };
    expect(validatePath('/', sequential)).toBeUndefined();
    expect(validatePath('/a/', sequential)).toBeUndefined();
    expect(validatePath('/a//', sequential)).toContain('empty name');
    expect(validatePath('/' + 'n'.repeat(1013), sequential)).toBeUndefined();
    expect(validatePath('/' + 'n'.repeat(1014), sequential)).toContain('1024 bytes');
  });

  test('splits and joins paths', () => {
    expect([parentOf('/a/b'), parentOf('/a'), parentOf('/')]).toEqual(['/a', '/', '/']);
    expect([nameOf('/a/b'), nameOf('/a'), nameOf('/')]).toEqual(['b', 'a', '']);
    expect([childOf('/', 'a'), childOf('/a', 'b')]).toEqual(['/a', '/a/b']);
  });
});

describe('access control', () => {
  const world = { perms: 31, scheme: 'world', id: 'anyone' };
  const auth = { perms: 31, scheme: 'auth', id: 'ignored' };

  test.each([
    ['an empty list', []],
    ['an unknown scheme', [{ perms: 1, scheme: 'nobody', id: 'x' }]],
    ['world of somebody', [{ perms: 1, scheme: 'world', id: 'me' }]],
    ['super', [{ perms: 1, scheme: 'super', id: '' }]],
    ['a digest without a hash', [{ perms: 1, scheme: 'digest', id: 'user' }]],
    ['a digest with an empty hash', [{ perms: 1, scheme: 'digest', id: 'user:' }]],
    ['a digest of three parts', [{ perms: 1, scheme: 'digest', id: 'a:b:c' }]],
    ['a malformed address', [{ perms: 1, scheme: 'ip', id: '10.0.0' }]],
    ['an address out of range', [{ perms: 1, scheme: 'ip', id: '10.0.0.256' }]],
    ['too long a network', [{ perms: 1, scheme: 'ip', id: '10.0.0.0/33' }]],
    ['auth of a caller whom nobody knows', [auth]],
    ['one bad entry among good ones', [world, { perms: 1, scheme: 'ip', id: 'x' }]],
  ])('%s is not valid', (_, acl) => {
    expect(fixUpAcl(acl, [{ scheme: 'ip', id: '127.0.0.1' }])).toBeUndefined();
  });

  test('duplicates go, and entries without permissions stay', () => {
    const none = { ...world, perms: 0 };
    expect(fixUpAcl([world, none, { ...world }], [])).toEqual([world, none]);
  });

  test('auth expands to every authenticated id, but not to the address', () => {
    const ids = [
      { scheme: 'ip', id: '127.0.0.1' },
      { scheme: 'digest', id: 'u:h' },
      { scheme: 'iam', id: 'arn:aws:iam::1:role/r' },
    ];
    expect(fixUpAcl([auth], ids)?.map(({ scheme }) => scheme)).toEqual(['digest', 'iam']);
  });

  test('grants by world, by exact id and by network, to super everything, and by an empty list', () => {
    const acl = [
      { perms: 2, scheme: 'digest', id: 'u:h' },
      { perms: 1, scheme: 'ip', id: '10.1.0.0/16' },
    ];
    expect(allows([world], 16, [])).toBe(true);
    expect(allows(acl, 2, [{ scheme: 'digest', id: 'u:h' }])).toBe(true);
    expect(allows(acl, 2, [{ scheme: 'sasl', id: 'u:h' }])).toBe(false);
    expect(allows(acl, 1, [{ scheme: 'ip', id: '10.1.2.3' }])).toBe(true);
    expect(allows(acl, 1, [{ scheme: 'ip', id: '10.2.2.3' }])).toBe(false);
    expect(allows(acl, 4, [{ scheme: 'super', id: '' }])).toBe(true);
    expect(allows([], 31, [])).toBe(true);
  });

  test.each([
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.1', '10.0.0.2', false],
    ['10.0.0.1', '0.0.0.0/0', true],
    ['10.0.0.255', '10.0.0.128/25', true],
    ['10.0.0.127', '10.0.0.128/25', false],
    ['2001:db8::1', '2001:db8::/32', true],
    ['2001:db9::1', '2001:db8::/32', false],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['::1', '0.0.0.0/0', false],
    ['1:2:3:4:5:6:7::8', '::/0', false],
    ['nonsense', '0.0.0.0/0', false],
  ])('address %s in %s: %s', (address, network, expected) => {
    expect(ipMatches(address, network)).toBe(expected);
  });

  test('digestOf is ZooKeeper’s generateDigest', () => {
    expect(digestOf('super', 'admin')).toBe('super:xQJmxLMiHGwaqBvst5y6rkB6HQs=');
  });
});

describe('errors', () => {
  test('have names, and codes that occur once', () => {
    expect(new Set(ERRORS.map(({ code }) => code)).size).toBe(Object.keys(ErrorCode).length);
    expect(errorName(-101)).toBe('NoNode');
    expect(errorName(-999)).toBe('Unknown(-999)');
    expect(errorOf(-4)).toMatchObject({ name: 'ConnectionLoss', retriable: true });
    expect(errorOf(-103)?.retriable).toBe(false);
  });
});

describe('a layer', () => {
  test('leaves what is below as it was', () => {
    const below = new FullState();
    const layer = new Layer(below);
    new Writer(layer).must(create('/a'));
    expect(below.node('/a')).toBeNull();
    expect([...below.children('/')]).toEqual(['zookeeper']);
    expect([...layer.children('/')!]).toEqual(['zookeeper', 'a']);
    expect(layer.delta).toEqual({ znodes: 1, sessions: 0, thinSessions: 0, bytes: 4 });
  });

  test('puts a name that went and came back at the end, as one set would', () => {
    const below = new FullState();
    const plain = new Set(['zookeeper', 'a', 'b']);
    for (const name of ['a', 'b']) below.addChild('/', name);
    const layer = new Layer(new Layer(below));
    layer.removeChild('/', 'a');
    layer.addChild('/', 'a');
    layer.addChild('/', 'b');
    layer.removeChild('/', 'none');
    plain.delete('a');
    plain.add('a');
    const children = layer.children('/')!;
    expect([...children]).toEqual([...plain]);
    expect([children.size, children.has('a'), children.has('none')]).toEqual([3, true, false]);
    expect([...children.entries()]).toEqual([...plain.entries()]);
  });

  test('keeps changes to a list that becomes known only later', () => {
    const lists: { children: ReadonlySet<string> | undefined } = { children: undefined };
    const below = new FullState();
    const layer = new Layer({
      node: (path) => below.node(path),
      children: () => lists.children,
      session: () => null,
      ephemerals: () => undefined,
      blob: () => undefined,
    });
    layer.addChild('/', 'new');
    layer.removeChild('/', 'old');
    expect(layer.children('/')).toBeUndefined();
    lists.children = new Set(['old', 'kept']);
    expect([...layer.children('/')!]).toEqual(['kept', 'new']);
  });
});
