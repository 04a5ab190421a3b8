import { describe, expect, it } from 'vitest';

import { OPEN_ACL } from '../../lib/core/types.js';
import { isMalformed, translateWrite, writeReply, type WireWrite } from '../../lib/gateway/translate.js';
import { CreateFlags, type WireMultiOperation } from '../../lib/wire/index.js';

const STAT = {
  ...{ czxid: 1, mzxid: 1, pzxid: 1, ctime: 1, mtime: 1, version: 0, cversion: 0, aversion: 0 },
  ...{ ephemeralOwner: 0n, dataLength: 1, numChildren: 0 },
};

type CreateName = 'create' | 'create2' | 'createContainer' | 'createTtl';

function multiOf(name: CreateName, flags: number): WireWrite {
  const request = { path: '/a', data: Buffer.from('x'), acl: OPEN_ACL, flags };
  const operation =
    name === 'createTtl' ? { name, request: { ...request, ttlMs: 5_000 } } : { name, request };
  return { name: 'multi', body: { operations: [operation satisfies WireMultiOperation] } };
}

/** The mode that the create has, and under which name it is answered. */
function read(wire: WireWrite): { mode: unknown; answer: unknown } {
  const request = translateWrite(wire);
  const [operation] = request.kind === 'multi' ? request.operations : [];
  const result = { kind: 'multi', results: [{ kind: 'create', path: '/a', stat: STAT }] } as const;
  const reply = writeReply(wire, result);
  const [answer] = reply?.name === 'multi' ? reply.body.results : [];
  return { mode: operation?.kind === 'create' ? operation.mode : undefined, answer: answer?.name };
}

describe('a create in a multi', () => {
  it.each([
    ['create', CreateFlags.persistent, { mode: 'persistent', answer: 'create' }],
    ['create', CreateFlags.container, { mode: 'container', answer: 'create2' }],
    ['create2', CreateFlags.ephemeral, { mode: 'ephemeral', answer: 'create2' }],
    ['createContainer', CreateFlags.container, { mode: 'container', answer: 'create2' }],
    ['createTtl', CreateFlags.ttl, { mode: 'ttl', answer: 'create2' }],
    ['createTtl', CreateFlags.persistent, { mode: 'persistent', answer: 'create' }],
    ['createTtl', CreateFlags.ephemeralSequential, { mode: 'ephemeralSequential', answer: 'create' }],
    ['createTtl', CreateFlags.container, { mode: 'container', answer: 'create2' }],
  ] as const)('that is a %s with the flags %i is what a ZooKeeper reads', (name, flags, expected) => {
    const wire = multiOf(name, flags);
    expect(isMalformed(wire)).toBe(false);
    expect(read(wire)).toEqual(expected);
  });

  it('with flags that mean nothing turns the multi away, but as a createTTL is refused by itself', () => {
    for (const name of ['create', 'create2', 'createContainer'] as const) {
      expect(isMalformed(multiOf(name, 7))).toBe(true);
      expect(isMalformed(multiOf(name, CreateFlags.ttl))).toBe(true);
    }
    expect(isMalformed(multiOf('createTtl', 7))).toBe(false);
    // No znode can have such a time, so that the state machine answers BadArguments where the operation stands.
    const request = translateWrite(multiOf('createTtl', 7));
    expect(request).toMatchObject({ operations: [{ mode: 'ttl', ttlMs: -1 }] });
  });
});
