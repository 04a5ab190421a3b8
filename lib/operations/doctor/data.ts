import type { Clock } from '../../base/clock.js';
import { watchKey } from '../../keeper/watch-rows.js';
import { LAG_CALL_MS } from '../../keeper/limits.js';
import { stateKey, watermarkOfRow, zxidOfRow } from '../../keeper/rows.js';
import { decodeHeader, decodeRow, EntryFormatError } from '../../log/entry-codec.js';
import { StoreError, type Item, type Store } from '../../log/store.js';
import { ok, problem, warning, type Finding } from './finding.js';

export interface DataContext {
  readonly store: Store;
  readonly namespace: string;
  /** The store's time, as well as it is known. */
  readonly clock: Clock;
}

const GRANT =
  'Grant this identity reading of the tables (grantRead of the construct), or run the doctor as somebody who may.';

/** Whether the log can be read, and how far those who follow it are behind. */
export async function checkData(context: DataContext): Promise<Finding[]> {
  const subject = `namespace ${context.namespace}`;
  try {
    const tail = await lastEntry(context);
    if (tail === undefined) return [ok(subject, 'has no transaction yet')];
    const readable = checkTail(subject, tail);
    return [readable, await checkMaterialized(context, subject), await checkNotified(context, subject)];
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return [problem(subject, `its rows cannot be read: ${error.message}`, GRANT)];
  }
}

/** The newest entry of the log. */
async function lastEntry({ store, namespace }: DataContext): Promise<Item | undefined> {
  const page = await store.query({ table: 'log', partition: namespace, descending: true, limit: 1 });
  return page.items[0];
}

function checkTail(subject: string, row: Item): Finding {
  try {
    const { header } = decodeRow(row);
    return ok(
      subject,
      `its log ends at zxid ${header.last}, written ${new Date(header.timeMs).toISOString()}`,
    );
  } catch (error) {
    if (!(error instanceof EntryFormatError)) throw error;
    const advice =
      'A newer version of ZeroKeeper writes this log: upgrade this one. docs/OPERATIONS.md tells in which order.';
    return problem(subject, `its newest entry cannot be read: ${error.message}`, advice);
  }
}

async function checkMaterialized(context: DataContext, subject: string): Promise<Finding> {
  const { store, namespace } = context;
  const row = await store.get('state', stateKey.watermark(namespace));
  const watermark = row === undefined ? 0 : watermarkOfRow(row).zxid;
  const lagMs = await ageAbove(context, watermark);
  if (lagMs <= LAG_CALL_MS) return ok(subject, `its rows are complete up to zxid ${watermark}`);
  const text = `materialize is ${seconds(lagMs)} behind: its rows end at zxid ${watermark}; writers slow down, and stop in the end`;
  return problem(
    subject,
    text,
    'Look into the log of materialize, its throttles and its event source; invoking it by hand does no harm.',
  );
}

async function checkNotified(context: DataContext, subject: string): Promise<Finding> {
  const { store, namespace } = context;
  const row = await store.get('state', watchKey.cursor(namespace));
  if (row === undefined) {
    return warning(
      subject,
      'notify has never run',
      'Only a gateway that runs alone, without functions, can do without it.',
    );
  }
  const cursor = zxidOfRow(row);
  const lagMs = await ageAbove(context, cursor);
  if (lagMs <= LAG_CALL_MS) return ok(subject, `watches are told up to zxid ${cursor}`);
  const text = `notify is ${seconds(lagMs)} behind: watches of thin clients are told late, from zxid ${cursor} on`;
  return problem(
    subject,
    text,
    'Look into the log of notify, its throttles and its event source; invoking it by hand does no harm.',
  );
}

/** Age of the first entry above a zxid that is an entry's end; 0 when there is none. */
async function ageAbove({ store, namespace, clock }: DataContext, zxid: number): Promise<number> {
  const page = await store.query({ table: 'log', partition: namespace, from: zxid + 1, limit: 1 });
  const [row] = page.items;
  return row === undefined ? 0 : clock.now() - decodeHeader(row).timeMs;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
