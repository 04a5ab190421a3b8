import type { Item, Store, TableName } from '../log/store.js';
import type { Pacing } from './retry.js';
import { withRetries } from './retry.js';

/** All items of one partition, in order of their sort key, page by page. */
export async function queryAll(
  pacing: Pacing,
  query: { store: Store; table: TableName; partition: string },
): Promise<Item[]> {
  const { store, table, partition } = query;
  const items: Item[] = [];
  let after: string | number | undefined;
  do {
    const start = after === undefined ? {} : { after };
    const page = await withRetries(pacing, () => store.query({ table, partition, ...start }));
    items.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return items;
}
