import { FullState } from '../../../lib/core/full-state.js';
import { answer, applyWithStats, prepare, resultOf } from '../../../lib/core/machine.js';
import { ErrorCode } from '../../../lib/core/errors.js';
import {
  NO_SESSION,
  type Origin,
  type ReadRequest,
  type WriteRequest,
  type Zxid,
} from '../../../lib/core/types.js';
import type { CallRecord } from '../history.js';
import { textOf } from '../history.js';
import type { Transaction } from '../log.js';
import type { Run } from './index.js';
import { comparable, isRead, isRefusal, isWrite, sessionOf } from './operations.js';

/**
 * The log is the witness: carried out one transaction after the other, from nothing, it gives every answer that any client got, at the
 * zxid that the answer names. Of refusals, which name none, it has to give the same at some moment between question and answer.
 *
 * Real time holds: a write stands in the log after everything that stood there when it was asked for, a linearizable read shows all of
 * that, and nobody is told of what was not there yet.
 */
export function checkReplay(run: Run): readonly string[] {
  return new Replay(run).check();
}

class Replay {
  readonly #run: Run;
  readonly #faults: string[] = [];
  readonly #state = new FullState();
  /** Answers by the zxid that they name. */
  readonly #answers = new Map<Zxid, CallRecord[]>();
  /** Refusals that no moment so far explains, by the first zxid that may. */
  readonly #refusals = new Map<Zxid, CallRecord[]>();
  #open: CallRecord[] = [];

  constructor(run: Run) {
    this.#run = run;
    for (const [id, content] of run.log.blobs) this.#state.putBlob(id, content);
  }

  check(): readonly string[] {
    this.#checkEntries();
    for (const call of this.#run.history.calls) this.#sort(call);
    this.#at(0);
    for (const transaction of this.#run.log.transactions) {
      this.#apply(transaction);
      this.#at(transaction.position.zxid);
    }
    const end = this.#run.log.transactions.length;
    for (const zxid of this.#answers.keys())
      if (zxid > end) this.#fault(`somebody was told of ${zxid}, the log ends at ${end}`);
    for (const call of this.#open) this.#fault(`nothing explains ${text(call)}`);
    return this.#faults;
  }

  #fault(what: string): void {
    this.#faults.push(what);
  }

  /** Entries follow each other without a gap, and time does not go back in them. */
  #checkEntries(): void {
    let last = 0;
    let timeMs = 0;
    for (const entry of this.#run.log.entries) {
      if (entry.first !== last + 1) this.#fault(`entry ${entry.first} comes after ${last}`);
      if (entry.timeMs < timeMs) this.#fault(`time goes back at entry ${entry.first}`);
      last = entry.last;
      timeMs = entry.timeMs;
    }
  }

  #sort(call: CallRecord): void {
    const { outcome, operation } = call;
    if (outcome?.kind === 'answer') {
      this.#checkMoment(call, outcome.zxid);
      push(this.#answers, outcome.zxid, call);
    } else if (
      outcome?.kind === 'error' &&
      isRefusal(outcome.code) &&
      (isWrite(operation) || isRead(operation))
    ) {
      push(this.#refusals, lowest(call), call);
    }
  }

  #checkMoment(call: CallRecord, zxid: Zxid): void {
    if (zxid < lowest(call)) this.#fault(`older than ${lowest(call)}: ${text(call)}`);
    if (call.returned !== undefined && zxid > call.returned.head)
      this.#fault(`told before it was so: ${text(call)}`);
  }

  /** What was told at this zxid, and refusals that this state explains. */
  #at(zxid: Zxid): void {
    for (const call of this.#answers.get(zxid) ?? []) this.#checkRead(call);
    this.#open.push(...(this.#refusals.get(zxid) ?? []));
    this.#open = this.#open.filter((call) => {
      if (this.#explains(call)) return false;
      if (call.returned === undefined || zxid < call.returned.head) return true;
      this.#fault(`no state from ${lowest(call)} to ${zxid} explains ${text(call)}`);
      return false;
    });
  }

  #checkRead(call: CallRecord): void {
    const { operation, outcome } = call;
    if (outcome?.kind !== 'answer' || !isRead(operation)) return;
    const expected = answer(readOf(operation), this.#state, []);
    const wanted = expected.ok ? expected.result : absent(operation.kind, expected.code);
    if (!same(wanted, outcome.result)) this.#fault(`${text(call)}, the log says ${textOf(wanted)}`);
  }

