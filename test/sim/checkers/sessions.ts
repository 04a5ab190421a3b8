import { FullState } from '../../../lib/core/full-state.js';
import { apply } from '../../../lib/core/machine.js';
import { NO_SESSION, type SessionId, type Zxid } from '../../../lib/core/types.js';
import type { CallRecord, Moment, SessionHistory } from '../history.js';
import type { Run } from './index.js';
import { fateOf, isWrite, sessionOf } from './operations.js';

/** What the log says of a session. */
interface Logged {
  epoch: number;
  closed: Zxid | undefined;
  closedMs: number;
  /** Whether its client wrote anything. */
  used: boolean;
}

const TOMBSTONE_MS = 24 * 3600_000;

/**
 * A client that has no answer to its first request sends it again, also after days of sleep, when nobody remembers any more that this session
 * was opened and expired. As it knew nothing of it, no copy of anything that it wrote can be on its way.
 */
function mayOpenAgain({ closedMs, used }: Logged, nowMs: number): boolean {
  return !used && nowMs - closedMs >= TOMBSTONE_MS;
}

/**
 * Sessions in the log: opened once, closed once, nothing in between that nobody asked for, nothing afterwards; each attach raises the
 * epoch by one; with a session go all of its ephemerals, in the same transaction.
 */
export function checkSessionLog({ log, history }: Run): readonly string[] {
  const faults: string[] = [];
  const sessions = new Map<SessionId, Logged>();
  const state = new FullState();
  const written = new Map<SessionId, number>();
  for (const { txn, position } of log.transactions) {
    const { effect, session } = txn;
    const { zxid } = position;
    const known = sessions.get('session' in effect ? effect.session : session);
    if (effect.type === 'createSession') {
      if (known !== undefined && !mayOpenAgain(known, position.timeMs))
        faults.push(`${hex(effect.session)} is opened again at ${zxid}`);
      sessions.set(effect.session, { epoch: 1, closed: undefined, closedMs: Infinity, used: false });
    } else if (effect.type === 'attach') {
      if (known === undefined || known.closed !== undefined)
        faults.push(`${hex(effect.session)} is attached at ${zxid}, but not open`);
      else if (effect.epoch !== known.epoch + 1)
        faults.push(`${hex(effect.session)} goes from epoch ${known.epoch} to ${effect.epoch} at ${zxid}`);
      if (known !== undefined) known.epoch = effect.epoch;
    } else if (effect.type === 'closeSession') {
      if (known === undefined) faults.push(`${hex(effect.session)} is closed at ${zxid} and was never open`);
      else if (known.closed !== undefined)
        faults.push(`${hex(effect.session)} is closed at ${known.closed} and again at ${zxid}`);
      if (known !== undefined) Object.assign(known, { closed: zxid, closedMs: position.timeMs });
    } else if (session !== NO_SESSION) {
      if (known === undefined || known.closed !== undefined)
        faults.push(`${hex(session)} writes at ${zxid} and is not open`);
      if (known !== undefined) known.used = true;
      written.set(session, (written.get(session) ?? 0) + 1);
    }
    apply(txn, position, state);
    if (effect.type === 'closeSession') {
      const left = [...state.paths()].filter((path) => state.node(path)?.ephemeralOwner === effect.session);
      if (left.length > 0)
        faults.push(`${hex(effect.session)} is closed at ${zxid} and leaves ${left.join(', ')}`);
    }
  }
  return [...faults, ...checkNobodyElse(history.calls, written)];
}

/** A session's transactions are writes that its client has asked for, each at most once. */
function checkNobodyElse(calls: readonly CallRecord[], written: ReadonlyMap<SessionId, number>): string[] {
  const asked = new Map<SessionId, number>();
  for (const call of calls) {
    const isRefused = call.outcome?.kind === 'error' && call.session.transport !== 'tcp';
    if (!isWrite(call.operation) || (fateOf(call) === 'not done' && !isRefused)) continue;
    asked.set(sessionOf(call), (asked.get(sessionOf(call)) ?? 0) + 1);
  }
  return [...written].flatMap(([session, count]) => {
    const most = asked.get(session) ?? 0;
    // A client that gives a write up settles its number by a transaction that does nothing: in place of the write, not beside it.
    return count > most ? [`${hex(session)} has ${count} transactions and asked for ${most}`] : [];
  });
}

/**
 * Ends of sessions, as their clients see them. Nobody loses a session, and the ephemerals with it, while its client takes it for
 * connected and has not asked for that; and who is told that it has expired is told what the log has decided already.
 */
export function checkSessionEnds({ log, history }: Run): readonly string[] {
  const closed = new Map<string, Moment>();
  for (const { txn, position } of log.transactions) {
    const { effect } = txn;
    if (effect.type !== 'closeSession') continue;
    const append = history.appends.find(({ last }) => last >= position.zxid);
    if (append !== undefined) closed.set(effect.session.toString(16), append.at);
  }
  return history.sessions.flatMap((session) => {
    const end = closed.get(session.id);
    const calls = history.calls.filter((call) => call.session === session);
    return [...checkNotTooEarly({ session, end, calls }), ...checkDecided(session, end)];
  });
}

/** A session lives for this part of its timeout after a request that was answered. */
const VOUCHED_FRACTION = 2 / 3;

function checkNotTooEarly(of: {
  session: SessionHistory;
  end: Moment | undefined;
  calls: readonly CallRecord[];
}): string[] {
  const { session, end, calls } = of;
  if (end === undefined || isBefore(session.closing, end)) return [];
  const heard = calls.filter(
    ({ outcome, returned }) => outcome?.kind === 'answer' && isBefore(returned, end),
  );
  const heardMs = Math.max(0, ...heard.map(({ invoked }) => invoked.ms));
  if (end.ms - heardMs >= session.timeoutMs * VOUCHED_FRACTION) return [];
  const state = session.states.filter(({ at }) => at.sequence < end.sequence).at(-1)?.state;
  const process = session.process.filter(({ at }) => at.sequence < end.sequence).at(-1)?.what;
  // A process that does not run cannot say that it is no longer connected.
  if (state !== 'connected' || process === 'frozen' || process === 'killed') return [];
  return [`${session.client} ${session.id} was closed at ${end.ms}, while it was connected`];
}

function checkDecided(session: SessionHistory, end: Moment | undefined): string[] {
  // An embedded keeper decides itself, from its own lease, that it must not rely on its session any more.
  if (session.transport === 'direct' || session.id === '' || session.closing !== undefined) return [];
  const lost = session.states.find(({ state }) => state === 'lost');
  if (lost === undefined || isBefore(end, lost.at)) return [];
  return [
    `${session.client} ${session.id} was told that it is over at ${lost.at.ms}, which the log did not say`,
  ];
}

function isBefore(a: Moment | undefined, b: Moment): boolean {
  return a !== undefined && a.sequence < b.sequence;
}

function hex(session: SessionId): string {
  return session.toString(16);
}
