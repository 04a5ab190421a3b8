import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../lib/core/errors.js';
import { FullState } from '../../lib/core/full-state.js';
import { formatQuota, parseQuota } from '../../lib/core/quota-text.js';
import { NOBODY, Writer, bytes, create, openSession, originOf } from './support.js';

const ENFORCING = { ...NOBODY, enforceQuota: true };

/** The requests of zkCli's setquota. */
function setQuota(writer: Writer, path: string, limits: string): void {
  const names = path.slice(1).split('/');
  names.forEach((_, index) => {
    const above = `/zookeeper/quota/${names.slice(0, index + 1).join('/')}`;
    if (writer.state.node(above) === null) writer.must(create(above));
  });
  writer.must({ ...create(`/zookeeper/quota${path}/zookeeper_limits`), data: bytes(limits) });
  writer.must({
    ...create(`/zookeeper/quota${path}/zookeeper_stats`),
    data: bytes('count=0,bytes=0'),
  });
}

function figures(writer: Writer, path: string): string {
  const data = writer.state.node(`/zookeeper/quota${path}/zookeeper_stats`)?.data;
  return data instanceof Uint8Array ? Buffer.from(data).toString() : 'none';
}

function put(path: string, text: string) {
  return { ...create(path), data: bytes(text) };
}

function withQuota(limits: string): Writer {
  const writer = new Writer(new FullState());
  writer.must(put('/q', 'four'));
  writer.must(put('/q/a', 'twelve bytes'));
  setQuota(writer, '/q', limits);
  return writer;
}

describe('the figures of a quota', () => {
  test('count what is there when it is set, the path itself included', () => {
    expect(figures(withQuota('count=10,bytes=-1'), '/q')).toBe('count=2,bytes=16');
  });

  test('follow creates, writes and deletes below the path, and the path itself', () => {
    const writer = withQuota('count=10,bytes=-1');
    writer.must(put('/q/a/deep', '123'));
    expect(figures(writer, '/q')).toBe('count=3,bytes=19');
    writer.must({ kind: 'setData', path: '/q', data: bytes('x'), version: -1 });
    expect(figures(writer, '/q')).toBe('count=3,bytes=16');
    writer.must({ kind: 'delete', path: '/q/a/deep', version: -1 });
    expect(figures(writer, '/q')).toBe('count=2,bytes=13');
  });

  test('leave stat and watches of the znode that holds them alone', () => {
    const writer = withQuota('count=10,bytes=-1');
    const before = writer.state.node('/zookeeper/quota/q/zookeeper_stats')!;
    expect(writer.triggers(put('/q/b', 'x'))).toEqual(['created /q/b', 'childrenChanged /q']);
    const { version, mzxid, mtime, pzxid } = before;
    const after = writer.state.node('/zookeeper/quota/q/zookeeper_stats');
    expect(after).toMatchObject({ version, mzxid, mtime, pzxid });
  });

  test('follow a multi as a whole', () => {
    const writer = withQuota('count=10,bytes=-1');
    writer.must({
      kind: 'multi',
      operations: [
        put('/q/b', '12345'),
        put('/q/c', '1'),
        { kind: 'delete', path: '/q/b', version: -1 },
        { kind: 'setData', path: '/q/c', data: bytes('123'), version: -1 },
      ],
    });
    expect(figures(writer, '/q')).toBe('count=3,bytes=19');
  });

  test('follow the ephemerals that go with their session', () => {
    const writer = withQuota('count=10,bytes=-1');
    writer.must(openSession(7n));
    for (const name of ['e', 'f']) {
      writer.must({ ...create(`/q/${name}`, 'ephemeral'), data: bytes('abc') }, originOf(7n));
    }
    expect(figures(writer, '/q')).toBe('count=4,bytes=22');
    writer.must({ kind: 'closeSession', session: 7n, epoch: 1 });
    expect(figures(writer, '/q')).toBe('count=2,bytes=16');
  });

  test('are those of the deepest path with a quota alone', () => {
    const writer = withQuota('count=10,bytes=-1');
    setQuota(writer, '/q/a', 'count=5,bytes=-1');
    writer.must(put('/q/a/b', 'x'));
    expect([figures(writer, '/q'), figures(writer, '/q/a')]).toEqual([
      'count=2,bytes=16',
      'count=2,bytes=13',
    ]);
  });

  test('stand still once the limits are gone', () => {
    const writer = withQuota('count=10,bytes=-1');
    writer.must({ kind: 'delete', path: '/zookeeper/quota/q/zookeeper_limits', version: -1 });
    writer.must(put('/q/b', 'x'));
    expect(figures(writer, '/q')).toBe('count=2,bytes=16');
  });

  test('that somebody replaced by something else are left alone', () => {
    const writer = withQuota('count=10,bytes=-1');
    const path = '/zookeeper/quota/q/zookeeper_stats';
    writer.must({ kind: 'setData', path, data: bytes('nonsense'), version: -1 });
    writer.must(put('/q/b', 'x'), ENFORCING);
    expect(figures(writer, '/q')).toBe('nonsense');
  });
});

