import { describe, expect, it } from 'vitest';

import { Admission } from '../../lib/gateway/admission.js';
import { Pipeline, type Step } from '../../lib/gateway/pipeline.js';
import { INLINE_DATA_BYTES_MAX } from '../../lib/keeper/limits.js';

/** A pipeline whose steps are started and finished by the test; `log` tells what happened. */
function scripted() {
  const log: string[] = [];
  const finishes = new Map<string, () => void>();
  let mayStart = true;
  const pipeline = new Pipeline({
    mayStart: () => mayStart,
    onSettled: () => undefined,
    onMissed: () => log.push('missed'),
  });
  const hold = (name: string) => {
    log.push(`hold ${name}`);
    return () => log.push(`release ${name}`);
  };
  const push = (name: string, kind: Step['kind'], now = false) => {
    pipeline.push({
      bytes: name.startsWith('large') ? INLINE_DATA_BYTES_MAX + 1 : 10,
      kind,
      startedMs: 0,
      ...(kind === 'read' ? { hold: () => hold(name) } : {}),
      start: (finish) => {
        log.push(`start ${name}`);
        const done = () => finish(() => log.push(`reply ${name}`));
        if (now) done();
        else finishes.set(name, done);
      },
    });
  };
  return {
    log,
    pipeline,
    push,
    finish: (name: string) => finishes.get(name)?.(),
    allow: (may: boolean) => (mayStart = may),
  };
}

describe('the pipeline', () => {
  it('starts writes beside each other and everything else alone', () => {
    const { log, push, finish } = scripted();
    push('w1', 'write');
    push('w2', 'write');
    push('r1', 'alone');
    push('w3', 'write');
    expect(log).toEqual(['start w1', 'start w2']);
    finish('w1');
    finish('w2');
    expect(log.slice(2)).toEqual(['reply w1', 'reply w2', 'start r1']);
    finish('r1');
    expect(log.slice(5)).toEqual(['reply r1', 'start w3']);
  });

  it('holds a read between writes, and answers it between them', () => {
    const { log, push, finish } = scripted();
    push('w1', 'write');
    push('r1', 'read', true);
    push('w2', 'write');
    push('r2', 'read', true);
    push('r3', 'read', true);
    expect(log).toEqual(['start w1', 'hold r1', 'start w2', 'hold r2', 'hold r3']);
    finish('w1');
    expect(log.slice(5)).toEqual(['reply w1', 'release r1', 'start r1', 'reply r1']);
    finish('w2');
    const answered = (name: string) => [`release ${name}`, `start ${name}`, `reply ${name}`];
    expect(log.slice(9)).toEqual(['reply w2', ...answered('r2'), ...answered('r3')]);
  });

  it('starts a write behind a held read though the writes before it are all answered but in the wrong order', () => {
    const { log, push, finish } = scripted();
    push('w1', 'write');
    push('r1', 'read', true);
    push('w2', 'write');
    finish('w2');
    expect(log.slice(3)).toEqual([]);
    finish('w1');
    expect(log.slice(3)).toEqual(['reply w1', 'release r1', 'start r1', 'reply r1', 'reply w2']);
  });

  it('lets nothing past a read that it could not answer at its turn, and says so when a write has passed it already', () => {
    const { log, push, finish } = scripted();
    push('w1', 'write');
    push('r1', 'read');
    finish('w1');
    push('w2', 'write');
    expect(log.slice(2)).toEqual(['reply w1', 'release r1', 'start r1']);
    finish('r1');
    expect(log.slice(5)).toEqual(['reply r1', 'start w2']);
    push('r2', 'read');
    push('w3', 'write');
    finish('w2');
    expect(log.slice(7)).toEqual(['hold r2', 'start w3', 'reply w2', 'release r2', 'start r2', 'missed']);
  });

  it('holds no read behind a write with more data than a record has', () => {
    const { log, push, finish } = scripted();
    push('large', 'write');
    push('r1', 'read', true);
    push('w2', 'write');
    expect(log).toEqual(['start large']);
    finish('large');
    expect(log.slice(1)).toEqual(['reply large', 'start r1', 'reply r1', 'start w2']);
    push('r2', 'read', true);
    expect(log.at(-1)).toBe('hold r2');
  });

  it('lets go of what it held when it is closed', () => {
    const { log, push, pipeline } = scripted();
    push('w1', 'write');
    push('r1', 'read', true);
    pipeline.close();
    expect(log).toEqual(['start w1', 'hold r1', 'release r1']);
  });

  it('holds a reply back whose turn has not come', () => {
    const { log, push, finish } = scripted();
    push('w1', 'write');
    push('w2', 'write');
    finish('w2');
    expect(log).toEqual(['start w1', 'start w2']);
    finish('w1');
    expect(log.slice(2)).toEqual(['reply w1', 'reply w2']);
  });

  it('does not grow the stack over many requests that are answered at once', () => {
    const { log, push, finish } = scripted();
    push('first', 'alone');
    for (let index = 0; index < 20_000; index++) push(`r${index}`, 'alone', true);
    finish('first');
    expect(log).toHaveLength(40_002);
    expect(log.at(-1)).toBe('reply r19999');
  });

  it('starts nothing while it may not, and counts what waits', () => {
    const { log, push, pipeline, allow } = scripted();
    allow(false);
    push('r1', 'alone', true);
    expect([log, pipeline.outstanding, pipeline.outstandingBytes]).toEqual([[], 1, 10]);
    allow(true);
    pipeline.pump();
    expect(log).toEqual(['start r1', 'reply r1']);
    expect([pipeline.outstanding, pipeline.outstandingBytes]).toEqual([0, 0]);
  });

  it('drops the replies of what was under way when it was closed, and tells how much that was', () => {
    const { log, push, finish, pipeline } = scripted();
    push('w1', 'write');
    push('r1', 'alone');
    expect(pipeline.close()).toBe(2);
    finish('w1');
    push('w2', 'write');
    expect(log).toEqual(['start w1']);
    expect(pipeline.outstanding).toBe(0);
  });

  it('fails when a request is answered twice', () => {
    const { push, finish } = scripted();
    push('w1', 'write');
    push('w2', 'write');
    finish('w2');
    expect(() => finish('w2')).toThrow('answered once');
  });
});

describe('the admission', () => {
  it('wakes who waits in their order, and only as many as there is room for', () => {
    const admission = new Admission(1);
    const woken: string[] = [];
    const waiter = (name: string) => () => {
      woken.push(name);
      admission.enter();
    };
    admission.enter();
    const [a, b, c] = [waiter('a'), waiter('b'), waiter('c')];
    for (const resume of [a, b, b, c]) admission.wait(resume);
    admission.forget(c);
    expect(admission.full).toBe(true);
    admission.leave();
    expect(woken).toEqual(['a']);
    admission.leave();
    admission.leave();
    expect(woken).toEqual(['a', 'b']);
    expect(admission.outstanding).toBe(0);
  });
});
