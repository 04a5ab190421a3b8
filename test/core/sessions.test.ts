import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../lib/core/errors.js';
import { FullState } from '../../lib/core/full-state.js';
import { apply, keysTouched, needOfWrite } from '../../lib/core/machine.js';
import type { AttachRequest } from '../../lib/core/types.js';
import { Writer, create, openSession, originOf } from './support.js';
import { PartialState } from './partial-state.js';

function withSession(): Writer {
  const writer = new Writer(new FullState());
  writer.must(openSession(7n));
  return writer;
}

function attach(replacesEpoch: number, attachId: string): AttachRequest {
  return { kind: 'attach', session: 7n, owner: 'other', attachId, timeoutMs: 9000, replacesEpoch };
}

describe('createSession', () => {
  test('opens a session with epoch 1', () => {
    expect(withSession().state.session(7n)).toMatchObject({ zxid: 1, epoch: 1, owner: 'gateway', cxid: 0 });
  });

  test('repeated with its own id changes nothing, and with another is refused', () => {
    const writer = withSession();
    const before = writer.state.session(7n);
    expect(writer.must(openSession(7n))).toEqual({ kind: 'createSession' });
    expect(writer.state.session(7n)).toBe(before);
    expect(writer.code(openSession(7n, 'a2'))).toBe(ErrorCode.SystemError);
    expect(writer.code(openSession(0n))).toBe(ErrorCode.BadArguments);
  });
});

describe('attach', () => {
  test('raises the epoch, so that the former owner is refused', () => {
    const writer = withSession();
    expect(writer.must(attach(1, 'a2'))).toEqual({ kind: 'attach', epoch: 2 });
    expect(writer.state.session(7n)).toMatchObject({ zxid: 2, epoch: 2, owner: 'other', timeoutMs: 9000 });
    expect(writer.code(create('/a'), originOf(7n, 1))).toBe(ErrorCode.SessionMoved);
    expect(writer.code(create('/a'), originOf(7n, 2))).toBe(0);
  });

  test('repeated finds itself done, while another that replaces the same epoch has lost', () => {
    const writer = withSession();
    writer.must(attach(1, 'a2'));
    const before = writer.state.session(7n);
    expect(writer.must(attach(1, 'a2'))).toEqual({ kind: 'attach', epoch: 2 });
    expect(writer.state.session(7n)).toBe(before);
    expect(writer.code(attach(1, 'a3'))).toBe(ErrorCode.SessionMoved);
  });

  test('of a session that is closed is refused with SessionExpired', () => {
    const writer = withSession();
    writer.must({ kind: 'closeSession', session: 7n, epoch: 1 });
    expect(writer.code(attach(1, 'a2'))).toBe(ErrorCode.SessionExpired);
  });
});

describe('closeSession', () => {
  test('removes the ephemerals in the order of their creation, under one zxid', () => {
    const writer = withSession();
    writer.must(create('/p'));
    for (const path of ['/p/z', '/p/a', '/m']) writer.must(create(path, 'ephemeral'), originOf(7n));
    expect(writer.triggers({ kind: 'closeSession', session: 7n, epoch: 1 }, originOf(7n))).toEqual([
      'deleted /p/z',
      'childrenChanged /p',
      'deleted /p/a',
      'childrenChanged /p',
      'deleted /m',
      'childrenChanged /',
    ]);
    expect(writer.state.node('/p')).toMatchObject({ numChildren: 0, creates: 2, pzxid: 6, zxid: 6 });
    expect(writer.state.session(7n)).toBeNull();
    expect([...writer.state.ephemerals(7n)!]).toEqual([]);
  });

  test('of a session that is gone is done already, and with another epoch is refused', () => {
    const writer = withSession();
    expect(writer.code({ kind: 'closeSession', session: 7n, epoch: 2 })).toBe(ErrorCode.SessionMoved);
    writer.must({ kind: 'closeSession', session: 7n, epoch: 1 }, originOf(7n));
    expect(writer.triggers({ kind: 'closeSession', session: 7n, epoch: 1 }, originOf(7n))).toEqual([]);
  });

  test('needs the list first, then each ephemeral with its parent', () => {
    const writer = withSession();
    writer.must(create('/p'));
    writer.must(create('/p/a', 'ephemeral'), originOf(7n));
    const view = new PartialState();
    const request = { kind: 'closeSession', session: 7n, epoch: 1 } as const;
    expect(needOfWrite(request, originOf(7n), view)).toEqual(['s7', 'n/zookeeper/quota', 'e7']);
    for (const key of ['s7', 'e7', 'n/zookeeper/quota']) view.learn(key, writer.state);
    expect(needOfWrite(request, originOf(7n), view)).toEqual(['n/p', 'n/p/a']);
  });
});

describe('a session', () => {
  test('that is not open is refused before anything else is looked at', () => {
    const writer = withSession();
    expect(writer.code(create(''), originOf(8n))).toBe(ErrorCode.SessionExpired);
    const outcome = writer.write({ kind: 'multi', operations: [create('/a')] }, originOf(8n));
    expect(outcome).toEqual({ ok: false, refusal: { code: ErrorCode.SessionExpired } });
  });

  test('counts the writes of a retryable path, refused ones too', () => {
    const { state } = withSession();
    const txn = { session: 7n, cxid: 1, effect: { type: 'error', code: ErrorCode.NoNode } } as const;
    expect(keysTouched(txn)).toEqual(['s7']);
    apply(txn, { zxid: 5, timeMs: 0 }, state);
    expect(state.session(7n)).toMatchObject({ cxid: 1, zxid: 5, epoch: 1 });
    apply({ session: 7n, cxid: 0, effect: { type: 'noop' } }, { zxid: 6, timeMs: 0 }, state);
    expect(state.session(7n)).toMatchObject({ cxid: 1, zxid: 5 });
  });
});
