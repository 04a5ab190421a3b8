/**
 * The protocol of thin clients: one JSON object in, one JSON object out, over Lambda's Invoke (functions/api). A thin client
 * keeps no view; everything it needs to go on with another instance travels with each request.
 *
 * Exactly once and in order (I6): a session's writes carry `cxid` 1, 2, 3 …; the client has at most one request of a session
 * under way, and sends it again, as it was, until it has an answer. Copies that arrive late answer what was answered before.
 *
 * Order of events (I14): every answer carries the events of the session's watches up to the answer's zxid, and the client hands
 * them out before the results. Pushes over the WebSocket are hints that there is something to fetch.
 *
 * Bytes are base64. Session ids are lower-case hex without 0x. zxids and times are safe integers. Paths are full paths.
 */

export const THIN_PROTOCOL_VERSION = 1;

/** Bytes of JSON of a request or an answer at most; Lambda allows 6 MB. A client splits, `api` answers in parts. */
export const THIN_PAYLOAD_BYTES_MAX = 4 * 1024 * 1024;
/** Operations in one request at most. */
export const THIN_OPERATIONS_MAX = 1000;

export interface ThinAcl {
  readonly perms: number;
  readonly scheme: string;
  readonly id: string;
}

export interface ThinStat {
  readonly czxid: number;
  readonly mzxid: number;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  /** Hex; '0' for none. */
  readonly ephemeralOwner: string;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly pzxid: number;
}

export type ThinCreateMode =
  | 'persistent'
  | 'ephemeral'
  | 'persistentSequential'
  | 'ephemeralSequential'
  | 'container'
  | 'ttl'
  | 'ttlSequential';

/** What may stand in a multi. */
export type ThinMultiOperation =
  | {
      readonly op: 'create';
      readonly path: string;
      readonly data: string;
      readonly acl: readonly ThinAcl[];
      readonly mode: ThinCreateMode;
      /** With the modes `ttl` and `ttlSequential`. */
      readonly ttlMs?: number;
    }
  | { readonly op: 'delete'; readonly path: string; readonly version: number }
  | { readonly op: 'setData'; readonly path: string; readonly data: string; readonly version: number }
  | { readonly op: 'check'; readonly path: string; readonly version: number };

/** Writes. `cxid` is present exactly when the request has a session. */
export type ThinWrite = (
  | ThinMultiOperation
  | {
      readonly op: 'setAcl';
      readonly path: string;
      readonly acl: readonly ThinAcl[];
      readonly version: number;
    }
  | { readonly op: 'multi'; readonly operations: readonly ThinMultiOperation[] }
  /** Settles a number whose write the client gives up: a no-op, unless the write has ended in the log already. */
  | { readonly op: 'settle' }
) & { readonly cxid?: number };

/**
 * Kinds of watches. `data`, `exists` and `children` fire once and are armed by the read they come with (`getData` and
 * `getChildren` when the znode is there, `exists` in any case); the persistent ones stay.
 */
export type ThinWatchKind = 'data' | 'exists' | 'children' | 'persistent' | 'persistentRecursive';

export type ThinRead =
  | { readonly op: 'exists'; readonly path: string; readonly watch?: boolean }
  | { readonly op: 'getData'; readonly path: string; readonly watch?: boolean }
  | { readonly op: 'getAcl'; readonly path: string }
  | {
      readonly op: 'getChildren';
      readonly path: string;
      readonly watch?: boolean;
      /** Names after this one, in order of their bytes; for listings that do not fit one answer. */
      readonly after?: string;
    };

export type ThinOperation =
  | ThinWrite
  | ThinRead
  /** Reads the tail of the log: later reads of this request see at least everything that was answered before it. */
  | { readonly op: 'sync' }
  | { readonly op: 'addWatch'; readonly path: string; readonly kind: 'persistent' | 'persistentRecursive' }
  | { readonly op: 'removeWatch'; readonly path: string; readonly kind: ThinWatchKind }
  /** What happened to a znode, or with `recursive` in its subtree, after zxid `since`, at most so many transactions of the log. */
  | { readonly op: 'changes'; readonly path: string; readonly since: number; readonly recursive: boolean };

/** Whether the operation arms a watch of its session. */
export function armsWatch(operation: ThinOperation): boolean {
  return operation.op === 'addWatch' || ('watch' in operation && operation.watch);
}

/** The position of an event: unique and ordered within a namespace. */
export interface ThinEventId {
  readonly zxid: number;
  /** Which of the transaction's triggers, from 0. */
  readonly position: number;
}

export interface ThinEvent extends ThinEventId {
  readonly type: 'created' | 'deleted' | 'dataChanged' | 'childrenChanged';
  readonly path: string;
  /** The kinds of this session's watches that it fires. */
  readonly kinds: readonly ThinWatchKind[];
}

export interface ThinSessionReference {
  readonly id: string;
  readonly epoch: number;
}

