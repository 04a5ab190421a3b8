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

  it('tells a persistent watch everything at its znode, again and again', () => {
    const watches = table();
    watches.add(a, 'persistent', '/x');
    for (const event of ['created', 'dataChanged', 'childrenChanged', 'deleted', 'created'] as const) {
      expect([...watches.fire({ event, path: '/x' })]).toEqual([a]);
      expect([...watches.fire({ event, path: '/x/y' })]).toEqual([]);
    }
    expect(watches.summary()).toEqual({ watchers: 1, paths: 1, watches: 1 });
  });

  it('tells a recursive watch what happens at its znode and below, but no change of children', () => {
    const watches = table();
    watches.add(a, 'persistentRecursive', '/x');
    for (const event of ['created', 'dataChanged', 'deleted'] as const) {
      for (const path of ['/x', '/x/y', '/x/y/z']) expect([...watches.fire({ event, path })]).toEqual([a]);
      for (const path of ['/', '/xy', '/y/x']) expect([...watches.fire({ event, path })]).toEqual([]);
    }
    for (const path of ['/x', '/x/y']) {
      expect([...watches.fire({ event: 'childrenChanged', path })]).toEqual([]);
    }
  });

  it('tells a recursive watch of the root about every znode', () => {
    const watches = table();
    watches.add(a, 'persistentRecursive', '/');
    for (const path of ['/', '/x', '/x/y'])
      expect([...watches.fire({ event: 'dataChanged', path })]).toEqual([a]);
  });

  it('tells a watcher of several kinds of watches of an event once, and keeps those that persist', () => {
    const watches = table();
    watches.add(a, 'data', '/x/y');
    watches.add(a, 'child', '/x/y');
    watches.add(a, 'persistent', '/x/y');
    watches.add(a, 'persistentRecursive', '/x');
    watches.add(a, 'persistentRecursive', '/');
    watches.add(b, 'persistentRecursive', '/x/y');
    expect(watches.room(a)).toBe(5);
    expect([...watches.fire({ event: 'deleted', path: '/x/y' })]).toEqual([a, b]);
    expect(watches.summary()).toEqual({ watchers: 2, paths: 3, watches: 4 });
  });

  it('lets those who are told take their persistent watches off', () => {
    const watches = table();
    for (const watcher of [a, b]) watches.add(watcher, 'persistent', '/x');
    const told: string[] = [];
    for (const watcher of watches.fire({ event: 'created', path: '/x' })) {
      told.push(watcher.name);
      for (const each of [a, b]) watches.delete(each, 'persistent', '/x');
    }
    expect(told).toEqual(['a', 'b']);
    expect(watches.total).toBe(0);
  });

  it('takes off the one watch that is named', () => {
    const watches = table();
    for (const kind of ['data', 'child', 'persistent', 'persistentRecursive'] as const) {
      watches.add(a, kind, '/x');
    }
    expect(watches.delete(a, 'child', '/x')).toBe(true);
    expect(watches.delete(a, 'child', '/x')).toBe(false);
    expect(watches.delete(b, 'data', '/x')).toBe(false);
    expect(watches.has(a, 'data', '/x')).toBe(true);
    expect(watches.delete(a, 'persistent', '/x')).toBe(true);
    expect(watches.summary()).toEqual({ watchers: 1, paths: 1, watches: 2 });
    watches.remove(a);
    expect(watches.summary()).toEqual({ watchers: 0, paths: 0, watches: 0 });
  });
});
