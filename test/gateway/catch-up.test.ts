import { describe, expect, it } from 'vitest';

import { missedEvent } from '../../lib/gateway/catch-up.js';

describe('what a client has missed', () => {
  const node = { mzxid: 5, pzxid: 7 };
  it.each([
    ['data', null, 9, 'deleted'],
    ['data', node, 4, 'dataChanged'],
    ['data', node, 5, undefined],
    ['exists', node, 9, 'created'],
    ['exists', null, 0, undefined],
    ['child', null, 9, 'deleted'],
    ['child', node, 6, 'childrenChanged'],
    ['child', node, 7, undefined],
  ] as const)('a %s watch on %j, seen up to %d, means %s', (...row) => {
    const [from, state, relativeZxid, event] = row;
    expect(missedEvent(from, state, relativeZxid)).toBe(event);
  });
});
