/**
 * The vocabulary of the state machine. Everything here is a plain immutable value: a record is never changed in
 * place, a change makes a new one, so a reader may keep what it was given.
 */

/** Position of a transaction in the log of a namespace: 1, 2, 3 … up to 2^53. 0 is the state before the first. */
export type Zxid = number;

/** A session's identifier, 1 … 2^63 − 1. 0 stands for "no session". */
export type SessionId = bigint;

export const NO_SESSION: SessionId = 0n;

/** One entry of an access control list. `perms` is a bit set of {@link Perms}. */
export interface Acl {
  readonly perms: number;
  readonly scheme: string;
  readonly id: string;
}

/** Somebody a request comes from, as an authentication scheme vouched for. */
export interface AuthId {
  readonly scheme: string;
  readonly id: string;
}

export const Perms = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;

/** world:anyone with every permission, ZooKeeper's OPEN_ACL_UNSAFE. */
export const OPEN_ACL: readonly Acl[] = [{ perms: Perms.all, scheme: 'world', id: 'anyone' }];

/** Data that is too large for a record lives in an immutable blob, written before the transaction that names it. */
export interface BlobReference {
  /** 16 random bytes in hex. */
  readonly blob: string;
  /** Bytes. */
  readonly length: number;
}

export type ZnodeData = Uint8Array | BlobReference;

/**
 * Data that is null, which ZooKeeper tells from data of no bytes, and so do its clients: a Kafka reads the one as "not written yet" and
 * fails on the other. It has no bytes either; what has to know asks whether it is this very object.
 */
export const NULL_DATA: Uint8Array = new Uint8Array(0);

/**
 * How a persistent znode goes by itself. A container goes when it has had children and has none any more; the other when
 * nobody has written it for `ttlMs` and it has no children.
 */
export type Lifetime = 'container' | { readonly ttlMs: number };

/** A znode after the transaction `zxid`, the last one that touched it (as itself or as a parent). */
export interface NodeRecord {
  readonly zxid: Zxid;
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
  readonly pzxid: Zxid;
  /** Ms since 1970. */
  readonly ctime: number;
  readonly mtime: number;
  /** Counts setData, as a signed int32. */
  readonly version: number;
  /** Counts child creates, as a signed int32: what ZooKeeper stores as cversion, and the next sequential suffix. */
  readonly creates: number;
  /** Counts setACL, as a signed int32. */
  readonly aversion: number;
  /** The session whose ephemeral this is, or {@link NO_SESSION}. */
  readonly ephemeralOwner: SessionId;
  /** Left out for a znode that stays until somebody deletes it, and for ephemerals. */
  readonly lifetime?: Lifetime;
  readonly numChildren: number;
  readonly acl: readonly Acl[];
  readonly data: ZnodeData;
}

/** ZooKeeper's Stat, field by field, as clients see it. */
export interface Stat {
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  /** 2 · creates − numChildren. */
  readonly cversion: number;
  readonly aversion: number;
  readonly ephemeralOwner: SessionId;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly pzxid: Zxid;
}

/** A session that is open. A session that was closed has no record. */
export interface SessionRecord {
  readonly zxid: Zxid;
  /** Raised by every attach: names the keeper that owns the session now. Starts at 1. */
  readonly epoch: number;
  /** The gateway that owns the session, or '' for a session with a lease of its own. */
  readonly owner: string;
  /** Random id of the attach (or create) that made this epoch, in hex: a repeated attach finds its own. */
  readonly attachId: string;
  /** Ms, as negotiated. */
  readonly timeoutMs: number;
  /** SHA-256 of the session's password. The password itself is never stored. */
  readonly passwordHash: Uint8Array;
  /** The last write of a retryable path that ended in the log. 0 before the first. */
  readonly cxid: number;
}

/**
 * What identifies the sender of a write. `session` 0 is a write without a session. `epoch` is what the sender believes
 * to own; a write with another epoch than the current one is refused with SessionMoved.
 */
export interface Origin {
  readonly session: SessionId;
  readonly epoch: number;
  /** Who the caller is, for ACLs. world:anyone is implied and need not be listed. */
  readonly authIds: readonly AuthId[];
  /** For writes that came over a path on which they may be repeated: makes them exactly once. */
  readonly once?: Once;
  /** Whether hard quotas refuse what exceeds them, ZooKeeper's option of the same name. The keeper says so. */
  readonly enforceQuota?: boolean;
}

/** What identifies a write that its sender may send again. */
export interface Once {
  /** The session's own number for this write: 1, 2, 3 … without gaps, for writes only. */
  readonly cxid: number;
  /** 8 bytes in hex: the digest of the request. The same cxid with another digest is an error. */
  readonly digest: string;
  /** The last zxid that the client had seen when it sent the write first: its outcome lies beyond. */
  readonly seen: Zxid;
}

