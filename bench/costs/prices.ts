import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const priceSchema = z.strictObject({
  usd: z.number().positive(),
  per: z.number().positive(),
  unit: z.string().min(1),
  source: z.url(),
  checked: z.string().nullable(),
});

const NAMES = [
  ...['writeUnits', 'readUnits', 'storage', 'recovery', 'invocations', 'gbSeconds', 'messages'],
  ...['connectionMinutes', 'queueRequests', 'alarms', 'dashboards', 'metrics', 'logs', 'keys'],
  ...['t4gSmall', 'm7gMedium', 'gp3'],
] as const;

const fileSchema = z.strictObject({
  region: z.string(),
  date: z.string().regex(/^\d{4}-\d{2}$/),
  note: z.string(),
  prices: z.record(z.string(), priceSchema),
});

export type PriceList = z.infer<typeof fileSchema>;

/** All prices stand in one file, with the date of each look at them. */
export function readPrices(file = join(import.meta.dirname, 'prices.json')): PriceList {
  const list = fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  const missing = NAMES.filter((name) => list.prices[name] === undefined);
  if (missing.length > 0) throw new Error(`${file} has no price for ${missing.join(', ')}`);
  return list;
}

/** What `amount` of something costs, in dollars. */
export function priced(list: PriceList, name: string, amount: number): number {
  const price = list.prices[name];
  if (price === undefined) throw new Error(`there is no price for ${name}`);
  return (amount / price.per) * price.usd;
}
