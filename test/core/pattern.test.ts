import { describe, expect, test } from 'vitest';
import { allows } from '../../lib/core/acl.js';
import { matchesPattern } from '../../lib/core/pattern.js';

const ARN = 'arn:aws:sts::123456789012:assumed-role/worker/i-0abc';

describe('a pattern', () => {
  test.each([
    [ARN, true],
    ['arn:aws:sts::123456789012:assumed-role/worker/*', true],
    ['arn:aws:sts::123456789012:assumed-role/*/i-0abc', true],
    ['*', true],
    ['**worker**', true],
    ['arn:aws:sts::?23456789012:assumed-role/worker/i-????', true],
    ['arn:aws:sts::123456789012:assumed-role/worker', false],
    ['assumed-role/worker/i-0abc', false],
    ['arn:aws:sts::123456789012:assumed-role/worker/i-0abc?', false],
    ['arn.aws.*', false],
    ['', false],
  ])('%s means the ARN: %s', (pattern, meant) => {
    expect(matchesPattern(ARN, pattern)).toBe(meant);
  });

  test('takes no time that grows beyond both lengths, whatever it is', () => {
    expect(matchesPattern('a'.repeat(2000), '*a'.repeat(500) + 'b')).toBe(false);
  });

  test('in an access control list lets those in whom it means, and is no pattern for other schemes', () => {
    const acl = (scheme: string) => [
      { perms: 1, scheme, id: 'arn:aws:sts::123456789012:assumed-role/worker/*' },
    ];
    expect(allows(acl('iam'), 1, [{ scheme: 'iam', id: ARN }])).toBe(true);
    expect(allows(acl('iam'), 1, [{ scheme: 'sasl', id: ARN }])).toBe(false);
    expect(allows(acl('sasl'), 1, [{ scheme: 'sasl', id: ARN }])).toBe(false);
  });
});
