import type { SessionId, Zxid } from '../../core/types.js';
import type { ThinEvent, ThinEventId, ThinWatchKind } from '../../wire/thin-protocol.js';

/** A watch of a session, as its rows are keyed. */
export interface ThinWatchSubject {
  readonly session: SessionId;
  readonly kind: ThinWatchKind;
  readonly path: string;
}

/**
 * The watches of thin clients, as `api` uses them (I14). All of it may be repeated: a request that is sent again arms,
 * removes and acknowledges again.
 */
export interface ThinWatches {
  /**
   * Writes the watch's row: transactions after `zxid` fire it. When this resolves, the caller reads the log's tail once more
   * and answers at the head that it finds, so that nothing falls between arming and answer.
   */
  arm(input: ThinWatchSubject & { readonly epoch?: number; readonly zxid: Zxid }): Promise<void>;
  /** False when the session has no such watch. */
  remove(input: ThinWatchSubject): Promise<boolean>;
  /**
   * The session's events up to `head` that are not acknowledged, in order of their ids. `head` may be promised: the rows are read
   * meanwhile, beside the log's tail. Whoever arms or removes watches in the same request calls this after that.
   */
  eventsFor(input: {
    readonly session: SessionId;
    readonly acknowledged?: ThinEventId;
    readonly head: Zxid | Promise<Zxid>;
  }): Promise<readonly ThinEvent[]>;
  /** Tidies up behind a session that is closed. */
  closeSession(session: SessionId): Promise<void>;
}
