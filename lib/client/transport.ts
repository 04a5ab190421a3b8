import type { Instant } from '../base/instant.js';
import type { Acl, CreateMode, Stat, Zxid } from '../core/types.js';
import type { ZeroKeeperError } from './errors.js';

/**
 * What carries the client's operations: Lambda, a keeper in this process, or ZooKeeper's own protocol. The client does
 * everything that is the same for all of them (chroot, defaults, deadlines, who gets which watch event); paths here are
 * full paths. Everything is a callback and nothing a promise, so that the order in which a transport calls back is the
 * order in which the application's code runs.
 */
export interface Transport {
  readonly kind: TransportKind;
  readonly capabilities: TransportCapabilities;
  /** Undefined before the session is open, and for a client without one. */
  readonly session: TransportSession | undefined;
  /** The highest zxid that an answer or an event carried. */
  readonly seen: Zxid;
  /**
   * When the newest request was sent (or the newest renewal, for a transport that vouches for its session itself) that was
   * answered: the session lives for two thirds of its timeout from then. NEVER before the session is open.
   */
  readonly vouchedAt: Instant;

  /**
   * Opens (or attaches) the session and resolves when requests are answered. Called once. Rejects with a
   * ZeroKeeperError when `signal` aborts or the session is refused; the transport is then closed.
   */
  start(handlers: TransportHandlers, signal: AbortSignal): Promise<void>;

  /**
   * Hands over an operation. Operations of a session take effect in the order in which they are submitted. `settle` is
   * called exactly once, never within `submit`, unless the operation is cancelled first.
   */
  submit(call: TransportCall): CancelCall;

  /** Resolves when there may be something beyond `zxid`: a hint, possibly early. Rejects with the signal's reason. */
  beyond(zxid: Zxid, signal: AbortSignal): Promise<void>;

  /** Closes the session, bounded in time by the transport itself. What has no answer is settled with SessionExpired. */
  close(): Promise<void>;
}

export type TransportKind = 'lambda' | 'direct' | 'tcp';

export interface TransportCapabilities {
  /** Whether writes of a session may be given up and sent again without being done twice. */
  readonly exactlyOnce: boolean;
  readonly changes: boolean;
  /** What a read asks for when the application says nothing. */
  readonly consistency: Consistency;
}

/**
 * - `linearizable`: the answer reflects everything that was acknowledged to anybody before the read began.
 * - `session`: the answer is no older than anything that this session has seen.
 */
export type Consistency = 'linearizable' | 'session';

export interface TransportSession {
  /** Lower-case hex without 0x. */
  readonly id: string;
  /** 16 bytes in hex. */
  readonly password: string;
  /** Names the holder of the session among those who attached it. 0 where the protocol has none (tcp). */
  readonly epoch: number;
  /** Ms, as negotiated. */
  readonly timeoutMs: number;
}

/**
 * - `connecting`: the session is not open yet.
 * - `connected`: requests are being answered.
 * - `readOnly`: reads are being answered, by a server that cannot write and may be behind (tcp, where `canBeReadOnly` allows it). Whoever
 *   holds something must assume that it is lost: there is no session, or nobody knows whether it lives on.
 * - `suspended`: nobody answers. The session, its ephemerals and its watches live on until it expires; whoever holds a
 *   lock must assume that it is about to be lost.
 * - `lost`: the session is over, or somebody else took it. Final.
 * - `closed`: the client was closed. Final.
 */
export type SessionState = 'connecting' | 'connected' | 'readOnly' | 'suspended' | 'lost' | 'closed';

/** What a transport tells. Neither throws. */
export interface TransportHandlers {
  /** Every state but `connecting`. Together with `lost`, or before, every call is settled. */
  onState(state: SessionState, reason?: ZeroKeeperError): void;
  /**
   * An event of the session's watches, in the order of the log, before `settle` of any answer with a zxid at or above
   * the event's, and after `onArmed` of the watches that it fires. Called synchronously: the client takes one-shot
   * watches off here and runs the application's listeners in a microtask.
   */
  onEvent(event: TransportEvent): void;
}

export interface TransportEvent {
  readonly type: WatchEventType;
  readonly path: string;
  /** The transaction that caused it. Undefined from servers that do not tell (ZooKeeper before 3.9). */
  readonly zxid: Zxid | undefined;
  /** Which of the transaction's triggers, from 0. Undefined where the protocol has none: there are no duplicates then. */
  readonly position: number | undefined;
}

export type WatchEventType = 'created' | 'deleted' | 'dataChanged' | 'childrenChanged';

