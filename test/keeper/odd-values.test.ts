import { expect, it } from 'vitest';

import { NULL_DATA, type Acl } from '../../lib/core/types.js';
import type { Keeper } from '../../lib/keeper/keeper.js';
import { ANYONE, World } from './world.js';

const OPEN: readonly Acl[] = [{ perms: 31, scheme: 'world', id: 'anyone' }];
/** ZooKeeper keeps what a client says, also bits that mean nothing. */
const ODD: readonly Acl[] = [
  { perms: -1, scheme: 'world', id: 'anyone' },
  { perms: -(2 ** 31), scheme: 'ip', id: '10.1.2.3' },
];

async function look(keeper: Keeper, path: string) {
  const { answer: data } = await keeper.read({ kind: 'getData', path });
  const { answer: acl } = await keeper.read({ kind: 'getAcl', path });
  return {
    data: data.ok && data.result.kind === 'getData' ? data.result.data : undefined,
    acl: acl.ok && acl.result.kind === 'getAcl' ? acl.result.acl : undefined,
  };
}

it('null data and negative permissions are the same from the writer, from the log and from the rows', async () => {
  const world = new World();
  const writer = world.keeper();
  await world.until(writer.start());
  const create = { kind: 'create', acl: ODD, mode: 'persistent' } as const;
  await world.until(writer.write({ ...create, path: '/null', data: NULL_DATA }, ANYONE));
  await world.until(writer.write({ ...create, path: '/empty', data: new Uint8Array(0), acl: OPEN }, ANYONE));

  const fromLog = world.keeper();
  await world.until(fromLog.start());
  await world.until(look(fromLog, '/null'));
  await world.until(world.materializer().run());
  const fromRows = world.keeper();
  await world.until(fromRows.start());
  for (const reader of [writer, fromLog, fromRows]) {
    const found = await world.until(look(reader, '/null'));
    expect(found.data).toBe(NULL_DATA);
    expect(found.acl).toEqual(ODD);
    const { data: empty } = await world.until(look(reader, '/empty'));
    expect(empty).toHaveLength(0);
    expect(empty).not.toBe(NULL_DATA);
  }
});