export type CreateMode =
  | 'persistent'
  | 'ephemeral'
  | 'persistentSequential'
  | 'ephemeralSequential'
  /** Goes by itself when it has had children and has none any more. */
  | 'container'
  /** Go by themselves when nobody has written them for a given time and they have no children. */
  | 'ttl'
  | 'ttlSequential';

// --- Requests that write ---------------------------------------------------------------------------------------------

export interface CreateRequest {
  readonly kind: 'create';
  readonly path: string;
  readonly data: ZnodeData;
  readonly acl: readonly Acl[];
  readonly mode: CreateMode;
  /** Ms, 1 … 2^40 − 1; with the modes `ttl` and `ttlSequential` and no other. */
  readonly ttlMs?: number;
}
export interface DeleteRequest {
  readonly kind: 'delete';
  readonly path: string;
  /** −1 matches any version. */
  readonly version: number;
}
export interface SetDataRequest {
  readonly kind: 'setData';
  readonly path: string;
  readonly data: ZnodeData;
  /** −1 matches any version. */
  readonly version: number;
}
export interface SetAclRequest {
  readonly kind: 'setAcl';
  readonly path: string;
  readonly acl: readonly Acl[];
  /** −1 matches any aversion. */
  readonly version: number;
}
export interface CheckRequest {
  readonly kind: 'check';
  readonly path: string;
  /** −1 matches any version. */
  readonly version: number;
}
export type MultiOperation = CreateRequest | DeleteRequest | SetDataRequest | CheckRequest;
export interface MultiRequest {
  readonly kind: 'multi';
  readonly operations: readonly MultiOperation[];
}
/** The origin of createSession and attach carries session 0: they are what makes an origin. */
export interface CreateSessionRequest {
  readonly kind: 'createSession';
  readonly session: SessionId;
  readonly owner: string;
  readonly attachId: string;
  readonly timeoutMs: number;
  readonly passwordHash: Uint8Array;
}
export interface AttachRequest {
  readonly kind: 'attach';
  readonly session: SessionId;
  readonly owner: string;
  readonly attachId: string;
  readonly timeoutMs: number;
  /** The epoch that this attach replaces. */
  readonly replacesEpoch: number;
}
/** Closes `session` if it is open with `epoch`. Done already is not an error: the answer is a no-op. */
export interface CloseSessionRequest {
  readonly kind: 'closeSession';
  readonly session: SessionId;
  readonly epoch: number;
}
/**
 * Removes a container or TTL znode that was found to be due, if nothing has touched it since: ZooKeeper's deleteContainer.
 * No access control list is asked, for it is the system that does it.
 */
export interface RemoveIdleRequest {
  readonly kind: 'removeIdle';
  readonly path: string;
  /** As they were when it was found due. */
  readonly mzxid: Zxid;
  readonly pzxid: Zxid;
}
/** Takes a slot and changes nothing. */
export interface NoopRequest {
  readonly kind: 'noop';
}
export type WriteRequest =
  | CreateRequest
  | DeleteRequest
  | SetDataRequest
  | SetAclRequest
  | MultiRequest
  | CheckRequest
  | CreateSessionRequest
  | AttachRequest
  | CloseSessionRequest
  | RemoveIdleRequest
  | NoopRequest;

// --- Transactions: resolved effects, deterministic, never fail to apply ------------------------------------------------

export interface CreateTxn {
  readonly type: 'create';
  /** Final: the suffix of a sequential node is in it. */
  readonly path: string;
  readonly data: ZnodeData;
  readonly acl: readonly Acl[];
  readonly ephemeralOwner: SessionId;
  readonly lifetime?: Lifetime;
}
export interface DeleteTxn {
  readonly type: 'delete';
  readonly path: string;
  /** The owner of the ephemeral that goes, so that its session's list can be kept without the record. */
  readonly ephemeralOwner: SessionId;
}
export interface SetDataTxn {
  readonly type: 'setData';
  readonly path: string;
  readonly data: ZnodeData;
  /** The version after the write. */
  readonly version: number;
}
export interface SetAclTxn {
  readonly type: 'setAcl';
  readonly path: string;
  readonly acl: readonly Acl[];
  /** The aversion after the write. */
  readonly version: number;
}
/** A check inside a multi: changes nothing, but holds its place so that results line up. */
export interface CheckTxn {
  readonly type: 'check';
  readonly path: string;
}
export type MultiOperationTxn = CreateTxn | DeleteTxn | SetDataTxn | CheckTxn;
export interface MultiTxn {
  readonly type: 'multi';
  readonly operations: readonly MultiOperationTxn[];
}
export interface CreateSessionTxn {
  readonly type: 'createSession';
  readonly session: SessionId;
  readonly owner: string;
  readonly attachId: string;
  readonly timeoutMs: number;
  readonly passwordHash: Uint8Array;
}
export interface AttachTxn {
  readonly type: 'attach';
  readonly session: SessionId;
  /** The epoch after the attach. */
  readonly epoch: number;
  readonly owner: string;
  readonly attachId: string;
  readonly timeoutMs: number;
}
export interface CloseSessionTxn {
  readonly type: 'closeSession';
  readonly session: SessionId;
  /** The ephemerals that go with it, all under this one zxid. */
  readonly ephemerals: readonly string[];
}
/** A refusal that was logged: it raises the session's cxid and changes nothing else. */
export interface ErrorTxn {
  readonly type: 'error';
  readonly code: number;
  /** The index of the operation that failed, for a multi. */
  readonly failedAt?: number;
}
export interface NoopTxn {
  readonly type: 'noop';
}
export type Effect =
  | CreateTxn
  | DeleteTxn
  | SetDataTxn
  | SetAclTxn
  | CheckTxn
  | MultiTxn
  | CreateSessionTxn
  | AttachTxn
  | CloseSessionTxn
  | ErrorTxn
  | NoopTxn;

