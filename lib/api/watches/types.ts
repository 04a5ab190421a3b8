import type { AuthId, SessionId, Zxid } from '../../core/types.js';
import type { ThinEvent, ThinEventId, ThinPush, ThinWatchKind } from '../../wire/thin-protocol.js';

/** A watch of a session. */
export interface ThinWatchSubject {
  readonly session: SessionId;
  readonly kind: ThinWatchKind;
  readonly path: string;
}

/**
 * The watches of thin clients (I14), as the service that answers their requests uses them.
 *
 * What the caller owes:
 * - `arm` is awaited before the answer goes out that tells the client that it watches, and its `zxid` is the one at which the
 *   read was answered, never below the `seen` of the request.
 * - `eventsFor` (or `eventsUpTo`) is called after all `arm` and `remove` of the request, with the zxid that the answer will carry.
 * - A session that comes back from a gateway (an attach that replaces an epoch with an owner) begins without watches: `closeSession` is
 *   called before its first answer.
 *
 * A client holds a one-shot watch from the answer that armed it until its first event beyond the arming zxid, and drops events of
 * watches that it does not hold: copies of its requests that arrived late may have armed some.
 *
 * All methods are idempotent, may be called again after a failure, and throw `KeeperError` (`StoreUnavailable`, `Compacted`).
 */
export interface ThinWatches {
  /**
   * From its return on, the first transaction after `zxid` that fires the watch is told by every answer at or above it. Reads the
   * log's tail once more itself, so the keeper's head may have moved.
   */
  arm(input: ThinWatchSubject & { readonly epoch?: number; readonly zxid: Zxid }): Promise<void>;

  /**
   * Takes a watch off, and with it what it fired and was not acknowledged. False when there was none. `upTo`: what the client had
   * seen when it asked. A watch that was armed beyond that was armed again since, and this is a late copy of the request.
   */
  remove(input: ThinWatchSubject & { readonly upTo?: Zxid }): Promise<boolean>;

  /**
   * Every event of the session's watches after `acknowledged` and up to `head`, in order of (zxid, position), each once. Lets go
   * of what was acknowledged. Throws `Overloaded` when they are too many for one answer.
   */
  eventsFor(input: EventsInput): Promise<readonly ThinEvent[]>;

  /**
   * As {@link eventsFor}, but ends early, at a transaction's end, when there are more events than fit an answer: an answer
   * that carries them must not have a zxid above `until`.
   */
  eventsUpTo(input: EventsInput): Promise<ThinEvents>;

  /** Forgets everything that a session watches. For sessions that are over. */
  closeSession(session: SessionId): Promise<void>;
}

export interface EventsInput {
  readonly session: SessionId;
  /** Every event up to here has been handed out. */
  readonly acknowledged?: ThinEventId;
  /** Who gets the events: those of a znode that nobody of these may READ are left out. Default: somebody who may do everything. */
  readonly authIds?: readonly AuthId[];
  /** What the client had seen when it asked: of watches that are armed there or beyond, another copy of the request may be at work. Default: no request is. */
  readonly seen?: Zxid;
  /** May be promised: the rows are read meanwhile, beside the log's tail. */
  readonly head: Zxid | Promise<Zxid>;
}

export interface ThinEvents {
  readonly events: readonly ThinEvent[];
  /** `head`, or a lower zxid when there is more. */
  readonly until: Zxid;
}

/** Sends to WebSocket connections. */
export interface Pusher {
  /** `gone` when the connection is no more. Throws when it cannot be told; a push is a hint, so nothing is lost by it. */
  push(connectionId: string, message: ThinPush): Promise<'sent' | 'gone'>;
}
