import { LISTENERS_MAX } from './limits.js';
import { ThrottledError } from './errors.js';
import { ErrorCode } from '../core/errors.js';
import type { SessionState } from './transport.js';
import type { ZeroKeeperError } from './errors.js';

/** What a client tells, by the name of the event. */
export interface ClientEvents {
  /** Requests are being answered: at first, and again after `suspended`. */
  readonly connected: undefined;
  /** Reads are being answered, by a server that only reads: see the option `canBeReadOnly` of the transport `tcp`. */
  readonly readOnly: undefined;
  /** Nobody answers. The session may live on; whoever holds a lock must assume that it is about to be lost. */
  readonly suspended: ZeroKeeperError | undefined;
  /** The session is over, its ephemerals are gone. Final. */
  readonly lost: ZeroKeeperError | undefined;
  /** close() was called. Final. */
  readonly closed: undefined;
  /** A listener threw, or a promise that it returned was rejected. */
  readonly error: unknown;
}

export type ClientEventName = keyof ClientEvents;
export type ClientListener<Name extends ClientEventName> = (payload: ClientEvents[Name]) => unknown;
type AnyListener = (payload: unknown) => unknown;

/**
 * Listeners by event. A listener that throws harms nobody: what it threw goes to the `error` listeners and, where there
 * are none, to `process.emitWarning`.
 */
export class Emitter {
  readonly #listeners = new Map<ClientEventName, Set<AnyListener>>();

  on<Name extends ClientEventName>(name: Name, listener: ClientListener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    if (listeners.size >= LISTENERS_MAX) throw new ThrottledError({ code: ErrorCode.ThrottledOp });
    // A wrapper, so that the same function given twice is called twice and taken off one at a time.
    const added: AnyListener = (payload) => listener(payload as ClientEvents[Name]);
    listeners.add(added);
    this.#listeners.set(name, listeners);
    return () => listeners.delete(added);
  }

  emit<Name extends ClientEventName>(name: Name, payload: ClientEvents[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      if (name === 'error') guard(() => listener(payload), warn);
      else this.guard(() => listener(payload));
    }
  }

  /** Runs a listener of the application. */
  guard(run: () => unknown): void {
    guard(run, (error) => this.#report(error));
  }

  #report(error: unknown): void {
    if ((this.#listeners.get('error')?.size ?? 0) > 0) this.emit('error', error);
    else warn(error);
  }
}

function guard(run: () => unknown, report: (error: unknown) => void): void {
  try {
    const returned = run();
    if (returned instanceof Promise) returned.catch(report);
  } catch (error) {
    report(error);
  }
}

function warn(error: unknown): void {
  const thrown = error instanceof Error ? error : new Error(String(error));
  process.emitWarning(`a listener of a ZeroKeeper client failed: ${thrown.stack ?? thrown.message}`);
}

export function isFinal(state: SessionState): boolean {
  return state === 'lost' || state === 'closed';
}