/** An effect with its sender. */
export interface Txn {
  readonly session: SessionId;
  /** The session's own number for this write over a retryable path, 1, 2, 3 …; 0 for a write that has none. */
  readonly cxid: number;
  readonly effect: Effect;
  /** What it does to the figures of quotas. Left out when no quota is concerned. */
  readonly quotas?: readonly QuotaChange[];
  /** Stands with every cxid: what it takes to give the answer again. */
  readonly recorded?: RecordedAnswer;
}

/** By how much a transaction changes what is counted below a path that has a quota. */
export interface QuotaChange {
  /** The path that has the quota. */
  readonly path: string;
  readonly znodes: number;
  /** Bytes of data. */
  readonly bytes: number;
}

/** What the effect alone does not tell of a write's answer. */
export interface RecordedAnswer {
  /** 8 bytes in hex. */
  readonly digest: string;
  /** The Stats of setData and setAcl, one an operation for a multi; all others follow from their effects. */
  readonly stats: readonly (Stat | undefined)[];
}

/** Where in the log a transaction stands. */
export interface Position {
  readonly zxid: Zxid;
  /** The entry's time, ms since 1970. */
  readonly timeMs: number;
}

// --- Answers ----------------------------------------------------------------------------------------------------------

export type WriteResult =
  | { readonly kind: 'create'; readonly path: string; readonly stat: Stat }
  | { readonly kind: 'delete' }
  | { readonly kind: 'setData'; readonly stat: Stat }
  | { readonly kind: 'setAcl'; readonly stat: Stat }
  | { readonly kind: 'check' }
  | { readonly kind: 'multi'; readonly results: readonly WriteResult[] }
  | { readonly kind: 'createSession' }
  | { readonly kind: 'attach'; readonly epoch: number }
  | { readonly kind: 'closeSession' }
  | { readonly kind: 'removeIdle' }
  | { readonly kind: 'noop' };

/** A write that was refused. For a multi, `operations` holds one code per operation, as the wire wants them. */
export interface Refusal {
  readonly code: number;
  readonly path?: string;
  readonly operations?: readonly number[];
}

export type Prepared =
  | { readonly ok: true; readonly effect: Effect; readonly quotas?: readonly QuotaChange[] }
  | { readonly ok: false; readonly refusal: Refusal };

// --- Requests that read -----------------------------------------------------------------------------------------------

export type ReadRequest =
  | { readonly kind: 'exists'; readonly path: string }
  | { readonly kind: 'getData'; readonly path: string }
  | { readonly kind: 'getAcl'; readonly path: string }
  | { readonly kind: 'getChildren'; readonly path: string };

export type ReadResult =
  | { readonly kind: 'exists'; readonly stat: Stat }
  | { readonly kind: 'getData'; readonly data: Uint8Array; readonly stat: Stat }
  | { readonly kind: 'getAcl'; readonly acl: readonly Acl[]; readonly stat: Stat }
  | { readonly kind: 'getChildren'; readonly children: readonly string[]; readonly stat: Stat };

export type ReadAnswer =
  { readonly ok: true; readonly result: ReadResult } | { readonly ok: false; readonly code: number };

// --- Watch triggers ---------------------------------------------------------------------------------------------------

/**
 * What a transaction does to watches. A create or delete of /a/b triggers twice: `created` or `deleted` at /a/b, then
 * `childrenChanged` at /a. Within a transaction triggers stand in ZooKeeper's order.
 */
export interface WatchTrigger {
  readonly event: 'created' | 'deleted' | 'dataChanged' | 'childrenChanged';
  readonly path: string;
  /**
   * The znode's access control list at that moment, of a deleted znode its last one: the event is for those who may READ.
   * Left out when everybody may, and when the record was not known.
   */
  readonly acl?: readonly Acl[];
}
