import type { OperationName, RequestOf } from '../../lib/wire/index.js';

/** Stands for the program's own root at the head of a path, so that programs run side by side and again and again. */
export const ROOT = '~';

/** Below it are the quotas of what is below {@link ROOT}. */
export const QUOTAS = `/zookeeper/quota${ROOT}`;

/** A zxid that is known only when the program runs: none, the last that the session has seen, or one that is far off. */
export type SymbolicZxid = 'zero' | 'seen' | 'future';

/** A request of any operation. Its strings may begin with {@link ROOT} or {@link QUOTAS}. */
export type Call = {
  [Name in OperationName]: {
    readonly name: Name;
    readonly body: RequestOf<Name>;
    /** The xid that the request has, when it is not the session's next one. */
    readonly xid?: number;
    /** For setWatches and setWatches2: what stands in for `relativeZxid`. */
    readonly relative?: SymbolicZxid;
  };
}[OperationName];

/** A frame that no client would send: the opcode and what follows it. */
export interface RawCall {
  readonly name: 'raw';
  readonly opcode: number;
  /** Hexadecimal. */
  readonly bytes: string;
}

export type AnyCall = Call | RawCall;

/** Opens a session in the slot; what was there is dropped. */
export interface Open {
  readonly kind: 'open';
  readonly session: number;
  readonly timeoutMs: number;
  /** `undefined` leaves the byte out, as old clients do. */
  readonly readOnly?: boolean | undefined;
}

/** Comes back to the slot's session over a new connection. */
export interface Resume {
  readonly kind: 'resume';
  readonly session: number;
  readonly password: 'right' | 'wrong';
  readonly lastZxidSeen: SymbolicZxid;
  /** Whether the old connection is dropped before the new one, or left for the server to end. */
  readonly old: 'dropped' | 'kept';
}

/** Sends the calls in one go and takes their replies. */
export interface Send {
  readonly kind: 'send';
  readonly session: number;
  readonly calls: readonly AnyCall[];
}

/** Drops the slot's connection; the session goes on without. */
export interface Drop {
  readonly kind: 'drop';
  readonly session: number;
}

/** Asks for a challenge of SASL DIGEST-MD5 and answers it. */
export interface Authenticate {
  readonly kind: 'authenticate';
  readonly session: number;
  readonly user: string;
  readonly password: string;
  /** What it asks with. Default: nothing, as it should be. */
  readonly first?: string;
  /** What is sent in place of an answer. */
  readonly second?: string;
  /** Directives of the answer that are not as they should be, as they are written. */
  readonly change?: Readonly<Record<string, string>>;
}

export type Step = Open | Resume | Drop | Authenticate | Send;

/** What an oracle's two servers are both told to do. */
export interface Program {
  readonly seed: number;
  readonly steps: readonly Step[];
}

/** Sessions of one program. */
export const SESSIONS = 3;
