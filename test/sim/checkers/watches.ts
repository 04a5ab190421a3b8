import { textOf, type CallRecord, type EventRecord, type SessionHistory } from '../history.js';
import type { Run } from './index.js';
import { concerns, triggersOf, type Trigger, type WatchKind } from './triggers.js';

/** A watch that was asked for: certainly armed at a zxid, or perhaps, at some zxid. */
interface Armed {
  readonly call: CallRecord;
  readonly kind: WatchKind;
  readonly path: string;
  /** Undefined when the call has no answer: it may be armed all the same. */
  readonly zxid: number | undefined;
}

/**
 * Watches. Complete: whoever holds one is told of the first change after its arming, before any answer that shows the change. In order,
 * and each event once. None comes from nowhere: it is a change that the log has, and somebody asked to be told of it. Listeners of
 * one-shot watches are called once at most.
 */
export function checkWatches(run: Run): readonly string[] {
  const triggers = triggersOf(run.log).filter(({ type }) => type !== 'aclChanged');
  return [
    ...run.history.sessions.flatMap((session) => {
      const calls = run.history.calls.filter((call) => call.session === session);
      return new SessionWatches({ session, calls, triggers }).check();
    }),
    ...checkListeners(run),
  ];
}

function checkListeners({ history }: Run): string[] {
  const called = new Set<number>();
  return history.heard.flatMap(({ listener, session }) => {
    if (called.has(listener)) return [`${session.client}: listener ${listener} was called twice`];
    called.add(listener);
    return [];
  });
}

class SessionWatches {
  readonly #session: SessionHistory;
  readonly #calls: readonly CallRecord[];
  readonly #triggers: readonly Trigger[];
  readonly #armed: readonly Armed[];
  readonly #faults: string[] = [];

  constructor(of: { session: SessionHistory; calls: readonly CallRecord[]; triggers: readonly Trigger[] }) {
    this.#session = of.session;
    this.#calls = of.calls;
    this.#triggers = of.triggers;
    this.#armed = of.calls.flatMap((call) => armedBy(call));
  }

  check(): string[] {
    const seen = new Seen(this.#calls);
    for (const watch of this.#armed) this.#checkTold(watch, seen);
    this.#checkOrder();
    for (const event of this.#session.events) this.#checkCause(event);
    return this.#faults;
  }

  #fault(what: string): void {
    this.#faults.push(`${this.#session.client} ${this.#session.id}: ${what}`);
  }

  #checkTold(watch: Armed, seen: Seen): void {
    const { zxid, call } = watch;
    if (zxid === undefined || call.armed === undefined) return;
    for (const trigger of this.#due(watch, zxid)) {
      const shown = seen.firstAt(trigger.zxid, call.armed.sequence);
      if (shown === undefined || this.#isTakenOff(watch, shown) || this.#mayMiss(watch, shown)) return;
      const told = this.#session.events.some(
        (event) =>
          event.at.sequence < shown &&
          event.at.sequence > call.armed!.sequence &&
          this.#tells(event, { trigger, watch }),
      );
      if (!told) this.#fault(`${describe(watch)} is not told of ${textOf(trigger)} before it sees it`);
    }
  }

  /** What a watch has to tell: the first change, or all of them. */
  #due({ kind, path }: Armed, zxid: number): readonly Trigger[] {
    const all = this.#triggers.filter((trigger) => trigger.zxid > zxid && concerns(trigger, kind, path));
    // Over a lost connection ZooKeeper's persistent watches miss what happened meanwhile.
    if (kind === 'persistent' || kind === 'persistentRecursive')
      return this.#session.transport === 'tcp' ? [] : all;
    return all.slice(0, 1);
  }

  /** Over tcp a client that was away is told what the znode is like now, which stands for all that it missed. */
  #tells(event: EventRecord, { trigger, watch }: { trigger: Trigger; watch: Armed }): boolean {
    if (this.#session.transport === 'tcp') return concerns(event, watch.kind, watch.path);
    return event.zxid === trigger.zxid && event.type === trigger.type && event.path === trigger.path;
  }

