import type { WatcherEvent } from '../../lib/wire/index.js';

/** What a server said in one place of a program. */
export type Observation =
  | {
      readonly kind: 'connected';
      readonly timeoutMs: number;
      readonly session: bigint;
      readonly rest: unknown;
    }
  | {
      readonly kind: 'reply';
      readonly name: string;
      readonly xid: number;
      readonly zxid: number;
      readonly err: number;
      readonly body: unknown;
    }
  | { readonly kind: 'event'; readonly zxid: number; readonly event: WatcherEvent }
  | { readonly kind: 'closed' }
  /** There was no connection to do it on. */
  | { readonly kind: 'offline' }
  /** It said nothing for too long. */
  | { readonly kind: 'silent' };

/** One observation and where it was made. */
export interface Entry {
  /** Index of the program's step; the number of steps for what came at the end. */
  readonly step: number;
  readonly session: number;
  readonly observation: Observation;
}

/** Everything that one server said to one program. */
export interface Transcript {
  /** The path that stood for the program's root. */
  readonly root: string;
  /** The ids of the program's sessions in the order of their making, and with it their names. */
  readonly sessions: readonly bigint[];
  readonly entries: readonly Entry[];
}
