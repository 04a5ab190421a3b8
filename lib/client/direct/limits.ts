/** The direct transport's bounds and defaults, each by its name. */

/** Operations that wait for their turn. Beyond, an operation is refused with ThrottledError. */
export const QUEUED_OPERATIONS_MAX = 20_000;
/** Reads behind each other that bring what they need side by side. */
export const READS_PARALLEL_MAX = 64;
/** How often one read may bring records before the view is taken to be too small for it. */
export const READ_ATTEMPTS_MAX = 32;
/** Watches of one client. Beyond, an operation that sets one is refused with ThrottledError. */
export const DIRECT_WATCHES_MAX = 100_000;
/** Transactions of the log that one `changes` looks at. */
export const CHANGES_TRANSACTIONS_MAX = 10_000;

/** A session asks for less or more than this: it gets this. */
export const SESSION_TIMEOUT_MS_MIN = 4_000;
export const SESSION_TIMEOUT_MS_MAX = 3_600_000;
/** How often a session shows that its process lives and looks whether its lease does: a part of its timeout, within bounds. */
export const BEAT_FRACTION = 1 / 20;
export const BEAT_MS_MIN = 100;
export const BEAT_MS_MAX = 1_000;

/** Longest pause between two looks at the log's tail while watches are armed or changes are waited for. */
export const FOLLOW_WATCHING_MS = 250;
/** How long the log is followed closely after the last watch has fired: it is often armed again. */
export const FOLLOW_LINGER_MS = 5_000;
/** Longest pause while there is nothing but a session, whose end elsewhere is to be noticed some time. */
export const FOLLOW_SESSION_MS = 2_000;

export const NAMESPACE_DEFAULT = 'default';
export const TABLE_PREFIX_DEFAULT = 'zerokeeper';
