import { textOf, type CallRecord } from '../history.js';
import type { Run } from './index.js';
import { comparable } from './operations.js';
import { isWithin, triggersOf, type Trigger } from './triggers.js';

/**
 * What `changes` tells is ordered, unique, atomic, reliable and resumable: every page is exactly what the log has for the path between
 * the zxid that was named and the one up to which the page says that it goes, which is an end of a transaction.
 */
export function checkChanges({ history, log }: Run): readonly string[] {
  const triggers = triggersOf(log);
  return history.calls.flatMap((call) => checkPage(call, triggers));
}

function checkPage(call: CallRecord, triggers: readonly Trigger[]): string[] {
  const { operation, outcome, returned } = call;
  if (operation.kind !== 'changes' || outcome?.kind !== 'answer' || outcome.result.kind !== 'changes')
    return [];
  const { since, path, recursive } = operation;
  const { changes, until } = outcome.result;
  const who = `${call.session.client} #${call.number}`;
  if (returned !== undefined && until > returned.head)
    return [`${who} is told up to ${until} before it was there`];
  if (until < since) return [`${who} goes back from ${since} to ${until}`];
  const wanted = triggers.filter(
    (one) =>
      one.zxid > since &&
      one.zxid <= until &&
      (recursive ? one.type !== 'childrenChanged' && isWithin(one.path, path) : one.path === path),
  );
  const told = changes.map(({ zxid, position, type, path: at }) => ({ zxid, position, type, path: at }));
  const first = wanted
    .concat(told)
    .findIndex((_, index) => comparable(told[index]) !== comparable(wanted[index]));
  if (first === -1) return [];
  const [one, other] = [told, wanted].map((list) => textOf(list[first] ?? 'nothing more'));
  return [`${who} since ${since} until ${until} is told, at ${first}, ${one}; the log has ${other}`];
}
