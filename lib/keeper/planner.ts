import { assert } from '../base/assert.js';
import { ErrorCode } from '../core/errors.js';
import { Layer } from '../core/layer.js';
import { applyWithStats, needOfWrite, prepare, resultOf } from '../core/machine.js';
import { parentOf } from '../core/paths.js';
import type { RecordKey } from '../core/state.js';
import { parseKey, recordKey } from '../core/state.js';
import type {
  Effect,
  Once,
  Origin,
  Position,
  Prepared,
  Refusal,
  Stat,
  Txn,
  WriteRequest,
  Zxid,
} from '../core/types.js';
import type { Entry } from '../log/entry.js';
import { encodedTxnSize } from '../log/entry-codec.js';
import { BATCH_BYTES_MAX, LIST_INSTEAD_KEYS_MIN, LIST_INSTEAD_NAMES_A_KEY_MAX } from './limits.js';
import { PresumedAbsent } from './presumed-absent.js';
import type { Replica } from './replica.js';
import type { WriteOutcome } from './types.js';
import { KeeperError } from './types.js';

export type Settle = (outcome: WriteOutcome | KeeperError) => void;

/** An origin whose write may be called back: by what its sender has learnt from the log since it was submitted. */
export interface GuardedOrigin extends Origin {
  /**
   * Asked each time the write is prepared, when everything up to the head has been applied and told. A refusal stands
   * in the place of the state machine's.
   */
  readonly guard?: () => Refusal | undefined;
  /**
   * Ms since 1970, for numbered writes: an entry with a later time must not hold it. Until then it may be carried out by
   * others, and without a deadline by nobody but this keeper.
   */
  readonly deadlineMs?: number;
}

/** A write that waits for its place in the log. */
export interface Pending {
  request: WriteRequest;
  readonly origin: GuardedOrigin;
  readonly settle: Settle;
  /** When it arrived, in the replica's marks. */
  readonly mark: number;
  /** Bytes of data. */
  readonly bytes: number;
}

/** What a request came to. */
export interface Outcome {
  readonly pending: Pending;
  readonly outcome: WriteOutcome | KeeperError;
}

/** What a request comes to if its plan's slot is won. */
export interface Planned extends Outcome {
  /** The zxid of the state that the outcome belongs to: its own transaction's, or the one that it was refused on. */
  readonly stateAt: Zxid;
}

/** A batch as prepared on the state at `head`: what becomes of its requests if the next slot is won. */
export interface Plan {
  readonly head: Zxid;
  /** In order. Requests of the batch that are not among them wait for a later slot. */
  readonly planned: readonly Planned[];
  /** Nothing to log: the plan holds refusals and no-ops only. */
  readonly entry: Entry | undefined;
}

type Accepted = Pick<Txn, 'effect' | 'quotas'>;

/** Ms since 1970 of an entry after the head, never before the head's own. */
function timeOfEntry({ headTimeMs, options }: Replica): number {
  return Math.max(headTimeMs, Math.floor(options.clock.now()));
}

/** A batch with the state that grows under it. Thrown away when the slot is lost. */
class Draft {
  readonly #replica: Replica;
  readonly layer: Layer;
  readonly head: Zxid;
  readonly timeMs: number;
  readonly txns: Txn[] = [];
  readonly #planned: Planned[] = [];
  readonly #enforceQuota: boolean;
  #bytes = 0;

  constructor(replica: Replica) {
    this.#enforceQuota = replica.options.enforceQuota ?? false;
    this.#replica = replica;
    this.layer = new Layer(replica.view);
    this.head = replica.head;
    this.timeMs = timeOfEntry(replica);
  }

  /** The zxid of the state as it is with what has been drafted so far. */
  get zxid(): Zxid {
    return this.head + this.txns.length;
  }

  get next(): Position {
    return { zxid: this.zxid + 1, timeMs: this.timeMs };
  }

  get planned(): readonly Planned[] {
    return this.#planned;
  }

  plan(outcome: Outcome): void {
    this.#planned.push({ ...outcome, stateAt: this.zxid });
  }

  /** What a write comes to on the state as it is with what has been drafted so far, within what the namespace may hold. */
  prepare({ request, origin }: Pending): Prepared {
    const { layer, timeMs, next: position } = this;
    const told = this.#enforceQuota ? { ...origin, enforceQuota: true } : origin;
    const prepared = prepare({ request, origin: told, state: layer, timeMs });
    if (!prepared.ok) return prepared;
    const { allowance, counters: before } = this.#replica;
    const txn = { session: origin.session, cxid: 0, effect: prepared.effect };
    const refusal = allowance.refusalOf(txn, { layer, before, position });
    return refusal === undefined ? prepared : { ok: false, refusal };
  }

