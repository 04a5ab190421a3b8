import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../lib/core/errors.js';
import { FullState } from '../../lib/core/full-state.js';
import { TTL_MS_MAX } from '../../lib/core/limits.js';
import type { CreateRequest } from '../../lib/core/types.js';
import { NOBODY, Writer, bytes, create, openSession, originOf, statIn } from './support.js';

function ttl(path: string, ttlMs: number): CreateRequest {
  return { ...create(path, 'ttl'), ttlMs };
}

/** What whoever looks at a znode now would ask for. */
function removalOf(writer: Writer, path: string) {
  const { mzxid, pzxid } = writer.state.node(path)!;
  return { kind: 'removeIdle', path, mzxid, pzxid } as const;
}

describe('a container', () => {
  test('is owned by nobody, as clients see it, and may have children', () => {
    const writer = new Writer(new FullState());
    expect(statIn(writer.must(create('/c', 'container'))).ephemeralOwner).toBe(0n);
    writer.must(create('/c/a'));
    expect(writer.state.node('/c')).toMatchObject({ lifetime: 'container', numChildren: 1 });
  });

  test('keeps what it is when it is written and when its children come and go', () => {
    const writer = new Writer(new FullState());
    writer.must(create('/c', 'container'));
    writer.must({ kind: 'setData', path: '/c', data: bytes('x'), version: -1 });
    writer.must(create('/c/a'));
    writer.must({ kind: 'delete', path: '/c/a', version: -1 });
    expect(writer.state.node('/c')?.lifetime).toBe('container');
  });

  test('takes no time to live', () => {
    const writer = new Writer(new FullState());
    expect(writer.code({ ...create('/c', 'container'), ttlMs: 5 })).toBe(ErrorCode.BadArguments);
  });
});

describe('a TTL znode', () => {
  test.each([0, -1, 1.5, TTL_MS_MAX + 1])('cannot live for %s ms', (ttlMs) => {
    expect(new Writer(new FullState()).code(ttl('/t', ttlMs))).toBe(ErrorCode.BadArguments);
  });

  test('lives for 1 ms to 2^40 − 1 ms', () => {
    const writer = new Writer(new FullState());
    writer.must(ttl('/a', 1));
    writer.must(ttl('/b', TTL_MS_MAX));
    expect(writer.state.node('/b')?.lifetime).toEqual({ ttlMs: TTL_MS_MAX });
  });

  test('without a time is refused in its place in a multi, and nothing of that is done', () => {
    const writer = new Writer(new FullState());
    const outcome = writer.write({ kind: 'multi', operations: [create('/a'), create('/t', 'ttl')] });
    expect(outcome).toMatchObject({ ok: false, refusal: { operations: [0, ErrorCode.BadArguments] } });
    expect(writer.state.node('/a')).toBeNull();
  });

  test('may have a sequence', () => {
    const writer = new Writer(new FullState());
    expect(writer.must({ ...create('/t-', 'ttlSequential'), ttlMs: 5 })).toMatchObject({
      path: '/t-0000000000',
    });
  });
});

describe('removing what is idle', () => {
  test('deletes the znode as it was found, whatever its parent allows', () => {
    const writer = new Writer(new FullState());
    writer.must({ ...create('/p'), acl: [{ perms: 5, scheme: 'world', id: 'anyone' }] });
    writer.must(ttl('/p/t', 5));
    expect(writer.triggers(removalOf(writer, '/p/t'))).toEqual(['deleted /p/t', 'childrenChanged /p']);
  });

  test.each([
    ['written', { kind: 'setData', path: '/t', data: bytes('x'), version: -1 }],
    ['given a child', create('/t/a')],
    ['deleted', { kind: 'delete', path: '/t', version: -1 }],
  ] as const)('refuses one that has been %s since', (what, touch) => {
    const writer = new Writer(new FullState());
    writer.must(ttl('/t', 5));
    const removal = removalOf(writer, '/t');
    writer.must(touch);
    const codes = { written: 'BadVersion', 'given a child': 'NotEmpty', deleted: 'NoNode' } as const;
    expect(writer.code(removal)).toBe(ErrorCode[codes[what]]);
  });

  test('refuses a container that has had another child since, also when it has gone again', () => {
    const writer = new Writer(new FullState());
    writer.must(create('/c', 'container'));
    const removal = removalOf(writer, '/c');
    writer.must(create('/c/a'));
    writer.must({ kind: 'delete', path: '/c/a', version: -1 });
    expect(writer.code(removal)).toBe(ErrorCode.BadVersion);
  });

  test('refuses one that was deleted and made again under the same name', () => {
    const writer = new Writer(new FullState());
    writer.must(ttl('/t', 5));
    const removal = removalOf(writer, '/t');
    writer.must({ kind: 'delete', path: '/t', version: -1 });
    writer.must(ttl('/t', 5));
    expect(writer.code(removal)).toBe(ErrorCode.BadVersion);
  });

  test.each(['persistent', 'ephemeral'] as const)('refuses one that is %s', (mode) => {
    const writer = new Writer(new FullState());
    writer.must(openSession(7n));
    writer.must(create('/p', mode), originOf(7n));
    expect(writer.code(removalOf(writer, '/p'), NOBODY)).toBe(ErrorCode.BadVersion);
  });
});
