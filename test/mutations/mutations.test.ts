import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { applied } from './apply.js';
import { MUTATIONS } from './mutations.js';

/** That the tests notice them is shown by `npm run test:mutations`, which takes minutes. */
describe('the mutations', () => {
  it.each(MUTATIONS)('$name: still has its place in the code, and tests to notice it', (mutation) => {
    const texts = applied(mutation, (file) => readFileSync(file, 'utf8'));
    expect(texts.size).toBeGreaterThan(0);
    for (const [file, text] of texts) expect(text).not.toBe(readFileSync(file, 'utf8'));
    expect(mutation.tests.filter((file) => !existsSync(file))).toEqual([]);
  });
});