  #explains(call: CallRecord): boolean {
    const { operation, outcome } = call;
    if (outcome?.kind !== 'error') return true;
    if (isRead(operation)) {
      const expected = answer(readOf(operation), this.#state, []);
      return !expected.ok && expected.code === outcome.code;
    }
    if (!isWrite(operation)) return true;
    const prepared = prepare({
      request: operation,
      origin: this.#origin(call),
      state: this.#state,
      timeMs: 0,
    });
    if (prepared.ok || prepared.refusal.code !== outcome.code) return false;
    return outcome.operations === undefined || same(outcome.operations, prepared.refusal.operations);
  }

  #apply({ txn, position }: Transaction): void {
    const writers = (this.#answers.get(position.zxid) ?? []).filter(({ operation }) => isWrite(operation));
    if (writers.length > 1)
      this.#fault(`${position.zxid} was given to several: ${writers.map(text).join(', ')}`);
    const [writer] = writers;
    if (writer !== undefined) this.#checkAccepted(writer, { txn, position });
    const { stats } = applyWithStats(txn, position, this.#state);
    const { operation, outcome } = writer ?? {};
    if (operation === undefined || !isWrite(operation) || outcome?.kind !== 'answer') return;
    const wanted = resultOf({ request: operation, effect: txn.effect, position, state: this.#state, stats });
    if (!same(withoutUntold(wanted, outcome.result), outcome.result)) {
      this.#fault(`${text(writer!)}, the log says ${textOf(wanted)}`);
    }
  }

  #checkAccepted(call: CallRecord, { txn }: Transaction): void {
    const { operation } = call;
    if (!isWrite(operation)) return;
    if (txn.session !== sessionOf(call)) this.#fault(`another session's: ${text(call)}`);
    const prepared = prepare({
      request: operation,
      origin: this.#origin(call),
      state: this.#state,
      timeMs: 0,
    });
    if (!prepared.ok) this.#fault(`should have been refused: ${text(call)}`);
    else if (!same(this.#contents(prepared.effect), this.#contents(txn.effect))) {
      this.#fault(`${text(call)} stands in the log as ${textOf(txn.effect)}`);
    }
  }

  /** The client's session, by the epoch that it has at this moment. */
  #origin(call: CallRecord): Origin {
    const session = sessionOf(call);
    const epoch = this.#state.session(session)?.epoch ?? 0;
    return { session, epoch: session === NO_SESSION ? 0 : epoch, authIds: [] };
  }

  /** Effects with their data in place of the names of blobs. */
  #contents(effect: unknown): unknown {
    if (typeof effect !== 'object' || effect === null || effect instanceof Uint8Array) return effect;
    if ('blob' in effect && typeof effect.blob === 'string') return this.#run.log.blobs.get(effect.blob);
    if (Array.isArray(effect)) return effect.map((part) => this.#contents(part));
    return Object.fromEntries(Object.entries(effect).map(([name, part]) => [name, this.#contents(part)]));
  }
}

/** The lowest zxid that a call may be answered at. */
function lowest({ operation, invoked, seen }: CallRecord): Zxid {
  if (isWrite(operation)) return invoked.head + 1 - REFUSED_EARLIER;
  const isCurrent =
    operation.kind === 'sync' || ('consistency' in operation && operation.consistency === 'linearizable');
  return isCurrent ? invoked.head : seen;
}
const REFUSED_EARLIER = 1;

function readOf(operation: ReadRequest): ReadRequest {
  return { kind: operation.kind, path: operation.path };
}

/** exists answers what is not there; the others refuse. */
function absent(kind: string, code: number): unknown {
  return kind === 'exists' && code === ErrorCode.NoNode ? { kind: 'exists', stat: undefined } : { code };
}

/** ZooKeeper's protocol leaves Stats of creates in a multi out: what was not told is not compared. */
function withoutUntold(wanted: unknown, told: unknown): unknown {
  const results = (told as { readonly results?: readonly { readonly stat?: unknown }[] }).results;
  if (results === undefined) return wanted;
  const expected = (wanted as { readonly results: readonly object[] }).results;
  return {
    ...(wanted as object),
    results: expected.map((one, index) => {
      const told = results[index];
      return told !== undefined && 'stat' in told && told.stat === undefined
        ? { ...one, stat: undefined }
        : one;
    }),
  };
}

function same(a: unknown, b: unknown): boolean {
  return comparable(a) === comparable(b);
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function text(call: CallRecord): string {
  const { session, number, operation, outcome } = call;
  return `${session.client} #${number} ${textOf(operation)} → ${textOf(outcome)}`;
}

export type { WriteRequest };