/** An operation on its way. */
export interface TransportCall {
  readonly operation: TransportOperation;
  /**
   * Called, when the operation arms a watch, as soon as it is known to be armed: before `settle`, and before `onEvent` of
   * whatever may fire it.
   */
  readonly onArmed?: (() => void) | undefined;
  readonly settle: (outcome: TransportAnswer | ZeroKeeperError) => void;
}

/**
 * Gives the operation up; `settle` is not called any more. Returns whether it may have happened or may still happen:
 * false when it was never sent, and for reads. Writes that follow wait until that is settled.
 */
export type CancelCall = () => boolean;

// --- Operations ------------------------------------------------------------------------------------------------------

export interface CreateOperation {
  readonly kind: 'create';
  readonly path: string;
  readonly data: Uint8Array;
  readonly acl: readonly Acl[];
  readonly mode: CreateMode;
  /** Ms, with the modes `ttl` and `ttlSequential`. */
  readonly ttlMs?: number;
}
export interface DeleteOperation {
  readonly kind: 'delete';
  readonly path: string;
  /** −1 matches any. */
  readonly version: number;
}
export interface SetDataOperation {
  readonly kind: 'setData';
  readonly path: string;
  readonly data: Uint8Array;
  readonly version: number;
}
export interface SetAclOperation {
  readonly kind: 'setAcl';
  readonly path: string;
  readonly acl: readonly Acl[];
  readonly version: number;
}
export interface CheckOperation {
  readonly kind: 'check';
  readonly path: string;
  readonly version: number;
}
export type TransportMultiOperation = CreateOperation | DeleteOperation | SetDataOperation | CheckOperation;
export interface MultiOperation {
  readonly kind: 'multi';
  readonly operations: readonly TransportMultiOperation[];
}
/** Each has the shape of the state machine's request of the same kind. */
export type TransportWrite =
  CreateOperation | DeleteOperation | SetDataOperation | SetAclOperation | MultiOperation;

/** `watch`: arms a one-shot watch; getData and getChildren do when the znode is there, exists in any case. */
export type TransportRead =
  | {
      readonly kind: 'exists' | 'getData' | 'getChildren';
      readonly path: string;
      readonly watch: boolean;
      readonly consistency: Consistency;
    }
  | { readonly kind: 'getAcl'; readonly path: string; readonly consistency: Consistency };

export type PersistentWatchType = 'persistent' | 'persistentRecursive';
export type OneShotWatchType = 'data' | 'children' | 'exists';

export type TransportOperation =
  | TransportWrite
  | TransportRead
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'addWatch'; readonly path: string; readonly type: PersistentWatchType }
  /** No listener is left for this kind of watch at this path. */
  | {
      readonly kind: 'removeWatch';
      readonly path: string;
      readonly type: PersistentWatchType | OneShotWatchType;
    }
  | {
      readonly kind: 'changes';
      readonly path: string;
      readonly since: Zxid;
      readonly recursive: boolean;
    };

// --- Answers ---------------------------------------------------------------------------------------------------------

export interface TransportAnswer {
  /** The state that the answer shows: for a write its own zxid, for a read that of the view it was answered from. */
  readonly zxid: Zxid;
  readonly result: TransportResult;
}

/** What one operation of a multi answers. ZooKeeper tells no stat of a create in a multi. */
export type TransportMultiResult =
  | { readonly kind: 'create'; readonly path: string; readonly stat: Stat | undefined }
  | { readonly kind: 'delete' | 'check' }
  | { readonly kind: 'setData'; readonly stat: Stat };

export type TransportResult =
  | { readonly kind: 'create'; readonly path: string; readonly stat: Stat }
  | { readonly kind: 'setData' | 'setAcl'; readonly stat: Stat }
  | { readonly kind: 'delete' | 'sync' | 'addWatch' | 'removeWatch' }
  | { readonly kind: 'multi'; readonly results: readonly TransportMultiResult[] }
  | { readonly kind: 'exists'; readonly stat: Stat | undefined }
  | { readonly kind: 'getData'; readonly data: Uint8Array; readonly stat: Stat }
  | { readonly kind: 'getAcl'; readonly acl: readonly Acl[]; readonly stat: Stat }
  | { readonly kind: 'getChildren'; readonly children: readonly string[]; readonly stat: Stat }
  | {
      readonly kind: 'changes';
      readonly changes: readonly Change[];
      /** Everything up to here has been told: the next `since`. */
      readonly until: Zxid;
    };

/** One thing that happened, in the order of (zxid, position). */
export interface Change {
  readonly type: WatchEventType | 'aclChanged';
  readonly path: string;
  readonly zxid: Zxid;
  /** Which of the transaction's changes, from 0. */
  readonly position: number;
  /** When, ms since 1970. */
  readonly timeMs: number;
}