describe('a hard quota', () => {
  test('of znodes refuses the create beyond it, and takes one when another has gone', () => {
    const writer = withQuota('count=-1,bytes=-1=;countHardLimit=3');
    writer.must(put('/q/b', 'x'), ENFORCING);
    const refused = writer.write(put('/q/c', 'x'), ENFORCING);
    expect(refused).toMatchObject({ ok: false, refusal: { code: ErrorCode.QuotaExceeded, path: '/q' } });
    writer.must({ kind: 'delete', path: '/q/b', version: -1 }, ENFORCING);
    writer.must(put('/q/c', 'x'), ENFORCING);
  });

  test('of bytes refuses creates and writes beyond it, and takes what needs no more', () => {
    const writer = withQuota('count=-1,bytes=-1=;byteHardLimit=20');
    expect(writer.code(put('/q/b', '12345'), ENFORCING)).toBe(ErrorCode.QuotaExceeded);
    const set = (text: string) => ({ kind: 'setData', path: '/q', data: bytes(text), version: -1 }) as const;
    expect(writer.code(set('123456789'), ENFORCING)).toBe(ErrorCode.QuotaExceeded);
    writer.must(set('12345678'), ENFORCING);
    writer.must(put('/q/empty', ''), ENFORCING);
  });

  test('counts the operations of a multi together', () => {
    const writer = withQuota('count=-1,bytes=-1=;countHardLimit=3');
    const operations = [put('/q/b', ''), put('/q/c', '')];
    const outcome = writer.write({ kind: 'multi', operations }, ENFORCING);
    expect(outcome).toMatchObject({ ok: false, refusal: { operations: [0, ErrorCode.QuotaExceeded] } });
  });

  test('holds nobody back while quotas are not enforced', () => {
    const writer = withQuota('count=-1,bytes=-1=;countHardLimit=2');
    writer.must(put('/q/b', 'x'));
    expect(figures(writer, '/q')).toBe('count=3,bytes=17');
  });
});

test('a soft quota holds nobody back', () => {
  const writer = withQuota('count=1,bytes=1');
  writer.must(put('/q/b', 'x'), ENFORCING);
  expect(figures(writer, '/q')).toBe('count=3,bytes=17');
});

describe('the text of limits and figures', () => {
  test.each([
    ['count=4,bytes=5', { count: 4, bytes: 5 }],
    [
      'count=4,bytes=5=;byteHardLimit=6;countHardLimit=7',
      { count: 4, bytes: 5, byteHardLimit: 6, countHardLimit: 7 },
    ],
    ['count=,bytes=-1', { count: -1, bytes: -1 }],
    ['', {}],
  ])('%s is read', (text, quota) => {
    expect(parseQuota(bytes(text))).toEqual(quota);
  });

  test.each(['count', 'count=x', 'count=1.5', 'count=99999999999999999999'])('%s is none', (text) => {
    expect(parseQuota(bytes(text))).toBeUndefined();
  });

  test('begins with count and bytes, and an equals sign keeps old readers from the rest', () => {
    const text = formatQuota({ countHardLimit: 7, byteHardLimit: 6, bytes: 5 });
    expect(text).toBe('count=-1,bytes=5=;byteHardLimit=6;countHardLimit=7');
  });
});
