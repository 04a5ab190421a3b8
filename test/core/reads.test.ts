import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../lib/core/errors.js';
import { FullState } from '../../lib/core/full-state.js';
import { answer, needOfRead } from '../../lib/core/machine.js';
import type { ReadRequest } from '../../lib/core/types.js';
import { PartialState } from './partial-state.js';
import { Writer, bytes, create } from './support.js';

const KINDS = ['exists', 'getData', 'getAcl', 'getChildren'] as const;
const OWNER = [{ scheme: 'digest', id: 'u:h' }];

describe.each(KINDS)('%s', (kind) => {
  const writer = new Writer(new FullState());
  writer.must(create('/closed', 'persistent', [{ perms: 31, scheme: 'digest', id: 'u:h' }]));

  test('of a path that names no znode is NoNode', () => {
    for (const path of ['/none', '', 'a', '/closed/', '//', '/..', '/' + 'n'.repeat(3000)]) {
      expect(needOfRead({ kind, path }, new FullState())).toEqual([]);
      expect(answer({ kind, path }, writer.state, [])).toEqual({ ok: false, code: ErrorCode.NoNode });
    }
  });

  test('needs the permission to read', () => {
    const request: ReadRequest = { kind, path: '/closed' };
    expect(answer(request, writer.state, [])).toEqual({ ok: false, code: ErrorCode.NoAuth });
    expect(answer(request, writer.state, OWNER)).toMatchObject({ ok: true });
    expect(answer(request, writer.state, [{ scheme: 'super', id: '' }])).toMatchObject({ ok: true });
  });
});

test('exists of a path with a null character is BadArguments', () => {
  expect(answer({ kind: 'exists', path: '/a\0' }, new FullState(), [])).toMatchObject({
    code: ErrorCode.BadArguments,
  });
});

test('getData needs the blob that holds the data, once it knows the znode', () => {
  const state = new FullState();
  const data = { blob: '0011', length: 5 };
  new Writer(state).must({ ...create('/a'), data });
  const view = new PartialState();
  expect(needOfRead({ kind: 'getData', path: '/a' }, view)).toEqual(['n/a']);
  expect(needOfRead({ kind: 'exists', path: '/a' }, state)).toEqual([]);
  expect(needOfRead({ kind: 'getData', path: '/a' }, state)).toEqual(['b0011:5']);
  state.putBlob('0011', bytes('large'));
  expect(needOfRead({ kind: 'getData', path: '/a' }, state)).toEqual([]);
  expect(answer({ kind: 'getData', path: '/a' }, state, [])).toMatchObject({
    result: { data: bytes('large'), stat: { dataLength: 5 } },
  });
});

test('getChildren asks for record and list at once, but not for the list of a znode without children', () => {
  const state = new FullState();
  const view = new PartialState();
  expect(needOfRead({ kind: 'getChildren', path: '/' }, view)).toEqual(['n/', 'c/']);
  view.learn('n/zookeeper/quota', state);
  expect(needOfRead({ kind: 'getChildren', path: '/zookeeper/quota' }, view)).toEqual([]);
  expect(answer({ kind: 'getChildren', path: '/zookeeper/quota' }, view, [])).toMatchObject({
    result: { children: [] },
  });
});

test('getChildren keeps the order of creation', () => {
  const writer = new Writer(new FullState());
  for (const path of ['/z', '/b', '/y']) writer.must(create(path));
  expect(answer({ kind: 'getChildren', path: '/' }, writer.state, [])).toMatchObject({
    result: { children: ['zookeeper', 'z', 'b', 'y'] },
  });
});

test('getAcl hides the digests of passwords from those without ADMIN', () => {
  const writer = new Writer(new FullState());
  const acl = [
    { perms: 31, scheme: 'digest', id: 'u:h' },
    { perms: 1, scheme: 'world', id: 'anyone' },
  ];
  writer.must(create('/a', 'persistent', acl));
  const request = { kind: 'getAcl', path: '/a' } as const;
  expect(answer(request, writer.state, [])).toMatchObject({
    result: { acl: [{ id: 'u:x' }, { id: 'anyone' }] },
  });
  expect(answer(request, writer.state, OWNER)).toMatchObject({ result: { acl } });
});
