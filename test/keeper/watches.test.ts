import { describe, expect, it } from 'vitest';

import { WatchTable } from '../../lib/keeper/watches.js';

const a = { name: 'a' };
const b = { name: 'b' };

function table(perWatcherMax = 10): WatchTable<{ name: string }> {
  return new WatchTable(perWatcherMax);
}

describe('the watch table', () => {
  it('fires a data watch once, for creation and change of data', () => {
    for (const event of ['created', 'dataChanged'] as const) {
      const watches = table();
      watches.add(a, 'data', '/x');
      expect([...watches.fire({ event, path: '/x' })]).toEqual([a]);
      expect([...watches.fire({ event, path: '/x' })]).toEqual([]);
    }
  });

  it('fires a child watch for a change of children and not for a change of data', () => {
    const watches = table();
    watches.add(a, 'child', '/x');
    expect([...watches.fire({ event: 'dataChanged', path: '/x' })]).toEqual([]);
    expect([...watches.fire({ event: 'childrenChanged', path: '/x' })]).toEqual([a]);
    expect(watches.total).toBe(0);
  });

  it('tells a watcher of both kinds of a deletion once', () => {
    const watches = table();
    watches.add(a, 'data', '/x');
    watches.add(a, 'child', '/x');
    watches.add(b, 'child', '/x');
    expect([...watches.fire({ event: 'deleted', path: '/x' })]).toEqual([a, b]);
    expect(watches.summary()).toEqual({ watchers: 0, paths: 0, watches: 0 });
  });

  it('counts a watch that is set twice once', () => {
    const watches = table();
    watches.add(a, 'data', '/x');
    watches.add(a, 'data', '/x');
    watches.add(a, 'child', '/x');
    watches.add(b, 'child', '/y');
    expect(watches.summary()).toEqual({ watchers: 2, paths: 2, watches: 3 });
  });

  it('forgets a watcher without touching those of others', () => {
    const watches = table();
    watches.add(a, 'data', '/x');
    watches.add(a, 'child', '/x');
    watches.add(b, 'data', '/x');
    watches.remove(a);
    watches.remove(a);
    expect(watches.summary()).toEqual({ watchers: 1, paths: 1, watches: 1 });
    expect([...watches.fire({ event: 'deleted', path: '/x' })]).toEqual([b]);
  });

  it('tells how much room a watcher has, and gets it back when watches fire', () => {
    const watches = table(2);
    watches.add(a, 'data', '/x');
    watches.add(a, 'data', '/y');
    expect(watches.room(a)).toBe(0);
    expect(watches.room(b)).toBe(2);
    watches.fire({ event: 'created', path: '/x' });
    expect(watches.room(a)).toBe(1);
  });
});
