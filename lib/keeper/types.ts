import type {
  Acl,
  AuthId,
  Origin,
  Position,
  ReadAnswer,
  ReadRequest,
  Refusal,
  SessionId,
  Txn,
  WatchTrigger,
  WriteRequest,
  WriteResult,
  Zxid,
} from '../core/types.js';
import type { RecordKey } from '../core/state.js';
import type { Counters } from '../log/entry.js';

/** How a write ended. */
export type WriteOutcome =
  /** Not `logged` when nothing had to change (a session closed already): `zxid` is then one at which that was so. */
  | { readonly ok: true; readonly zxid: Zxid; readonly logged: boolean; readonly result: WriteResult }
  /** Refused on a state that was current: `zxid` is a zxid at which the refusal is true. */
  | { readonly ok: false; readonly zxid: Zxid; readonly refusal: Refusal };

/** A transaction as it was applied to this keeper's view. */
export interface Commit {
  readonly position: Position;
  readonly txn: Txn;
  readonly triggers: readonly WatchTrigger[];
}

/** What stops a keeper from answering. The request may be tried elsewhere or later. */
export type KeeperErrorCode =
  /** The keeper was stopped. A write may have happened if `maybeApplied`. */
  | 'Stopped'
  /** The store does not answer. */
  | 'StoreUnavailable'
  /** Too many requests wait already: nothing was done. */
  | 'Overloaded'
  /** The materializer lags so far behind that writers have to wait: nothing was done. */
  | 'Lagging'
  /** The log was trimmed above what this view knows. */
  | 'Compacted'
  /** The log has an entry that this version cannot read: a newer one wrote it, or it is damaged. Nothing beyond it is known. */
  | 'Unreadable'
  /** The write's number is beyond the session's next: an earlier write has not arrived. Nothing was done. */
  | 'OutOfOrder'
  /** The write's number was spent on another request. Nothing was done. */
  | 'CxidReused'
  /** The write's deadline has passed: nothing was done, and the number was not spent. */
  | 'Overdue'
  /** The write ended in the log, or not; the part of the log that could tell is gone. */
  | 'MaybeApplied'
  /** An error of this program, which is the `cause`. A write may have happened. */
  | 'Internal';

export class KeeperError extends Error {
  override readonly name = 'KeeperError';
  readonly code: KeeperErrorCode;
  readonly maybeApplied: boolean;

  constructor(
    code: KeeperErrorCode,
    message: string,
    options: ErrorOptions & { maybeApplied?: boolean } = {},
  ) {
    super(message, options);
    this.code = code;
    this.maybeApplied = options.maybeApplied ?? false;
  }
}

/**
 * The shell around a view, as gateway and functions use it. One keeper serves one namespace.
 *
 * Ordering: everything a keeper calls back happens synchronously and in log order, in step with the state. When a transaction
 * has been applied, `head` is its zxid; first its `onCommit` is called, then the `settle` of the write that it is, if this keeper
 * submitted it, and of writes that were refused on this very state; only then the next transaction is applied.
 */
export interface KeeperApi {
  /** The transaction that the view stands at: an entry's end, but within the callbacks of an entry. */
  readonly head: Zxid;
  /** The time of the entry at `head`, ms since 1970. */
  readonly headTimeMs: number;
  readonly counters: Counters;
  /** The highest watermark that was read: up to here the state tables are complete. */
  readonly watermark: Zxid;
  /** By how much the last successful look at the log's end is older than it should be, ms; 0 while all is well. */
  readonly overdueMs: number;

  /**
   * Queues a write. `settle` is called exactly once, synchronously while its entry (or the check that no newer entry
   * exists, for a refusal) is being worked on, and sees the state that its outcome belongs to. Writes settle in the order
   * of their submission.
   */
  submit(request: WriteRequest, origin: Origin, settle: (outcome: WriteOutcome | KeeperError) => void): void;
  /** {@link submit} as a promise; rejects with {@link KeeperError}. Other things may have been applied when it resumes. */
  write(request: WriteRequest, origin: Origin): Promise<WriteOutcome>;

