import type { Txn, Zxid } from '../core/types.js';

/** Running totals after an entry. */
export interface Counters {
  readonly znodes: number;
  readonly sessions: number;
  /** Sessions of thin clients, which `notify` serves. */
  readonly thinSessions: number;
  /** Bytes of znode data. */
  readonly bytes: number;
}

/** One item of the log: a batch of transactions with zxids `first` … `last`, all with the same time. */
export interface Entry {
  readonly first: Zxid;
  readonly last: Zxid;
  /** Ms since 1970; never before the previous entry's. */
  readonly timeMs: number;
  /** Random, 16 bytes in hex: tells a writer whether the entry that stands in its slot is its own. */
  readonly batchId: string;
  readonly counters: Counters;
  readonly txns: readonly Txn[];
}
