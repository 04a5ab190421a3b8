import { describe, expect, test } from 'vitest';
import { digestOf } from '../../lib/core/acl.js';
import { FullState } from '../../lib/core/full-state.js';
import { apply } from '../../lib/core/machine.js';
import { OPEN_ACL, type Acl, type WriteRequest } from '../../lib/core/types.js';
import { SingleRecord } from '../../lib/keeper/single-record.js';
import { Writer, bytes, create, openSession, originOf } from './support.js';

const ANN = { scheme: 'digest', id: digestOf('ann', 'secret') };
const HIDDEN: readonly Acl[] = [{ perms: 31, ...ANN }];
const ann = originOf(7n, 1, [ANN]);

function world(): Writer {
  const writer = new Writer(new FullState());
  writer.must(openSession(7n));
  return writer;
}

function triggersOf(writer: Writer, request: WriteRequest) {
  const outcome = writer.write(request, ann);
  if (!outcome.ok) throw new Error(`refused: ${outcome.refusal.code}`);
  return outcome.triggers;
}

describe('the ACL on a trigger', () => {
  test('is left out where everybody may read', () => {
    const writer = world();
    expect(triggersOf(writer, create('/a'))).toEqual([
      { event: 'created', path: '/a' },
      { event: 'childrenChanged', path: '/' },
    ]);
  });

  test('is that of the znode itself, of a deleted one its last', () => {
    const writer = world();
    const created = triggersOf(writer, create('/a', 'persistent', HIDDEN));
    expect(created[0]).toEqual({ event: 'created', path: '/a', acl: HIDDEN });
    const changed = triggersOf(writer, { kind: 'setData', path: '/a', data: bytes('x'), version: -1 });
    expect(changed).toEqual([{ event: 'dataChanged', path: '/a', acl: HIDDEN }]);
    expect(triggersOf(writer, create('/a/b'))).toEqual([
      { event: 'created', path: '/a/b' },
      { event: 'childrenChanged', path: '/a', acl: HIDDEN },
    ]);
    expect(triggersOf(writer, { kind: 'delete', path: '/a/b', version: -1 })).toEqual([
      { event: 'deleted', path: '/a/b' },
      { event: 'childrenChanged', path: '/a', acl: HIDDEN },
    ]);
    writer.write({ kind: 'setAcl', path: '/a', acl: OPEN_ACL, version: -1 }, ann);
    expect(triggersOf(writer, { kind: 'delete', path: '/a', version: -1 })[0]).toEqual({
      event: 'deleted',
      path: '/a',
    });
  });

  test('is that of the moment within a multi', () => {
    const operations = [
      create('/a', 'persistent', HIDDEN),
      { kind: 'delete', path: '/a', version: -1 },
    ] as const;
    const triggers = triggersOf(world(), { kind: 'multi', operations });
    expect(triggers.filter(({ path }) => path === '/a')).toEqual([
      { event: 'created', path: '/a', acl: HIDDEN },
      { event: 'deleted', path: '/a', acl: HIDDEN },
    ]);
  });

  test('is there for the ephemerals of a session that closes', () => {
    const writer = world();
    triggersOf(writer, create('/e', 'ephemeral', HIDDEN));
    const [deleted] = triggersOf(writer, { kind: 'closeSession', session: 7n, epoch: 1 });
    expect(deleted).toEqual({ event: 'deleted', path: '/e', acl: HIDDEN });
  });

  test('is left out of a record that is not known', () => {
    const txn = { session: 0n, cxid: 0, effect: { type: 'delete', path: '/a', ephemeralOwner: 0n } } as const;
    const triggers = apply(txn, { zxid: 1, timeMs: 0 }, new SingleRecord({ kind: 'node', path: '/other' }));
    expect(triggers).toEqual([
      { event: 'deleted', path: '/a' },
      { event: 'childrenChanged', path: '/' },
    ]);
  });
});