  /** Takes a transaction unless the entry is full. One that is too large for any entry is taken when it comes first. */
  take(txn: Txn): readonly (Stat | undefined)[] | undefined {
    const bytes = encodedTxnSize(txn);
    if (this.txns.length > 0 && this.#bytes + bytes > BATCH_BYTES_MAX) return undefined;
    this.#bytes += bytes;
    const { stats } = applyWithStats(txn, this.next, this.layer);
    this.txns.push(txn);
    return stats;
  }

  /** Puts what is known only now into the transaction that was taken last. */
  record(recorded: NonNullable<Txn['recorded']>): void {
    const last = this.txns.pop();
    assert(last !== undefined, 'nothing was taken');
    this.txns.push({ ...last, recorded });
  }
}

/**
 * Prepares a batch on the state at the head, one request after the other on a layer over the view. `undefined` when a record is
 * missing: {@link missingFor} and {@link lookAhead} say which.
 */
export function planBatch(batch: readonly Pending[], replica: Replica): Plan | undefined {
  const draft = new Draft(replica);
  for (const pending of batch) {
    const needed = needOfWrite(pending.request, pending.origin, draft.layer);
    if (needed.length > 0) return undefined;
    if (!(pending.origin.once === undefined ? planPlain : planOnce)(pending, draft)) break;
  }
  return { head: draft.head, planned: draft.planned, entry: entryOf(draft, replica) };
}

/**
 * The records that a batch leads to, once some turned out to be missing on the way: the path of a sequential znode comes out
 * only when the creates before it have taken effect. What is not known is presumed absent, which is what most of them
 * are; where that is wrong, the next round finds out.
 */
export function lookAhead(batch: readonly Pending[], replica: Replica): Set<RecordKey> {
  const timeMs = timeOfEntry(replica);
  const below = new PresumedAbsent(replica.view);
  const layer = new Layer(below);
  let zxid = replica.head;
  for (const { request, origin } of batch) {
    needOfWrite(request, origin, layer);
    const prepared = prepare({ request, origin, state: layer, timeMs });
    if (!prepared.ok) continue;
    applyWithStats(plainTxn(origin, prepared), { zxid: ++zxid, timeMs }, layer);
  }
  return below.presumed;
}

function plainTxn({ session }: Origin, { effect, quotas }: Accepted): Txn {
  return { session, cxid: 0, effect, ...(quotas === undefined ? {} : { quotas }) };
}

/** A write whose sender never repeats it: a refusal is an answer and leaves nothing in the log. False: the entry is full. */
function planPlain(pending: Pending, draft: Draft): boolean {
  const { request, origin } = pending;
  const prepared = draft.prepare(pending);
  const refusal = origin.guard?.() ?? (prepared.ok ? undefined : prepared.refusal);
  if (!prepared.ok || refusal !== undefined) {
    assert(refusal !== undefined, 'what is not accepted is refused');
    draft.plan({ pending, outcome: refused(draft.zxid, refusal) });
    return true;
  }
  const { effect } = prepared;
  if (!isLogged(request, effect)) {
    const result = resultOf({ request, effect, position: draft.next, state: draft.layer });
    draft.plan({ pending, outcome: { ok: true, zxid: draft.zxid, logged: false, result } });
    return true;
  }
  const stats = draft.take(plainTxn(origin, prepared));
  if (stats === undefined) return false;
  draft.plan({ pending, outcome: accepted({ request, effect, draft, stats }) });
  return true;
}

/**
 * A write that may be repeated (I6). It ends in the log whether it is accepted or refused, and raises the session's cxid by
 * one, so that no copy of it can act again. Only what says that it is not the session's next write is not logged.
 */
function planOnce(pending: Pending, draft: Draft): boolean {
  const { request, origin } = pending;
  const { once } = origin;
  assert(once !== undefined, 'a write without a number');
  const prepared = draft.prepare(pending);
  if (!prepared.ok && isOfSession(prepared.refusal)) {
    draft.plan({ pending, outcome: refused(draft.zxid, prepared.refusal) });
    return true;
  }
  const last = draft.layer.session(origin.session)?.cxid;
  // Only its own closeSession gets here when the session is over: it is done, and there is no number left to raise.
  if (last === undefined) return planPlain(pending, draft);
  if (once.cxid <= last) return true; // a copy of one in this very batch: it is looked up once that has its place
  if (once.cxid > last + 1) {
    const message = `write ${once.cxid} came before ${last + 1} of session 0x${origin.session.toString(16)}`;
    draft.plan({ pending, outcome: new KeeperError('OutOfOrder', message) });
    return true;
  }
  if (draft.timeMs > (origin.deadlineMs ?? Infinity)) {
    draft.plan({
      pending,
      outcome: new KeeperError('Overdue', 'nobody waits for the write any more'),
    });
    return true;
  }
  const effect = prepared.ok ? prepared.effect : errorOf(request, prepared.refusal);
  const accounted = prepared.ok ? prepared : { effect };
  const unanswered = { ...plainTxn(origin, accounted), cxid: once.cxid, recorded: withoutStats(once) };
  const stats = draft.take(unanswered);
  if (stats === undefined) return false;
  draft.record({ digest: once.digest, stats: statsToKeep(effect, stats) });
  const outcome = prepared.ok
    ? accepted({ request, effect, draft, stats })
    : { ...refused(draft.zxid, prepared.refusal) };
  draft.plan({ pending, outcome });
  return true;
}

function refused(zxid: Zxid, refusal: Refusal): WriteOutcome {
  return { ok: false, zxid, refusal };
}

function accepted(input: {
  request: WriteRequest;
  effect: Effect;
  draft: Draft;
  stats: readonly (Stat | undefined)[];
}): WriteOutcome {
  const { request, effect, draft, stats } = input;
  const position = { zxid: draft.zxid, timeMs: draft.timeMs };
  const result = resultOf({ request, effect, position, state: draft.layer, stats });
  return { ok: true, zxid: draft.zxid, logged: true, result };
}

/** Refusals for session and epoch say that the sender is not the session's owner: they must not raise its cxid. */
function isOfSession(refusal: Refusal): boolean {
  return refusal.code === ErrorCode.SessionExpired || refusal.code === ErrorCode.SessionMoved;
}

function errorOf(request: WriteRequest, refusal: Refusal): Effect {
  if (request.kind !== 'multi' || refusal.operations === undefined)
    return { type: 'error', code: refusal.code };
  return { type: 'error', code: refusal.code, failedAt: refusal.operations.indexOf(refusal.code) };
}

function withoutStats(once: Once): NonNullable<Txn['recorded']> {
  return { digest: once.digest, stats: [] };
}

/** The Stat of a create follows from its effect; those of setData and setAcl do not. */
function statsToKeep(effect: Effect, stats: readonly (Stat | undefined)[]): readonly (Stat | undefined)[] {
  const effects: readonly Effect[] = effect.type === 'multi' ? effect.operations : [effect];
  const kept = effects.map(({ type }, index) =>
    type === 'setData' || type === 'setAcl' ? stats[index] : undefined,
  );
  return kept.some((stat) => stat !== undefined) ? kept : [];
}

/** No-ops of other requests (a session closed already, an attach repeated, a check that holds) leave no trace in the log. */
function isLogged(request: WriteRequest, effect: Effect): boolean {
  if (effect.type === 'check') return false;
  return effect.type !== 'noop' || request.kind === 'noop';
}

function entryOf(draft: Draft, replica: Replica): Entry | undefined {
  const { txns, layer, head, timeMs } = draft;
  if (txns.length === 0) return undefined;
  const { znodes, sessions, thinSessions, bytes } = replica.counters;
  return {
    first: head + 1,
    last: head + txns.length,
    timeMs,
    batchId: Buffer.from(replica.options.random.bytes(16)).toString('hex'),
    counters: {
      znodes: znodes + layer.delta.znodes,
      sessions: sessions + layer.delta.sessions,
      thinSessions: thinSessions + layer.delta.thinSessions,
      bytes: bytes + layer.delta.bytes,
    },
    txns,
  };
}

/** The records that a batch needs and that the view lacks, as far as can be told before any of it has taken effect. */
export function missingFor(batch: readonly Pending[], replica: Replica): Set<RecordKey> {
  const missing = new Set<RecordKey>();
  for (const { request, origin } of batch) {
    for (const key of needOfWrite(request, origin, replica.view)) missing.add(key);
  }
  return missing;
}

/**
 * Asks for a list of children in place of many of the children, one by one: a name that is not in it is known to be absent,
 * for this batch and those to come. That is what a queue or a lock with its sequential znodes lives on.
 */
export function preferLists(missing: ReadonlySet<RecordKey>, replica: Replica): Set<RecordKey> {
  const byParent = new Map<string, RecordKey[]>();
  for (const key of missing) {
    const parsed = parseKey(key);
    if (parsed.kind !== 'node' || parsed.path === '/') continue;
    const parent = parentOf(parsed.path);
    byParent.set(parent, [...(byParent.get(parent) ?? []), key]);
  }
  const wanted = new Set(missing);
  for (const [parent, keys] of byParent) {
    const children = replica.view.node(parent)?.numChildren ?? Infinity;
    if (keys.length < LIST_INSTEAD_KEYS_MIN || children > keys.length * LIST_INSTEAD_NAMES_A_KEY_MAX)
      continue;
    if (replica.view.children(parent) !== undefined) continue;
    for (const key of keys) wanted.delete(key);
    wanted.add(recordKey.children(parent));
  }
  return wanted;
}
