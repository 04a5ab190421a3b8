import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../lib/base/random.js';
import { isLinearizable, type RegisterOperation } from './registers.js';

describe('the linearizability of registers', () => {
  const FIRST = { value: '0', version: 0 };
  let time = 0;
  const span = () => ({ begin: ++time, end: ++time });
  const write = (value: string, when = span()): RegisterOperation => ({
    ...when,
    text: value,
    optional: false,
    step: ({ version }) => ({ value, version: version + 1 }),
  });
  const maybe = (value: string, begin = ++time): RegisterOperation => ({
    ...write(value, { begin, end: Infinity }),
    optional: true,
  });
  const read = (value: string, when = span()): RegisterOperation => ({
    ...when,
    text: value,
    optional: false,
    step: (register) => (register.value === value ? register : undefined),
  });

  it('allows what is right', () => {
    expect(isLinearizable([read('0'), write('1'), read('1'), write('2'), read('2')], FIRST)).toBe('yes');
  });

  it('allows either order of what overlaps', () => {
    const both = { begin: 1, end: 10 };
    expect(isLinearizable([write('1', both), read('0', both)], FIRST)).toBe('yes');
    expect(isLinearizable([write('1', both), read('1', both)], FIRST)).toBe('yes');
  });

  it('refuses a read of the value before, after the write was answered', () => {
    expect(isLinearizable([write('1'), read('0')], FIRST)).toContain('not linearizable');
  });

  it('refuses a value that goes back after it was seen', () => {
    const unknown = maybe('1');
    expect(isLinearizable([unknown, read('1'), read('0')], FIRST)).toContain('not linearizable');
  });

  it('allows an unknown write to happen at any time after it was asked for, or never', () => {
    expect(isLinearizable([maybe('1'), read('0'), read('1')], FIRST)).toBe('yes');
    expect(isLinearizable([maybe('1'), read('0'), read('0')], FIRST)).toBe('yes');
  });

  it('decides though hundreds of unknown writes may have happened, by the versions that were seen', () => {
    const operations: RegisterOperation[] = [];
    let version = 0;
    for (let round = 1; round <= 300; round++) {
      // Of three whose answers were lost, one happened; nobody read it before it was written over.
      for (const which of ['x', 'y', 'z']) operations.push({ ...maybe(`${round}${which}`), unseen: true });
      version += 2;
      const [value, after] = [`${round}`, version];
      const step: RegisterOperation['step'] = (register) =>
        register.version + 1 === after ? { value, version: after } : undefined;
      operations.push({ ...write(value), step }, read(value));
    }
    expect(isLinearizable(operations, FIRST)).toBe('yes');
    const tooMany = operations.map((operation): RegisterOperation => {
      return operation.text === '300' ? { ...operation, step: () => undefined } : operation;
    });
    expect(isLinearizable(tooMany, FIRST)).toContain('not linearizable');
  });

  it('says of small histories what trying every order says', () => {
    const random = seededRandom(8);
    const pick = (count: number) => Math.floor(random.float() * count);
    const verdicts = { yes: 0, no: 0 };
    for (let round = 0; round < 2_000; round++) {
      const operations = Array.from({ length: 2 + pick(4) }, (_, index): RegisterOperation => {
        const begin = pick(8);
        const when = { begin, end: begin + 1 + pick(6) };
        if (pick(2) === 0) return read(String(pick(4)), when);
        return pick(2) === 0 ? write(String(index), when) : maybe(String(index), begin);
      });
      const texts = operations.flatMap((one) => (isRead(one) ? [one.text] : []));
      const told = operations.map((one) => ({ ...one, unseen: one.optional && !texts.includes(one.text) }));
      const wanted = isSomeOrder(operations, FIRST);
      expect(isLinearizable(told, FIRST) === 'yes').toBe(wanted);
      verdicts[wanted ? 'yes' : 'no']++;
    }
    expect(Math.min(verdicts.yes, verdicts.no)).toBeGreaterThan(200);
  });

  const isRead = ({ step, text }: RegisterOperation) => step({ value: text, version: 7 })?.version === 7;

  /** Every order of every choice of what happened. */
  function isSomeOrder(
    left: readonly RegisterOperation[],
    register: { value: string; version: number },
  ): boolean {
    if (left.every(({ optional }) => optional)) return true;
    return left.some((next, index) => {
      if (left.some((other) => other !== next && other.end < next.begin)) return false;
      const after = next.step(register);
      return after !== undefined && isSomeOrder(left.toSpliced(index, 1), after);
    });
  }

  it('refuses a value that nobody wrote', () => {
    expect(isLinearizable([write('1'), read('7')], FIRST)).toContain('not linearizable');
  });
});