export type ThinRequest = { readonly v: typeof THIN_PROTOCOL_VERSION; readonly namespace?: string } & (
  | {
      readonly type: 'open';
      readonly timeoutMs: number;
      /** 16 random bytes of the client, so that an `open` sent again finds the session that it made. */
      readonly openId: string;
    }
  | {
      readonly type: 'attach';
      readonly session: string;
      readonly password: string;
      readonly timeoutMs: number;
      /** The epoch that the client believes in; a higher one means that another holder of the session took over. */
      readonly epoch: number;
      /** 16 random bytes of the client: an attach sent again finds its own. */
      readonly attachId: string;
      readonly seen: number;
    }
  | { readonly type: 'close'; readonly session: ThinSessionReference }
  | {
      /** Operations in order. Without any it is a heartbeat that fetches events. */
      readonly type: 'batch';
      readonly session?: ThinSessionReference;
      /** The highest zxid that the client has seen: nothing older is answered (I10). */
      readonly seen: number;
      /**
       * What the client had seen when it first sent the oldest write in here, if that was less: where the outcomes of writes
       * that an earlier answer left out are looked for.
       */
      readonly writesSeen?: number;
      /** Every event up to here has been handed out. */
      readonly acknowledged?: ThinEventId;
      /** Default `linearizable`: reads begin with a look at the log's tail. `session`: at least `seen`. */
      readonly consistency?: 'linearizable' | 'session';
      /**
       * False when the session has never had a watch: then nobody looks for events, which saves two reads. Not with
       * operations that arm one.
       */
      readonly watching?: boolean;
      readonly operations: readonly ThinOperation[];
    }
);

export type ThinResult =
  | { readonly op: 'create'; readonly zxid: number; readonly path: string; readonly stat: ThinStat }
  | { readonly op: 'setData' | 'setAcl'; readonly zxid: number; readonly stat: ThinStat }
  | {
      readonly op: 'delete' | 'check' | 'settle' | 'sync' | 'addWatch' | 'removeWatch';
      readonly zxid: number;
    }
  | { readonly op: 'multi'; readonly zxid: number; readonly results: readonly ThinResult[] }
  | { readonly op: 'exists'; readonly zxid: number; readonly stat: ThinStat | null }
  | { readonly op: 'getData'; readonly zxid: number; readonly data: string; readonly stat: ThinStat }
  | {
      readonly op: 'getAcl';
      readonly zxid: number;
      readonly acl: readonly ThinAcl[];
      readonly stat: ThinStat;
    }
  | {
      readonly op: 'getChildren';
      readonly zxid: number;
      readonly children: readonly string[];
      readonly stat: ThinStat;
      /** There are more: ask again with this as `after`. If `stat` differs then, begin anew. */
      readonly next?: string;
    }
  | {
      readonly op: 'changes';
      readonly zxid: number;
      readonly changes: readonly ThinChange[];
      /** Everything up to here has been told: the next `since`. */
      readonly until: number;
    }
  | ThinFailure;

/** One thing that happened, in order of (zxid, position). */
export interface ThinChange extends ThinEventId {
  readonly type: 'created' | 'deleted' | 'dataChanged' | 'childrenChanged' | 'aclChanged';
  readonly path: string;
  readonly timeMs: number;
}

/** An operation that failed. Later operations of the batch are carried out all the same. */
export interface ThinFailure {
  readonly op: 'error';
  readonly zxid: number;
  /** ZooKeeper's code, or 0 when `reason` says what ZooKeeper has no code for. */
  readonly code: number;
  readonly reason?: ThinReason;
  readonly message?: string;
  readonly path?: string;
  /** One code an operation, for a multi. */
  readonly operations?: readonly number[];
  readonly maybeApplied?: boolean;
}

export type ThinReason =
  | 'BadRequest'
  | 'OutOfOrder'
  | 'CxidReused'
  | 'MaybeApplied'
  | 'Compacted'
  | 'Overloaded'
  | 'Lagging'
  | 'StoreUnavailable'
  | 'SessionExpired'
  | 'SessionMoved';

export type ThinAnswer = { readonly v: typeof THIN_PROTOCOL_VERSION } & (
  | {
      readonly type: 'opened';
      readonly session: string;
      readonly password: string;
      readonly epoch: number;
      readonly timeoutMs: number;
      readonly zxid: number;
      /** The last cxid that ended in the log. */
      readonly cxid: number;
    }
  | { readonly type: 'closed'; readonly zxid: number }
  | {
      readonly type: 'batch';
      readonly zxid: number;
      /** One an operation, in order. Fewer when the answer would have become too long: send the rest again, as it was. */
      readonly results: readonly ThinResult[];
      /** Unacknowledged events of the session's watches up to `zxid`, in order. */
      readonly events: readonly ThinEvent[];
    }
  /** The request as a whole was refused; nothing of it was done unless `maybeApplied`. */
  | {
      readonly type: 'error';
      readonly code: number;
      readonly reason: ThinReason;
      readonly message: string;
      readonly retriable: boolean;
      readonly maybeApplied?: boolean;
    }
);

/** What a WebSocket client sends first, and what is pushed to it. */
export interface ThinHello {
  readonly action: 'attach';
  readonly session: string;
  readonly epoch: number;
  readonly password: string;
}
export interface ThinPush {
  readonly type: ThinEvent['type'];
  readonly path: string;
  readonly zxid: number;
}
