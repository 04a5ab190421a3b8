/** The client's bounds and defaults, each by its name. */

/** Calls of one client without an answer. Beyond, a call is refused with ThrottledError. */
export const CALLS_MAX = 10_000;
/** How long a call may take when it says nothing, in ms. */
export const CALL_TIMEOUT_MS_DEFAULT = 30_000;
export const SESSION_TIMEOUT_MS_DEFAULT = 30_000;
export const CONNECT_TIMEOUT_MS_DEFAULT = 10_000;
export const CLOSE_TIMEOUT_MS_DEFAULT = 2_000;

/** The part of a session's timeout for which it certainly lives after a request was sent that is answered. */
export const VOUCHED_FRACTION = 2 / 3;
/** Longest pause between two looks at a lease that somebody depends on. */
export const LEASE_LOOK_MS_MAX = 1_000;

/** How often a read is tried in all. */
export const RETRY_ATTEMPTS_DEFAULT = 5;
/** Backoff between tries: doubles from the first to the second, with jitter. */
export const RETRY_BACKOFF_MS_MIN_DEFAULT = 50;
export const RETRY_BACKOFF_MS_MAX_DEFAULT = 2_000;

/** Events that wait for a watch's iterator when the application sets no bound of its own. */
export const WATCH_QUEUE_MAX_DEFAULT = 1_000;
/** Watches of one client. Beyond, a watch is refused with ThrottledError. */
export const WATCHES_MAX = 100_000;

/** How often a create with `parents` begins anew because a parent was deleted meanwhile. */
export const PARENT_ROUNDS_MAX = 10;

/** Listeners of one state event. */
export const LISTENERS_MAX = 1_000;
