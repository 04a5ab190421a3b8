import { beforeAll, describe, expect, it } from 'vitest';
import { countCosts, type CostResult } from '../../bench/commands/cost.js';

/** Three gateways, ten minutes of each in virtual time. */
const TIMEOUT_MS = 180_000;

describe('what is paid for', () => {
  let costs: CostResult;
  beforeAll(async () => {
    costs = await countCosts();
  }, TIMEOUT_MS);
  const of = (what: string) => costs.lines.find((line) => line.what === what);

  it('a warm setData of 100 bytes is a write unit in the log and one in rows', () => {
    expect(of('setData')).toMatchObject({ logWrites: 1, rowWrites: 1, reads: 0 });
  });

  it('a create or a delete is four write units in all', () => {
    for (const what of ['create', 'delete']) expect(of(what)).toMatchObject({ logWrites: 1, rowWrites: 3 });
  });

  it('a session read is free and a linearizable one a read unit', () => {
    expect(of('read, session')).toMatchObject({ logWrites: 0, reads: 0 });
    expect(of('read, linearizable')).toMatchObject({ logWrites: 0, reads: 1 });
  });

  it('many writes of one znode that share a batch are one row and one watermark', () => {
    expect(costs.batch).toEqual({ writes: 50, rowWrites: 2 });
  });

  it('the heartbeats of a thousand sessions on a gateway are those of one', () => {
    const [idle, one, thousand] = costs.gateways;
    expect(idle?.writesAMinute).toBeCloseTo(12, 0);
    expect(one?.writesAMinute).toBeGreaterThan(20);
    expect(thousand?.writesAMinute).toBeLessThanOrEqual(one?.writesAMinute ?? 0);
  });
});
