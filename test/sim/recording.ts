import { MultiError, ZeroKeeperError } from '../../lib/client/errors.js';
import type { CancelCall, Transport, TransportCall, TransportHandlers } from '../../lib/client/transport.js';
import type { CallRecord, History, SessionHistory } from './history.js';

/** A transport that writes down what it is asked and what it tells, in the order in which the client sees it. */
export class RecordingTransport implements Transport {
  readonly #inner: Transport;
  readonly #history: History;
  readonly record: SessionHistory;

  constructor(inner: Transport, options: { readonly history: History; readonly client: string }) {
    this.#inner = inner;
    this.#history = options.history;
    this.record = {
      client: options.client,
      transport: inner.kind,
      id: '',
      timeoutMs: 0,
      states: [],
      events: [],
      closing: undefined,
      process: [],
    };
    this.#history.sessions.push(this.record);
  }

  get kind() {
    return this.#inner.kind;
  }

  get capabilities() {
    return this.#inner.capabilities;
  }

  get session() {
    return this.#inner.session;
  }

  get seen() {
    return this.#inner.seen;
  }

  get vouchedAt() {
    return this.#inner.vouchedAt;
  }

  start(handlers: TransportHandlers, signal: AbortSignal): Promise<void> {
    return this.#inner.start(
      {
        onState: (state, reason) => {
          this.#identify();
          this.record.states.push({ at: this.#history.moment(), state });
          handlers.onState(state, reason);
        },
        onEvent: (event) => {
          this.#history.told(event.zxid);
          this.record.events.push({ ...event, at: this.#history.moment() });
          handlers.onEvent(event);
        },
      },
      signal,
    );
  }

  submit(call: TransportCall): CancelCall {
    const history = this.#history;
    this.#identify();
    const record: CallRecord = {
      number: history.calls.length,
      session: this.record,
      operation: call.operation,
      invoked: history.moment(),
      seen: this.#inner.seen,
      known: history.known,
      armed: undefined,
      returned: undefined,
      outcome: undefined,
    };
    history.calls.push(record);
    const cancel = this.#inner.submit({
      operation: call.operation,
      onArmed: () => {
        record.armed = history.moment();
        call.onArmed?.();
      },
      settle: (outcome) => {
        record.returned = history.moment();
        record.outcome =
          outcome instanceof ZeroKeeperError ? errorOutcome(outcome) : { kind: 'answer', ...outcome };
        if (!(outcome instanceof ZeroKeeperError)) history.told(outcome.zxid);
        call.settle(outcome);
      },
    });
    return () => {
      const maybeApplied = cancel();
      if (record.outcome === undefined) {
        record.returned = history.moment();
        record.outcome = { kind: 'cancelled', maybeApplied };
      }
      return maybeApplied;
    };
  }

  beyond(zxid: number, signal: AbortSignal): Promise<void> {
    return this.#inner.beyond(zxid, signal);
  }

  close(): Promise<void> {
    this.record.closing ??= this.#history.moment();
    return this.#inner.close();
  }

  #identify(): void {
    const { session } = this.#inner;
    if (session === undefined || this.record.id !== '') return;
    this.record.id = session.id;
    this.record.timeoutMs = session.timeoutMs;
  }
}

function errorOutcome(error: ZeroKeeperError): CallRecord['outcome'] {
  const { code, name, maybeApplied } = error;
  const operations = error instanceof MultiError ? { operations: error.operations } : {};
  return { kind: 'error', code, name, maybeApplied, ...operations };
}