  /** In ZooKeeper, a client that was away does not hear of a znode that came and went meanwhile. */
  #mayMiss({ kind, call }: Armed, before: number): boolean {
    if (this.#session.transport !== 'tcp' || kind !== 'exists' || call.armed === undefined) return false;
    const since = call.armed.sequence;
    return this.#session.states.some(
      ({ state, at }) => state !== 'connected' && at.sequence > since && at.sequence < before,
    );
  }

  #isTakenOff({ kind, path, call }: Armed, before: number): boolean {
    return this.#calls.some(
      ({ operation, invoked }) =>
        operation.kind === 'removeWatch' &&
        operation.path === path &&
        operation.type === kind &&
        invoked.sequence > call.invoked.sequence &&
        invoked.sequence < before,
    );
  }

  #checkOrder(): void {
    if (this.#session.transport === 'tcp') return;
    this.#session.events.reduce<EventRecord | undefined>((before, event) => {
      if (before !== undefined && !isAfter(event, before)) {
        this.#fault(`${textOf(event)} comes after ${textOf(before)}`);
      }
      return event;
    }, undefined);
  }

  #checkCause(event: EventRecord): void {
    const trigger = this.#triggers.find(
      (one) =>
        one.zxid === event.zxid &&
        one.type === event.type &&
        one.path === event.path &&
        (event.position === undefined || event.position === one.position),
    );
    const isMissed = this.#session.transport === 'tcp' && (event.zxid ?? -1) <= 0;
    if (trigger === undefined && !isMissed) this.#fault(`nothing in the log is ${textOf(event)}`);
    const isAsked = this.#armed.some(
      (watch) =>
        concerns(event, watch.kind, watch.path) &&
        watch.call.invoked.sequence < event.at.sequence &&
        (trigger === undefined ||
          this.#mayTell(watch, trigger) ||
          this.#mayTellLate(watch, event) ||
          this.#mayBeOfCopy(watch, event)),
    );
    if (!isAsked) this.#fault(`nobody asked for ${textOf(event)}`);
  }

  /**
   * Copies of a request that come early or late arm a watch of their own, and the client drops what these tell. So over lambda it is enough
   * that somebody has asked at some time; that no listener is called twice is checked apart.
   */
  #mayBeOfCopy({ call }: Armed, event: EventRecord): boolean {
    return this.#session.transport === 'lambda' && call.invoked.sequence < event.at.sequence;
  }

  /** A one-shot watch tells of the first change after its arming and of no other. */
  #mayTell(watch: Armed, trigger: Trigger): boolean {
    if (watch.zxid === undefined) return true;
    return (
      this.#triggers.find((one) => one.zxid > watch.zxid! && concerns(one, watch.kind, watch.path)) ===
        trigger ||
      (watch.kind.startsWith('persistent') && trigger.zxid > watch.zxid)
    );
  }

  /** It is still armed when it has missed a znode that came and went, and tells of the next time that the znode comes. */
  #mayTellLate(watch: Armed, event: EventRecord): boolean {
    const { type, zxid = 0, at } = event;
    return type === 'created' && zxid > (watch.zxid ?? 0) && this.#mayMiss(watch, at.sequence);
  }
}

/** When a session first saw a state at or above a zxid. */
class Seen {
  readonly #answers: readonly { readonly zxid: number; readonly sequence: number }[];

  constructor(calls: readonly CallRecord[]) {
    this.#answers = calls
      .flatMap(({ outcome, returned, operation }) => {
        // What changes tells is no state that a client reads.
        if (outcome?.kind !== 'answer' || returned === undefined || operation.kind === 'changes') return [];
        return [{ zxid: outcome.zxid, sequence: returned.sequence }];
      })
      .sort((a, b) => a.sequence - b.sequence);
  }

  firstAt(zxid: number, after: number): number | undefined {
    return this.#answers.find((answer) => answer.sequence > after && answer.zxid >= zxid)?.sequence;
  }
}

function armedBy(call: CallRecord): Armed[] {
  const { operation, outcome, armed } = call;
  const kind = kindOf(call);
  if (kind === undefined || !('path' in operation)) return [];
  if (outcome?.kind === 'error' && !outcome.maybeApplied && armed === undefined && outcome.code !== 0) {
    // Refused: nothing was armed, unless nobody can say so. A copy of the request may have found the znode.
    return isCertain(outcome.name) && call.session.transport !== 'lambda'
      ? []
      : [{ call, kind, path: operation.path, zxid: undefined }];
  }
  const zxid = outcome?.kind === 'answer' && armed !== undefined ? outcome.zxid : undefined;
  return [{ call, kind, path: operation.path, zxid }];
}

function isCertain(name: string): boolean {
  return name === 'NoNode' || name === 'NoAuth';
}

function kindOf({ operation }: CallRecord): WatchKind | undefined {
  if (operation.kind === 'addWatch') return operation.type;
  if (!('watch' in operation) || !operation.watch) return undefined;
  if (operation.kind === 'getData') return 'data';
  return operation.kind === 'exists' ? 'exists' : 'children';
}

function isAfter(a: EventRecord, b: EventRecord): boolean {
  const [zxid = 0, before = 0] = [a.zxid, b.zxid];
  return zxid > before || (zxid === before && (a.position ?? 0) > (b.position ?? 0));
}

function describe({ call, kind, path, zxid }: Armed): string {
  return `the ${kind} watch of #${call.number} on ${path} at ${zxid ?? '?'}`;
}
