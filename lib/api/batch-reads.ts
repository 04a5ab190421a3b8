import { ErrorCode } from '../core/errors.js';
import type { ReadAnswer, ReadRequest, Zxid } from '../core/types.js';
import { KeeperError } from '../keeper/types.js';
import type { ThinRead, ThinResult } from '../wire/thin-protocol.js';
import type { BatchContext } from './batch-context.js';
import { handled } from './batch-context.js';
import { HYDRATION_ATTEMPTS_MAX, LISTING_PAGE_BYTES_LEAST, READS_PARALLEL_MAX } from './limits.js';
import { listingPage } from './listing.js';
import type { ThinReading } from './runs.js';
import { isWatching } from './schema.js';
import { bytesOfJson, readRequestOf, readResult, refusalResult } from './translate.js';

const WATCH_KINDS = { exists: 'exists', getData: 'data', getChildren: 'children' } as const;

/** Answers consecutive reads, each at the head as it then is, and arms their watches at that very zxid. */
export async function carryOutReads(context: BatchContext, reads: readonly ThinReading[]): Promise<void> {
  for (let start = 0; start < reads.length && !context.isCut(); start += READS_PARALLEL_MAX) {
    const chunk = reads.slice(start, start + READS_PARALLEL_MAX);
    if (context.isOutOfTime()) return;
    const syncs = chunk.some(({ op }) => op === 'sync');
    const current = context.becomeCurrent(context.isLinearizable || syncs);
    await Promise.all([handled(current), handled(bringReads(context, chunk))]);
    const arming: Promise<void>[] = [];
    for (const read of chunk) {
      if (context.isCut()) break;
      const result = await answerRead(context, read);
      // Nothing has been awaited since the answer was taken: it is that of the head.
      if (result !== undefined) arming.push(handled(arm(context, read, result)));
    }
    await Promise.all(arming);
  }
}

/** Brings what reads need into the view, as far as it can be told now. */
export async function bringReads({ options }: BatchContext, reads: readonly ThinReading[]): Promise<void> {
  const requests = reads.flatMap((read) => (read.op === 'sync' ? [] : [readRequestOf(read)]));
  await Promise.all(requests.map((request) => options.keeper.hydrateFor(request)));
}

/** Adds the answer unless it does not fit any more. */
async function answerRead(context: BatchContext, read: ThinReading): Promise<ThinResult | undefined> {
  const { options, results } = context;
  const result: ThinResult =
    read.op === 'sync' ? { op: 'sync', zxid: options.keeper.head } : await readNow(context, read);
  if (!results.fits(bytesOfJson(result))) {
    context.cut();
    return undefined;
  }
  results.add(result);
  return result;
}

async function readNow(context: BatchContext, read: ThinRead): Promise<ThinResult> {
  const { keeper } = context.options;
  const request: ReadRequest = readRequestOf(read);
  for (let attempt = 0; attempt < HYDRATION_ATTEMPTS_MAX; attempt++) {
    const answer = keeper.tryRead(request, context.caller.authIds);
    if (answer !== undefined) return resultOfRead(context, read, { answer, zxid: keeper.head });
    await keeper.hydrateFor(request);
  }
  throw new KeeperError('Overloaded', 'the view is too small for the read');
}

function resultOfRead(
  { results }: BatchContext,
  read: ThinRead,
  { answer, zxid }: { answer: ReadAnswer; zxid: Zxid },
): ThinResult {
  if (!answer.ok) {
    if (read.op === 'exists' && answer.code === ErrorCode.NoNode) return { op: 'exists', zxid, stat: null };
    return refusalResult({ code: answer.code, path: read.path }, zxid);
  }
  const { result } = answer;
  if (result.kind !== 'getChildren') return readResult(result, zxid);
  const after = read.op === 'getChildren' ? read.after : undefined;
  return listingPage(result, {
    zxid,
    after,
    bytesMax: Math.max(LISTING_PAGE_BYTES_LEAST, results.bytesLeft),
  });
}

/** `exists` watches in any case; the others only when the znode is there. */
async function arm({ options, holder }: BatchContext, read: ThinReading, result: ThinResult): Promise<void> {
  if (holder === undefined || !isWatching(read) || result.op === 'error') return;
  if (read.op === 'sync' || read.op === 'getAcl') return;
  await options.watches.arm({ ...holder, kind: WATCH_KINDS[read.op], path: read.path, zxid: result.zxid });
}
