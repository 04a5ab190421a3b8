import type { SessionId } from '../core/types.js';

/** A message that comes back after a delay, at least once, possibly late. */
export type Timer = {
  readonly namespace: string;
  /** Names this message among all of its chain; a copy of it ends where it finds another name. */
  readonly chain: string;
  /** What it was set for, ms since 1970. */
  readonly deadlineMs: number;
} & TimerSubject;

export type TimerSubject =
  | { readonly kind: 'session'; readonly session: SessionId; readonly epoch: number }
  | { readonly kind: 'gateway'; readonly gatewayId: string }
  /** Container and TTL znodes may be due. Any of these does for all. */
  | { readonly kind: 'idle' };

/** Sends messages that come back later. In the cloud a queue with delayed messages. */
export interface Timers {
  /** `delayMs` is at most `TIMER_DELAY_MS_MAX`. Rejects when the message could not be sent. */
  schedule(timer: Timer, delayMs: number): Promise<void>;
}

/** For places that set no timers of their own: the sweep and the time to live are what is left. */
export const noTimers: Timers = { schedule: () => Promise.resolve() };
