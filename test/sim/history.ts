import type { Zxid } from '../../lib/core/types.js';
import type {
  SessionState,
  TransportAnswer,
  TransportEvent,
  TransportKind,
  TransportOperation,
} from '../../lib/client/transport.js';

/** When something happened: its place in the order of everything, and the virtual time. */
export interface Moment {
  readonly sequence: number;
  readonly ms: number;
  /** The last zxid that the log had, whoever knew of it. */
  readonly head: Zxid;
}

export type CallOutcome =
  | ({ readonly kind: 'answer' } & TransportAnswer)
  | {
      readonly kind: 'error';
      readonly code: number;
      readonly name: string;
      readonly maybeApplied: boolean;
      readonly operations?: readonly number[];
    }
  /** Given up by the client. */
  | { readonly kind: 'cancelled'; readonly maybeApplied: boolean };

/** A session as one client held it: in one process, from opening it to its end. */
export interface SessionHistory {
  readonly client: string;
  readonly transport: TransportKind;
  /** Hex; '' until it was open. */
  id: string;
  timeoutMs: number;
  readonly states: { readonly at: Moment; readonly state: SessionState }[];
  readonly events: EventRecord[];
  /** When its application closed it. */
  closing: Moment | undefined;
  /** When the process died with it, was stopped, or went on. */
  readonly process: { readonly at: Moment; readonly what: 'killed' | 'frozen' | 'thawed' }[];
}

export interface EventRecord extends TransportEvent {
  readonly at: Moment;
}

/** One operation from its submission to its end. */
export interface CallRecord {
  readonly number: number;
  readonly session: SessionHistory;
  readonly operation: TransportOperation;
  readonly invoked: Moment;
  /** The highest zxid that the session had seen, and that anybody had been told of. */
  readonly seen: Zxid;
  readonly known: Zxid;
  armed: Moment | undefined;
  returned: Moment | undefined;
  outcome: CallOutcome | undefined;
}

/** A call of a listener that the application gave for one event. */
export interface HeardRecord {
  readonly session: SessionHistory;
  /** Which listener. */
  readonly listener: number;
  readonly at: Moment;
}

/** Everything that clients did and were told, in order. */
export interface Records {
  readonly calls: readonly CallRecord[];
  readonly sessions: readonly SessionHistory[];
  readonly heard: readonly HeardRecord[];
  readonly notes: readonly { readonly at: Moment; readonly text: string }[];
  readonly appends: readonly { readonly last: Zxid; readonly at: Moment }[];
}

/** Records as they are being written. */
export class History implements Records {
  readonly calls: CallRecord[] = [];
  readonly sessions: SessionHistory[] = [];
  readonly heard: HeardRecord[] = [];
  /** What was done to the world, for people. */
  readonly notes: { readonly at: Moment; readonly text: string }[] = [];
  /** When each entry was appended, in the order of the log. */
  readonly appends: { readonly last: Zxid; readonly at: Moment }[] = [];
  /** The highest zxid that anybody was told of. */
  known: Zxid = 0;
  readonly #scheduler: { readonly nowMs: number };
  #sequence = 0;
  #head: Zxid = 0;

  constructor(scheduler: { readonly nowMs: number }) {
    this.#scheduler = scheduler;
  }

  moment(): Moment {
    return { sequence: ++this.#sequence, ms: this.#scheduler.nowMs, head: this.#head };
  }

  appended(last: Zxid): void {
    this.#head = Math.max(this.#head, last);
    this.appends.push({ last, at: this.moment() });
  }

  note(text: string): void {
    this.notes.push({ at: this.moment(), text });
  }

  told(zxid: Zxid | undefined): void {
    if (zxid !== undefined && zxid > this.known) this.known = zxid;
  }
}

/** Lines of text, one for everything that happened, in order. */
export function render(history: Records): string[] {
  const lines: { readonly at: Moment; readonly text: string }[] = [...history.notes];
  for (const call of history.calls) {
    const who = `${call.session.client} ${call.session.transport} #${call.number}`;
    lines.push({ at: call.invoked, text: `${who} asks ${textOf(call.operation)} having seen ${call.seen}` });
    if (call.armed) lines.push({ at: call.armed, text: `${who} is armed` });
    if (call.returned && call.outcome)
      lines.push({ at: call.returned, text: `${who} gets ${textOf(call.outcome)}` });
  }
  for (const session of history.sessions) {
    const who = `${session.client} ${session.transport}`;
    for (const { at, state } of session.states) lines.push({ at, text: `${who} ${session.id} is ${state}` });
    for (const { at, ...event } of session.events)
      lines.push({ at, text: `${who} is told ${textOf(event)}` });
  }
  for (const { at, listener, session } of history.heard) {
    lines.push({ at, text: `${session.client} listener ${listener} is called` });
  }
  lines.sort((a, b) => a.at.sequence - b.at.sequence);
  return lines.map(
    ({ at, text }) => `${String(at.sequence).padStart(6)} ${at.ms - 1_700_000_000_000} ms  ${text}`,
  );
}

/** A value in a line; data by its length and beginning. */
export function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'bigint') return `0x${part.toString(16)}`;
    if (!(part instanceof Uint8Array)) return part;
    const text = Buffer.from(part.subarray(0, 24)).toString('latin1');
    return part.length > 24 ? `${text}… (${part.length} bytes)` : text;
  });
}
