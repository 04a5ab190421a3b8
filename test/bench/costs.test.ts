import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Counts } from '../../bench/costs/count.js';
import { monthCost, type Load } from '../../bench/costs/month.js';
import { priced, readPrices } from '../../bench/costs/prices.js';
import { markdown, report } from '../../bench/costs/report.js';
import { costOf, NO_USAGE } from '../../bench/costs/usage.js';

/** Synthesizing the stack loads most of the CDK, and machines that run tests are busy. */
const TIMEOUT_MS = 180_000;

describe('the costs', () => {
  it(
    'of docs/COSTS.md are those that npm run costs prints',
    async () => {
      const document = readFileSync(join(import.meta.dirname, '../../docs/COSTS.md'), 'utf8');
      const tables = /<!-- costs -->\n\n([\s\S]*)\n<!-- \/costs -->/.exec(document)?.[1];
      expect(tables).toBe(markdown(await report()));
    },
    TIMEOUT_MS,
  );

  it('are the amounts times the prices of the file', () => {
    const list = readPrices();
    expect(priced(list, 'writeUnits', 2_000_000)).toBeCloseTo(1.25, 10);
    const usage = { ...NO_USAGE, writeUnits: 1e6, readUnits: 1e6, connectionMinutes: 1e6 };
    expect(costOf(list, usage)).toBeCloseTo(0.625 + 0.125 + 0.25, 10);
    expect(() => priced(list, 'nothing', 1)).toThrow('no price');
  });

  it('of a month grow by two write units for each further KB of a write', () => {
    const list = readPrices();
    const larger = monthCost(list, COUNTS, { ...LOAD, bytes: 2000 });
    const smaller = monthCost(list, COUNTS, LOAD);
    const gb = larger.addedGb - smaller.addedGb;
    expect(gb).toBeCloseTo(1.9, 10);
    expect(larger.direct - smaller.direct).toBeCloseTo(4 * 0.625 + gb * 0.45, 10);
  });
});

const LOAD: Load = { name: 'one', writes: 1e6, reads: 0, sessions: 0, bytes: 100, keepers: 0 };

const COUNTS: Counts = {
  operations: (['lambda', 'direct'] as const).flatMap((over) =>
    ['setData, 100 B', 'get, linearizable'].map((what) => ({
      ...{ what, over },
      ...{ alone: { ...NO_USAGE, writeUnits: 3 }, shared: NO_USAGE },
    })),
  ),
  sessions: { withoutWatches: NO_USAGE, polling: NO_USAGE, withWebSocket: NO_USAGE },
  scheduled: NO_USAGE,
  logBytesPerWrite: 300,
};
