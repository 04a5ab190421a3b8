import { describe, expect, it } from 'vitest';
import { FencedResource, misuses, type Access } from './judge.js';

const access = (worker: number, token: number, checkedMs: number): Access => {
  return { worker, token, checkedMs, sentMs: checkedMs };
};

describe('the judge of what recipes guard', () => {
  it('has nothing to say of one after the other, and of as many as may be at a time', () => {
    expect(misuses([access(1, 5, 10), access(1, 5, 20), access(2, 7, 21)], 1)).toEqual([]);
    expect(misuses([access(1, 5, 10), access(2, 7, 15), access(1, 5, 20), access(2, 7, 30)], 2)).toEqual([]);
  });

  it('finds two that held it at one moment', () => {
    const both = [access(1, 5, 10), access(2, 7, 15), access(1, 5, 20)];
    expect(misuses(both, 1).join()).toContain('2 held it at 15.0 ms: worker 1 by 5, worker 2 by 7');
    expect(misuses([...both, access(3, 9, 12), access(3, 9, 16)], 2).join()).toContain(
      '3 held it at 15.0 ms',
    );
  });

  it('finds a holder that was not told that a later one had used it already', () => {
    expect(misuses([access(2, 7, 15), access(1, 5, 16)], 1).join()).toContain(
      'believed in 5 after worker 2 had used 7',
    );
  });

  it('does not blame who was frozen between its look and its use: the resource refuses that one', () => {
    const frozen = [access(2, 7, 15), { ...access(1, 5, 14), sentMs: 9_000 }];
    expect(misuses(frozen, 1)).toEqual([]);
    const resource = new FencedResource();
    for (const one of frozen) resource.access(one);
    expect(resource).toMatchObject({ accepted: 1, refused: 1 });
  });

  it('finds a token that two were given', () => {
    expect(misuses([access(1, 5, 10), access(2, 5, 20)], 2)).toEqual([
      'workers 1 and 2 were given the token 5',
    ]);
  });
});