  /** Answers at `head` from what is known, or `undefined` when records have to be hydrated first. Synchronous. */
  tryRead(request: ReadRequest, authIds: readonly AuthId[]): ReadAnswer | undefined;
  /**
   * Keeps in the view what a read takes, so that {@link tryRead} answers it whatever is written in between, until the returned
   * function is called. `undefined` when something is missing, or too large to be kept for one read.
   */
  tryHold(request: ReadRequest): (() => void) | undefined;
  /** Brings what a read needs into the view. Call {@link tryRead} again afterwards, until it answers. */
  hydrateFor(request: ReadRequest): Promise<void>;
  /** Reads the log's tail in a read that begins after this call; resolves at the head that it found. What `sync` does. */
  sync(): Promise<Zxid>;
  /** Makes sure that `head` ≥ `zxid`; resolves to false when the log does not reach that far. */
  reach(zxid: Zxid): Promise<boolean>;

  /** What setWatches needs: the node's czxid, mzxid and pzxid at `head`, `null` when there is none, `undefined` when not known (hydrate with `exists`). */
  tryWatchState(
    path: string,
  ): { readonly mzxid: Zxid; readonly pzxid: Zxid; readonly acl: readonly Acl[] } | null | undefined;

  /** The names of a znode's children at `head`, none when there is no znode; `undefined` when not known ({@link hydrate}). */
  tryChildren(path: string): ReadonlySet<string> | undefined;
  /** The paths of a session's ephemerals at `head`, in order of their creation; `undefined` when not known ({@link hydrate}). */
  tryEphemerals(session: SessionId): ReadonlySet<string> | undefined;
  /** Brings records into the view. Ask again afterwards: a small view may have evicted some already. */
  hydrate(keys: readonly RecordKey[]): Promise<void>;

  /** Registers a listener for every transaction that is applied. Returns how to take it off. A listener must not throw. */
  onCommit(listener: (commit: Commit) => void): () => void;
}

/** A session as its gateway holds it. */
export interface OpenSession {
  readonly session: SessionId;
  readonly epoch: number;
  readonly timeoutMs: number;
  /** 16 bytes. */
  readonly password: Uint8Array;
}

export type SessionEnd =
  /** closeSession stands in the log (closed by the client, or expired). */
  | 'closed'
  /** Another attach stands in the log. */
  | 'moved'
  /** This gateway's own lease is no longer safe: the session may live on elsewhere. */
  | 'fenced';

/**
 * The sessions that one gateway owns: their creation, attachment, heartbeats and expiry, and the gateway's lease that
 * keeps them alive.
 */
export interface GatewaySessionsApi {
  /** Writes the lease rows and appends createSession. */
  create(timeoutMs: number): Promise<OpenSession>;
  /**
   * Takes an existing session over from whoever owned it. `undefined` when the session is over or never was, or the
   * password is wrong: the client is to be told that its session expired.
   */
  attach(input: {
    session: SessionId;
    password: Uint8Array;
    timeoutMs: number;
    /** Only while the session has this epoch: `undefined` also when somebody else has attached it since. */
    replacesEpoch?: number;
  }): Promise<OpenSession | undefined>;
  /** Appends closeSession for a session that this gateway owns; resolves when it stands in the log. */
  close(session: SessionId): Promise<WriteOutcome>;
  /**
   * A sign of life from the session's client. False when the session must not be answered any more, because this gateway's
   * lease can no longer vouch for it (the connection is to be dropped) or because it has ended.
   */
  touch(session: SessionId): boolean;
  /** Called synchronously when a session that this gateway owns ends or leaves. */
  onEnd(listener: (session: SessionId, end: SessionEnd) => void): () => void;
  /**
   * The gateway's own lease: ms since the last renewal that succeeded was sent (Infinity before the first), and ms until it ends, 0 when
   * it has.
   */
  readonly lease: { readonly ageMs: number; readonly leftMs: number };
  /** Sessions owned now. */
  readonly size: number;
  /** They, each with how long it lives on unless it is heard of, ms. */
  owned(): Iterable<{ readonly session: SessionId; readonly leftMs: number }>;
}

/** A gateway as its lease row describes it, for `status`, `mntr` and `/zookeeper/config`. */
export interface GatewayInfo {
  readonly gatewayId: string;
  /** HOST:PORT for clients; of a client, what names it to people. */
  readonly address: string;
  /** Present when it is no gateway but a client with a keeper of its own: nobody can connect to it. */
  readonly kind?: 'client';
  readonly startedAtMs: number;
  readonly renewedAtMs: number;
  readonly head: Zxid;
  readonly watermark: Zxid;
  /** Age of the first entry above the watermark, ms, as the gateway last saw it. */
  readonly lagMs: number;
  readonly sessions: number;
}
