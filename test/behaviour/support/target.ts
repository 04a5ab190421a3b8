import type { ClientOptions, SessionReference, ZeroKeeperClient } from '../../../lib/client/index.js';

export type TargetOptions = Omit<ClientOptions, 'clock'> & { readonly session?: SessionReference };

/** A server of one kind, and how to get at it. */
export interface Target {
  connect(options?: TargetOptions): Promise<ZeroKeeperClient>;
  /** Breaks what carries requests, once: connections drop, or requests fail until `repair`. */
  interrupt(): void;
  repair(): void;
  /** From now on this share of answers is lost after the request was carried out. */
  loseReplies(share: number): void;
  stop(): Promise<void>;
}

/** What a kind of server cannot do, each with its reason. */
export type Exceptions = Partial<
  Record<'exactlyOnce' | 'changes' | 'persistentWatches' | 'statInMulti' | 'interruption', string>
>;
